"""The web process from outside: limits, headers, static files, one at a time, and how fast it ends."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from hmi.live.protocol import MAX_BYTES
from tests.ports import free_port
from tests.road.site import ROOT, Site, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("web"))
    try:
        site.prepare()
        site.start("valkey", "web")
        yield site
    finally:
        site.stop()


def answer_to(site: Site, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def open_socket(site: Site) -> ClientConnection:
    cookie = f"{site.cookie}={site.sessions['vera']}"
    address = f"ws://127.0.0.1:{site.port}/ws/live/"
    return connect(address, origin=Origin(site.url), additional_headers={"Cookie": cookie}, max_size=None)


def read_to_the_end(socket: ClientConnection) -> None:
    for _ in range(100):
        socket.recv(timeout=5)


def test_a_message_beyond_the_limit_closes_the_socket_and_nothing_else(site: Site) -> None:
    with open_socket(site) as talkative, open_socket(site) as quiet:
        talkative.send("x" * (MAX_BYTES + 1))

        with pytest.raises(ConnectionClosed):
            read_to_the_end(talkative)
        assert quiet.recv(timeout=5)


def test_it_does_not_say_what_it_is_made_of(site: Site) -> None:
    said = answer_to(site, "/accounts/login/").headers

    assert "Server" not in said
    assert "X-Powered-By" not in said


def test_static_files_may_be_kept_for_ever_because_their_name_carries_their_content(site: Site) -> None:
    collected = {path.name for path in (site.folder / "static" / "css").iterdir()}
    hashed = next(name for name in sorted(collected) if name.endswith(".css") and name.count(".") == 2)

    said = answer_to(site, f"/static/css/{hashed}").headers

    assert "immutable" in said["Cache-Control"]
    assert said["X-Content-Type-Options"] == "nosniff"


def test_modules_import_each_other_by_those_names(site: Site) -> None:
    scripts = site.folder / "static" / "js"
    live = next(path for path in scripts.iterdir() if path.match("live.*.js"))
    imported = [line.split('"')[1] for line in live.read_text().splitlines() if line.startswith("import ")]

    assert imported
    assert all((live.parent / name).is_file() and Path(name).name.count(".") == 2 for name in imported)


def run_web(site: Site, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "run_web"],
        cwd=ROOT, env=site.env | {"DJANGO_SETTINGS_MODULE": "hmi.settings"} | environment,
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_second_one_on_the_same_folder_is_refused_with_the_pid_of_the_first(site: Site) -> None:
    refused = run_web(site, PORT=str(free_port()))

    assert refused.returncode == 1
    assert f"a web is running already (process {site.processes['web'].pid}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_plain_http_beyond_the_machine_is_refused_here_too(site: Site, tmp_path: Path) -> None:
    """Also without the launcher, as under systemd."""
    refused = run_web(site, HOST="0.0.0.0", DATA_DIR=str(tmp_path))

    assert refused.returncode == 1
    assert "would send passwords and plant values over the network as plain text" in refused.stderr


def test_a_taken_port_is_named(site: Site, tmp_path: Path) -> None:
    refused = run_web(site, DATA_DIR=str(tmp_path))

    assert refused.returncode == 1
    assert f"127.0.0.1:{site.port} could not be listened on" in refused.stderr


def test_it_ends_within_two_seconds_with_screens_open(site: Site) -> None:
    with open_socket(site) as screen:
        screen.recv(timeout=5)
        process = site.processes["web"]
        begun = time.monotonic()
        process.terminate()
        process.wait(10)
        took = time.monotonic() - begun

    assert process.returncode == 0
    assert took < (2 if not os.environ.get("CI") else 5)
    site.start("web")
    wait_until(site.is_serving, 30, "it serves again")
