"""The watch over the alarm engine, from outside of its process: while that is silent, nobody else would tell."""

import time
from collections.abc import Callable
from typing import Final

import redis
from django.conf import settings

from alarms import snapshot
from alarms.models import Alarm
from alarms.system.conditions import ENGINE_SILENT, Delays, Observation
from alarms.system.definitions import SYSTEM_ALARMS
from alarms.system.records import Seen, seed, write
from alarms.system.watching import Watching
from bus.asking import Asking
from bus.presence import hear_processes_blocking
from devices import snapshot as plant

Told = tuple[bool, tuple[float, float], Seen]
"""Whether the alarm is switched on, its delays in s, and its row."""
UNKNOWN: Final[Told] = (True, SYSTEM_ALARMS[ENGINE_SILENT].delays, Seen())


class EngineSilence(Watching):
    """By the condition and the delays that the alarms process has too. `now_s` is given by tests."""

    def __init__(
        self, *, url: Callable[[], str] = lambda: settings.REDIS_URL, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._bus = Asking("engine-watch", url)
        self._delays = Delays()
        self._now_s = now_s

    def look(self) -> None:
        is_on, delays, seen = self._stored()
        heard = self._bus.ask(_silent_ms)
        observation = Observation(heard is not None, heard or {})
        active = {ENGINE_SILENT: seen.active} if is_on else {}
        happened = self._delays.judge(observation, active, {ENGINE_SILENT: delays}, self._now_s())
        if not happened:
            return
        seed()  # an engine that has never run has not done it
        alarms = snapshot.load(plant.load())
        entries = {a.name: a for a in alarms.alarms.values() if a.tag is None and a.name == ENGINE_SILENT}
        if entries:
            write(entries, happened, {ENGINE_SILENT: seen}, alarms.revision)

    def _stored(self) -> Told:
        """Of a site that has not got the alarm yet: as it will get it."""
        said = Alarm.objects.filter(tag=None, name=ENGINE_SILENT).values_list(
            "enabled", "on_delay_s", "off_delay_s", "state__active", "state__occurrence"
        )
        row = said.first()
        if row is None:
            return UNKNOWN
        return row[0], (row[1], row[2]), Seen(bool(row[3]), row[4])


def _silent_ms(client: redis.Redis) -> dict[str, int]:
    return {role: heard.age_ms for role, heard in hear_processes_blocking(client).items()}
