"""Questions to one device, asked by a person now: is it there, what stands in these registers, what is it?

A page appends the question to a stream, the poller that owns the line asks the device, and the answer waits for some
minutes under the question's id. The poller executes each question at most once and never one that is too old: whoever
asked has gone, and the plant is another one by then. Ages are by the clock of Redis, which dates the entries.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Final, cast

import msgpack
import redis
from redis.asyncio import Redis

from bus import keys

LIFE_MS: Final = 10_000
"""A question that the poller has not taken up after so long is never executed."""
LONGEST_S: Final = 60.0
"""The poller gives up on a question after so long at the latest."""
ANSWER_KEPT_S: Final = 300
KEPT_QUESTIONS: Final = 200


@dataclass(frozen=True, slots=True)
class Probe:
    """`kind`: connect, read or identify. `device`: its database id. `life_ms`: how long it lives, from its date."""

    id: str
    kind: str
    device: int
    arguments: dict[str, Any]
    asked_by: str
    life_ms: int = LIFE_MS


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """`is_ok`: the device answered what was asked. `sentence` and `try_this`: for people; the second may be empty.

    `at_ms`: when, ms UTC by the poller's clock. `result`, by kind:
    connect: connected_ms (None: it was connected already), rtt_ms.
    read: table, address, count, words (list of int) or bits (list of bool), rtt_ms, at_ms; `tag` where one was named.
    identify: objects (list of [number, name, text]), rtt_ms.
    """

    id: str
    kind: str
    device: int
    is_ok: bool
    sentence: str
    try_this: str
    at_ms: int
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dated:
    """A question as it stands in the stream. `at_ms`: its date by the clock of Redis."""

    entry: str
    at_ms: int
    probe: Probe

    def is_expired(self, redis_now_ms: int) -> bool:
        """Too old; or from a time to come, because the clock was set back: then its age is not known."""
        return not -self.probe.life_ms <= redis_now_ms - self.at_ms <= self.probe.life_ms


# -- whoever asks (synchronous) ------------------------------------------------------------------------------------


def ask(client: redis.Redis, probe: Probe) -> None:
    """Append the question. Sent twice it is executed once. Raises a BusError: then it may have been asked or not."""
    fields: dict[Any, Any] = {b"b": msgpack.packb(asdict(probe))}
    client.xadd(keys.PROBES, fields, maxlen=KEPT_QUESTIONS, approximate=True)


def answer(client: redis.Redis, probe_id: str) -> ProbeAnswer | None:
    packed = cast(bytes | None, client.get(keys.PROBE_ANSWERS + probe_id))
    return None if packed is None else ProbeAnswer(**msgpack.unpackb(packed))


# -- whoever executes (asyncio) ------------------------------------------------------------------------------------


async def newest(client: Redis) -> str:
    """The id of the newest entry, to follow the stream from here."""
    entries: Any = await client.xrevrange(keys.PROBES, count=1)
    return entries[0][0].decode() if entries else "0-0"


async def after(client: Redis, entry: str, block_ms: int) -> list[Dated]:
    """The questions after that entry; waits for the first. One that cannot be read has expired."""
    answered: Any = await client.xread({keys.PROBES: entry}, block=block_ms)
    return [dated for _, entries in answered or [] for dated in map(_dated, entries)]


def _dated(entry: tuple[bytes, dict[bytes, bytes]]) -> Dated:
    name = entry[0].decode()
    try:
        probe = Probe(**msgpack.unpackb(entry[1][b"b"]))
    except (KeyError, TypeError, ValueError, msgpack.UnpackException):
        probe = Probe("", "", 0, {}, "", life_ms=-1)  # nothing we can read: expired from the start
    return Dated(name, int(name.split("-")[0]), probe)


async def redis_now_ms(client: Redis) -> int:
    seconds, micros = await client.time()
    return seconds * 1000 + micros // 1000


async def give(client: Redis, given: ProbeAnswer) -> None:
    """Put the answer where it is looked for. May be repeated."""
    await client.set(keys.PROBE_ANSWERS + given.id, msgpack.packb(asdict(given)), ex=ANSWER_KEPT_S)
