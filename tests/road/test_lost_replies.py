"""A proxy before Redis carries every command and loses some of the replies: nothing stands in the stream twice."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus import keys
from bus.client import connect_blocking
from tests.fault_seed import seeded, times
from tests.ports import free_port
from tests.road.site import Site, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(times(120, 600))]

CUTS = times(5, 100)


class ReplyCuttingProxy:
    """Passes commands on; while `is_cutting`, about one reply in ten is swallowed and the connection closed."""

    def __init__(self, socket_path: str) -> None:
        self.port = free_port()
        self.is_cutting = False
        self.cut = 0
        self._socket_path = socket_path
        self._random = seeded()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", self.port))
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_unix_connection(self._socket_path)
        except OSError:
            writer.close()
            return
        forth = asyncio.create_task(self._pump(reader, back, cuts=False))
        try:
            await self._pump(there, writer, cuts=True)
        finally:
            forth.cancel()
            for sink in (back, writer):
                sink.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, cuts: bool) -> None:
        try:
            while chunk := await source.read(65536):
                if cuts and self.is_cutting and self._random.random() < 0.1:
                    self.cut += 1
                    return
                sink.write(chunk)
                await sink.drain()
        except OSError:
            return

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    try:
        site.prepare()
        yield site
    finally:
        site.stop()


def test_lost_replies_double_nothing_and_lose_nothing(site: Site) -> None:
    proxy = ReplyCuttingProxy(str(site.folder / "valkey" / "valkey.sock"))
    site.poller_env = {"REDIS_URL": f"redis://127.0.0.1:{proxy.port}"}
    site.start("valkey")
    wait_until(site.bus_answers, 5, "Valkey answers")
    site.start("poller")
    client = connect_blocking(site.redis_url, "test")
    wait_until(lambda: client.xlen(keys.SAMPLES) > 4, 20, "the poller publishes")
    proxy.is_cutting = True
    wait_until(lambda: proxy.cut >= CUTS, times(60, 500), "enough replies were cut")
    proxy.is_cutting = False
    length = client.xlen(keys.SAMPLES)
    wait_until(lambda: client.xlen(keys.SAMPLES) > length + 4, 10, "the poller goes on")
    blocks = site.blocks_on_the_bus()
    client.close()
    proxy.close()
    assert len({block.epoch for block in blocks}) == 1
    for group in {block.group for block in blocks}:
        seqs = [block.seq for block in blocks if block.group == group]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "each scan exactly once, in order"
