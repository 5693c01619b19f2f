"""UA-07: a reader whose socket is cut at random moments ends with what the bus has, and never saw an older value after
a newer."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.browser.conftest import LiveServer
from tests.fault_seed import seeded, times

CUTS = times(100, 1000)


class Reader:
    """A client that keeps what it was shown of each tag, over all its sockets."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self.shown: dict[int, float] = {}
        self.steps_back = 0

    @contextmanager
    def opened(self) -> Iterator[ClientConnection]:
        """A socket that ends without a word, as when a cable is pulled."""
        site = self._server.site
        cookie = {"Cookie": f"{site.cookie}={site.sessions['vera']}"}
        url = f"ws://127.0.0.1:{site.port}/ws/live/"
        with connect(url, origin=Origin(site.url), additional_headers=cookie, proxy=None) as opened:
            opened.send(json.dumps({"type": "subscribe", "paths": list(self._server.tags)}))
            yield opened
            opened.socket.shutdown(socket.SHUT_RDWR)

    def read(self, opened: ClientConnection, for_s: float) -> None:
        end = time.monotonic() + for_s
        with suppress(TimeoutError):
            while (left := end - time.monotonic()) > 0:
                self._take(opened, json.loads(opened.recv(timeout=left)))

    def _take(self, opened: ClientConnection, message: dict[str, Any]) -> None:
        if message["type"] != "frame":
            return
        opened.send(json.dumps({"type": "ack", "seq": message["seq"]}))
        for tag_id, value, status, _ in message["rows"]:
            assert status == 0
            self.steps_back += value < self.shown.get(tag_id, -1)
            self.shown[tag_id] = value


@pytest.mark.slow
@pytest.mark.timeout(times(120, 900))
def test_a_socket_cut_over_and_over_ends_with_what_the_bus_has(server: LiveServer) -> None:
    chance = seeded()
    poller = server.poll()
    poller.scan_s = 0.03
    tags = [tag for tag, _ in server.tags.values()]
    reader = Reader(server)
    count = 0.0
    for _ in range(CUTS):
        with suppress(ConnectionClosed), reader.opened() as opened:
            for _ in range(chance.randrange(1, 4)):
                count += 1
                for tag in tags:
                    poller.set(tag, count)
                reader.read(opened, chance.random() * 0.08)
    with suppress(ConnectionClosed), reader.opened() as opened:
        deadline = time.monotonic() + 5
        while set(reader.shown.values()) != {count} and time.monotonic() < deadline:
            reader.read(opened, 0.1)
    assert reader.steps_back == 0
    assert reader.shown == dict.fromkeys(tags, count)
