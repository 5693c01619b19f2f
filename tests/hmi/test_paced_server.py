"""Long answers: a slow reader fills no memory, and what broke off is not taken for whole."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port

PROGRAM = """
import asyncio, sys
from twisted.internet import asyncioreactor
asyncioreactor.install(asyncio.new_event_loop())
from hmi.paced_server import PacedServer

async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for n in range(40):
        if scope["path"] == "/fails" and n == 3:
            raise RuntimeError("history went away")
        await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
        print(n, flush=True)
    await send({"type": "http.response.body", "body": b"end"})

PacedServer(application=application, endpoints=[f"tcp:port={sys.argv[1]}:interface=127.0.0.1"], server_name="").run()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Port, and the file in which it says which megabyte it has sent."""
    port, sent = free_port(), tmp_path / "sent"
    with sent.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)], stdout=out, env=dict(os.environ))
    try:
        _wait_for(port)
        yield port, sent
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def ask(port: int, path: str) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            yield answer


def test_who_reads_slowly_is_waited_for_and_gets_everything(server: tuple[int, Path]) -> None:
    port, sent = server
    with ask(port, "/") as answer:
        before, seen = -1, 0
        while before != seen or not seen:  # until no more is sent
            before = seen
            time.sleep(0.3)
            seen = len(sent.read_text().split())
        assert seen < 20, "megabytes wait that nobody reads"
        assert len(answer.read()) == 40_000_003


def test_what_broke_off_is_not_taken_for_whole_and_the_next_is_answered(server: tuple[int, Path]) -> None:
    port, _ = server
    for _ in range(2):
        with ask(port, "/fails") as answer, pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
    with ask(port, "/") as answer:
        assert len(answer.read()) == 40_000_003
