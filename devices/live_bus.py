"""The one client of a process through which pages, REST and /metrics ask the bus."""

from typing import Final

from django.conf import settings

from bus.asking import Asking

live_bus: Final = Asking("pages", lambda: settings.REDIS_URL)
