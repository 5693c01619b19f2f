"""Every address of the product. tests/road/test_matrix.py walks them all."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from hmi.views import plant, system

urlpatterns: list[URLPattern | URLResolver] = [
    path("", plant.overview, name="overview"),
    path("area/<path:path>/", plant.area, name="area"),
    path("tag/<path:path>/", plant.tag, name="tag"),
    path("system/", system.system, name="system"),
    path("clock/", system.clock, name="clock"),
    path("", include("accounts.urls")),
    path("", include("exchange.urls")),
    path("admin/", admin.site.urls),
]
