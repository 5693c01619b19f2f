"""The key figures of a month that was made by a recipe, on days when the clock changes, and of an empty journal."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alarms.kinds import Event
from alarms.kpi.figures import Figures, Flood, Period, Row, Stood, Tally
from alarms.kpi.targets import TARGETS, Level, judge, level_of, target_problems, values_of
from tests.alarms.month import JUNE, STOOD, ZONE, at, month, once, row

NOTHING = Period(0, 0, ZONE)


@pytest.fixture(scope="module")
def june() -> Figures:
    tally = Tally(JUNE, STOOD)
    tally.take(month())
    return tally.figures()


def counted(period: Period, rows: list[Row], stood: dict[str, Stood] | None = None) -> Figures:
    tally = Tally(period, stood)
    tally.take(rows)
    return tally.figures()


def local(zone: str, *parts: int, fold: int = 0) -> int:
    return round(datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)  # type: ignore[arg-type,misc]  # parts of a date


def test_rates_count_the_calls_alone(june: Figures) -> None:
    """ALM-30. Pump 30 x 12 = 360, flood 40 + 20 + 4 = 64, valve 5, hatch, filter and screen 1 each: 432 calls."""
    assert june.total == 432
    assert june.per_day == pytest.approx(432 / 30)  # 14.4
    assert june.per_hour == pytest.approx(432 / 720)  # 0.6
    assert june.per_10min == pytest.approx(432 / 4320)  # 0.1: all 4,320 periods of ten minutes count, also empty ones
    assert len(june.days) == 30
    assert june.days[9].date == date(2026, 6, 10)
    assert june.days[9].count == 12 + 64
    assert june.days[29].count == 12


def test_loud_hours_and_ten_minutes_are_shares_of_all(june: Figures) -> None:
    """ALM-30. Only 14 o'clock of the 10th is over 30 (1 + 64), only 14:00 (41) and 14:10 (20) are over 10."""
    assert (june.hours, june.hours_over) == (720, 1)
    assert june.hours_over_pct == pytest.approx(100 / 720)
    assert june.buckets_over == 2
    assert june.buckets_over_pct == pytest.approx(200 / 4320)


def test_the_loudest_ten_minutes_may_begin_anywhere(june: Figures) -> None:
    """From 14:01:00 to 14:11:00: 40 of the flood, the pump of 14:05, and 14:10:05, :25 and :45."""
    assert (june.max_10min, june.max_10min_at_ms) == (44, at(10, "14:01:00"))


def test_a_flood_begins_over_ten_and_ends_below_five(june: Figures) -> None:
    """ALM-30. 41 and 20 calls, then 4: over at 14:20. Its first call was at 14:01:00, and 44 came in ten minutes."""
    assert june.floods == [Flood(at(10, "14:00:00"), at(10, "14:20:00"), 61, 41, 44, is_open=False)]
    assert june.flood_pct == pytest.approx(20 * 100 / (30 * 24 * 60))
    assert june.upset_most == 44
    assert [day.date.day for day in june.days if day.in_flood_ms] == [10]
    assert june.days[9].in_flood_ms == 20 * 60_000


def test_bad_actors_are_the_ten_most_frequent_with_their_share(june: Figures) -> None:
    """ALM-31. 360, 5, four alarms of 3 and four of 2: 385 of 432."""
    assert [(a.alarm, a.count) for a in june.bad_actors] == [
        ("pump", 360), ("valve", 5), ("f01", 3), ("f02", 3), ("f03", 3), ("f04", 3), ("f05", 2), ("f06", 2), ("f07", 2),
        ("f08", 2),
    ]  # fmt: skip
    assert june.bad_actors[1].share_pct == pytest.approx(500 / 432)
    assert june.bad_actors[1].cumulative_pct == pytest.approx(36500 / 432)
    assert june.top_pct == pytest.approx(38500 / 432)


def test_chattering_is_three_within_a_minute(june: Figures) -> None:
    """At 0, 20, 40, 60 and 80 s: the third, fourth and fifth each had two within the minute before."""
    assert june.chattering == {"valve": 3}


@pytest.mark.parametrize(("third_s", "chatters"), [(59.999, True), (60, False)])
def test_a_minute_is_less_than_60_s(third_s: float, chatters: bool) -> None:
    rows = [r for s in (0, 30, third_s) for r in once("a", at(3, "10:00:00", s), 0.001)]
    assert bool(counted(JUNE, rows).chattering) is chatters


def test_what_is_caught_up_after_an_outage_does_not_chatter() -> None:
    """The alarm came once an hour; the server learned of all of it within three seconds."""
    rows = [row("a", Event.ALARM, at(3, f"{h:02}:00:00"), server_ms=at(3, "12:00:00", h)) for h in range(3)]
    figures = counted(JUNE, rows)
    assert figures.chattering == {}
    assert figures.max_10min == 3


def test_fleeting_is_short_and_unanswered(june: Figures) -> None:
    """The valve five times; the hatch was answered, and the calls of 14:10 lasted 15 s."""
    assert june.fleeting == {"valve": 5}


def test_stale_is_what_stood_in_the_list_for_longer_than_a_day(june: Figures) -> None:
    """Filter: from the 3rd, 12:00 to the 5th, 06:00 = 42 h. Old: on the 1st to 08:00. Screen: its 24 h were over on the
    3rd while it was shelved; it stands from the 4th, 00:00 to 10:00."""
    hour = 3_600_000
    assert june.stale == {"filter": 42 * hour, "old": 8 * hour, "screen": 10 * hour}
    assert [day.stale for day in june.days[:6]] == [1, 0, 1, 2, 1, 0]
    assert june.stale_most == 2


def test_priorities_are_split_over_three(june: Figures) -> None:
    """Low: pump, filter and screen. Medium: the flood. High: valve and hatch."""
    assert june.priorities == {1: 6, 2: 64, 3: 362}
    values = values_of(june)
    assert values["low"] == pytest.approx(36200 / 432)
    assert values["medium"] == pytest.approx(6400 / 432)
    assert values["high"] == pytest.approx(600 / 432)


def test_diagnostic_alarms_are_no_part_of_the_split(june: Figures) -> None:
    figures = counted(JUNE, [row("d", Event.ALARM, at(1, "10:00:00"), 4), row("l", Event.ALARM, at(1, "10:00:00"))])
    assert values_of(figures)["low"] == 100
    assert figures.priorities == {4: 1, 3: 1}


def test_muting_is_counted_and_what_nobody_answers_for_is_irregular(june: Figures) -> None:
    """The screen was shelved with a reason; the spare was taken out of service without one."""
    assert june.mutes == {"shelve": 1, "out_of_service": 1}
    assert june.irregular == 1


@pytest.mark.parametrize(
    ("event", "fields", "is_irregular"),
    [
        (Event.SHELVE, {"actor_kind": "system", "reason": "why not"}, True),
        (Event.SHELVE, {"actor_kind": "token", "reason": "why not"}, False),
        (Event.OUT_OF_SERVICE, {"actor_kind": "user", "reason": "  "}, True),
        (Event.SUPPRESS, {"actor_kind": "system"}, False),
        (Event.SUPPRESS, {"actor_kind": "user", "reason": "by hand"}, True),
        (Event.CHANGED, {"revision": 7}, False),
        (Event.CHANGED, {"revision": 0}, True),
        (Event.UNSHELVE, {"actor_kind": "system"}, False),
    ],
)
def test_what_is_irregular(event: Event, fields: dict[str, Any], is_irregular: bool) -> None:
    assert counted(JUNE, [row("a", event, at(1, "10:00:00"), **fields)]).irregular == is_irregular


def test_time_to_acknowledge_is_from_the_call(june: Figures) -> None:
    """360 times 120 s, the hatch 2 s, the filter an hour: 362 in all. The 344th of them is the 95 %."""
    assert len(june.ack_s) == 362
    assert (june.ack_s[0], june.ack_after_s(50), june.ack_after_s(95), june.ack_s[-1]) == (2, 120, 120, 3600)


def test_an_acknowledgement_of_a_call_before_the_period_has_no_time() -> None:
    figures = counted(JUNE, [row("a", Event.ACK, at(1, "10:00:00"), actor_kind="user")])
    assert figures.ack_after_s(50) is None


def test_the_day_on_which_the_clock_goes_back_has_25_hours() -> None:
    """20 calls in the first 2 o'clock and 20 in the second are two hours with 20, not one with 40."""
    begin, end = local("Europe/Stockholm", 2026, 10, 25), local("Europe/Stockholm", 2026, 10, 26)
    period = Period.between(begin, end, ZONE)
    rows = [
        row(f"a{fold}{n}", Event.ALARM, local("Europe/Stockholm", 2026, 10, 25, 2, n, fold=fold))
        for fold in (0, 1)
        for n in range(20)
    ]
    figures = counted(period, rows)
    assert period.buckets == 25 * 6
    assert (figures.hours, figures.hours_over) == (25, 0)
    assert [(day.date, day.count) for day in figures.days] == [(date(2026, 10, 25), 40)]
    assert figures.per_hour == pytest.approx(40 / 25)


def test_the_day_on_which_the_clock_goes_forward_has_23_hours() -> None:
    begin, end = local("Europe/Stockholm", 2026, 3, 28), local("Europe/Stockholm", 2026, 3, 30)
    period = Period.between(begin, end, ZONE)
    late, next_day = local("Europe/Stockholm", 2026, 3, 28, 23, 59), local("Europe/Stockholm", 2026, 3, 29, 23, 59)
    figures = counted(period, [row("a", Event.ALARM, late), row("b", Event.ALARM, next_day)])
    assert (period.buckets, figures.hours) == (47 * 6, 47)
    assert [(day.date.day, day.count) for day in figures.days] == [(28, 1), (29, 1)]


def test_ten_minutes_are_those_of_the_clock_on_the_wall() -> None:
    """Kathmandu is 5:45 ahead of UTC: its 14:00 is 08:15."""
    period = Period.between(
        local("Asia/Kathmandu", 2026, 6, 1, 13, 55),
        local("Asia/Kathmandu", 2026, 6, 1, 14, 29),
        ZoneInfo("Asia/Kathmandu"),
    )
    assert period.from_ms == local("Asia/Kathmandu", 2026, 6, 1, 14, 0)
    assert period.to_ms == local("Asia/Kathmandu", 2026, 6, 1, 14, 20)


def test_a_flood_at_the_end_is_said_to_go_on() -> None:
    period = Period(at(1, "10:00:00"), at(1, "10:20:00"), ZONE)
    figures = counted(period, [row(f"a{n}", Event.ALARM, at(1, "10:12:00", n)) for n in range(11)])
    assert figures.floods == [Flood(at(1, "10:10:00"), at(1, "10:20:00"), 11, 11, 11, is_open=True)]
    assert not counted(period, [row(f"a{n}", Event.ALARM, at(1, "10:12:00", n)) for n in range(10)]).floods


def test_an_empty_journal_has_nothing_to_compute_from() -> None:
    figures = counted(NOTHING, [])
    assert figures.total == 0
    assert {name for name, value in values_of(figures).items() if value is not None} == {
        "max_10min", "chattering", "fleeting", "irregular",
    }  # fmt: skip
    assert (figures.floods, figures.days, figures.bad_actors) == ([], [], [])
    quiet = counted(JUNE, [])
    assert (quiet.per_day, quiet.max_10min, quiet.top_pct, quiet.upset_most) == (0, 0, None, None)


def test_less_than_30_days_is_short() -> None:
    assert not JUNE.is_short
    assert Period(JUNE.from_ms, JUNE.to_ms - 86_400_000, ZONE).is_short
    march = Period.between(local("Europe/Stockholm", 2026, 3, 15), local("Europe/Stockholm", 2026, 4, 14), ZONE)
    assert not march.is_short  # 30 days of the calendar, an hour less than 30 times 24


def test_each_figure_has_its_verdict_in_words(june: Figures) -> None:
    judged = {j.target.figure: j for j in judge(june)}
    assert set(judged) == set(TARGETS)
    assert judged["per_day"].verdict == "meets the target"
    assert judged["top"].verdict == "misses the target"
    assert judged["ack_p95"].verdict == "no target is set"
    own = {j.target.figure: j for j in judge(june, {"per_day": (10, 20), "ack_p95": (60, None)})}
    assert own["per_day"].verdict == "above the target, but manageable"
    assert own["ack_p95"].level is Level.OVER


@pytest.mark.parametrize(
    ("figure", "value", "level"),
    [
        ("per_day", 150, Level.GOOD),
        ("per_day", 150.1, Level.MANAGEABLE),
        ("per_day", 300.1, Level.OVER),
        ("low", 80, Level.GOOD),
        ("low", 79.9, Level.OVER),
        ("stale", 4, Level.GOOD),
        ("stale", 5, Level.OVER),
        ("top", 3, Level.MANAGEABLE),
        ("ack_p50", 10, Level.OPEN),
        ("upset", None, Level.OPEN),
    ],
)
def test_a_target_is_met_up_to_its_number(figure: str, value: float | None, level: Level) -> None:
    assert level_of(TARGETS[figure], value) is level


def test_a_target_that_makes_no_sense_is_refused() -> None:
    assert target_problems("per_day", 100, 200) == target_problems("low", 80, 70) == {}
    assert target_problems("per_day", None, None) == {}
    assert set(target_problems("per_day", 200, 100)) == set(target_problems("low", 70, 80)) == {"manageable"}
    assert set(target_problems("per_day", None, 100)) == set(target_problems("flood", 101, None)) == {"goal"}
    assert set(target_problems("per_day", -1, float("nan"))) == {"goal", "manageable"}


def test_a_suppression_that_goes_on_for_another_reason_is_counted_once_and_ends_where_its_cause_is_hidden() -> None:
    rows = [
        row("p", Event.SUPPRESS, at(1, "10:00:00"), mutes_after="by_design"),
        row("p", Event.SUPPRESS, at(1, "10:01:00"), mutes_after="by_design"),
        row("p", Event.CAUSE_MUTED, at(1, "10:02:00")),
        row("p", Event.SUPPRESS, at(1, "10:03:00"), mutes_after="by_design"),
    ]
    assert counted(JUNE, rows).mutes == {"suppress": 2}
