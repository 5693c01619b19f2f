"""Publishing: a batch stands on the bus once and whole, or not at all; who may not publish is refused."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from bus import keys
from bus.client import connect, connect_blocking
from bus.latest import read_latest, read_latest_blocking
from bus.lease import Lease
from bus.messages import BACKFILL, FULL, decode, first_seq
from bus.streams import Entry, EpochLost, LeaseLost, Publisher
from tests.bus.poller_double import GROUP, Speaker, now_ms
from tests.bus.servers import own_valkey


async def said(bus: Redis) -> list[tuple[str, int]]:
    """(group, seq) of every entry of the stream."""
    entries: Any = await bus.xrange(keys.SAMPLES)
    blocks = [decode(fields[b"b"]) for _, fields in entries]
    return [(b.group, b.seq) for b in blocks]


async def test_the_same_batch_told_twice_stands_once(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    batch = [speaker.next_entry("1:1000"), speaker.next_entry("2:1000"), speaker.next_entry("1:1000")]
    assert await speaker.publisher.publish(speaker.fence, batch) == 3
    assert await speaker.publisher.publish(speaker.fence, batch) == 0
    assert len(await said(bus)) == 3
    assert (await read_latest(bus))["1:1000"].seq == batch[2].change.seq


async def test_a_batch_that_half_arrived_before_is_completed(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    batch = [speaker.next_entry(), speaker.next_entry(), speaker.next_entry()]
    await speaker.publisher.publish(speaker.fence, batch[:2])
    assert await speaker.publisher.publish(speaker.fence, batch) == 1
    assert [seq for _, seq in await said(bus)] == [e.change.seq for e in batch]


async def test_who_lost_the_lease_is_refused_and_writes_nothing(bus: Redis) -> None:
    old = await Speaker(bus).start()
    await old.say()
    await old.lease.release(old.fence)
    new = await Speaker(bus).start()
    with pytest.raises(LeaseLost):
        await old.say()
    assert await new.say() == 1
    assert [seq for _, seq in await said(bus)] == [first_seq(old.fence) + 1, first_seq(new.fence) + 1]


async def test_who_does_not_know_the_epoch_is_refused(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await bus.delete(keys.EPOCH)
    with pytest.raises(EpochLost):
        await speaker.say()
    assert await bus.exists(keys.SAMPLES, keys.LATEST, keys.SEQS) == 0


async def test_a_missing_entry_is_a_loss_of_data_and_nothing_of_the_batch_is_written(bus: Redis) -> None:
    """Redis came back without the newest entry: what follows it must not be taken for the next one."""
    speaker = await Speaker(bus).start()
    await speaker.say("1:1000", "2:1000")
    lost, after = speaker.next_entry("1:1000"), speaker.next_entry("1:1000")
    with pytest.raises(EpochLost, match="1:1000"):
        await speaker.publisher.publish(speaker.fence, [speaker.next_entry("2:1000"), after])
    assert lost.change.seq not in [seq for _, seq in await said(bus)]
    assert len(await said(bus)) == 2


async def test_after_a_loss_joining_starts_a_newer_epoch_without_the_old_values(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say()
    before = speaker.publisher.epoch
    speaker.next_entry()
    with pytest.raises(EpochLost):
        await speaker.say()
    assert await speaker.publisher.join_epoch(speaker.fence, now_ms()) is True
    assert speaker.publisher.epoch > before
    assert await read_latest(bus) == {}
    speaker.is_full_due = {GROUP}
    assert await speaker.say() == 1


async def test_an_entry_in_full_may_follow_anything(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say()
    speaker.next_entry()
    speaker.is_full_due = {GROUP}
    assert await speaker.say() == 1


async def test_a_second_poller_joins_the_running_epoch(bus: Redis) -> None:
    first = await Speaker(bus).start()
    await first.say()
    await first.lease.release(first.fence)
    second = Speaker(bus)
    await second.start()
    assert second.publisher.epoch == first.publisher.epoch
    assert await second.say() == 1


async def test_a_poller_that_knows_a_newer_epoch_does_not_join_an_older(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    older = speaker.publisher.epoch
    await speaker.publisher.start_epoch(speaker.fence, now_ms())
    await bus.set(keys.EPOCH, older)
    assert await speaker.publisher.join_epoch(speaker.fence, now_ms()) is True
    assert speaker.publisher.epoch > older + 1


async def test_an_epoch_grows_even_when_the_clock_went_back(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    before = speaker.publisher.epoch
    await speaker.publisher.start_epoch(speaker.fence, now_ms() - 3_600_000)
    assert speaker.publisher.epoch > before


async def test_who_lost_the_lease_cannot_start_an_epoch(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say()
    with pytest.raises(LeaseLost):
        await Publisher(bus).start_epoch(speaker.fence - 1, now_ms())
    assert len(await said(bus)) == 1


async def test_the_stream_reaches_back_as_far_as_it_was_told_and_no_further(bus: Redis) -> None:
    """MINID trims whole nodes (100 entries by default); what is younger than keep_ms always stays."""
    speaker = await Speaker(bus).start()
    speaker.publisher = Publisher(bus, keep_ms=60)
    await speaker.publisher.join_epoch(speaker.fence, now_ms())
    for _ in range(300):
        await speaker.say()
    await asyncio.sleep(0.1)
    await speaker.say()
    kept = await said(bus)
    assert 1 <= len(kept) <= 101
    assert kept[-1][1] == speaker.seqs[GROUP]


async def test_late_entries_leave_the_latest_value_alone(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say()
    shown = (await read_latest(bus))[GROUP]
    late = speaker.next_entry().change
    late = replace(late, flags=BACKFILL)
    assert await speaker.publisher.publish(speaker.fence, [Entry(late, None)]) == 1
    assert (await read_latest(bus))[GROUP] == shown


async def test_seqs_beyond_the_doubles_of_lua_are_told_apart(bus: Redis) -> None:
    """2**53 ends exact doubles; a fencing number of today already makes seqs above it."""
    speaker = await Speaker(bus).start()
    assert first_seq(speaker.fence) > 2**53
    await speaker.say()
    assert [await speaker.say() for _ in range(5)] == [1] * 5
    assert len({seq for _, seq in await said(bus)}) == 6


async def test_a_view_reads_the_latest_of_some_groups_or_of_all(bus: Redis, bus_url: str) -> None:
    speaker = await Speaker(bus).start()
    await speaker.say("1:1000", "2:1000")
    await bus.hset(keys.LATEST, "3:1000", b"written by another version")
    with connect_blocking(bus_url, "test") as client:
        assert set(read_latest_blocking(client)) == {"1:1000", "2:1000"}
        assert set(read_latest_blocking(client, ["2:1000", "9:1000"])) == {"2:1000"}
        assert read_latest_blocking(client, []) == {}
        assert read_latest_blocking(client, ["2:1000"])["2:1000"].flags == FULL


async def test_a_full_memory_shortens_the_stream_and_the_live_values_go_on(tmp_path: Path) -> None:
    with own_valkey(tmp_path, persist=False, maxmemory_mb=6) as server:
        client = connect(server.url, "test")
        speaker = await Speaker(client).start()
        refused = 0
        for _ in range(400):
            entry = speaker.next_entry()
            heavy = replace(entry.change, values=["x" * 20_000])
            try:
                await speaker.publisher.publish(speaker.fence, [Entry(heavy, entry.latest)])
            except OutOfMemoryError:
                refused += 1
                assert await speaker.publisher.publish(speaker.fence, [Entry(heavy, entry.latest)]) == 1
        assert refused == speaker.publisher.shortened > 0
        assert (await read_latest(client))[GROUP].seq == speaker.seqs[GROUP]
        await client.aclose()


async def test_the_lease_of_another_client_name_does_not_help(bus: Redis) -> None:
    speaker = await Speaker(bus).start()
    assert await Lease(bus).acquire() is None
    with pytest.raises(LeaseLost):
        await speaker.publisher.publish(speaker.fence + 1, [speaker.next_entry()])
