"""The last ten minutes as the web process keeps them: what is measured is there, what is not known is a gap."""

import asyncio
import math
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from redis.asyncio import Redis

from bus import keys, quality
from bus.client import connect
from bus.messages import BACKFILL, FULL, LIVE, Block, Value, encode
from devices.points import DataType, Point, Table
from devices.snapshot import Snapshot, TagEntry
from hmi.live import hub as hubs
from hmi.live.earlier import Past, earlier
from hmi.live.feeds import LiveValues
from hmi.live.recent import DEPTH, SPAN_MS, STEP_MS, Column, Recent, recent
from hmi.live.sampling import Plan, Sampler, number_of, plan
from plant.revisions import current
from tests.cast import Works
from tests.devices.rig import until
from tests.entries import tag_entry
from tests.pretend_poller import PretendPoller, now_ms

WALL = 1_700_000_000_000
NOW = 50_000_000
"""A moment of the monotonic clock, on the beat of the ring; WALL is the same moment on the wall."""
GROUP = "1:1000"


def a_tag(tag_id: int, data_type: DataType = DataType.FLOAT32, **fields: Any) -> TagEntry:
    return tag_entry(Point(tag_id, Table.HOLDING, 0, data_type), **fields)


def a_snapshot(*tags: TagEntry, revision: int = 1) -> Snapshot:
    return Snapshot(revision, {}, {}, {}, {t.id: t for t in tags}, {t.path: t for t in tags}, {})


def a_block(seq: int, held: Mapping[int, Any], *, at: int = WALL, flags: int = LIVE, **more: Any) -> Block:
    statuses = more.pop("statuses", [0] * len(held))
    block = Block(1, 1, GROUP, seq, at, flags, list(held), list(held.values()), statuses)
    return replace(block, **more)


async def nothing_earlier(plan: Plan, values: LiveValues) -> list[Column]:
    return []


class Site:
    """A sampler over values that a test puts there."""

    def __init__(self, *tags: TagEntry) -> None:
        self.snapshot = a_snapshot(*tags)
        self.values = LiveValues()
        self.ring = Recent()
        self.sampler = Sampler(self.values, self.ring, lambda: self.snapshot, nothing_earlier)
        self._seq = 0

    async def sample(self, held: Mapping[int, Value], now: int, statuses: Mapping[int, int] | None = None) -> None:
        """Read these values and make a column of them, both at `now` (0: the first moment)."""
        self._seq += 1
        columns = [(statuses or {}).get(tag_id, 0) for tag_id in held]
        block = a_block(self._seq, held, at=WALL + now, flags=FULL, statuses=columns)
        self.values.replace(1, {GROUP: block}, NOW + now, WALL + now)
        await self.sampler.sample(NOW + now)

    def of(self, tag_id: int, now: int) -> list[float | None]:
        return [value for _, value in self.ring.points([tag_id], NOW + now, WALL + now)[tag_id]]


async def test_the_newest_number_of_every_tag_is_kept_each_five_seconds() -> None:
    site = Site(a_tag(1), a_tag(2, DataType.UINT16))
    for turn in range(3):
        await site.sample({1: 0.5 * turn, 2: turn}, turn * STEP_MS)
    assert site.of(1, 2 * STEP_MS) == [0.0, 0.5, 1.0]
    assert site.of(2, 2 * STEP_MS) == [0, 1, 2]
    times = [at for at, _ in site.ring.points([1], NOW + 2 * STEP_MS, WALL + 2 * STEP_MS)[1]]
    assert times == [WALL, WALL + STEP_MS, WALL + 2 * STEP_MS]


@pytest.mark.parametrize(
    "status",
    [
        quality.BAD_SENSOR_FAILURE,
        quality.UNCERTAIN_NO_COMMUNICATION,
        quality.UNCERTAIN_LAST_USABLE,
        quality.UNCERTAIN_NO_COMMUNICATION | quality.LIMIT_LOW,
        0xC0000000,
    ],
)
async def test_what_was_not_measured_is_a_gap_and_never_a_guess(status: int) -> None:
    """UA-05, HMI-19: the last value of a lost link looks good, and is no value of now."""
    site = Site(a_tag(1))
    await site.sample({1: 1.0}, 0)
    await site.sample({1: 2.0}, STEP_MS, {1: status})
    await site.sample({1: 3.0}, 2 * STEP_MS)
    assert site.of(1, 2 * STEP_MS) == [1.0, None, 3.0]


@pytest.mark.parametrize("status", [quality.UNCERTAIN_EU_EXCEEDED, quality.GOOD_CLAMPED, quality.GOOD_LOCAL_OVERRIDE])
async def test_a_value_that_may_be_used_is_kept_whatever_is_said_of_it(status: int) -> None:
    site = Site(a_tag(1))
    await site.sample({1: 2.0}, 0, {1: status | quality.LIMIT_HIGH})
    assert site.of(1, 0) == [2.0]


@pytest.mark.parametrize("value", [None, "text", True, math.nan, math.inf])
def test_what_is_no_number_is_a_gap(value: Value) -> None:
    assert math.isnan(number_of(value, 0))


async def test_a_group_nobody_reads_leaves_a_gap_when_its_limit_is_passed() -> None:
    """UA-05: a dead poller writes nothing; the reader says it."""
    site = Site(a_tag(1))
    await site.sample({1: 1.0}, 0)
    await site.sampler.sample(NOW + 3000)
    await site.sampler.sample(NOW + 3001)
    assert [c.of(1) for c in site.ring.columns] == [1.0, 1.0, None]


async def test_ten_minutes_are_kept_and_no_more() -> None:
    site = Site(a_tag(1))
    for turn in range(DEPTH + 30):
        await site.sample({1: float(turn)}, turn * STEP_MS)
    last = (DEPTH + 29) * STEP_MS
    assert len(site.ring) == DEPTH
    assert site.of(1, last) == [float(n) for n in range(30, DEPTH + 30)]
    assert site.of(1, last + SPAN_MS) == [], "when no more comes, what there was goes out of sight"


async def test_words_and_states_of_one_bit_are_not_numbers() -> None:
    found = await plan(a_snapshot(a_tag(1), a_tag(2, DataType.BOOL), a_tag(3, DataType.STRING)))
    assert set(found.places) == {1}


async def test_another_epoch_empties_it() -> None:
    site = Site(a_tag(1))
    await site.sample({1: 1.0}, 0)
    site.ring.clear()
    assert site.of(1, 0) == []
    await site.sample({1: 2.0}, STEP_MS)
    assert site.of(1, STEP_MS) == [2.0]


async def test_a_tag_that_is_gone_takes_its_past_with_it() -> None:
    site = Site(a_tag(1), a_tag(2))
    await site.sample({1: 1.0, 2: 2.0}, 0)
    site.snapshot = a_snapshot(a_tag(2), revision=2)
    await site.sample({2: 3.0}, STEP_MS)
    assert site.of(1, STEP_MS) == []
    assert site.of(2, STEP_MS) == [2.0, 3.0]


async def test_a_tag_with_another_unit_begins_anew_and_one_with_another_title_goes_on() -> None:
    site = Site(a_tag(1, unit="m"), a_tag(2))
    await site.sample({1: 100.0, 2: 5.0}, 0)
    site.snapshot = a_snapshot(a_tag(1, unit="cm"), a_tag(2, title="Level"), revision=2)
    await site.sample({1: 7.0, 2: 6.0}, STEP_MS)
    assert site.of(1, STEP_MS) == [7.0]
    assert site.of(2, STEP_MS) == [5.0, 6.0]


async def test_nothing_is_sampled_before_the_bus_has_been_read_or_the_plant_is_known() -> None:
    site = Site(a_tag(1))
    await site.sampler.sample(NOW)
    assert len(site.ring) == 0


def test_without_a_hub_there_is_nothing_recent() -> None:
    assert recent([1, 2]) == {1: [], 2: []}


async def test_a_reader_in_another_thread_sees_one_state_or_the_next() -> None:
    """Views run in threads: what they get always belongs together."""
    site = Site(a_tag(1), a_tag(2))
    seen: list[bool] = []

    def look() -> None:
        for _ in range(300):
            found = site.ring.points([1, 2], NOW + SPAN_MS, WALL)
            seen.append(found[1] == found[2])

    reading = asyncio.get_running_loop().run_in_executor(None, look)
    for turn in range(100):
        await site.sample({1: turn, 2: turn}, turn * STEP_MS)
        if turn % 10 == 0:
            site.ring.clear()
    await reading
    assert len(seen) == 300
    assert all(seen)


# --- what the bus still knows at the start ---------------------------------------------------------------------------


async def past(blocks: list[Block], latest: dict[int, Any], *tags: TagEntry, now: int = 0) -> dict[int, list[Any]]:
    """What is filled from these entries, oldest first; tag id -> one value a moment, the newest last."""
    values = LiveValues()
    block = a_block(99, latest, at=WALL + now, flags=FULL)
    values.replace(1, {GROUP: block}, NOW + now, WALL + now)
    known = await plan(a_snapshot(*tags))
    filled = Past(known, values, NOW + now, WALL + now)
    await filled.prepare()
    for entry in reversed(blocks):
        if not await filled.take(encode(entry)):
            break
    columns = await filled.columns()
    lead = [None] * (DEPTH - len(columns))
    return {tag.id: [*lead, *(c.of(tag.id) for c in columns)] for tag in tags}


def scans(changes: Mapping[int, Mapping[int, Any]], since_s: int = 700, **more: Any) -> list[Block]:
    """A block each second of the last `since_s`, FULL at first; `changes`: seconds ago -> tag -> value."""
    blocks = []
    for seq, ago in enumerate(range(since_s, -1, -1), 1):
        flags = FULL if ago == since_s else LIVE
        blocks.append(a_block(seq, changes.get(ago, {}), at=WALL - ago * 1000, flags=flags, **more))
    return blocks


async def test_a_change_stands_until_the_next_one() -> None:
    changes = {700: {1: 1.0}, 100: {1: 2.0}, 12: {1: 3.0}}
    found = (await past(scans(changes), {1: 3.0}, a_tag(1)))[1]
    assert found == [1.0] * 99 + [2.0] * 18 + [3.0] * 3


async def test_what_no_entry_names_is_what_it_is_now() -> None:
    found = await past(scans({50: {2: 1.0}}, 300), {1: 7.0, 2: 1.0}, a_tag(1), a_tag(2))
    assert found[1] == [None] * 59 + [7.0] * 61
    assert found[2] == [None] * 109 + [1.0] * 11, "before its first entry nothing is known"


async def test_a_silence_of_the_poller_is_a_gap_also_in_a_value_that_did_not_change() -> None:
    blocks = [b for b in scans({}, 300) if not WALL - 100_000 < b.read_at_ms < WALL - 50_000]
    found = (await past(blocks, {1: 7.0}, a_tag(1)))[1]
    assert found[-61:] == [7.0] * 41 + [None] * 9 + [7.0] * 11


async def test_what_was_bad_is_a_gap_between_its_neighbours() -> None:
    blocks = scans({700: {1: 1.0}, 20: {1: 2.0}})
    blocks[660] = replace(blocks[660], ids=[1], values=[None], statuses=[quality.BAD_SENSOR_FAILURE])
    assert blocks[660].read_at_ms == WALL - 40_000
    found = (await past(blocks, {1: 2.0}, a_tag(1)))[1]
    assert found[-9:] == [None] * 4 + [2.0] * 5
    assert found[-10] == 1.0


async def test_values_that_came_late_stand_where_they_were_read() -> None:
    blocks = scans({700: {1: 1.0}, 60: {1: 2.0}})
    blocks = [replace(b, flags=b.flags | BACKFILL) if b.read_at_ms > WALL - 90_000 else b for b in blocks]
    assert (await past(blocks, {1: 2.0}, a_tag(1)))[1] == [1.0] * 107 + [2.0] * 13


@pytest.mark.parametrize("other", [{"epoch": 2}, {"revision": 2}])
async def test_what_belongs_to_another_epoch_or_revision_is_not_taken_up(other: Any) -> None:
    blocks = [replace(b, **other) if b.read_at_ms < WALL - 100_000 else b for b in scans({700: {1: 1.0}})]
    assert (await past(blocks, {1: 1.0}, a_tag(1)))[1] == [None] * 99 + [1.0] * 21


async def test_an_entry_that_cannot_be_read_is_passed_over() -> None:
    filled = Past(await plan(a_snapshot(a_tag(1))), LiveValues(), NOW, WALL)
    assert await filled.take(b"\xc1 nonsense")


async def test_a_change_during_the_reading_does_not_reach_back() -> None:
    """The value of now is told of the past only if it is the value the reading began with."""
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 1.0}, flags=FULL)}, NOW, WALL)
    filled = Past(await plan(a_snapshot(a_tag(1))), values, NOW, WALL)
    await filled.prepare()
    values.apply([a_block(2, {1: 9.0}, at=WALL + 500)], 10, NOW + 500, WALL + 500)
    await filled.take(encode(a_block(1, {}, at=WALL)))
    assert {c.of(1) for c in await filled.columns()} == {None}


@pytest.mark.parametrize("seed", range(5))
async def test_read_backwards_is_what_forwards_would_have_sampled(seed: int) -> None:
    """Any history: at each moment either the value that stood then, or a gap; no gap where it was named before."""
    chance = random.Random(seed)
    tags = [a_tag(n) for n in range(1, 6)]
    changes: dict[int, dict[int, float]] = {}
    for ago in range(800, -1, -1):
        named = [t.id for t in tags if chance.random() < 0.01 * t.id]
        changes[ago] = {tag_id: float(chance.randrange(5)) for tag_id in named}
    blocks = [b for b in scans(changes, 800) if chance.random() < 0.999 or b.is_full]
    state: dict[int, float] = {}
    expected: dict[int, list[float | None]] = {t.id: [] for t in tags}
    moments = [WALL - STEP_MS * back for back in range(DEPTH - 1, -1, -1)]
    todo = list(blocks)
    for moment in moments:
        while todo and todo[0].read_at_ms <= moment:
            state.update(zip(todo[0].ids, todo.pop(0).values, strict=True))  # type: ignore[arg-type]  # floats here
        for tag in tags:
            expected[tag.id].append(state.get(tag.id))
    found = await past(blocks, dict(state), *tags)
    for tag in tags:
        known = [(f, e) for f, e in zip(found[tag.id], expected[tag.id], strict=True) if e is not None]
        assert all(f == e for f, e in known), tag.id


async def test_the_stream_is_read_in_parts_and_given_back_as_columns(bus: Redis) -> None:
    for block in scans({700: {1: 1.0}, 30: {1: 2.0}}):
        await bus.xadd(keys.SAMPLES, {"b": encode(replace(block, read_at_ms=block.read_at_ms - WALL + now_ms()))})
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 2.0}, flags=FULL)}, NOW, WALL)
    columns = await earlier(bus, await plan(a_snapshot(a_tag(1))), values)
    found = [c.of(1) for c in columns]
    assert found[:110] == [1.0] * 110
    assert found[-5:] == [2.0] * 5


async def test_time_before_the_first_scan_is_no_part_of_it() -> None:
    """A page says how far its lines reach."""
    values = LiveValues()
    values.replace(1, {GROUP: a_block(99, {1: 1.0}, flags=FULL)}, NOW, WALL)
    filled = Past(await plan(a_snapshot(a_tag(1))), values, NOW, WALL)
    await filled.prepare()
    for entry in reversed(scans({}, 60)):
        await filled.take(encode(entry))
    assert [c.at_ms for c in await filled.columns()] == [NOW - back * STEP_MS for back in range(12, -1, -1)]


async def test_a_bus_that_is_away_teaches_nothing_and_breaks_nothing() -> None:
    client = connect("unix:///nowhere/valkey.sock", "test")
    values = LiveValues()
    values.replace(1, {GROUP: a_block(1, {1: 2.0}, flags=FULL)}, NOW, WALL)
    assert await earlier(client, await plan(a_snapshot(a_tag(1))), values) == []
    await client.aclose()


@pytest.mark.django_db(transaction=True)
async def test_a_hub_that_starts_knows_what_the_bus_still_knows(works: Works, bus_url: str, bus: Redis) -> None:
    group, level = f"{works.plc1.pk}:1000", works.level.pk
    poller = await PretendPoller(bus, {group: {level: (1.5, 0)}}, revision=await sync_to_async(current)()).start()
    for block in scans({60: {level: 1.5}}, 60):
        read_at_ms = block.read_at_ms - WALL + now_ms()
        known = replace(block, epoch=poller.epoch, revision=poller.revision, group=group, read_at_ms=read_at_ms)
        await bus.xadd(keys.SAMPLES, {"b": encode(known)})
    await poller.scan()
    hubs.running()
    try:
        await until(lambda: [value for _, value in recent([level])[level]][:10] == [1.5] * 10)
        await poller.start_epoch()
        await until(lambda: recent([level])[level] == [])
    finally:
        await hubs.stop()
    assert recent([level]) == {level: []}
