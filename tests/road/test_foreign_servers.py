"""The whole road from servers we did not write: register, poller, bus, hub, a browser's socket (MB-01, MB-07)."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from bus.quality import GOOD, Severity, severity
from tests.interop.processes import PEERS, Reached, reached
from tests.missing import missing
from tests.ports import free_port
from tests.road.foreign.places import PLACES, Place
from tests.road.foreign.servers import ForeignServer, NodeServer, PythonServer
from tests.road.site import ROOT, Site, wait_until

pytestmark = pytest.mark.timeout(120)

MARKED_WITHIN_S = 3.0
KINDS = {"python": "modbus_tcp", "node": "modbus_tcp", "serial": "modbus_rtu_tcp"}
"""Name -> driver. serial: modbus-tk on a serial line behind a gateway that only passes bytes on."""


class Live:
    """What a browser's socket knows: path -> (value, status), kept up to date while it listens."""

    def __init__(self, socket: ClientConnection, paths: list[str]) -> None:
        self.newest: dict[str, tuple[Any, int]] = {}
        self._paths: dict[int, str] = {}
        self._socket = socket
        self._say(type="subscribe", paths=paths)

    def _say(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def listen(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = json.loads(self._socket.recv(timeout=left))
            except TimeoutError:
                return
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribed":
            assert message["refused"] == []
            self._paths = {tag["id"]: tag["path"] for tag in message["tags"]}
        elif message["type"] == "frame":
            self._say(type="ack", seq=message["seq"])
            for tag, value, status, _age_ms in message["rows"]:
                self.newest[self._paths[tag]] = (value, status)

    def wait_for(self, path: str, value: float | bool, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            shown, status = self.newest.get(path, (None, -1))
            if status == GOOD and is_same(shown, value):
                return
            assert time.monotonic() < deadline, f"{path} is {shown!r} with status {status:#x}, not {value!r}, Good"
            self.listen(0.05)

    def wait_until_marked(self, path: str, timeout_s: float) -> float:
        def is_marked() -> bool:
            self.listen(0.05)
            return severity(self.newest[path][1]) is not Severity.GOOD

        return wait_until(is_marked, timeout_s, f"{path} is marked", step_s=0)


class SerialServer:
    """A server of tests/interop."""

    def __init__(self, peer: Reached) -> None:
        self.port = peer.port
        self.put, self.start, self.stop = peer.server.put, peer.server.start, peer.server.stop


def is_same(shown: object, value: float | bool) -> bool:
    if isinstance(value, bool) or isinstance(shown, bool):
        return shown is value
    return isinstance(shown, int | float) and math.isclose(shown, value, rel_tol=1e-9)


def path_of(kind: str, place: Place) -> str:
    return f"works/north/{kind}/{place.name}"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ForeignServer]]:
    servers: dict[str, ForeignServer] = {"python": PythonServer(free_port())}
    if NodeServer.has_node():
        servers["node"] = NodeServer(free_port())
    for server in servers.values():
        server.start()
    with reached(PEERS["modbus-tk behind a gateway"], tmp_path_factory.mktemp("line")) as peer:
        servers["serial"] = SerialServer(peer)
        for server in servers.values():
            for place in PLACES:
                server.put(place.table, place.address, place.raw)
        yield servers
    for server in servers.values():
        server.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, servers: dict[str, ForeignServer]) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("foreign"))
    try:
        site.prepare()
        ports = {kind: (KINDS[kind], server.port) for kind, server in servers.items()}
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-v", "0", "-c",
             f"from tests.road.foreign.prepare import main; main({ports!r})"],
            cwd=ROOT, env=site.env, check=True, timeout=60,
        )  # fmt: skip
        site.start()
        yield site
    finally:
        site.stop()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "node" and not NodeServer.has_node():
        missing("no Node.js on this machine (Debian: apt-get install nodejs)")
    return str(request.param)


@pytest.fixture
def live(kind: str, site: Site, servers: dict[str, ForeignServer]) -> Iterator[Live]:
    for place in PLACES:
        servers[kind].put(place.table, place.address, place.raw)
    with connect(
        f"ws://127.0.0.1:{site.port}/ws/live/",
        origin=Origin(site.url),
        additional_headers={"Cookie": f"{site.cookie}={site.sessions['vera']}"},
    ) as socket:
        yield Live(socket, [path_of(kind, place) for place in PLACES])


def test_every_type_order_and_table_reaches_a_browser_as_what_it_means(live: Live, kind: str) -> None:
    for place in PLACES:
        live.wait_for(path_of(kind, place), place.value, 10)


def test_a_change_in_the_server_reaches_a_browser_within_two_scans(
    live: Live, kind: str, servers: dict[str, ForeignServer]
) -> None:
    for place in PLACES:
        live.wait_for(path_of(kind, place), place.value, 10)
    for place in PLACES:
        raw, _ = place.other
        servers[kind].put(place.table, place.address, raw)
    for place in PLACES:
        _, value = place.other
        live.wait_for(path_of(kind, place), value, 2)


def test_a_server_that_ends_is_marked_keeps_its_value_and_comes_back_by_itself(
    live: Live, kind: str, servers: dict[str, ForeignServer]
) -> None:
    """UA-03: last value, Uncertain; then live again without anybody's help."""
    place = PLACES[0]
    path = path_of(kind, place)
    live.wait_for(path, place.value, 10)
    servers[kind].stop()
    try:
        live.wait_until_marked(path, MARKED_WITHIN_S)
        value, status = live.newest[path]
        assert is_same(value, place.value)
        assert severity(status) is Severity.UNCERTAIN
    finally:
        servers[kind].start()
    live.wait_for(path, place.value, 10)
