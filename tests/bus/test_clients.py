"""The client factory: a command goes out once, a cancel is heeded, a quiet bus is no dead one, secrets stay secret."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from bus import keys
from bus.client import MAX_BLOCK_MS, SOCKET_TIMEOUT_S, BusError, connect, connect_blocking, redacted
from bus.follower import Follower, Snapshot
from bus.presence import Presence, starts_blocking
from tests.bus.cutting_proxy import cutting_proxy
from tests.bus.poller_double import GROUP, Speaker
from tests.bus.servers import own_valkey
from tests.bus.test_publishing import said
from tests.missing import need
from tests.ports import free_port


async def test_the_default_client_of_redis_py_writes_twice_when_a_reply_is_lost(bus_url: str, bus: Redis) -> None:
    """The control experiment: this is why there is a factory."""
    async with cutting_proxy(bus_url) as proxy:
        client = redis.asyncio.Redis(port=proxy.port)
        await client.ping()
        proxy.next_cuts = 1
        await client.xadd("trial", {"a": 1})
        assert proxy.cut == 1
        assert await bus.xlen("trial") == 2
        await client.aclose()


async def test_our_client_writes_once_and_says_that_it_does_not_know(bus_url: str, bus: Redis) -> None:
    async with cutting_proxy(bus_url) as proxy:
        client = connect(proxy.url, "test")
        await client.ping()
        proxy.next_cuts = 1
        with pytest.raises(BusError):
            await client.xadd("trial", {"a": 1})
        assert await bus.xlen("trial") == 1
        await client.aclose()


async def test_our_blocking_client_writes_once_too(bus_url: str, bus: Redis) -> None:
    def write(url: str) -> None:
        with connect_blocking(url, "test") as client, pytest.raises(BusError):
            client.xadd("trial", {"a": 1})

    async with cutting_proxy(bus_url) as proxy:
        proxy.next_cuts = 1
        await asyncio.to_thread(write, proxy.url)
        assert (proxy.cut, await bus.xlen("trial")) == (1, 1)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_replies_are_lost_every_entry_stands_once_and_in_order(
    bus_url: str, bus: Redis, seed: int
) -> None:
    async with cutting_proxy(bus_url, seed) as proxy:
        client = connect(proxy.url, "test")
        speaker = await Speaker(client).start()
        proxy.share = 0.4
        for _ in range(60):
            batch = [speaker.next_entry(GROUP), speaker.next_entry("2:1000")]
            while True:
                try:
                    await speaker.publisher.publish(speaker.fence, batch)
                    break
                except BusError:
                    continue
        assert proxy.cut > 10
        seqs = [seq for group, seq in await said(bus) if group == GROUP]
        assert seqs == list(range(seqs[0], seqs[0] + 60))
        assert await bus.xlen(keys.SAMPLES) == 120
        await client.aclose()


async def test_a_start_is_counted_once_however_often_it_is_told(bus_url: str, bus: Redis) -> None:
    async with cutting_proxy(bus_url) as proxy:
        client = connect(proxy.url, "test")
        proxy.next_cuts = 3
        for _ in range(3):
            with pytest.raises(BusError):
                await Presence(client).count_start("poller", "41@1000")
        await Presence(client).count_start("poller", "41@1000")
        await Presence(client).count_start("poller", "42@2000")
        await client.aclose()
    with connect_blocking(bus_url, "test") as blocking:
        assert starts_blocking(blocking) == {"poller": 2}


def test_a_read_blocks_shorter_than_the_socket_waits() -> None:
    """Else a quiet bus looks like a dead one."""
    assert MAX_BLOCK_MS / 1000 < SOCKET_TIMEOUT_S - 1


async def test_a_quiet_bus_is_not_lost(bus: Redis) -> None:
    """One full BLOCK without any entry: the follower says Idle, not Lost."""
    events = Follower(bus).events()
    told = [await anext(events) for _ in range(2)]
    assert isinstance(told[0], Snapshot)
    assert [type(e).__name__ for e in told] == ["Snapshot", "Idle"]
    await events.aclose()  # type: ignore[attr-defined]  # an async generator, told as AsyncIterator


async def test_a_cancel_is_heeded_at_whatever_moment_it_comes(bus_url: str) -> None:
    """Python 3.11's wait_for, inside which redis-py sends, loses some of these without the factory."""

    async def read_for_ever(client: Redis) -> None:
        while True:
            await client.xread({"quiet": "0-0"}, block=20)

    for turn in range(40):
        client = connect(bus_url, "test")
        await client.ping()
        task = asyncio.create_task(read_for_ever(client))
        for _ in range(turn):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.5)
        assert done, f"a cancel after {turn} turns of the loop was lost"
        assert task.cancelled()
        await client.aclose()


async def test_a_connection_whose_command_was_cancelled_is_not_used_again(bus: Redis) -> None:
    """Else the next command would get the reply to this one."""
    await bus.set("mine", "right")
    for turn in range(30):
        task: asyncio.Task[Any] = asyncio.ensure_future(bus.echo("somebody else's reply"))
        for _ in range(turn):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await bus.get("mine") == b"right"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:s3cret@host:6379/0", "redis://host:6379/0"),
        ("rediss://user:s3cr@t@host", "rediss://host"),
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock"),
        ("redis://host", "redis://host"),
        ("redis://user:what?s3cret@host", "redis://..."),
        ("redis://host:6379/0?username=u&password=s3cret", "redis://host:6379/0"),
        ("unix:///run/valkey.sock?password=s3cret", "unix:///run/valkey.sock"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redacted(url) == shown


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=6, max_size=20))
def test_no_password_survives(password: str) -> None:
    mark = f"SECRET{password}SECRET"
    assert "SECRET" not in redacted(f"redis://user:{mark}@host:6379")


async def test_an_error_of_a_wrong_password_does_not_tell_it(tmp_path: Path) -> None:
    port = free_port()
    with own_valkey(tmp_path, port=port, password="right-one"):
        client = connect(f"redis://:wrong-one@127.0.0.1:{port}", "test")
        with pytest.raises(BusError) as error:
            await client.ping()
        assert "wrong-one" not in f"{error.value!r} {error.value}"
        await client.aclose()


# -- Debian's redis-server: access lists and TLS, which the embedded Valkey does not have ------------------------------


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[int]:
    """On a free port, named PORT in the options."""
    port = free_port()
    command = [
        need("redis-server", "redis-server"),
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
        "--save",
        "",
        *options,
    ]
    server = subprocess.Popen([o.replace("PORT", str(port)) for o in command], stdout=subprocess.DEVNULL)
    try:
        wait_until_listening(port)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@pytest.mark.slow
async def test_a_user_of_an_access_list_publishes_and_follows(tmp_path: Path) -> None:
    acl = tmp_path / "users.acl"
    acl.write_text("user default off\nuser isthmus on >s3cret-of-isthmus ~isthmus:* &isthmus:* +@all\n")
    with redis_server(tmp_path, "--port", "PORT", "--aclfile", str(acl)) as port:
        client = connect(f"redis://isthmus:s3cret-of-isthmus@127.0.0.1:{port}", "test")
        speaker = await Speaker(client).start()
        await speaker.say()
        event = await anext(Follower(client).events())
        assert isinstance(event, Snapshot)
        assert GROUP in event.blocks
        with pytest.raises(redis.exceptions.NoPermissionError):
            await client.set("somebody-elses-key", 1)
        await client.aclose()


def certificates(folder: Path) -> None:
    """An authority and a server's certificate for 127.0.0.1, valid for a day."""

    def openssl(*arguments: str) -> None:
        subprocess.run([need("openssl", "openssl"), *arguments], cwd=folder, check=True, capture_output=True)

    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    openssl(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test authority")
    openssl(
        *new, "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=127.0.0.1", "-CA", "ca.pem",
        "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip


@pytest.mark.slow
async def test_tls_carries_the_bus_and_a_foreign_certificate_is_refused(tmp_path: Path) -> None:
    certificates(tmp_path)
    options = [
        *(
            "--port",
            "0",
            "--tls-port",
            "PORT",
            "--tls-cert-file",
            str(tmp_path / "server.pem"),
            "--tls-auth-clients",
            "no",
        ),
        *("--tls-key-file", str(tmp_path / "server.key"), "--tls-ca-cert-file", str(tmp_path / "ca.pem")),
    ]
    with redis_server(tmp_path, *options) as port:
        client = connect(f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path / 'ca.pem'}", "test")
        speaker = await Speaker(client).start()
        await speaker.say()
        assert isinstance(await anext(Follower(client).events()), Snapshot)
        await client.aclose()
        stranger = connect(f"rediss://127.0.0.1:{port}", "test")
        with pytest.raises(BusError, match="certificate verify failed"):
            await stranger.ping()
        await stranger.aclose()


async def test_the_embedded_valkey_is_open_to_its_owner_only(bus_url: str) -> None:
    path = bus_url.removeprefix("unix://")
    door, folder = os.stat(path), os.stat(os.path.dirname(path))
    assert door.st_mode & 0o777 == 0o700
    assert folder.st_mode & 0o077 == 0
    assert folder.st_uid == os.getuid()
    client = connect(bus_url, "test")
    settings: Any = await client.config_get("maxmemory-policy", "appendfsync", "save")
    assert settings == {"maxmemory-policy": "noeviction", "appendfsync": "everysec", "save": ""}
    await client.aclose()
