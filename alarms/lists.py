"""What people and programs ask of alarms: the list, the counts, what is muted. The journal: alarms/journal.py.

Answers are made from what this process holds (alarms/standing.py): one narrow query a question, however many alarms
stand; none with `held`, for whoever asks several questions about the same moment. `areas`: where the visitor may VIEW;
`sees_system`: may see the alarms of Isthmus itself. The rows are shared: read them, never change them.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from accounts.permissions import AreaSet
from alarms.current import current_alarms
from alarms.kinds import Base, Mute, Priority
from alarms.models import AlarmState
from alarms.snapshot import AlarmEntry, AlarmSnapshot
from alarms.standing import Standing, standing
from alarms.transitions import muting_of


@dataclass(frozen=True, slots=True)
class Listed:
    """An alarm and how it stands."""

    entry: AlarmEntry
    row: AlarmState

    @property
    def base(self) -> Base:
        return Base(self.row.base)


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty: all of them. `area`: path of an area, with what lies below. `text`: in path or message, without case."""

    area: str = ""
    priorities: frozenset[Priority] = frozenset()
    states: frozenset[Base] = frozenset()
    text: str = ""


@dataclass(slots=True)
class Tally:
    """Of one priority, of the alarms in the list."""

    unacked: int = 0
    active: int = 0
    total: int = 0


@dataclass(slots=True)
class Counts:
    """`no`: the number of the newest writing that these counts know for sure. `top`: the most urgent alarm that wants
    an acknowledgement; of those the one that has called longest. `muted`: each alarm once, as it is shown. `calls`: of
    those that want an acknowledgement, when the last has called: the number of that writing.
    """

    no: int
    priorities: dict[Priority, Tally] = field(default_factory=lambda: {p: Tally() for p in Priority})
    muted: dict[Mute, int] = field(default_factory=lambda: dict.fromkeys(Mute, 0))
    calls: dict[Priority, int] = field(default_factory=dict)
    top: Listed | None = None

    @property
    def unacked(self) -> int:
        return sum(tally.unacked for tally in self.priorities.values())

    @property
    def total(self) -> int:
        return sum(tally.total for tally in self.priorities.values())


_STATES: Final = (Base.UNACK, Base.LATCH_UNACK, Base.RTN_UNACK, Base.ACKED, Base.LATCH_ACK, Base.NORMAL)
ORDERS: Final[dict[str, Callable[[Listed], tuple[object, ...]]]] = {
    "urgency": lambda x: (not x.base.wants_ack, x.entry.priority, x.row.annunciated_at_ms or 0, x.entry.id),
    "newest": lambda x: (-(x.row.annunciated_at_ms or 0), x.entry.priority, x.entry.id),
    "oldest": lambda x: (x.row.annunciated_at_ms or 0, x.entry.priority, x.entry.id),
    "priority": lambda x: (x.entry.priority, -(x.row.annunciated_at_ms or 0), x.entry.id),
    "state": lambda x: (_STATES.index(x.base), x.entry.priority, x.row.annunciated_at_ms or 0, x.entry.id),
    "path": lambda x: (x.entry.path.lower(), x.entry.id),
    "message": lambda x: (x.entry.message.casefold(), x.entry.id),
}
"""Name -> what the list is sorted by. All of them total, so that two answers never differ in order alone."""
DEFAULT_ORDER: Final = "urgency"
_MUTES: Final = tuple(Mute)


def listed(
    areas: AreaSet,
    sees_system: bool,
    filters: Filters = Filters(),
    order: str = DEFAULT_ORDER,
    limit: int | None = None,
    held: Standing | None = None,
) -> list[Listed]:
    """The alarm list: what is not normal and not muted. `order`: a name of ORDERS; another raises KeyError."""
    snapshot = current_alarms()
    key, fits = ORDERS[order], _fits(filters)
    visible = _visible(snapshot, held or standing(snapshot), areas, sees_system)
    found = (x for x in visible if x.row.is_listed and fits(x))
    return sorted(found, key=key) if limit is None else heapq.nsmallest(limit, found, key=key)


def muted(
    areas: AreaSet,
    sees_system: bool,
    kind: Mute | None = None,
    *,
    filters: Filters = Filters(),
    held: Standing | None = None,
) -> list[Listed]:
    """What is kept from the list, by the reason that is shown for it (ALM-23), then by path. `kind`: also where another
    reason comes first."""
    snapshot, fits = current_alarms(), _fits(filters)
    found = []
    for x in _visible(snapshot, held or standing(snapshot), areas, sees_system):
        reasons = muting_of(x.row).reasons
        if reasons and (kind is None or kind in reasons) and fits(x):
            found.append((_MUTES.index(reasons[0]), x.entry.path.lower(), x.entry.id, x))
    return [x for *_, x in sorted(found, key=lambda row: row[:3])]


def bared(areas: AreaSet, sees_system: bool, *, held: Standing | None = None) -> list[Listed]:
    """What a rule would suppress if anybody saw one of the causes, by path (ALM-15)."""
    snapshot = current_alarms()
    found = [x for x in _visible(snapshot, held or standing(snapshot), areas, sees_system) if x.row.bared]
    return sorted(found, key=ORDERS["path"])


def alarms_at(areas: AreaSet, sees_system: bool, filters: Filters = Filters()) -> list[Listed]:
    """Every alarm there is, as it stands, also those that are normal. Reads all rows; in no order."""
    snapshot, fits = current_alarms(), _fits(filters)
    rows = {row.pk: row for row in AlarmState.objects.all()}
    found = (
        Listed(entry, rows.get(entry.id) or AlarmState(alarm_id=entry.id))
        for entry in snapshot.alarms.values()
        if may_see(entry, areas, sees_system)
    )
    return [x for x in found if fits(x)]


def counts(areas: AreaSet, sees_system: bool, held: Standing | None = None) -> Counts:
    """Worked out once for all who see the same areas, until an alarm changes."""
    snapshot = current_alarms()
    held = held or standing(snapshot)
    key = (areas, sees_system)
    known = held.answers.get(key)
    if not isinstance(known, Counts):
        known = held.answers[key] = _count(held.no, _visible(snapshot, held, areas, sees_system))
    return known


def _count(no: int, found: Iterable[Listed]) -> Counts:
    made = Counts(no)
    first: tuple[object, ...] | None = None
    for x in found:
        if not x.row.is_listed:
            shown = muting_of(x.row).shown
            if shown is not None:
                made.muted[shown] += 1
            continue
        tally, wants_ack = made.priorities[x.entry.priority], x.base.wants_ack
        tally.total += 1
        tally.active += x.row.active
        tally.unacked += wants_ack
        if wants_ack:
            made.calls[x.entry.priority] = max(x.row.annunciated_no, made.calls.get(x.entry.priority, 0))
            key = ORDERS["urgency"](x)
            if first is None or key < first:
                first, made.top = key, x
    return made


def sounding(areas: AreaSet, sees_system: bool, silenced_no: int, held: Standing | None = None) -> Priority | None:
    """The most urgent priority that calls at a station where everything up to `silenced_no` was silenced (ALM-22)."""
    calls = counts(areas, sees_system, held).calls
    return min((priority for priority, no in calls.items() if no > silenced_no), default=None)


def one(entry: AlarmEntry) -> Listed:
    """How this alarm stands, also when it is normal. One query, past what is held."""
    return Listed(entry, AlarmState.objects.filter(pk=entry.id).first() or AlarmState(alarm_id=entry.id))


def may_see(entry: AlarmEntry, areas: AreaSet, sees_system: bool) -> bool:
    return sees_system if entry.area_id is None else entry.area_id in areas


def _visible(snapshot: AlarmSnapshot, held: Standing, areas: AreaSet, sees_system: bool) -> Iterator[Listed]:
    for pk, row in held.rows.items():
        entry = snapshot.alarms.get(pk)
        if entry is not None and may_see(entry, areas, sees_system):
            yield Listed(entry, row)


def _fits(filters: Filters) -> Callable[[Listed], bool]:
    below, text = f"{filters.area.strip('/').lower()}/", filters.text.strip().casefold()

    def fits(x: Listed) -> bool:
        entry = x.entry
        return (
            (not filters.priorities or entry.priority in filters.priorities)
            and (not filters.states or x.base in filters.states)
            and (below == "/" or f"{entry.area_path}/".lower().startswith(below))
            and (not text or text in entry.path.casefold() or text in entry.message.casefold())
        )

    return fits
