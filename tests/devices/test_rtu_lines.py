"""What is special about RTU, on the wire: noise, two frames at once, echoes, lines that are never quiet (MB-03)."""

import asyncio
from collections.abc import Callable

import pytest

from devices.drivers.base import BadReply, NoAnswer
from tests.devices.driver_conformance import OTHER_TEN, PATIENCE_S, TEN, after_trouble, right
from tests.devices.stands import Answer, Asked, RtuOverTcp, Serial, Stand, honest
from tests.devices.waiting import slowness, until

both = pytest.mark.parametrize("stand", [RtuOverTcp(), Serial()], ids=["over TCP", "on a line"])


def saying(make: Callable[[Asked], bytes]) -> Answer:
    async def answer(asked: Asked) -> None:
        asked.send(make(asked))

    return answer


@both
@pytest.mark.parametrize("noise", [b"\x00", b"\xff\xff", b"\x01\x03\x14", b"\x00\x00\x00\x00"])
async def test_a_little_noise_before_or_after_a_frame_does_no_harm(stand: Stand, noise: bytes) -> None:
    async with stand.connected(saying(lambda a: noise + a.reply())) as (driver, peer):
        assert await driver.read(1, TEN, 1) == right(TEN)
        peer.answer = saying(lambda a: a.reply() + noise)
        assert await driver.read(1, OTHER_TEN, 1) == right(OTHER_TEN)
        assert await driver.read(1, TEN, 1) == right(TEN)


@both
@pytest.mark.parametrize(
    "wrong",
    [
        lambda a: a.reply(a.poison())[:-1] + b"\x00",
        lambda a: b"\xaa" * 5 + a.reply(a.poison()),
        lambda a: a.raw,
        lambda a: a.raw + a.reply(),
    ],
    ids=["check sum", "garbage before", "an echo", "echo and reply"],
)
async def test_what_is_in_doubt_is_not_data(stand: Stand, wrong: Callable[[Asked], bytes]) -> None:
    """MB-01, MB-03."""
    async with stand.connected(saying(wrong)) as (driver, peer):
        with pytest.raises((BadReply, NoAnswer)):
            await driver.read(1, TEN, PATIENCE_S)
        peer.answer = honest
        assert await after_trouble(driver, OTHER_TEN) == right(OTHER_TEN)


@pytest.mark.parametrize(
    "wrong", [lambda a: a.reply(a.poison()) + a.reply(), lambda a: a.reply() + a.reply(a.poison())]
)
async def test_of_two_frames_in_one_segment_none_is_data(wrong: Callable[[Asked], bytes]) -> None:
    """MB-03. Only over TCP: on a line they come one after the other, and debts tell (test_frames.py)."""
    async with RtuOverTcp().connected(saying(wrong)) as (driver, peer):
        with pytest.raises(BadReply, match="more after an answer"):
            await driver.read(1, TEN, PATIENCE_S)
        peer.answer = honest
        assert await after_trouble(driver, OTHER_TEN) == right(OTHER_TEN)


@both
async def test_the_late_answer_ends_the_wait_for_it(stand: Stand) -> None:
    """MB-03: what was owed has come, so the next request may go at once, and is believed."""

    async def late(asked: Asked) -> None:
        await asyncio.sleep(1.3)
        asked.send(asked.reply())

    async with stand.connected(late) as (driver, peer):
        with pytest.raises(NoAnswer):
            await driver.read(1, TEN, 1)
        await until(lambda: driver.late_replies == 1)
        peer.answer = honest
        began = asyncio.get_running_loop().time()
        async with slowness() as slow:
            assert await driver.read(1, OTHER_TEN, 1) == right(OTHER_TEN)
        assert asyncio.get_running_loop().time() - began < 0.6 + slow.ms / 1000


async def test_a_line_that_is_never_quiet_is_given_up_with_the_reason() -> None:
    """Somebody else asks and is answered on it."""
    babbling: list[asyncio.Task[None]] = []

    async def babble(asked: Asked) -> None:
        async def on_and_on() -> None:
            while True:
                asked.send(asked.reply(unit=5))
                await asyncio.sleep(0.01)

        babbling.append(asyncio.create_task(on_and_on()))

    async with RtuOverTcp().connected(babble) as (driver, _):
        with pytest.raises(BadReply, match="unit id 6 instead of 1"):
            await driver.read(1, TEN, 0.05)
        for _ in range(50):  # the babbler may pause: on a busy machine it is not always awake after 10 ms
            with pytest.raises(BadReply, match=r"never quiet|unit id 6 instead of 1") as caught:
                await driver.read(1, TEN, 0.05)
            if "never quiet" in str(caught.value):
                break
        assert "never quiet" in str(caught.value)
        assert caught.value.is_out_of_step
        assert driver.stray_replies > 10
        for task in babbling:
            task.cancel()
        await asyncio.gather(*babbling, return_exceptions=True)
