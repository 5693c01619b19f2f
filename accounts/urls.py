"""The addresses of logging in. Of allauth only these three: no sign-up, no mail, no other way in."""

from allauth.account import views as allauth_views
from django.urls import path

from accounts import views

urlpatterns = [
    path("accounts/login/", allauth_views.login, name="account_login"),
    path("accounts/logout/", allauth_views.logout, name="account_logout"),
    path("accounts/password/change/", allauth_views.password_change, name="account_change_password"),
    path("setup/<str:token>/", views.setup, name="setup"),
]
