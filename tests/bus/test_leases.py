"""A lease: one holder at a time, a number that grows whatever Redis has lost."""

import asyncio
import random

from redis.asyncio import Redis

from bus import keys
from bus.client import connect
from bus.lease import Lease
from bus.messages import SEQ_FENCE_SHIFT
from bus.streams import LeaseLost
from tests.bus.poller_double import GROUP, Speaker
from tests.bus.test_publishing import said


async def test_one_holds_it_and_the_other_waits(bus: Redis) -> None:
    first, second = Lease(bus), Lease(bus)
    fence = await first.acquire()
    assert fence is not None
    assert await second.acquire() is None
    assert await first.renew(fence)
    await first.release(fence)
    assert (await second.acquire() or 0) > fence


async def test_a_lease_nobody_renews_runs_out(bus: Redis) -> None:
    first, second = Lease(bus, lease_ms=30), Lease(bus)
    fence = await first.acquire()
    assert fence is not None
    async with asyncio.timeout(2):
        while (taken := await second.acquire()) is None:  # noqa: ASYNC110  # Redis has no event to wait for
            await asyncio.sleep(0.005)
    assert taken > fence
    assert not await first.renew(fence)


async def test_who_slept_cannot_give_back_what_is_anothers(bus: Redis) -> None:
    sleeper, holder = Lease(bus), Lease(bus)
    fence = await sleeper.acquire()
    assert fence is not None
    await bus.delete(keys.POLLER_LEASE)
    held = await holder.acquire()
    assert held is not None
    await sleeper.release(fence)
    assert await holder.renew(held)


async def test_the_number_grows_when_redis_has_lost_everything(bus: Redis) -> None:
    fence = await Lease(bus).acquire()
    assert fence is not None
    await asyncio.sleep(1.01)
    await bus.flushall()
    assert (await Lease(bus).acquire() or 0) > fence


async def test_the_number_is_not_given_twice_when_redis_has_lost_its_newest_second(bus: Redis) -> None:
    """The counter goes back by one: the sleeping holder must not renew what another has taken since."""
    fence = await Lease(bus).acquire()
    assert fence is not None
    await bus.set(keys.POLLER_FENCE, fence - 1)
    await bus.delete(keys.POLLER_LEASE)
    await asyncio.sleep(1.01)
    other = await Lease(bus).acquire()
    assert other is not None
    assert other > fence
    assert not await Lease(bus).renew(fence)


async def test_the_number_grows_when_the_clock_of_redis_goes_back(bus: Redis) -> None:
    ahead = 2_000_000_000
    await bus.set(keys.POLLER_FENCE, ahead)
    assert await Lease(bus).acquire() == ahead + 1


async def test_contenders_never_write_together(bus_url: str, bus: Redis) -> None:
    """Ten contenders that sometimes sleep past their time. The bus refuses who is late, so what stands in the stream
    has ever growing numbers; a look at the lease before writing could not promise that."""
    chance, refused = random.Random(7), list[int]()
    deadline = asyncio.get_running_loop().time() + 1.2

    async def contend() -> None:
        async with connect(bus_url, "test") as client:
            while asyncio.get_running_loop().time() < deadline:
                try:
                    speaker = await Speaker(client, lease_ms=20).start()
                except (AssertionError, LeaseLost):  # somebody else holds it, or it was over before the first word
                    await asyncio.sleep(0.003)
                    continue
                try:
                    while chance.random() < 0.9:
                        speaker.is_full_due = {GROUP}
                        await speaker.say()
                        await asyncio.sleep(chance.choice([0.0, 0.002, 0.03]))
                    await speaker.lease.release(speaker.fence)
                except LeaseLost:
                    refused.append(speaker.fence)

    await asyncio.gather(*[contend() for _ in range(10)])
    fences = [seq >> SEQ_FENCE_SHIFT for _, seq in await said(bus)]
    assert len(set(fences)) > 5
    assert refused, "nobody slept past its time: the test has shown nothing"
    assert fences == sorted(fences), "somebody wrote after a later holder had begun"
