"""The messages of /ws/live/ as text. docs/live.md describes them to outsiders."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

PROTOCOL: Final = 1
HEARTBEAT_MS: Final = 1000
MAX_BYTES: Final = 256 * 1024
"""Largest message a client may send. A subscription of 4,000 paths of 64 bytes fits; more is no screen of ours."""
MAX_PATHS: Final = 5000


class Close(IntEnum):
    """Why the server ends a socket. 4401: log in again; the others: come back later, or mend the client."""

    MISBEHAVED = 4400
    LOGIN = 4401
    SILENT = 4408
    TOO_MANY = 4429


class BadRequest(Exception):
    """The client said something that is not in the protocol. `code` is for programs, the text for its author."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Subscribe:
    """These paths and no others from now on."""

    paths: list[str]


@dataclass(frozen=True, slots=True)
class Ack:
    """The frame with this seq is applied."""

    seq: int


Request = Subscribe | Ack


def _subscribe(message: Mapping[str, Any]) -> Subscribe:
    paths = message.get("paths")
    if not isinstance(paths, list) or not all(isinstance(p, str) for p in paths):
        raise BadRequest("bad_paths", "'paths' must be a list of tag paths, as [\"plant/area/tag\"].")
    if len(paths) > MAX_PATHS:
        raise BadRequest("too_many_paths", f"{len(paths)} paths; one socket carries at most {MAX_PATHS}.")
    return Subscribe(paths)


def _ack(message: Mapping[str, Any]) -> Ack:
    seq = message.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool):
        raise BadRequest("bad_seq", "'seq' must be the number of a frame.")
    return Ack(seq)


REQUESTS: Final[dict[str, Callable[[Mapping[str, Any]], Request]]] = {"subscribe": _subscribe, "ack": _ack}
"""Everything a client can say. A new message stands here, in the hub, in docs/live.md and in the matrix test."""


def parse(text: str | None) -> Request:
    """Raises BadRequest."""
    if text is None:
        raise BadRequest("not_text", "Messages are text frames with JSON; this one was binary.")
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        raise BadRequest("too_long", f"A message may have {MAX_BYTES} bytes.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest("not_json", f"This is not JSON: {error}") from None
    name = message.get("type") if isinstance(message, dict) else None
    read = REQUESTS.get(name) if isinstance(name, str) else None
    if read is None:
        raise BadRequest("unknown_type", f"'type' must be one of {', '.join(REQUESTS)}.")
    return read(message)


def hello() -> str:
    return json.dumps({"type": "hello", "protocol": PROTOCOL, "heartbeat_ms": HEARTBEAT_MS})


def error(code: str, detail: str) -> str:
    return json.dumps({"type": "error", "code": code, "detail": detail})


def ages(bus_age_ms: int | None, poller_age_ms: int | None, groups: Iterable[str]) -> str:
    """What a heartbeat says, without its braces. Ages in ms; None: never heard of. `groups`: each by group_age()."""
    bus, poller = json.dumps(bus_age_ms), json.dumps(poller_age_ms)
    return f'"bus_age_ms":{bus},"poller_age_ms":{poller},"groups":{{{",".join(groups)}}}'


def alarms(no: int, revision: int, is_evaluated: bool | None) -> str:
    """Alarms, or how they are described, have changed. `no`: of the newest writing; it never falls."""
    return json.dumps({"type": "alarms", "no": no, "revision": revision, "evaluated": is_evaluated})


def beat(ages: str) -> str:
    """A heartbeat by itself; `ages` as above."""
    return f'{{"type":"beat",{ages}}}'


def group_age(name: str, age_ms: int | None) -> str:
    """One entry of a heartbeat; written once for everybody who looks at the group."""
    return f"{json.dumps(name)}:{json.dumps(age_ms)}"
