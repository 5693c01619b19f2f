"""A month of alarms by a recipe, with figures that anybody can count: see test_kpi.py for what comes of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alarms.kinds import Base, Event
from alarms.kpi.figures import Period, Row, Stood

ZONE = ZoneInfo("Europe/Stockholm")
BEGIN = datetime(2026, 6, 1, tzinfo=ZONE)  # no change of the clock in June
JUNE = Period.between(
    round(BEGIN.timestamp() * 1000), round(datetime(2026, 7, 1, tzinfo=ZONE).timestamp() * 1000), ZONE
)
HIGH, MEDIUM, LOW = 1, 2, 3
OLD_SINCE = round((BEGIN - timedelta(days=5)).timestamp() * 1000)
STOOD = {"old": Stood(OLD_SINCE, is_muted=False)}


def at(day: int, clock: str, plus_s: float = 0) -> int:
    """ms UTC of a day in June and a time of the plant's clock."""
    h, m, s = (int(part) for part in clock.split(":"))
    return round((datetime(2026, 6, day, h, m, s, tzinfo=ZONE).timestamp() + plus_s) * 1000)


def row(alarm: str, event: Event, at_ms: int, priority: int = LOW, **fields: Any) -> Row:
    values = {
        "alarm": alarm, "event": event.value, "annunciated": event is Event.ALARM, "priority": priority,
        "source_ms": at_ms, "server_ms": at_ms, "active": event is not Event.RETURN, "mutes_after": "",
        "actor_kind": "system", "reason": "", "revision": 1,
    }  # fmt: skip
    return Row(**(values | fields))


def once(alarm: str, at_ms: int, active_s: float, priority: int = LOW, ack_s: float | None = None) -> Iterator[Row]:
    yield row(alarm, Event.ALARM, at_ms, priority)
    if ack_s is not None:
        yield row(alarm, Event.ACK, at_ms + round(ack_s * 1000), priority, actor_kind="user")
    yield row(alarm, Event.RETURN, at_ms + round(active_s * 1000), priority)


def month() -> list[Row]:
    """In the order of the journal."""
    found: list[Row] = []
    for day in range(1, 31):  # the pump: at five past every second hour, for 20 min, acknowledged after 2 min
        for hour in range(0, 24, 2):
            found += once("pump", at(day, f"{hour:02}:05:00"), 1200, ack_s=120)
    for n in range(40):  # the flood of the 10th: 40 alarms from 14:01:00, one each 10 s; with the pump 41 by 14:10
        found += once(f"f{n + 1:02}", at(10, "14:01:00", 10 * n), 60, MEDIUM)
    for n in range(20):  # 20 of them again from 14:10:05, one each 20 s
        found += once(f"f{n + 1:02}", at(10, "14:10:05", 20 * n), 15, MEDIUM)
    for n in range(4):  # and four from 14:20:00: the flood is over
        found += once(f"f{n + 1:02}", at(10, "14:20:00", 60 * n), 15, MEDIUM)
    for n in range(5):  # the valve chatters on the 5th: each 20 s, for 5 s
        found += once("valve", at(5, "03:00:00", 20 * n), 5, HIGH)
    found += once("hatch", at(6, "09:30:00"), 5, HIGH, ack_s=2)  # short, but somebody answered: not fleeting
    found += once("filter", at(2, "12:00:00"), 66 * 3600, ack_s=3600)  # until the 5th, 06:00
    found += [
        row("old", Event.RETURN, at(1, "08:00:00")),
        row("screen", Event.ALARM, at(2, "12:00:00")),  # to the 4th, 10:00; from the 3rd, 06:00 on shelved for 18 h
        row("screen", Event.SHELVE, at(3, "06:00:00"), mutes_after="shelved", actor_kind="user", reason="cleaning"),
        row("screen", Event.UNSHELVE, at(4, "00:00:00")),
        row("screen", Event.RETURN, at(4, "10:00:00")),
        row("spare", Event.OUT_OF_SERVICE, at(7, "10:00:00"), active=False, mutes_after="out_of_service",
            actor_kind="user"),  # nobody said why
    ]  # fmt: skip
    return sorted(found, key=lambda r: r.server_ms)


ACTIVE = {True: Base.ACKED.value, False: Base.NORMAL.value}
