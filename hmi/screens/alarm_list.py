"""The alarm list: filtered, in an order, grouped, so many rows of it.

A row is rendered once for everybody with the same rights, until its alarm changes: in a flood the same thousand rows
are asked for by every screen twice a second. So a row carries no age and no token; ages are counted by the browser.
"""

import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from alarms.kinds import Base, Priority
from alarms.lists import DEFAULT_ORDER, Filters, Listed, listed
from alarms.snapshot import AlarmEntry
from alarms.standing import Standing
from hmi.screens.alarm_looks import LOOKS, STATES, said_limit, said_value
from hmi.screens.alarm_rights import AlarmScope, Rights
from hmi.screens.asked import area_of, chosen, text_of
from hmi.screens.scope import Scope

STEP: Final = 100
"""Rows at first, and more at each "show more"."""
MOST: Final = 500
"""More than this nobody reads: filters find what is sought."""
KEPT_ROWS: Final = 20_000
ORDERS: Final = {
    "urgency": "urgency", "newest": "newest first", "oldest": "oldest first", "priority": "priority", "state": "state",
    "path": "tag", "message": "message",
}  # fmt: skip
SHOWN_STATES: Final = tuple(base for base in Base if base is not Base.NORMAL)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the visitor asks to see."""

    filters: Filters
    order: str
    is_grouped: bool
    limit: int

    @property
    def is_filtered(self) -> bool:
        return self.filters != Filters()


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one area; with an empty title all of them. `counts`: of the whole group, shown or not."""

    key: str
    title: str
    rows: list[SafeString]
    total: int
    unacked: int


@dataclass(frozen=True, slots=True)
class AlarmList:
    """`visible`: uuid:occurrence of every shown row that waits for an acknowledgement by this person, of no other."""

    asked: Asked
    groups: list[Group]
    found: int
    shown: int
    visible: str
    acknowledgeable: int

    @property
    def more(self) -> int:
        """How many rows to ask for next; 0: all are shown, or as many as there can be."""
        return min(self.asked.limit + STEP, MOST) if self.found > self.shown and self.asked.limit < MOST else 0

    @property
    def is_cut(self) -> bool:
        return self.found > self.shown and not self.more


def asked_of(query: QueryDict) -> Asked:
    """What makes no sense counts as not asked."""
    filters = Filters(
        area=area_of(query),
        priorities=chosen(query, "priority", Priority),
        states=chosen(query, "state", SHOWN_STATES),
        text=text_of(query, "q"),
    )
    order = query.get("sort", "")
    return Asked(filters, order if order in ORDERS else DEFAULT_ORDER, "group" in query, _limit(query.get("limit", "")))


def _limit(text: str) -> int:
    return min(max(int(text), STEP), MOST) if text.isascii() and text.isdigit() and len(text) < 6 else STEP


def alarm_list(scope: AlarmScope, asked: Asked, zone: str, held: Standing | None = None) -> AlarmList:
    found = listed(scope.areas, scope.sees_system, asked.filters, asked.order, held=held)
    if asked.is_grouped:
        found.sort(key=lambda x: x.entry.area_path.lower())  # stable: within an area the order stays
    shown = found[: asked.limit]
    groups = list(_groups(scope, found, shown, zone)) if asked.is_grouped else [_group(scope, "", "", shown, zone)]
    waiting = [x for x in shown if x.base.wants_ack and scope.rights(x.entry).acknowledge]
    return AlarmList(
        asked=asked,
        groups=groups,
        found=len(found),
        shown=len(shown),
        visible=",".join(f"{x.entry.uuid}:{x.row.occurrence}" for x in waiting),
        acknowledgeable=len(waiting),
    )


def _groups(scope: AlarmScope, found: list[Listed], shown: list[Listed], zone: str) -> Iterator[Group]:
    totals: dict[str, list[Listed]] = {}
    for x in found:
        totals.setdefault(x.entry.area_path, []).append(x)
    for path, rows in groupby(shown, key=lambda x: x.entry.area_path):
        yield _group(scope, path or "isthmus", area_title(scope.scope, totals[path][0]), list(rows), zone, totals[path])


def _group(
    scope: AlarmScope, key: str, title: str, shown: list[Listed], zone: str, whole: list[Listed] | None = None
) -> Group:
    whole = shown if whole is None else whole
    rows = [row_of(x, scope.rights(x.entry), area_title(scope.scope, x), zone) for x in shown]
    return Group(key, title, rows, len(whole), sum(x.base.wants_ack for x in whole))


def area_title(scope: Scope, x: Listed) -> str:
    """The names of the area and those above it, without the plant: "Treatment / High lift"."""
    layout = scope.layout
    area = None if x.entry.area_id is None else layout.snapshot.areas.get(x.entry.area_id)
    if area is None:
        return "Isthmus"
    return " / ".join(a.label for a in [*layout.above(area), area])


_Key = tuple[int, Rights, str]
_rows: OrderedDict[_Key, tuple[AlarmEntry, int, SafeString]] = OrderedDict()
"""Shared by the threads of the process: what two of them render at once is the same. Of an alarm only the newest."""


def row_of(x: Listed, rights: Rights, area: str, zone: str) -> SafeString:
    """The row as HTML; rendered when the alarm, its description, the rights or the time zone are other ones."""
    key = (x.entry.id, rights, zone)
    held = _rows.get(key)
    if held is not None and held[0] is x.entry and held[1] == x.row.changed_no:
        return held[2]
    made = _render(x, rights, area, zone)
    _rows[key] = x.entry, x.row.changed_no, made
    while len(_rows) > KEPT_ROWS:
        try:
            _rows.popitem(last=False)
        except KeyError:  # another thread was first
            break
    return made


def _render(x: Listed, rights: Rights, area: str, zone: str) -> SafeString:
    word, sentence = STATES[x.base]
    context = {
        "x": x, "alarm": x.entry, "row": x.row, "base": x.base, "rights": rights, "area": area, "zone": zone,
        "look": LOOKS[x.entry.priority], "word": word, "sentence": sentence,
        "value": said_value(x.entry, x.row.value, x.row.status), "limit": said_limit(x.entry, x.row.setpoint),
    }  # fmt: skip
    html = render_to_string("hmi/_alarm_row.html", context).strip()
    return mark_safe(html.replace('data-v=""', f'data-v="{zlib.crc32(html.encode()):x}"', 1))  # noqa: S308  # a template of ours
