"""Who is sent what, and when: at once or gathered, with credit, never piling up. Time is an argument here."""

import asyncio
import json
from typing import Any

import pytest

from accounts.permissions import AreaSet
from bus.messages import FULL, Block
from hmi.live.admission import Visitor
from hmi.live.fanout import GATHER_MS, Fanout
from hmi.live.feeds import LiveValues
from hmi.live.protocol import BadRequest
from hmi.live.subscribers import GIVE_UP_MS, MUTE_MS, PROBE_MS, Subscriber
from hmi.live.subscriptions import Resolution
from tests.hmi.test_hub_values import GROUP, WALL, a_block, a_tag

SOMEBODY = Visitor(1, "session", AreaSet(everywhere=True))


def a_resolution(*ids: int) -> Resolution:
    key = frozenset(ids), frozenset({GROUP}), frozenset[int]()
    return Resolution(tuple(a_tag(i) for i in ids), frozenset(), "subscribed", key)


class Screens:
    """A fan-out with subscribers whose messages are kept."""

    def __init__(self) -> None:
        self.values = LiveValues()
        self.fanout = Fanout(self.values, lambda: (7, None))
        self.got: dict[Subscriber, list[dict[str, Any]]] = {}
        self.seq = 1
        self.now = 0

    async def start(self) -> "Screens":
        self.values.replace(1, {GROUP: self.block({1: 1.0, 2: 1.0, 3: 1.0}, FULL)}, self.now, WALL)
        self.fanout.announce_all()
        return self

    def block(self, held: dict[int, Any], flags: int = 0) -> Block:
        self.seq += 1
        return a_block(self.seq, held, flags=flags)

    async def open(self, *ids: int) -> Subscriber:
        async def keep(message: dict[str, Any]) -> None:
            self.got[subscriber].append(json.loads(message["text"]))

        subscriber = Subscriber(SOMEBODY, keep, self.now)
        self.got[subscriber] = []
        self.fanout.place(subscriber, a_resolution(*ids))
        await self.fanout.serve(subscriber, self.now)
        return subscriber

    async def change(self, **held: float) -> None:
        news = self.block({int(tag[1:]): value for tag, value in held.items()})
        self.fanout.announce(self.values.apply([news], 0, self.now, WALL))
        await self.fanout.send_due(self.now)

    async def later(self, ms: int) -> None:
        self.now += ms
        await self.fanout.send_due(self.now)

    def frames(self, subscriber: Subscriber) -> list[dict[str, Any]]:
        return [m for m in self.got[subscriber] if m["type"] == "frame"]

    def ack(self, subscriber: Subscriber) -> None:
        subscriber.acknowledge(self.frames(subscriber)[-1]["seq"], self.now)
        self.fanout.has_room(subscriber)


async def test_a_new_screen_is_told_the_ages_first_and_then_every_value() -> None:
    """Nobody sees a value as fresh before its age is known."""
    screens = await Screens().start()
    screen = await screens.open(1, 2)
    assert [m["type"] for m in screens.got[screen]] == ["beat", "frame"]
    assert screens.got[screen][0] == {"type": "beat", "bus_age_ms": 7, "poller_age_ms": None, "groups": {GROUP: 0}}
    assert len(screens.got[screen][1]["rows"]) == 2


async def test_nothing_is_said_of_values_before_the_bus_was_read() -> None:
    screens = Screens()
    screen = await screens.open(1)
    assert screens.got[screen] == []
    await screens.start()
    await screens.later(0)
    assert len(screens.frames(screen)) == 1


async def test_a_quiet_feed_is_sent_at_once_and_a_busy_one_four_times_a_second() -> None:
    """HMI-02."""
    screens = await Screens().start()
    screen = await screens.open(1)
    screens.ack(screen)
    screens.now = 10_000
    await screens.change(t1=2.0)
    assert len(screens.frames(screen)) == 2
    for step in range(100):
        await screens.change(t1=3.0 + step)
        await screens.later(10)
        screens.ack(screen)
    assert 2 + 3 <= len(screens.frames(screen)) <= 2 + 4
    await screens.later(GATHER_MS)
    assert screens.frames(screen)[-1]["rows"] == [[1, 102.0, 0, None]]


async def test_a_frame_says_how_old_everything_is_in_place_of_a_heartbeat() -> None:
    """UA-05. Who is sent frames needs no heartbeats; no screen is told the ages by every frame of a busy feed."""
    screens = await Screens().start()
    screen = await screens.open(1)
    screens.ack(screen)
    for step in range(8):
        screens.now += GATHER_MS
        await screens.change(t1=2.0 + step)
        screens.ack(screen)
    told = [m["seq"] for m in screens.frames(screen) if "ages" in m]
    assert screens.frames(screen)[1]["ages"] == {"bus_age_ms": 7, "poller_age_ms": None, "groups": {GROUP: GATHER_MS}}
    assert len(told) == 3
    assert screen.told_ms == 7 * GATHER_MS


async def test_a_screen_without_credit_is_not_taken_to_have_been_told() -> None:
    screens = await Screens().start()
    screen = await screens.open(1)
    for step in range(8):
        screens.now += 1000
        await screens.change(t1=2.0 + step)
    assert len(screens.frames(screen)) == 2
    assert screen.told_ms == 1000


async def test_a_screen_without_the_tag_that_changed_is_sent_nothing() -> None:
    screens = await Screens().start()
    one, other = await screens.open(1), await screens.open(2)
    await screens.later(GATHER_MS)
    await screens.change(t1=2.0)
    assert (len(screens.frames(one)), len(screens.frames(other))) == (2, 1)


async def test_at_most_two_frames_wait_to_be_acknowledged_and_then_the_newest_comes() -> None:
    screens = await Screens().start()
    screen = await screens.open(1, 2)
    for value in range(10):
        await screens.later(GATHER_MS)
        await screens.change(t1=float(value))
    assert len(screens.frames(screen)) == 2
    screens.ack(screen)
    await screens.later(GATHER_MS)
    assert screens.frames(screen)[-1]["rows"] == [[1, 9.0, 0, None]]


async def test_a_screen_that_reads_does_not_wait_for_one_that_does_not() -> None:
    screens = await Screens().start()
    reads, sleeps = await screens.open(1), await screens.open(1)
    for value in range(10):
        screens.ack(reads)
        await screens.later(GATHER_MS)
        await screens.change(t1=float(value))
    assert len(screens.frames(reads)) == 11
    assert len(screens.frames(sleeps)) == 2


async def test_a_frame_is_written_once_for_all_who_look_at_the_same() -> None:
    screens = await Screens().start()
    texts: list[str] = []

    async def keep(message: dict[str, Any]) -> None:
        texts.append(message["text"])

    for _ in range(5):
        screen = await screens.open(1, 2)
        screens.ack(screen)
        screen._send = keep
    assert screens.fanout.feeds == 1
    for value in (2.0, 3.0):
        texts.clear()
        await screens.later(GATHER_MS)
        await screens.change(t1=value)
    assert len(texts) == 5
    assert len({id(text) for text in texts}) == 1


async def test_another_epoch_sends_everything_anew() -> None:
    screens = await Screens().start()
    screen = await screens.open(1, 2)
    screens.ack(screen)
    block = a_block(1, {1: 1.0, 2: 1.0}, flags=FULL, epoch=2)
    screens.values.replace(2, {GROUP: block}, screens.now, WALL)
    screens.fanout.announce_all()
    await screens.later(GATHER_MS)
    assert screens.frames(screen)[-1]["epoch"] == 2
    assert len(screens.frames(screen)[-1]["rows"]) == 2


async def test_numbers_of_frames_only_grow() -> None:
    screens = await Screens().start()
    screen = await screens.open(1)
    for value in range(5):
        screens.ack(screen)
        await screens.later(GATHER_MS)
        await screens.change(t1=float(value))
        screens.fanout.place(screen, a_resolution(1, 2))
        await screens.fanout.serve(screen, screens.now)
    seqs = [frame["seq"] for frame in screens.frames(screen)]
    assert seqs == sorted(set(seqs))


async def test_heartbeats_stop_for_a_client_that_does_not_acknowledge_and_it_is_given_up() -> None:
    """A client that does not read must not grow our memory, not even by heartbeats."""
    screens = await Screens().start()
    screen = await screens.open(1)
    for second in range(GIVE_UP_MS // 1000):
        assert await screens.fanout.beat([screen], second * 1000) == []
    beats = [m for m in screens.got[screen] if m["type"] == "beat"]
    assert len(beats) <= 1 + MUTE_MS // 1000
    assert await screens.fanout.beat([screen], GIVE_UP_MS) == [screen]


async def test_a_client_with_nothing_to_acknowledge_is_asked_now_and_then_whether_it_reads() -> None:
    screens = await Screens().start()
    screen = await screens.open(1)
    screens.ack(screen)
    await screens.fanout.beat([screen], PROBE_MS - 1)
    assert len(screens.frames(screen)) == 1
    await screens.fanout.beat([screen], PROBE_MS)
    assert screens.frames(screen)[-1]["rows"] == []
    assert screen.waiting_ms(PROBE_MS + 500) == 500
    screens.now = PROBE_MS + 500
    screens.ack(screen)
    await screens.change(t1=5.0)
    assert screens.frames(screen)[-1]["rows"] == [[1, 5.0, 0, None]]


async def test_who_acknowledges_what_was_not_sent_gets_no_credit_for_it() -> None:
    screens = await Screens().start()
    screen = await screens.open(1)
    seq = screens.frames(screen)[0]["seq"]
    with pytest.raises(BadRequest):
        screen.acknowledge(seq + 1, 0)
    screen.acknowledge(seq, 0)
    screen.acknowledge(seq, 0)
    with pytest.raises(BadRequest):
        screen.acknowledge(seq - 1, 0)


async def test_who_leaves_leaves_nothing_behind() -> None:
    screens = await Screens().start()
    screen = await screens.open(1)
    screens.fanout.remove(screen)
    assert screens.fanout.feeds == 0
    assert screens.fanout._by_group == {}
    assert screens.fanout._waiting == set()


async def test_a_socket_that_breaks_does_not_stop_the_others() -> None:
    screens = await Screens().start()
    broken, well = await screens.open(1), await screens.open(1)

    async def breaks(message: dict[str, Any]) -> None:
        raise OSError("the other side has gone")

    broken._send = breaks
    await screens.later(GATHER_MS)
    await screens.change(t1=4.0)
    assert screens.frames(well)[-1]["rows"] == [[1, 4.0, 0, None]]
    assert broken.is_closed


async def test_a_wait_that_is_woken_and_cancelled_at_once_ends() -> None:
    """Otherwise a hub that is told to stop goes on sending (Python 3.11's wait_for loses such a cancel)."""
    screens = await Screens().start()
    await screens.open(1)
    await screens.change(t1=2.0)
    screens.fanout.announce({GROUP})
    waiting = asyncio.create_task(screens.fanout.wait(screens.now))
    await asyncio.sleep(0.01)
    screens.fanout.announce({GROUP})
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()


async def test_a_probe_takes_along_what_waits_for_its_turn() -> None:
    """Rows that came behind a frame with a higher number would be dropped by the browser as older."""
    screens = await Screens().start()
    screen = await screens.open(1)
    screens.ack(screen)
    screens.now += PROBE_MS
    news = screens.block({1: 2.0})
    screens.fanout.announce(screens.values.apply([news], 0, screens.now, WALL))
    await screens.fanout.beat([screen], screens.now)
    await screens.fanout.send_due(screens.now)
    shown: dict[int, float] = {}
    newest = -1
    for frame in screens.frames(screen):
        if frame["seq"] > newest:
            newest = frame["seq"]
            shown |= {row[0]: row[1] for row in frame["rows"]}
    assert shown == {1: 2.0}
