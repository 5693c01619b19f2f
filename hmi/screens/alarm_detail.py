"""One alarm: what to do first, how it stands, its value, what happened to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from alarms.journal import JournalFilters, journal
from alarms.kinds import Base, Event, Mute
from alarms.lists import Listed, one
from alarms.models import JournalEntry
from alarms.snapshot import AlarmEntry
from alarms.transitions import muting_of
from hmi import presentation
from hmi.screens.alarm_list import area_title
from hmi.screens.alarm_looks import LOOKS, MUTES, STATES, Look, Said, said_limit, said_value
from hmi.screens.alarm_rights import AlarmScope, Rights
from hmi.screens.alarm_trend import AlarmTrend, trend_of
from hmi.screens.readings import Reading, readings

LAST: Final = 30
"""Entries of the journal on the page of an alarm; all of them are in the journal."""


@dataclass(frozen=True, slots=True)
class Entry:
    row: JournalEntry
    word: str
    value: Said | None


@dataclass(frozen=True, slots=True)
class Detail:
    """`respond_by_ms`: until when somebody has to have acted; None where nothing is asked for."""

    x: Listed
    look: Look
    word: str
    sentence: str
    rights: Rights
    area: str
    zone: str
    value: Said | None
    limit: str
    reading: Reading | None
    trend: AlarmTrend | None
    mutes: list[str]
    respond_by_ms: int | None
    journal: list[Entry]
    has_more: bool

    @property
    def can_acknowledge(self) -> bool:
        return self.rights.acknowledge and self.x.base.wants_ack

    @property
    def can_reset(self) -> bool:
        return self.rights.reset and self.x.base is Base.LATCH_ACK

    @property
    def can_shelve(self) -> bool:
        return self.rights.shelve and self.x.entry.shelve.allowed


def detail_of(scope: AlarmScope, alarm: AlarmEntry, default_zone: str) -> Detail:
    x = one(alarm)
    page = journal(scope.areas, scope.sees_system, JournalFilters(alarm=alarm.uuid), limit=LAST)
    word, sentence = STATES[x.base]
    respond_by = None
    if x.row.active and x.base is Base.UNACK and x.row.annunciated_at_ms is not None and alarm.time_to_respond_min:
        respond_by = x.row.annunciated_at_ms + round(alarm.time_to_respond_min * 60_000)
    return Detail(
        x=x,
        look=LOOKS[alarm.priority],
        word=word,
        sentence=sentence,
        rights=scope.rights(alarm),
        area=area_title(scope.scope, x),
        zone=zone_of(scope, alarm, default_zone),
        value=said_value(alarm, x.row.value, x.row.status),
        limit=said_limit(alarm, x.row.setpoint if x.row.setpoint is not None else alarm.setpoint),
        reading=readings([alarm.tag])[0] if alarm.tag else None,
        trend=trend_of(x),
        mutes=[MUTES[mute] for mute in muting_of(x.row).reasons],
        respond_by_ms=respond_by,
        journal=[_entry(alarm, row) for row in page.entries],
        has_more=page.older is not None,
    )


def zone_of(scope: AlarmScope, alarm: AlarmEntry, default: str) -> str:
    """The time zone of the plant the alarm belongs to."""
    snapshot = scope.scope.layout.snapshot
    area = None if alarm.area_id is None else snapshot.areas.get(alarm.area_id)
    return default if area is None else snapshot.plants[area.plant_id].time_zone


def _entry(alarm: AlarmEntry, row: JournalEntry) -> Entry:
    said = said_value(alarm, row.value, row.status)
    if said is not None:  # the unit of that time
        said = Said(said.text, row.unit if said.unit else "", presentation.quality_of(row.status))
    return Entry(row, Event(row.event).label, said)


@dataclass(frozen=True, slots=True)
class MutedRow:
    """One alarm in a list of what is muted. `others`: why else it is muted, or of one that shows itself, why at all."""

    x: Listed
    look: Look
    word: str
    area: str
    rights: Rights
    others: list[str]


@dataclass(frozen=True, slots=True)
class MutedList:
    """`shown`: what a rule would mute, but nobody would see the cause."""

    mute: Mute
    title: str
    rows: list[MutedRow]
    shown: list[MutedRow]


def muted_lists(scope: AlarmScope, found: list[Listed], bared: list[Listed]) -> list[MutedList]:
    """An alarm stands in each list whose reason applies to it. `bared`: those whose causes nobody sees."""
    rows: dict[Mute, list[MutedRow]] = {Mute.SHELVED: [], Mute.BY_DESIGN: [], Mute.OUT_OF_SERVICE: []}
    for x in found:
        reasons = muting_of(x.row).reasons
        for mute in reasons:
            rows[mute].append(_muted_row(scope, x, [other for other in reasons if other is not mute]))
    shown = {Mute.BY_DESIGN: [_muted_row(scope, x, muting_of(x.row).reasons) for x in bared]}
    return [MutedList(mute, MUTES[mute], held, shown.get(mute, [])) for mute, held in rows.items()]


def _muted_row(scope: AlarmScope, x: Listed, others: Iterable[Mute]) -> MutedRow:
    look, word = LOOKS[x.entry.priority], STATES[x.base][0]
    return MutedRow(x, look, word, area_title(scope.scope, x), scope.rights(x.entry), [MUTES[o] for o in others])
