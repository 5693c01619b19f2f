"""A question to a device on its way, and what came of it, as a page shows it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.http import Http404
from django.urls import reverse
from django.utils.http import urlencode

from accounts.permissions import Action
from bus import quality
from bus.messages import Value
from bus.probes import ProbeAnswer
from devices import probing
from devices.decode import Step, explain
from devices.live_bus import live_bus
from devices.points import Table
from devices.snapshot import DeviceEntry, TagEntry
from hmi import presentation
from hmi.screens.raw_words import BitRow, WordRow, bit_rows, word_rows
from hmi.screens.scope import NOT_FOUND, Scope

LONG_S: Final = 12.0
"""After so long somebody wants to know why there is no answer yet."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The steps from registers to the value of a tag, and how the result looks on screens."""

    tag: TagEntry
    steps: list[Step]
    text: str
    unit: str
    quality: presentation.Quality


@dataclass(frozen=True, slots=True)
class Asked:
    """`state`: waiting | late | lost | answered. `address`: where to look for the answer again."""

    state: str
    address: str
    waited_s: int
    sentence: str = ""
    try_this: str = ""
    is_ok: bool = False
    at: datetime | None = None
    decoded: Decoded | None = None
    words: Sequence[WordRow] = ()
    bits: Sequence[BitRow] = ()
    objects: Sequence[Sequence[Any]] = ()

    @property
    def is_over(self) -> bool:
        return self.state in ("lost", "answered")


def asked_address(device: DeviceEntry, probe_id: str, asked_ms: int) -> str:
    return f"{reverse('probe_answer', args=[device.name, probe_id])}?{urlencode({'asked': asked_ms})}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def look_for(scope: Scope, device: DeviceEntry, probe_id: str, asked: str) -> Asked:
    """What came of it so far. Raises Http404 for the answer to a question about something else."""
    asked_ms = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 16 else now_ms()
    answer = probing.answer(probe_id)
    waited_s = max(0, now_ms() - asked_ms) / 1000
    address = asked_address(device, probe_id, asked_ms)
    if answer is None:
        return _unanswered(address, waited_s)
    if answer.device != device.id:
        raise Http404(NOT_FOUND)
    return _answered(scope, address, waited_s, answer)


def _unanswered(address: str, waited_s: float) -> Asked:
    if waited_s > probing.PATIENCE_S:
        text = "Nobody has answered: the poller does not run, or it was asked too long ago."
        return Asked("lost", address, int(waited_s), text, "Look at the system page, and ask again.")
    if waited_s > LONG_S:
        is_away = live_bus.ask(lambda client: client.ping()) is None
        why = f"Redis at {live_bus.reason}." if is_away else "The line may be busy, or the poller does not run."
        return Asked("late", address, int(waited_s), f"Still no answer after {int(waited_s)} s. {why}")
    return Asked("waiting", address, int(waited_s), "The device is asked.")


def _answered(scope: Scope, address: str, waited_s: float, answer: ProbeAnswer) -> Asked:
    result = answer.result
    decoded = _decoded(scope, result)
    if answer.kind == probing.READ and decoded is None and answer.is_ok and not _may_read(scope, answer.device):
        raise Http404(NOT_FOUND)
    table = Table(result["table"]) if "table" in result else Table.HOLDING
    return Asked(
        "answered",
        address,
        int(waited_s),
        answer.sentence,
        answer.try_this,
        answer.is_ok,
        datetime.fromtimestamp(answer.at_ms / 1000, UTC),
        decoded,
        word_rows(table, result["address"], result["words"]) if "words" in result else (),
        bit_rows(table, result["address"], result["bits"]) if "bits" in result and decoded is None else (),
        result.get("objects", ()),
    )


def _may_read(scope: Scope, device_id: int) -> bool:
    """Any register of the device, not only those of tags one sees."""
    device = scope.layout.snapshot.devices.get(device_id)
    return device is not None and scope.may(Action.CONFIGURE, device.area_id)


def _decoded(scope: Scope, result: dict[str, Any]) -> Decoded | None:
    """The way from what was read to the value of the tag it was read for. None without one that the person sees."""
    tag = scope.layout.snapshot.tags.get(result.get("tag", 0))
    if tag is None or tag.point is None or not scope.may(Action.VIEW, tag.area_id):
        return None
    words = result["words"] if "words" in result else [int(bit) for bit in result["bits"]]
    try:
        steps = explain(tag.point, words)
    except ValueError:
        return None  # the tag was changed meanwhile: what was read is no longer what it takes
    last = steps[-1]
    status = quality.GOOD if last.status is None else last.status
    value: Value = last.value
    unit = tag.unit if presentation.has_unit(tag, value) else ""
    return Decoded(tag, steps, presentation.format_value(tag, value), unit, presentation.quality_of(status))
