"""What people have set by hand and what still holds of it: substituted values, devices out of use, entered values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from django.db.models import Q

from accounts.permissions import Action
from bus.messages import Value
from devices.models import ManualValue, OutOfUse, Substitution
from devices.snapshot import AreaEntry, DeviceEntry, TagEntry
from hmi import presentation
from hmi.screens.scope import Scope

ENDED_SHOWN: Final = timedelta(days=7)
ENDED_AT_MOST: Final = 100
SHOWN_AT_MOST: Final = 200
"""Of each list: the page asks again every two seconds, and nobody reads more."""


@dataclass(frozen=True, slots=True)
class SetValue:
    """A value with its unit, as text."""

    text: str
    unit: str

    def __str__(self) -> str:
        return f"{self.text} {self.unit}".rstrip()


def set_value(tag: TagEntry, value: Value) -> SetValue:
    unit = tag.unit if presentation.has_unit(tag, value) else ""
    return SetValue(presentation.format_value(tag, value), unit)


Row = TypeVar("Row", Substitution, OutOfUse)


@dataclass(frozen=True, slots=True)
class Held(Generic[Row]):
    """A substitution or a device out of use. `over`: how it ended; empty while it lasts."""

    row: Row
    area: AreaEntry
    may_end: bool
    over: str
    left: str
    tag: TagEntry | None = None
    value: SetValue | None = None
    device: DeviceEntry | None = None
    is_linked: bool = False
    """The person may open the page of the device."""

    @property
    def ended_at(self) -> datetime:
        return self.row.ended_at or self.row.ends_at


@dataclass(frozen=True, slots=True)
class Entered:
    """A tag that is kept by hand. `row` is None where nobody has entered anything yet."""

    tag: TagEntry
    area: AreaEntry
    row: ManualValue | None
    value: SetValue | None


@dataclass(frozen=True, slots=True)
class ByHand:
    substitutions: list[Held[Substitution]]
    out_of_use: list[Held[OutOfUse]]
    entered: list[Entered]
    ended: list[Held[Substitution] | Held[OutOfUse]]
    """The last ones first; of the last days, and not more than fit on a page."""
    more_substitutions: int
    """Beyond those listed; so the two that follow."""
    more_out_of_use: int
    more_entered: int


def by_hand(scope: Scope, now: datetime) -> ByHand:
    """Everything in the areas the person may see. Three queries, however much there is."""
    lasting = Q(ended_at=None, ends_at__gt=now)
    fresh = Q(ended_at__gt=now - ENDED_SHOWN) | Q(ended_at=None, ends_at__gt=now - ENDED_SHOWN)
    substitutions = list(_substitutions(scope, Substitution.objects.filter(lasting | fresh), now))
    out_of_use = list(_out_of_use(scope, OutOfUse.objects.filter(lasting | fresh), now))
    forced, left_alone = [h for h in substitutions if not h.over], [h for h in out_of_use if not h.over]
    kept = _kept_by_hand(scope)
    return ByHand(
        forced[:SHOWN_AT_MOST],
        left_alone[:SHOWN_AT_MOST],
        _entered(scope, kept[:SHOWN_AT_MOST]),
        _newest([*(h for h in substitutions if h.over), *(h for h in out_of_use if h.over)]),
        *(max(0, len(found) - SHOWN_AT_MOST) for found in (forced, left_alone, kept)),
    )


def _newest(ended: list[Held[Substitution] | Held[OutOfUse]]) -> list[Held[Substitution] | Held[OutOfUse]]:
    return sorted(ended, key=lambda held: held.ended_at, reverse=True)[:ENDED_AT_MOST]


def substitution_of(scope: Scope, tag: TagEntry, now: datetime) -> Held[Substitution] | None:
    """The value that stands in place of the tag's own now."""
    rows = Substitution.objects.filter(tag_id=tag.id, ended_at=None, ends_at__gt=now)
    return next(iter(_substitutions(scope, rows, now)), None)


def out_of_use_of(scope: Scope, device: DeviceEntry, now: datetime) -> Held[OutOfUse] | None:
    rows = OutOfUse.objects.filter(device_id=device.id, ended_at=None, ends_at__gt=now)
    return next(iter(_out_of_use(scope, rows, now)), None)


def entered_of(scope: Scope, tag: TagEntry) -> Entered:
    return _entered_row(scope, tag, ManualValue.objects.filter(tag_id=tag.id).first())


def _substitutions(scope: Scope, rows: Iterable[Substitution], now: datetime) -> Iterable[Held[Substitution]]:
    for row in rows:
        tag = scope.layout.snapshot.tags.get(row.tag_id)
        area = None if tag is None else scope.layout.snapshot.areas[tag.area_id]
        if tag is None or area is None or not scope.sees(area):
            continue
        may_end = scope.may(Action.SUBSTITUTE, area.id)
        value = set_value(tag, row.value)
        yield Held(row, area, may_end, how_it_ended(row, now), left_text(row.ends_at - now), tag=tag, value=value)


def _out_of_use(scope: Scope, rows: Iterable[OutOfUse], now: datetime) -> Iterable[Held[OutOfUse]]:
    for row in rows:
        device = scope.layout.snapshot.devices.get(row.device_id)
        area = None if device is None else scope.layout.snapshot.areas[device.area_id]
        if device is None or area is None or not scope.sees(area):
            continue
        may_end = scope.may(Action.TAKE_OUT_OF_USE, area.id)
        is_linked = scope.may(Action.DIAGNOSE, area.id)
        over, left = how_it_ended(row, now), left_text(row.ends_at - now)
        yield Held(row, area, may_end, over, left, device=device, is_linked=is_linked)


def _kept_by_hand(scope: Scope) -> list[TagEntry]:
    snapshot = scope.layout.snapshot
    kept = [t for t in snapshot.tags.values() if t.kind == "manual" and scope.sees(snapshot.areas[t.area_id])]
    return sorted(kept, key=lambda tag: tag.path.lower())


def _entered(scope: Scope, kept: list[TagEntry]) -> list[Entered]:
    rows = {row.tag_id: row for row in ManualValue.objects.filter(tag__in=[t.id for t in kept])} if kept else {}
    return [_entered_row(scope, tag, rows.get(tag.id)) for tag in kept]


def _entered_row(scope: Scope, tag: TagEntry, row: ManualValue | None) -> Entered:
    area = scope.layout.snapshot.areas[tag.area_id]
    value = None if row is None else set_value(tag, row.value)
    return Entered(tag, area, row, value)


def how_it_ended(row: Substitution | OutOfUse, now: datetime) -> str:
    """Empty while it lasts."""
    if row.ended_at is None:
        return "its time ran out" if row.ends_at <= now else ""
    if row.ended_by:
        return f"ended by {row.ended_by}"
    return "its time ran out" if row.ended_at >= row.ends_at else "the tag was changed and cannot have it any more"


def left_text(left: timedelta) -> str:
    """How long something will last, for people: '40 s', '12 min', '1 h 30 min', '2 d 4 h'."""
    seconds = max(0, int(left.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3600, seconds % 3600 // 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"
