"""What stands around every page: navigation, the person, the plant's clock, the theme."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Grant, User
from accounts.permissions import Action
from accounts.request_rights import rights_of
from hmi.screens.alarm_banner import Banner, banner_of
from hmi.screens.demo import heard_simulator, may_see_demo
from hmi.screens.scope import Scope, scope_of
from hmi.screens.standing import standing
from plant.models import Plant

THEMES: Final = ("light", "dark")
THEME_COOKIE: Final = "theme"


@dataclass(frozen=True, slots=True)
class Link:
    title: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class PlantLinks:
    plant: Plant
    links: list[Link]


class Chrome:
    """Asked by base.html; nothing is read from the database until the page needs it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def theme(self) -> str:
        """'light', 'dark', or empty: as the system has it. A cookie, so that the first paint is right already."""
        wanted = self._request.COOKIES.get(THEME_COOKIE, "")
        return wanted if wanted in THEMES else ""

    @cached_property
    def person(self) -> User | None:
        user = getattr(self._request, "user", None)
        return user if isinstance(user, User) and user.is_active else None

    @cached_property
    def roles(self) -> list[Grant]:
        return rights_of(self._request).grants if self.person else []

    @cached_property
    def _scope(self) -> Scope:
        return scope_of(self._request)

    @cached_property
    def plants(self) -> list[PlantLinks]:
        """The plants of which the person sees something, with their topmost areas."""
        groups = [PlantLinks(p, self._links(p)) for p in self._scope.layout.plants]
        return [group for group in groups if group.links]

    def _links(self, plant: Plant) -> list[Link]:
        areas = self._scope.roots(plant.pk)
        return [self._link(a.label, reverse("area", args=[a.path])) for a in areas]

    def _link(self, title: str, url: str) -> Link:
        here = self._request.path.lower()
        within = (url, url.replace("/area/", "/tag/", 1))
        return Link(title, url, any(here.startswith(prefix.lower()) for prefix in within))

    @cached_property
    def set_by_hand(self) -> int:
        """How many values and devices people hold by hand now, in the areas the person sees."""
        return standing(self._scope)

    @cached_property
    def alarms(self) -> Banner | None:
        """The line under the header; None for somebody who sees no alarms."""
        return banner_of(self._request) if self.person else None

    @property
    def may_diagnose(self) -> bool:
        return self._scope.may(Action.DIAGNOSE)

    @property
    def manage_url(self) -> str:
        """Where people, areas and tags are managed; empty for somebody who may not."""
        return reverse("admin:index") if rights_of(self._request).manages else ""

    @cached_property
    def has_demo(self) -> bool:
        """Is there a demo plant to break, and may the person? The bus is asked only for who may."""
        return may_see_demo(self._scope) and heard_simulator() is not None

    @cached_property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    @cached_property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    @property
    def zone(self) -> str:
        """The time zone of the only plant the person sees; the site's where there are several."""
        zones = {group.plant.time_zone for group in self.plants} if self.person else set()
        return zones.pop() if len(zones) == 1 else settings.TIME_ZONE
