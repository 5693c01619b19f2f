"""Settings of the processes without pages: the same site without admin, login pages and static files."""

from hmi import settings as _web
from hmi.settings import *  # noqa: F403  # settings are built on settings this way

_PAGES_ONLY = {"allauth", "channels", "django_htmx"}
_PAGES_ONLY_CONTRIB = {f"django.contrib.{name}" for name in ("messages", "sessions", "staticfiles")} | {
    "accounts.admin_app.GrantAdminConfig"
}

INSTALLED_APPS = [
    app for app in _web.INSTALLED_APPS if app.split(".")[0] not in _PAGES_ONLY and app not in _PAGES_ONLY_CONTRIB
]
MIDDLEWARE: list[str] = []  # type: ignore[no-redef]  # replaces the imported one
ROOT_URLCONF = ""
