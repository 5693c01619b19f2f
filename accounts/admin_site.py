"""The admin site: one login for everything, and nothing of Django's that would go around it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator

from accounts.request_rights import rights_of
from plant.models import Plant

_LEFT_OUT: Final = {"password_change_done", "view_on_site"}


class GrantAdminSite(AdminSite):
    site_title = "Isthmus"
    site_header = "Isthmus configuration"
    index_title = "Configuration"
    enable_nav_sidebar = False

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in _LEFT_OUT]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """In the time of the plant, like the clock in the header; rendered within it, for Django would do it after."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def in_plant_time(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            plant = Plant.objects.first()
            with timezone.override(plant.zone if plant else timezone.get_default_timezone()):
                response: HttpResponse = inner(request, *args, **kwargs)
                return response.render() if isinstance(response, SimpleTemplateResponse) else response

        return in_plant_time

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "zone_name": timezone.get_current_timezone_name()}

    def has_permission(self, request: HttpRequest) -> bool:
        """As User.is_staff, asked once for the whole page."""
        return bool(request.user.is_active) and rights_of(request).manages

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Never Django's own form: it knows no lock-out. Who is logged in and is still sent here may not come in."""
        if not request.user.is_authenticated:
            return redirect_to_login(request.GET.get("next") or reverse("admin:index"), reverse("account_login"))
        if not self.has_permission(request):
            raise PermissionDenied("These pages need a role that configures, administers or audits.")
        return HttpResponseRedirect(reverse("admin:index"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # an answer all the same
        return HttpResponseRedirect(reverse("account_logout"))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # as above
        return HttpResponseRedirect(reverse("account_change_password"))
