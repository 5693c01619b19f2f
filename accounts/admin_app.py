"""Puts Isthmus' own admin site in place of Django's."""

from django.contrib.admin.apps import AdminConfig


class GrantAdminConfig(AdminConfig):
    default_site = "accounts.admin_site.GrantAdminSite"
