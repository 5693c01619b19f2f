"""The socket /ws/live/: who may come in, what it may ask, what it is told, and when it is sent away."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import transaction

from accounts.models import Grant, User
from bus import quality
from bus.client import connect
from hmi.live import hub as hubs
from hmi.live import protocol
from hmi.live.hub import Hub
from hmi.live.socket import MAX_ERRORS, Patience
from hmi.live.subscriptions import NO_SUCH_TAG
from plant import revisions
from tests.cast import Cast, Works
from tests.devices.waiting import until
from tests.hmi.sockets import Socket, cookie_of
from tests.pretend_poller import PretendPoller

pytestmark = pytest.mark.django_db(transaction=True)

LEVEL, RUN, FLOW = "works/north/level", "works/north/pumps/run", "works/south/flow"


@pytest.fixture
async def hub(cast: Cast, bus_url: str) -> AsyncIterator[Hub]:
    yield hubs.running()
    await hubs.stop()


@pytest.fixture
async def poller(hub: Hub, works: Works, bus_url: str) -> AsyncIterator[PretendPoller]:
    """Has scanned once, and the hub has taken that: it may have looked at the bus before, and would then tell whoever
    asks soon enough, rightly, that it waits for first values."""
    client = connect(bus_url, "test-poller")
    poller = await PretendPoller(
        client, {f"{works.plc1.pk}:1000": {works.level.pk: (1.5, 0), works.flow.pk: (7, 0)}}
    ).start()
    await poller.scan()
    known = hub._values.groups
    await until(lambda: group(works) in known and known[group(works)].read_ms is not None)
    yield poller
    await client.aclose()


def group(works: Works) -> str:
    return f"{works.plc1.pk}:1000"


async def test_a_page_is_told_what_it_subscribed_to_and_its_values(
    hub: Hub, poller: PretendPoller, cast: Cast, works: Works
) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        assert await socket.message("hello") == {"type": "hello", "protocol": 1, "heartbeat_ms": 1000}
        socket.subscribe(LEVEL.upper(), LEVEL, FLOW)
        told = await socket.message("subscribed")
        assert told["refused"] == []
        assert [tag["path"] for tag in told["tags"]] == [LEVEL, FLOW]
        assert told["tags"][0] == {
            "path": LEVEL, "id": works.level.pk, "group": group(works), "limit_ms": 3000, "unit": "m", "decimals": 2,
            "labels": {},
        }  # fmt: skip
        frame = await socket.message("frame")
        assert {row[0]: row[1:] for row in frame["rows"]} == {
            works.level.pk: [1.5, 0, None],
            works.flow.pk: [7, 0, None],
        }
        assert frame["epoch"] == poller.epoch


async def test_a_change_arrives_and_a_heartbeat_says_how_old_everything_is(
    hub: Hub, poller: PretendPoller, cast: Cast, works: Works
) -> None:
    await poller.speak()
    async with Socket(await cookie_of(cast.vera)) as socket:
        socket.subscribe(LEVEL)
        assert (await socket.row(works.level.pk))[1] == 1.5
        poller.values[group(works)][works.level.pk] = (2.5, quality.UNCERTAIN_EU_EXCEEDED)
        await poller.scan()
        assert await socket.row(works.level.pk) == [works.level.pk, 2.5, quality.UNCERTAIN_EU_EXCEEDED, None]
        beat = await socket.message("beat")
        assert beat["bus_age_ms"] < 2000
        assert 0 <= beat["groups"][group(works)] < 5000
        assert (await socket.message("beat"))["poller_age_ms"] < 5000


async def test_a_stranger_sees_nothing_of_north_and_is_not_told_whether_it_exists(
    hub: Hub, poller: PretendPoller, cast: Cast, works: Works
) -> None:
    async with Socket(await cookie_of(cast.sam)) as socket:
        socket.subscribe(LEVEL, RUN, "works/north/nothing", FLOW)
        told = await socket.message("subscribed")
        assert [tag["path"] for tag in told["tags"]] == [FLOW]
        assert told["refused"] == [
            {"path": path, "reason": NO_SUCH_TAG} for path in (LEVEL, RUN, "works/north/nothing")
        ]
        frame = await socket.message("frame")
        assert [row[0] for row in frame["rows"]] == [works.flow.pk]


async def test_nobody_is_sent_to_the_login(hub: Hub) -> None:
    for cookie in ("", "isthmus_8000=stolen"):
        async with Socket(cookie) as socket:
            assert (await socket.event())["type"] == "websocket.accept"
            assert await socket.closed() == 4401


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "http://127.0.0.1.evil.example", "http://127.0.0.1:81", "ftp://127.0.0.1"],
)
async def test_another_site_cannot_open_a_socket_with_our_cookie(hub: Hub, cast: Cast, origin: str | None) -> None:
    async with Socket(await cookie_of(cast.ada), origin=origin) as socket:
        assert await socket.event() == {"type": "websocket.close"}


async def test_a_host_that_is_not_ours_is_refused(hub: Hub, cast: Cast) -> None:
    async with Socket(await cookie_of(cast.ada), origin="http://evil.example", host="evil.example") as socket:
        assert await socket.event() == {"type": "websocket.close"}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "not_json"),
        ("[" * 100_000, "not_json"),
        ("[]", "unknown_type"),
        ({"type": "write"}, "unknown_type"),
        ({"type": ["subscribe"]}, "unknown_type"),
        ({"type": "subscribe"}, "bad_paths"),
        ({"type": "subscribe", "paths": [1]}, "bad_paths"),
        ({"type": "subscribe", "paths": "x"}, "bad_paths"),
        ({"type": "subscribe", "paths": ["x"] * (protocol.MAX_PATHS + 1)}, "too_many_paths"),
        ({"type": "ack", "seq": "1"}, "bad_seq"),
        ({"type": "ack", "seq": True}, "bad_seq"),
        ({"type": "ack", "seq": 1}, "unknown_seq"),
        ("x" * (protocol.MAX_BYTES + 1), "too_long"),
    ],
)
async def test_what_is_not_in_the_protocol_is_answered_and_the_socket_lives_on(
    hub: Hub, cast: Cast, message: Any, code: str
) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        socket.say(message)
        error = await socket.message("error")
        assert error["code"] == code
        assert error["detail"]
        socket.subscribe(LEVEL)
        await socket.message("subscribed")


async def test_binary_messages_are_not_in_the_protocol(hub: Hub, cast: Cast) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        socket.say_bytes(b"\x00")
        assert (await socket.message("error"))["code"] == "not_text"


async def test_a_path_of_any_characters_is_refused_in_json(hub: Hub, cast: Cast) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        socket.say('{"type": "subscribe", "paths": ["\\ud800/\\u0000", ""]}')
        assert len((await socket.message("subscribed"))["refused"]) == 2


async def test_who_goes_on_misbehaving_is_sent_away(hub: Hub, cast: Cast) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        for _ in range(MAX_ERRORS):
            socket.say("{")
        assert await socket.closed() == 4400


async def test_who_talks_too_fast_is_sent_away(hub: Hub, cast: Cast) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        for _ in range(150):
            socket.subscribe(LEVEL)
        assert await socket.closed() == 4429


def test_patience_grows_again_with_time() -> None:
    patience = Patience(0.0)
    assert sum(patience.allows(0.0) for _ in range(200)) == 100
    assert sum(patience.allows(1.0) for _ in range(200)) < 25


async def test_one_person_cannot_take_all_sockets(hub: Hub, cast: Cast, settings: Any) -> None:
    settings.LIVE_SOCKETS_PER_USER = 1
    async with Socket(await cookie_of(cast.vera)) as first, Socket(await cookie_of(cast.vera)) as second:
        await first.message("hello")
        assert (await second.message("error"))["code"] == "too_many_sockets"
        assert await second.closed() == 4429
        async with Socket(await cookie_of(cast.ada)) as other:
            await other.message("hello")


def _change(work: Any) -> None:
    with transaction.atomic():
        work()
        revisions.bump("test", "a change")


async def test_a_right_that_is_taken_away_takes_the_tags_with_it(
    hub: Hub, poller: PretendPoller, cast: Cast, works: Works
) -> None:
    async with Socket(await cookie_of(cast.omar)) as socket:
        socket.subscribe(LEVEL)
        assert len((await socket.message("subscribed"))["tags"]) == 1
        await sync_to_async(_change)(lambda: Grant.objects.filter(user=cast.omar).delete())
        told = await socket.message("subscribed")
        assert told["tags"] == []
        assert told["refused"] == [{"path": LEVEL, "reason": NO_SUCH_TAG}]


async def test_a_right_that_is_given_brings_the_tags(hub: Hub, poller: PretendPoller, cast: Cast, works: Works) -> None:
    async with Socket(await cookie_of(cast.sam)) as socket:
        socket.subscribe(LEVEL)
        assert (await socket.message("subscribed"))["tags"] == []
        await sync_to_async(_change)(lambda: Grant.objects.filter(user=cast.sam).update(area=works.north))
        assert len((await socket.message("subscribed"))["tags"]) == 1
        assert (await socket.row(works.level.pk))[1] == 1.5


@pytest.mark.parametrize("end", ["logout", "inactive", "password"])
async def test_who_is_not_logged_in_any_more_is_sent_to_the_login_within_five_seconds(
    hub: Hub, cast: Cast, end: str
) -> None:
    def do() -> None:
        if end == "logout":
            Session.objects.all().delete()
        elif end == "inactive":
            User.objects.filter(pk=cast.vera.pk).update(is_active=False)
        else:
            cast.vera.set_password("another-horse-battery")
            cast.vera.save()

    async with Socket(await cookie_of(cast.vera)) as socket:
        await socket.message("hello")
        await sync_to_async(do)()
        assert await socket.closed(timeout_s=5) == 4401


async def test_a_renamed_tag_is_another_path(hub: Hub, poller: PretendPoller, cast: Cast, works: Works) -> None:
    def rename() -> None:
        works.level.name, works.level.unit = "depth", "cm"
        works.level.save()

    async with Socket(await cookie_of(cast.vera)) as socket:
        socket.subscribe(LEVEL, "works/north/depth")
        assert [t["path"] for t in (await socket.message("subscribed"))["tags"]] == [LEVEL]
        await sync_to_async(_change)(rename)
        told = await socket.message("subscribed")
        assert [(t["path"], t["unit"]) for t in told["tags"]] == [("works/north/depth", "cm")]
        assert [r["path"] for r in told["refused"]] == [LEVEL]
        assert (await socket.row(works.level.pk))[1] == 1.5


async def test_a_change_elsewhere_disturbs_no_screen(hub: Hub, poller: PretendPoller, cast: Cast, works: Works) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        socket.subscribe(LEVEL)
        await socket.message("subscribed")
        before = hub._oversight.revision
        await sync_to_async(_change)(lambda: None)
        while hub._oversight.revision == before:
            await socket.message("beat")
        socket.say("{")
        events = []
        while (event := await socket.event()).get("text", "").find('"error"') < 0:
            events.append(event)
        assert not any('"subscribed"' in event.get("text", "") for event in events)


async def test_a_disabled_device_is_out_of_service(hub: Hub, poller: PretendPoller, cast: Cast, works: Works) -> None:
    def disable() -> None:
        works.plc1.enabled = False
        works.plc1.save()

    async with Socket(await cookie_of(cast.vera)) as socket:
        socket.subscribe(LEVEL)
        assert (await socket.row(works.level.pk))[2] == 0
        await sync_to_async(_change)(disable)
        assert await socket.row(works.level.pk) == [works.level.pk, None, quality.BAD_OUT_OF_SERVICE, None]


async def test_another_epoch_is_sent_whole(hub: Hub, poller: PretendPoller, cast: Cast, works: Works) -> None:
    async with Socket(await cookie_of(cast.vera)) as socket:
        socket.subscribe(LEVEL, FLOW)
        first = await socket.message("frame")
        await poller.start_epoch()
        await poller.scan()
        second = await socket.message("frame")
        assert second["epoch"] > first["epoch"]
        assert len(second["rows"]) == 2


async def test_what_changes_while_a_screen_opens_is_neither_lost_nor_undone(
    hub: Hub, poller: PretendPoller, cast: Cast, works: Works
) -> None:
    """Snapshot and news: blocks arrive between every two steps of a subscription."""
    cookie = await cookie_of(cast.vera)
    held = poller.values[group(works)]
    held[works.level.pk] = (2, 0)  # above what a slow hub may still hold from the start
    for _ in range(10):
        await poller.speak()  # keeps its lease, however slow the machine is
        async with Socket(cookie) as socket:
            socket.subscribe(LEVEL)
            shown: list[int] = []
            for _ in range(8):
                held[works.level.pk] = (int(held[works.level.pk][0] or 0) + 1, 0)
                await poller.scan()
            last = held[works.level.pk][0]
            while not shown or shown[-1] != last:
                shown.append((await socket.row(works.level.pk))[1])
            assert shown == sorted(shown)
