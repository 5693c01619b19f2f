"""A bus on which every tag changes, without devices: what the web process is measured with.

The value of every tag is the wall clock at publishing, in ms since `base_ms`, plus less than 0.1 ms that makes values
differ; a browser can tell from it how long the value took and whether an older one came after a newer.
"""

import asyncio
import threading
import time
from collections.abc import Sequence

from bus.client import connect
from bus.lease import RENEW_S, Lease
from bus.messages import FULL, LIVE, Block, first_seq
from bus.streams import Entry, Publisher

GroupIds = tuple[str, Sequence[int]]


class Publishing:
    """Publishes all groups together every `period_s`, from a thread of this process, between start() and stop()."""

    def __init__(self, url: str, groups: Sequence[GroupIds], period_s: float, revision: int) -> None:
        self._url = url
        self._groups = groups
        self._period_s = period_s
        self._revision = revision
        self.base_ms = time.time() * 1000
        self._is_ending = threading.Event()
        self._is_publishing = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._is_publishing.wait(15) or self._error:
            raise RuntimeError(f"nothing was published: {self._error!r}")

    def stop(self) -> None:
        self._is_ending.set()
        self._thread.join(10)
        if self._error:
            raise RuntimeError(f"publishing ended early: {self._error!r}")

    def _run(self) -> None:
        try:
            asyncio.run(self._publish())
        except BaseException as error:  # noqa: BLE001  # told by stop(), in the thread that waits for us
            self._error = error
            self._is_publishing.set()

    async def _publish(self) -> None:
        client = connect(self._url, "benchmark-publisher")
        lease = Lease(client)
        fence = await lease.acquire()
        if fence is None:
            raise RuntimeError("somebody else publishes on this bus: a poller is still running")
        publisher = Publisher(client)
        await publisher.join_epoch(fence, int(time.time() * 1000))
        seq, renewed, due = first_seq(fence), 0.0, time.monotonic()
        while not self._is_ending.is_set():
            if time.monotonic() - renewed > RENEW_S:
                await lease.renew(fence)
                renewed = time.monotonic()
            seq += 1
            await publisher.publish(
                fence, self._entries(seq, publisher.epoch, is_first=not self._is_publishing.is_set())
            )
            self._is_publishing.set()
            due += self._period_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await lease.release(fence)
        await client.aclose()

    def _entries(self, seq: int, epoch: int, *, is_first: bool) -> list[Entry]:
        now_ms = time.time() * 1000
        value = round(now_ms - self.base_ms, 1)
        entries = []
        for group, ids in self._groups:
            values = [round(value + (tag % 97) / 1000, 3) for tag in ids]
            flags = FULL if is_first else LIVE
            block = Block(epoch, self._revision, group, seq, int(now_ms), flags, ids, values, [0] * len(ids))
            entries.append(Entry(block, block))
        return entries
