"""The line under the header of every page: the most urgent alarm nobody has acknowledged, and how many there are."""

import time
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

from accounts.permissions import Action
from alarms.kinds import Mute
from alarms.lists import Counts, Listed, Tally, counts, sounding
from alarms.standing import Standing
from bus.presence import PROCESS_SILENT_MS, hear_processes_blocking
from bus.roles import ALARMS
from devices.live_bus import live_bus
from hmi.screens.alarm_looks import LOOKS, MUTES, SHORT, Look, Said, said_limit, said_value
from hmi.screens.alarm_rights import Rights, alarm_scope_of, standing_of

SILENCED: Final = "alarms_silenced_no"
"""In the session: alarms that called up to this number are silent at this station (ALM-22)."""
HEARD_S: Final = 0.5
"""How long what was heard of the engine is believed, by all pages of this process."""


@dataclass(frozen=True, slots=True)
class Count:
    look: Look
    tally: Tally


@dataclass(frozen=True, slots=True)
class MutedCount:
    word: str
    short: str
    anchor: str
    count: int


@dataclass(frozen=True, slots=True)
class Top:
    """The alarm in the banner."""

    listed: Listed
    look: Look
    value: Said | None
    limit: str
    area: str
    rights: Rights


@dataclass(frozen=True, slots=True)
class Banner:
    """`no` and `revision`: what it knows; as the socket tells them. `sound`: the priority that calls here, or 0."""

    no: int
    revision: int
    is_evaluated: bool
    counts: Counts
    top: Top | None
    sound: int
    may_silence: bool
    at_ms: int

    @property
    def priorities(self) -> list[Count]:
        return [Count(LOOKS[p], tally) for p, tally in self.counts.priorities.items()]

    @property
    def muted(self) -> list[MutedCount]:
        order = (Mute.SHELVED, Mute.BY_DESIGN, Mute.OUT_OF_SERVICE)
        return [MutedCount(MUTES[mute], SHORT[mute], mute.value, self.counts.muted[mute]) for mute in order]


def banner_of(request: HttpRequest) -> Banner | None:
    """None for somebody who sees no alarms at all."""
    scope = alarm_scope_of(request)
    if not scope.sees_any:
        return None
    held = standing_of(request)
    found = counts(scope.areas, scope.sees_system, held)
    silence = scope.scope.allowed[Action.SILENCE]
    calls = sounding(silence, silence.everywhere, silenced_no_of(request, held), held) if silence else None
    top = found.top
    return Banner(
        no=held.no,
        revision=held.revision,
        is_evaluated=_is_evaluated(),
        counts=found,
        top=None if top is None else _top(top, scope.rights(top.entry), _area_title(request, top)),
        sound=0 if calls is None else calls.value,
        may_silence=bool(silence),
        at_ms=time.time_ns() // 1_000_000,
    )


def silenced_no_of(request: HttpRequest, held: Standing) -> int:
    """Up to which number this station is silent. A higher one than there is comes from a database that was replaced by
    an older one: of this one nothing was ever silenced here."""
    no: int = request.session.get(SILENCED, 0)
    return no if no <= held.no else 0


def _top(top: Listed, rights: Rights, area: str) -> Top:
    row, alarm = top.row, top.entry
    look = LOOKS[alarm.priority]
    return Top(top, look, said_value(alarm, row.value, row.status), said_limit(alarm, row.setpoint), area, rights)


def _area_title(request: HttpRequest, top: Listed) -> str:
    if top.entry.area_id is None:
        return "Isthmus"
    return alarm_scope_of(request).scope.layout.snapshot.areas[top.entry.area_id].label


@dataclass(slots=True)
class _Heard:
    at_s: float = float("-inf")
    is_there: bool = False


_heard = _Heard()


def _is_evaluated() -> bool:
    """Does the engine speak? Without a bus nobody hears it, and it hears no values."""
    if time.monotonic() - _heard.at_s > HEARD_S:
        engine = (live_bus.ask(hear_processes_blocking) or {}).get(ALARMS)
        _heard.is_there = engine is not None and engine.age_ms < PROCESS_SILENT_MS
        _heard.at_s = time.monotonic()
    return _heard.is_there
