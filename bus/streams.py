"""Writing blocks: one script call puts a batch into the stream and into the latest values, or refuses all of it.

The script is idempotent by (epoch, group, seq): sending a batch again after a lost reply adds nothing. That is what
allows the publisher to try again, where a bare XADD must not be repeated.

An entry that is not FULL must follow the newest entry Redis knows of its group. Where it does not, Redis has come back
without the end of its data (an append-only file that was cut, a copy of yesterday): that is a loss of data like any
other, and a new epoch begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import OutOfMemoryError, ResponseError

from bus import keys
from bus.messages import Block, encode

KEEP_MS: Final = 15 * 60 * 1000
"""How far back the stream reaches: long enough for an engine to restart, short enough for memory (docs/bus.md)."""

_PUBLISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('FENCED the lease is lost') end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return redis.error_reply('EPOCH the bus has lost data') end
local known, fresh = {}, {}
for i = 4, #ARGV, 5 do
  local group, seq, before = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local last = known[group] or redis.call('HGET', KEYS[5], group) or ''
  if seq > last then
    if before ~= '' and before ~= last then
      return redis.error_reply('EPOCH the bus has lost entries of scan group ' .. group)
    end
    last, fresh[#fresh + 1] = seq, i
  end
  known[group] = last
end
local time = redis.call('TIME')
local minid = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[3])
for _, i in ipairs(fresh) do
  redis.call('XADD', KEYS[3], 'MINID', '~', minid, '*', 'b', ARGV[i + 3])
  if ARGV[i + 4] ~= '' then redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 4]) end
  redis.call('HSET', KEYS[5], ARGV[i], ARGV[i + 1])
end
return #fresh
"""
"""Checks everything first, then writes: all or nothing. A seq is compared as 20 digits: numbers of Lua are doubles."""

_START_EPOCH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('FENCED the lease is lost') end
redis.call('DEL', KEYS[3], KEYS[4], KEYS[5])
redis.call('SET', KEYS[2], ARGV[2])
return 1
"""


class LeaseLost(Exception):
    """Somebody else may publish now. Stop polling; acquire the lease again before anything else."""


class EpochLost(Exception):
    """Redis has lost data. Start a new epoch and publish every group in full."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`change` goes into the stream; `latest` (every tag of the group) replaces the blob. None: leave the blob."""

    change: Block
    latest: Block | None


class Publisher:
    """The poller's way onto the bus. Holds no queue: what to keep while the bus is away is the caller's decision."""

    def __init__(self, client: Redis, *, keep_ms: int = KEEP_MS) -> None:
        self._client = client
        self._keep_ms = keep_ms
        self._publish = client.register_script(_PUBLISH)
        self._start_epoch = client.register_script(_START_EPOCH)
        self._has_lost_epoch = False
        self.epoch = 0
        self.shortened = 0
        """How often the memory of Redis was full and the stream had to give up its older half."""

    async def join_epoch(self, fence: int, now_ms: int) -> bool:
        """Take the running epoch, or start one: where there is none or an older than known, and after EpochLost.

        Returns True when the epoch is a new one to this publisher, and every group must be published in full.
        """
        epoch = int(await self._client.get(keys.EPOCH) or 0)
        if not epoch or epoch < self.epoch or self._has_lost_epoch:
            await self.start_epoch(fence, now_ms)
            return True
        is_new, self.epoch = epoch != self.epoch, epoch
        return is_new

    async def start_epoch(self, fence: int, now_ms: int) -> None:
        """Throw the stream and the latest values away and begin a new epoch: known loss of data."""
        epoch = max(now_ms, self.epoch + 1)
        await self._call(self._start_epoch, [fence, epoch])
        self.epoch, self._has_lost_epoch = epoch, False

    async def publish(self, fence: int, entries: Sequence[Entry]) -> int:
        """Put the entries on the bus, in order. Returns how many were new. May be called again with the same entries.

        Raises LeaseLost, EpochLost (nothing was written), or a BusError after which it is unknown whether they arrived.
        """
        arguments: list[bytes | int | str] = [fence, self.epoch, self._keep_ms]
        for entry in entries:
            latest = b"" if entry.latest is None else encode(replace(entry.latest, epoch=self.epoch))
            change = encode(replace(entry.change, epoch=self.epoch))
            seq = entry.change.seq
            before = "" if entry.change.is_full else f"{seq - 1:020}"
            arguments += [entry.change.group, f"{seq:020}", before, change, latest]
        try:
            return int(await self._call(self._publish, arguments))
        except EpochLost:
            self._has_lost_epoch = True
            raise
        except OutOfMemoryError:
            await self._shorten()
            raise

    async def _shorten(self) -> None:
        """A full memory refuses the XADD that would have trimmed the stream: give up its older half, go on living."""
        length = await self._client.xlen(keys.SAMPLES)
        await self._client.xtrim(keys.SAMPLES, maxlen=length // 2, approximate=False)
        self.shortened += 1

    async def _call(self, script: AsyncScript, arguments: Sequence[bytes | int | str]) -> Any:
        try:
            return await script(
                keys=[keys.POLLER_LEASE, keys.EPOCH, keys.SAMPLES, keys.LATEST, keys.SEQS], args=arguments
            )
        except ResponseError as error:
            word = str(error).split(" ", 1)[0]
            if word == "FENCED":
                raise LeaseLost(str(error)) from error
            if word == "EPOCH":
                raise EpochLost(str(error)) from error
            raise
