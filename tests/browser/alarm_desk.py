"""Raises alarms in the database of a served site, as its engine would, and says what the server's list is.

A process of its own inside the site's environment, told by lines of JSON: starting Django takes seconds.
"""

import json
import subprocess
import sys
from typing import Any

from tests.road.site import ROOT, Site

_SERVE = "from tests.browser.alarm_desk import serve; serve()"
Shown = list[tuple[str, str]]
"""(uuid:occurrence, state) of each row, in the order of the list."""


class AlarmDesk:
    def __init__(self, site: Site) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-v", "0", "-c", _SERVE],
            cwd=ROOT, env=site.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _ask(self, **question: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def describe(self, count: int, **fields: Any) -> list[str]:
        """New alarms of the tank level; their uuids."""
        return list(self._ask(do="describe", count=count, fields=fields))

    def happen(self, event: str, *uuids: str) -> int:
        """The number of the writing."""
        return int(self._ask(do="happen", event=event, uuids=uuids))

    def acknowledge(self, *uuids: str) -> None:
        self._ask(do="acknowledge", uuids=uuids)

    def listed(self, order: str = "urgency") -> Shown:
        """What somebody who sees everything would be shown."""
        return [(str(on), str(state)) for on, state in self._ask(do="listed", order=order)]

    def calm(self) -> None:
        """Every alarm is normal again."""
        self._ask(do="calm")

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)  # closes the pipes, too


def serve() -> None:
    """The other side."""
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(_DOES[question.pop("do")](**question)), flush=True)


def _describe(count: int, fields: dict[str, Any]) -> list[str]:
    from django.db import transaction  # only the process of the site has its settings

    from alarms.models import Alarm
    from devices.models import Tag
    from plant.revisions import bump
    from tests.alarms.entries import make_alarm

    with transaction.atomic():
        begun = Alarm.objects.count()
        level = Tag.objects.get(name="level")
        made = [
            make_alarm(level, f"a{begun + n}", **({"message": f"Alarm number {begun + n}"} | fields))
            for n in range(count)
        ]
        bump("test", "alarms")
    return [str(alarm.uuid) for alarm in made]


def _happen(event: str, uuids: list[str]) -> int:
    from alarms.kinds import Event
    from alarms.models import Alarm, Writing
    from tests.alarms.happenings import happens

    happens(list(Alarm.objects.filter(uuid__in=uuids)), Event(event))
    return Writing.objects.get().no


def _acknowledge(uuids: list[str]) -> None:
    from alarms import actions
    from alarms.models import AlarmState
    from audit.actions import Actor

    rows = AlarmState.objects.filter(alarm__uuid__in=uuids).values_list("alarm__uuid", "occurrence")
    items = [(str(uuid), occurrence) for uuid, occurrence in rows]
    actions.acknowledge(Actor("user", "x", "somebody"), items, "", lambda _: True)


def _listed(order: str) -> Shown:
    from accounts.permissions import AreaSet
    from alarms.lists import listed

    found = listed(AreaSet(everywhere=True), True, order=order)
    return [(f"{x.entry.uuid}:{x.row.occurrence}", x.row.base) for x in found]


def _calm() -> None:
    from alarms.models import Alarm

    uuids = [str(uuid) for uuid in Alarm.objects.values_list("uuid", flat=True)]
    _acknowledge(uuids)
    _happen("return", uuids)
    _happen("reset", uuids)


_DOES: dict[str, Any] = {
    "describe": _describe, "happen": _happen, "acknowledge": _acknowledge, "listed": _listed, "calm": _calm,
}  # fmt: skip
