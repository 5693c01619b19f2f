"""What each process and each link last said of itself, dated by the clock of Redis so that ages need no other clock."""

from dataclasses import dataclass, field, fields
from typing import Any, Final, Generic, TypeVar

import msgpack
import redis
from redis.asyncio import Redis

from bus import keys

BEAT_S: Final = 1.0
PROCESS_SILENT_MS: Final = 3500
"""A process that has said nothing for so long is not well."""

_SAY = """
local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)) .. ' '
for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], now .. ARGV[i + 1]) end
return 1
"""
_COUNT_START = """
local known = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local n, start, run = string.match(known, '^(%d+) (%S*) ?(%S*)$')
if n and start == ARGV[2] then return tonumber(n) end
if not n or run ~= ARGV[3] then n = 0 end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %s %s', tonumber(n) + 1, ARGV[2], ARGV[3]))
return tonumber(n) + 1
"""
"""Counts a start once, however often it is told: the reply to a count may have been lost."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """`lag_ms`: how late the process woke up at worst since its last beat. `detail`: its own figures."""

    role: str
    pid: int
    host: str
    version: str
    started_at_ms: int
    revision: int = 0
    lag_ms: int = 0
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkState:
    """One link (host and port of devices). `state`: connected | connecting | disconnected | disabled | idle.

    Idle: it has nothing to read. `reason` is a sentence for people; `since_ms` when the state began. `detail`:
    counters and times in ms.
    """

    link: str
    state: str
    reason: str
    since_ms: int
    detail: dict[str, Any] = field(default_factory=dict)


State = TypeVar("State", ProcessState, LinkState)


@dataclass(frozen=True, slots=True)
class Heard(Generic[State]):
    """What was said, and how long ago by the clock of Redis.

    A step of that clock makes one look wrong: `said_ms` tells whoever looks again whether anything was said since.
    """

    state: State
    age_ms: int
    said_ms: int


def _packed(state: ProcessState | LinkState) -> bytes:
    packed: bytes = msgpack.packb({field.name: getattr(state, field.name) for field in fields(state)})
    return packed


class Presence:
    """The saying side: a process speaks every BEAT_S, a link whenever it changes and every few seconds."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._say = client.register_script(_SAY)
        self._count = client.register_script(_COUNT_START)

    async def count_start(self, role: str, start: str, run: str = "") -> None:
        """Count this start of the role; `start` names it (pid and time), so that telling it again counts nothing.

        `run` names the run of the site; the count begins anew with another one. Neither has blanks in it.
        """
        await self._count(keys=[keys.PROCESS_STARTS], args=[role, start, run])

    async def say_process(self, state: ProcessState) -> None:
        await self._say(keys=[keys.PROCESSES], args=[state.role, _packed(state)])

    async def say_links(self, states: list[LinkState]) -> None:
        """All in one call: there may be hundreds."""
        if states:
            await self._say(keys=[keys.LINKS], args=[part for s in states for part in (s.link, _packed(s))])

    async def forget_links(self, links: list[str]) -> None:
        if links:
            await self._client.hdel(keys.LINKS, *links)


def _heard(kind: type[State], raw: dict[bytes, bytes], now: tuple[int, int]) -> dict[str, Heard[State]]:
    now_ms = now[0] * 1000 + now[1] // 1000
    found: dict[str, Heard[State]] = {}
    for name, said in raw.items():
        at, _, packed = said.partition(b" ")
        try:
            # Said in the future: the clock was set back since. Who lives speaks again at once, so it is not recent.
            found[name.decode()] = Heard(kind(**msgpack.unpackb(packed)), abs(now_ms - int(at)), int(at))
        except (ValueError, TypeError, msgpack.UnpackException):
            continue  # said by another version
    return found


async def hear_processes(client: Redis) -> dict[str, Heard[ProcessState]]:
    """role -> what it said. A process that has never spoken is missing; a dead one has a growing age."""
    async with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(keys.PROCESSES)
        pipe.time()
        raw, now = await pipe.execute()
    return _heard(ProcessState, raw, now)


def hear_processes_blocking(client: redis.Redis) -> dict[str, Heard[ProcessState]]:
    return _hear_blocking(client, keys.PROCESSES, ProcessState)


def hear_links_blocking(client: redis.Redis) -> dict[str, Heard[LinkState]]:
    """link -> what the poller last said of it."""
    return _hear_blocking(client, keys.LINKS, LinkState)


def _hear_blocking(client: redis.Redis, key: str, kind: type[State]) -> dict[str, Heard[State]]:
    with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(key)
        pipe.time()
        raw, now = pipe.execute()
    return _heard(kind, raw, now)


def starts_blocking(client: redis.Redis) -> dict[str, int]:
    """role -> how often it has started in this run of the site; where nobody names runs, since Redis has its data."""
    raw: Any = client.hgetall(keys.PROCESS_STARTS)
    return {role.decode(): int(said.partition(b" ")[0]) for role, said in raw.items()}
