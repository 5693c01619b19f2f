"""What rows give back, against every raw value of random plants: groups, gaps, repeats, kills, lost links."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bus.messages import BACKFILL, FULL, Block, Value
from bus.quality import (
    BAD_NO_COMMUNICATION,
    BAD_SENSOR_FAILURE,
    GOOD,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_NO_COMMUNICATION,
    is_good,
)
from devices.freshness import limit_ms
from historian.recording import Recording
from historian.samples import EXACT_UP_TO, Row
from historian.series import Rule, SeriesKind
from tests.historian.streams import START_MS

EPS = 1e-9
NUMBER = SeriesKind.NUMBER
RULES = (
    Rule(0, NUMBER),
    Rule(0, NUMBER, is_stepped=True),
    Rule(0, SeriesKind.STATE, is_stepped=True),
    Rule(0, SeriesKind.TEXT, is_stepped=True),
    Rule(0, NUMBER, comp_dev=3.0),
    Rule(0, NUMBER, exc_dev=1.0, comp_dev=2.0),
    Rule(0, NUMBER, exc_dev=1.0, comp_dev=2.0, exc_max_ms=7000),
    Rule(0, NUMBER, is_stepped=True, exc_dev=1.5),
    Rule(0, NUMBER, exc_max_ms=3000),
    Rule(0, NUMBER, exc_max_ms=0),
    Rule(0, NUMBER, exc_max_ms=7000, comp_max_ms=5000, comp_dev=0.5),
)
SCANS = {"1:1000": 1000, "2:500": 500}
Raw = tuple[int, Value, int]


@dataclass
class Plant:
    """Random tags, said by blocks as the poller does: changes, sometimes everything, sometimes late from the spool.
    `raw`: what each scan read, unchanged values too; `gaps`: group -> (last proof, next block)."""

    random: Random
    rules: dict[int, Rule] = field(default_factory=dict)
    groups: dict[int, tuple[str, int]] = field(default_factory=dict)
    raw: dict[int, list[Raw]] = field(default_factory=dict)
    gaps: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {name: [] for name in SCANS})
    _now: dict[int, tuple[Value, int]] = field(default_factory=dict)
    _said: dict[int, tuple[Value, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for tag in range(1, self.random.randint(2, 5)):
            rule = self.random.choice(RULES)
            self.rules[tag] = replace(rule, series=tag * 10)
            self.groups[tag] = self.random.choice(list(SCANS.items()))
            self.raw[tag] = []
            self._now[tag] = self._value(rule, None), GOOD

    def _value(self, rule: Rule, before: Value) -> Value:
        random = self.random
        if random.random() < 0.08:
            return None
        if rule.kind is SeriesKind.TEXT:
            return random.choice(["running", "idle", ""])
        if rule.kind is SeriesKind.STATE:
            return random.choice([0, 1, 2, True])
        if random.random() < 0.08:
            return random.choice([2**53 + 1, 2**64 - 1, 1e308, -1e308])
        if isinstance(before, int | float) and abs(before) < 1e6:
            return before + random.choice([0, 1, 1, 1, 0.5, -1, 3, random.random()])
        return random.choice([0, 1.0, 5, random.random() * 10])

    def blocks(self) -> Iterator[Block]:
        random, last, at = self.random, dict.fromkeys(SCANS, 0), dict.fromkeys(SCANS, START_MS)
        for seq in range(random.randint(3, 60)):
            name = random.choice(list(SCANS))
            at[name] += SCANS[name] + random.randint(-20, 20)
            if random.random() < 0.06:
                at[name] += limit_ms(SCANS[name]) + random.randint(0, 5000)
            if last[name] and at[name] - last[name] > limit_ms(SCANS[name]):
                self.gaps[name].append((last[name], at[name]))
            yield self._scan(name, seq, at[name], is_full=not last[name] or random.random() < 0.15)
            last[name] = at[name]

    def _scan(self, name: str, seq: int, at_ms: int, *, is_full: bool) -> Block:
        random, said = self.random, []
        for tag, (group, _) in self.groups.items():
            if group != name:
                continue
            value, status = self._now[tag]
            if random.random() < 0.5:
                value = self._value(self.rules[tag], value)
            if random.random() < 0.08:
                status = random.choice([GOOD, UNCERTAIN_EU_EXCEEDED, BAD_SENSOR_FAILURE, UNCERTAIN_NO_COMMUNICATION])
            self._now[tag] = value, status
            self.raw[tag].append((at_ms, value, status))
            if is_full or self._said.get(tag) != (value, status):
                said.append(tag)
                self._said[tag] = value, status
        values, statuses = [self._now[tag][0] for tag in said], [self._now[tag][1] for tag in said]
        is_kept = UNCERTAIN_NO_COMMUNICATION in statuses
        old = [at_ms - 9000 * (status == UNCERTAIN_NO_COMMUNICATION) for status in statuses]
        flags = (FULL if is_full else 0) | (BACKFILL if random.random() < 0.2 else 0)
        return Block(1, 1, name, seq, at_ms, flags, said, values, statuses, old if is_kept else None)


def recorded(plant: Plant) -> list[Row]:
    """By a recording that is killed now and then, and goes on from its memory."""
    told, rows, newest = Recording(plant.rules, plant.groups), [], 0
    for block in plant.blocks():
        rows += told.take(block)
        newest = max(newest, block.read_at_ms)
        if plant.random.random() < 0.1:
            raw, told = told.dump(), Recording(plant.rules, plant.groups)
            told.restore(raw)
    return rows + told.stop(newest + 1)


def check_order(rows: list[Row]) -> None:
    times = [row[0] for row in rows]
    assert times == sorted(set(times))


def check_gap(rows: list[Row], gap: tuple[int, int], scan_ms: int) -> None:
    """In it there is the marker and nothing else."""
    inside = [(row[0], row[2], row[4]) for row in rows if gap[0] < row[0] < gap[1]]
    assert inside == [(gap[0] + limit_ms(scan_ms), None, BAD_NO_COMMUNICATION)]


def check_value(rows: list[Row], times: list[int], rule: Rule, raw: Raw) -> None:
    ms, value, status = raw
    place = bisect_right(times, ms) - 1
    assert place >= 0
    left = rows[place]
    assert left[4] == status
    if value is None or isinstance(value, str):
        assert (left[2], left[3]) == (None, value)
    elif isinstance(value, int) and abs(value) > EXACT_UP_TO:
        assert left[3] == str(value)
    else:
        number = left[2]
        assert number is not None
        right = rows[place + 1] if place + 1 < len(rows) else None
        if not rule.is_stepped and left[0] < ms and right is not None and ends_line(left) and ends_line(right):
            assert right[2] is not None
            number += (right[2] - number) * ((ms - left[0]) / (right[0] - left[0]))
        deviation = rule.exc_dev if rule.is_stepped else rule.comp_dev
        assert abs(number - value) <= deviation * (1 + EPS) + EPS * max(1.0, abs(value))


def ends_line(row: Row) -> bool:
    return row[2] is not None and row[3] is None and abs(row[2]) < 1e300 and is_good(row[4])


def check(seed: int) -> None:
    plant = Plant(Random(seed))
    rows = recorded(plant)
    for tag, rule in plant.rules.items():
        mine = [row for row in rows if row[1] == rule.series]
        times = [row[0] for row in mine]
        check_order(mine)
        name, scan_ms = plant.groups[tag]
        for gap in plant.gaps[name] if plant.raw[tag] else []:
            check_gap(mine, gap, scan_ms)
        for raw in plant.raw[tag]:
            check_value(mine, times, rule, raw)


@given(st.integers(0, 2**32))
@example(1106)
def test_rows_give_every_raw_value_back_within_its_bound_and_nothing_in_a_gap(seed: int) -> None:
    """HIS-02, HIS-03: what stood between two changes too. HIS-07: no row in a gap but its marker."""
    check(seed)


def test_a_value_kept_back_that_stood_for_a_while_bounds_the_line_until_it_moved() -> None:
    """HIS-03: not only when it came."""
    rule = Rule(1, NUMBER, exc_dev=1.0, comp_dev=2.0)
    told = Recording({1: rule}, {1: ("1:1000", 1000)})
    said: dict[int, float] = {0: 5.0, 4: 4.0, 7: 4.75, 9: 5.5, 10: 7.5, 11: 5.5}
    rows: list[Row] = []
    raw: list[Raw] = []
    for second in range(13):
        ms = START_MS + second * 1000
        changed = [said[second]] if second in said else []
        rows += told.take(Block(1, 1, "1:1000", second, ms, 0, [1] * len(changed), changed, [0] * len(changed)))
        raw.append((ms, changed[0] if changed else raw[-1][1], GOOD))
    rows += told.stop(START_MS + 13_000)
    for one in raw:
        check_value(rows, [row[0] for row in rows], rule, one)


@pytest.mark.parametrize("rule", RULES[:1] + RULES[4:6])
def test_what_stands_is_remembered_in_few_bytes(rule: Rule) -> None:
    """The memory is written every few seconds, also where nothing happens."""
    tags = list(range(1, 1001))
    told = Recording({tag: replace(rule, series=tag) for tag in tags}, dict.fromkeys(tags, ("1:1000", 1000)))
    rules_only = len(told.dump())
    values = [tag + 0.5 for tag in tags]
    told.take(Block(1, 1, "1:1000", 0, START_MS, FULL, tags, values, [GOOD] * 1000))
    for second in range(1, 20):
        told.take(Block(1, 1, "1:1000", second, START_MS + second * 1000, 0, [], [], []))
    assert len(told.dump()) - rules_only < 60 * len(tags)


@pytest.mark.slow
def test_rows_of_many_plants_give_every_raw_value_back() -> None:
    for seed in range(10_000):
        check(seed)
