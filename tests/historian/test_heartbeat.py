"""What stands is said again, at the cost of a look at all tags every few seconds, not at each block (HIS-02)."""

from dataclasses import replace

import pytest

from bus.quality import BAD_SENSOR_FAILURE
from historian import recording as recording_module
from historian.recording import SWEEP_MS, Recording
from historian.samples import Row
from historian.series import Rule, SeriesKind
from tests.historian.streams import SLOPED, START_MS, STEPPED, TAG, block, recording, seen

TEXT = Rule(1, SeriesKind.TEXT, is_stepped=True)


def standing(told: Recording, from_s: int, to_s: int) -> list[Row]:
    """Blocks that say nothing, one a second."""
    return [row for s in range(from_s, to_s) for row in told.take(block(s * 1000))]


@pytest.mark.parametrize("rule", [SLOPED, STEPPED, replace(SLOPED, exc_dev=1.0, comp_dev=2.0)])
def test_a_value_that_stands_is_a_row_each_exception_maximum(rule: Rule) -> None:
    told = recording(rule)
    told.take(block(0, {TAG: 4.0}))
    assert seen(standing(told, 1, 1900)) == [(600_000, 4.0), (1_200_000, 4.0), (1_800_000, 4.0)]


def test_texts_states_and_bad_values_have_a_heartbeat_too() -> None:
    told = recording(replace(TEXT, exc_max_ms=10_000))
    told.take(block(0, {TAG: "idle"}))
    assert seen(standing(told, 1, 21)) == [(10_000, "idle"), (20_000, "idle")]
    told.take(block(21_000, {TAG: None}, status=BAD_SENSOR_FAILURE))
    rows = standing(told, 22, 32)
    assert seen(rows) == [(31_000, None)]
    assert rows[0][4] == BAD_SENSOR_FAILURE


def test_without_an_exception_maximum_there_is_none() -> None:
    told = recording(replace(STEPPED, exc_max_ms=0))
    told.take(block(0, {TAG: 4.0}))
    assert standing(told, 1, 5000) == []


def test_an_exception_maximum_shorter_than_a_look_is_kept() -> None:
    told = recording(replace(STEPPED, exc_max_ms=2000))
    told.take(block(0, {TAG: 4.0}))
    assert [ms for ms, _ in seen(standing(told, 1, 8))] == [2000, 4000, 6000]


def test_a_heartbeat_says_the_newest_value_also_where_the_exception_stage_held_it_back() -> None:
    told = recording(replace(STEPPED, exc_dev=1.0, exc_max_ms=10_000))
    told.take(block(0, {TAG: 4.0}))
    told.take(block(1000, {TAG: 4.5}))
    assert seen(standing(told, 2, 11))[-1] == (10_000, 4.5)


def test_a_tag_that_moves_in_the_held_back_range_still_has_its_heartbeat() -> None:
    told = recording(replace(STEPPED, exc_dev=1.0, exc_max_ms=10_000))
    rows = [row for s in range(31) for row in told.take(block(s * 1000, {TAG: 4.0 + s % 2 / 2}))]
    assert {0, 10_000, 20_000, 30_000} <= {ms for ms, _ in seen(rows)}


def test_a_changing_value_has_none() -> None:
    told = recording(replace(SLOPED, exc_max_ms=5000))
    rows = [row for s in range(60) for row in told.take(block(s * 1000, {TAG: float(s)}))]
    assert seen(rows) == [(0, 0.0)]


def test_slow_scans_say_it_at_the_first_proof_after_the_maximum() -> None:
    told = recording(STEPPED, scan_ms=240_000)
    told.take(block(0, {TAG: 4.0}))
    rows = [row for k in range(1, 8) for row in told.take(block(k * 240_000))]
    assert [ms for ms, _ in seen(rows)] == [720_000, 1_440_000]


def test_blocks_that_say_nothing_do_not_look_at_every_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look in SWEEP_MS: the cost of a block does not grow with the tags of its group."""
    looks: list[int] = []
    sweep = recording_module._sweep

    def counted(group: recording_module._Group, rows: list[Row]) -> None:
        looks.append(group.read_at_ms)
        sweep(group, rows)

    monkeypatch.setattr(recording_module, "_sweep", counted)
    told = Recording(
        {tag: replace(STEPPED, series=tag) for tag in range(100)}, dict.fromkeys(range(100), ("1:1000", 100))
    )
    told.take(block(0, dict.fromkeys(range(100), 1.0), is_full=True))
    for tick in range(1, 601):
        told.take(block(tick * 100))
    assert len(looks) == 1 + 60_000 // SWEEP_MS


def test_the_heartbeats_of_two_groups_follow_each_its_own_clock() -> None:
    told = Recording(
        {1: replace(STEPPED, exc_max_ms=5000), 2: replace(STEPPED, series=2, exc_max_ms=5000)},
        {1: ("a", 1000), 2: ("b", 1000)},
    )
    told.take(block(0, {1: 1.0}, group="a"))
    told.take(block(3000, {2: 2.0}, group="b"))
    rows = [row for s in range(1, 10) for row in told.take(block(s * 1000, group="a"))]
    rows += [row for s in range(4, 10) for row in told.take(block(s * 1000, group="b"))]
    assert [(row[1], row[0] - START_MS) for row in rows] == [(1, 5000), (2, 8000)]
