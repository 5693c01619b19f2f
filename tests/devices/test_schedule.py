"""MB-08: absolute periods without drift, overruns that are counted, pauses that grow."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.poller.clock import ClockWatch
from devices.poller.schedule import BEAT_S, JITTER, Pause, Timetable, phase_s


@given(st.integers(100, 60_000), st.floats(0, 0.099), st.lists(st.floats(0, 0.09), min_size=1, max_size=200))
def test_a_late_start_moves_nothing_that_follows(period_ms: int, share: float, delays: list[float]) -> None:
    period = period_ms / 1000
    table = Timetable(period, share * period, 1000.0)
    first = table.due
    for n, delay in enumerate(delays):
        assert table.due == pytest.approx(first + n * period)
        table.start(table.due + delay * period)
    assert table.overruns == 0


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_every_grid_point_is_either_served_or_counted_as_missed(durations: list[float]) -> None:
    table, now, served = Timetable(1.0, 0.25, 0.0), 0.0, 0
    for duration in durations:
        now = max(now, table.due)
        table.start(now)
        served += 1
        now += duration
    assert served + table.overruns == table.due - 0.25


def test_a_scan_out_of_turn_does_not_use_up_the_next_one() -> None:
    table = Timetable(10.0, 0.0, 5.0)
    table.at_once()
    assert table.due <= 5.0
    table.start(5.1)
    assert table.due == 10.0


def test_a_timer_that_fires_a_little_early_scans_once() -> None:
    table = Timetable(1.0, 0.0, 0.5)
    table.start(0.9999)
    assert table.due == 2.0


def test_fifty_devices_start_on_ten_beats_of_a_second_about_five_on_each() -> None:
    beats = Counter(phase_s(number, 1.0) for number in range(1, 51))
    assert len(beats) == 10
    assert min(beats.values()) >= 4
    assert max(beats.values()) <= 6
    assert all(phase / BEAT_S == pytest.approx(round(phase / BEAT_S)) for phase in beats)
    assert phase_s(7, 1.0) == phase_s(7, 1.0)


def test_a_period_of_one_beat_has_one_phase() -> None:
    assert {phase_s(number, BEAT_S) for number in range(1, 51)} == {0.0}


def test_pauses_grow_to_half_a_minute() -> None:
    pause = Pause()
    assert [pause.next_s(0) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_device_alone_is_tried_every_second_for_a_minute() -> None:
    pause = Pause(patient=True)
    assert {pause.next_s(t) for t in range(100, 160)} == {1.0}
    assert [pause.next_s(160 + t) for t in range(3)] == [1, 2, 4]


def test_links_lost_together_do_not_knock_together() -> None:
    def tenth(spread: float) -> float:
        pause = Pause(spread=spread)
        return [pause.next_s(0) for _ in range(10)][-1]

    assert tenth(0) == pytest.approx(30 * (1 - JITTER / 2))
    assert tenth(1) == pytest.approx(30 * (1 + JITTER / 2))


@pytest.mark.parametrize(
    ("step", "said"), [(0, 0), (400, 0), (-900, 0), (3_600_000, 3_600_000), (-3_600_000, -3_600_000)]
)
def test_a_clock_step_beyond_a_second_is_noticed_once(step: int, said: int) -> None:
    watch = ClockWatch(1_000_000, 50.0)
    assert watch.step_ms(1_000_500, 50.5) == 0
    assert watch.step_ms(1_001_000 + step, 51.0) == said
    assert watch.step_ms(1_001_500 + step, 51.5) == 0
