"""The stream from a place on: every entry once, in order, with its id. Where that cannot be, a new beginning.

bus/follower.py is for whoever wants the newest values; an engine wants all of them. So a connection that was lost goes
on at its place, and only a loss of data leads to an Anew: another epoch, a place beyond the stream's end, entries that
were trimmed or cut before they were read.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bus import keys
from bus.client import MAX_BLOCK_MS, BusError
from bus.follower import id_order, newest_id
from bus.latest import read_latest
from bus.messages import BadMessage, Block, decode
from bus.seen import EntriesMissing, Seen

COUNT: Final = 500
RETRY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the stream: after this entry."""

    epoch: int = 0
    entry_id: str = "0-0"

    def covers(self, other: "Mark") -> bool:
        """The other one is not further. Of two epochs neither covers the other: their ids cannot be compared."""
        return self.epoch == other.epoch and id_order(other.entry_id) <= id_order(self.entry_id)


@dataclass(frozen=True, slots=True)
class Entries:
    """In the order of the stream. `cursor`: the newest id read, also of what was put aside."""

    blocks: list[tuple[str, Block]]
    cursor: str


@dataclass(frozen=True, slots=True)
class Anew:
    """Entries are lost, or it is the first time: the newest values, after the entry `mark`.

    `blocks`: those that are newer than what was told before. `seqs`: scan group -> its newest entry that was told.
    `is_whole`: another epoch that is read from its first entry on; so there are no blocks, and only the end of the
    epoch before may be missing.
    """

    mark: Mark
    blocks: list[Block]
    seqs: dict[str, int]
    reason: str
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Idle:
    """Everything has been read."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The bus does not answer. Said once per loss."""

    reason: str


class Following:
    """`mark` and `seqs`: where to begin; None: with the newest values. Both are kept up to date.

    `from_first`: who goes on in a new epoch is told every entry of it, where the stream still has them all, not only
    the newest values: Redis came back empty, and what was read without it is handed over there.
    """

    def __init__(
        self,
        client: Redis,
        mark: Mark | None,
        seqs: dict[str, int] | None = None,
        *,
        from_first: bool = False,
        block_ms: int = MAX_BLOCK_MS,
    ) -> None:
        self._from_first = from_first
        self._goes_on = from_first and mark is not None
        self._client = client
        self._block_ms = block_ms
        self._why_anew = "" if mark else "There is no place to go on from."
        self.mark = mark or Mark()
        self._seen = Seen(self.mark.epoch, dict(seqs or {}))
        self._anew_at = time.monotonic() - RETRY_S
        self.put_aside = 0
        """Entries that could not be decoded."""

    @property
    def seqs(self) -> dict[str, int]:
        return self._seen.seqs

    async def events(self) -> AsyncIterator[Entries | Anew | Idle | Lost]:
        """Endless. Never raises for a bus that is away; cancel the task to stop."""
        is_lost = False
        while True:
            try:
                if self._why_anew:
                    yield await self._anew()
                else:
                    await self._check_ground()
                is_lost = False
                while True:
                    for event in await self._next():
                        yield event
                    if self._why_anew:
                        raise EntriesMissing(self._why_anew)
            except EntriesMissing as why:
                self._why_anew = str(why)
                if time.monotonic() - self._anew_at < RETRY_S:
                    await asyncio.sleep(RETRY_S)  # once is news, at once again is a storm
                self._anew_at = time.monotonic()
            except BusError as error:
                if not is_lost:
                    yield Lost(f"{type(error).__name__}: {error}")
                is_lost = True
                await asyncio.sleep(RETRY_S)

    async def _anew(self) -> Anew:
        epoch = int(await self._client.get(keys.EPOCH) or 0)
        if self._goes_on and self.mark.epoch < epoch and _is_whole(await self._info()):
            self._seen.begin(epoch, {})
            self.mark = Mark(epoch)
            reason, self._why_anew = self._why_anew, ""
            return Anew(self.mark, [], {}, reason, is_whole=True)
        self._goes_on = self._from_first
        cursor = await newest_id(self._client)
        before = self._seen.seqs if epoch == self._seen.epoch else {}
        believed = self._seen.begin(epoch, await read_latest(self._client))
        news = [b for g, b in sorted(believed.items()) if b.seq > before.get(g, -1)]
        self.mark = Mark(epoch, cursor)
        reason, self._why_anew = self._why_anew, ""
        return Anew(self.mark, news, dict(self.seqs), reason)

    async def _check_ground(self) -> None:
        """The stream must be the one it was, and hold everything after the place."""
        epoch = int(await self._client.get(keys.EPOCH) or 0)
        if epoch != self.mark.epoch:
            raise EntriesMissing(f"The bus is in epoch {epoch}, the place is in {self.mark.epoch}.")
        info = await self._info()
        if self.mark == Mark(epoch) and _is_whole(info):
            return
        if info is None:
            raise EntriesMissing("The stream is gone.")
        place = id_order(self.mark.entry_id)
        if id_order(info["last-generated-id"].decode()) < place:
            raise EntriesMissing("The stream ends before the place: Redis came back with older data.")
        self._check_oldest(info, self.mark.entry_id)

    async def _info(self) -> Any:
        """None: there is no stream yet."""
        try:
            return await self._client.xinfo_stream(keys.SAMPLES)
        except ResponseError:
            return None

    def _check_oldest(self, info: Any, place: str) -> None:
        oldest = info["first-entry"]
        is_at_end = id_order(info["last-generated-id"].decode()) == id_order(place)
        if not is_at_end and (oldest is None or id_order(oldest[0].decode()) > id_order(place)):
            raise EntriesMissing(f"The stream was trimmed beyond the entry {place}.")

    async def _next(self) -> list[Entries | Idle]:
        place = self.mark.entry_id
        answer: Any = await self._client.xread({keys.SAMPLES: place}, count=COUNT, block=self._block_ms)
        if not answer:
            await self._check_ground()
            return [Idle()]
        entries = answer[0][1]
        if len(entries) == COUNT and place != "0-0":  # far behind: were some trimmed before we came?
            self._check_oldest(await self._client.xinfo_stream(keys.SAMPLES), place)
        found: list[tuple[str, Block]] = []
        for raw_id, fields in entries:
            entry_id = raw_id.decode()
            try:
                block = self._accepted(fields)
            except EntriesMissing as why:
                self._why_anew = str(why)  # what came before is told first
                break
            if block is not None:
                found.append((entry_id, block))
            self.mark = Mark(self.mark.epoch, entry_id)
        events: list[Entries | Idle] = [Entries(found, self.mark.entry_id)]
        return events if len(entries) == COUNT or self._why_anew else [*events, Idle()]

    def _accepted(self, fields: dict[bytes, bytes]) -> Block | None:
        try:
            block = decode(fields[b"b"])
        except (BadMessage, KeyError):
            self.put_aside += 1
            return None
        return block if self._seen.is_news(block) else None


def _is_whole(info: Any) -> bool:
    """The stream still has every entry that was ever put into it."""
    return info is None or info.get("entries-added") == info["length"]
