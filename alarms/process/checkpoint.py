"""How far the engine is, and what it needs to go on there: rows and their bytes.

Checkpoint says what has been applied; EngineMemory holds the evaluation as it was somewhat earlier, at most SAVE_S ago.
After a kill the entries between the two are evaluated again by the configuration of then, which is why that is kept
too: by another one they might lead to something else than what stands in the journal.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from alarms.definition import Condition, Definition, Suppression
from alarms.kinds import Base, Kind
from alarms.logic import Rules
from alarms.models import AlarmState, Checkpoint, EngineMemory
from alarms.process.configuration import Known
from bus.following import Mark

VERSION: Final = 1
_CONDITION: Final = tuple(Condition.__dataclass_fields__)
_RULES: Final = tuple(Rules.__dataclass_fields__)
_SUPPRESSION: Final = tuple(Suppression.__dataclass_fields__)
STATE: Final = "state"
CONFIGURATION: Final = "configuration"


class Unreadable(ValueError):
    """Written by another version, or damaged. Begin with the rows and the newest values."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The evaluation after the entry `mark`. `seqs`: scan group -> the newest entry of it that it has taken."""

    mark: Mark
    seqs: dict[str, int]
    evaluation: bytes


@dataclass(frozen=True, slots=True)
class Recalled:
    """Everything the engine finds at its start. `memory` None: there is none that can be read.

    `active` and `suppressed`: ids of the alarms whose rows say so; `by_causes`: of the suppressed, those that causes
    alone suppress.
    """

    applied: Mark
    memory: Memory | None
    known: Known | None
    active: frozenset[int]
    suppressed: frozenset[int]
    by_causes: frozenset[int] = frozenset()


def applied() -> Mark:
    """How far the journal is."""
    row = Checkpoint.objects.filter(pk=1).first()
    return Mark(row.epoch, row.applied_id) if row else Mark()


def stamp() -> int:
    """Of the newest writing of the mark, in ms; 0 before the first."""
    return Checkpoint.objects.filter(pk=1).values_list("saved_at_ms", flat=True).first() or 0


def recall() -> Recalled:
    parts = {m.part: m for m in EngineMemory.objects.all()}
    try:
        memory = _state_of(parts[STATE])
        known = unpack_known(bytes(parts[CONFIGURATION].content))
    except (KeyError, ValueError, TypeError):  # not there, not readable, or of another version
        memory, known = None, None
    active, suppressed, by_causes = standing_conditions()
    return Recalled(applied(), memory, known, active, suppressed, by_causes)


def standing_conditions() -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    """The alarms that are active, those that logic suppresses, and of these those it does by causes alone, as the rows
    have it."""
    rows = AlarmState.objects.values_list("pk", "active", "suppressed_rule", "suppressed_by_causes")
    found = list(rows.exclude(base=Base.NORMAL.value, suppressed_rule=""))
    return (
        frozenset(pk for pk, is_active, *_ in found if is_active),
        frozenset(pk for pk, _, rule, _ in found if rule),
        frozenset(pk for pk, _, rule, by_causes in found if rule and by_causes),
    )


def save_applied(mark: Mark, now_ms: int) -> None:
    """Within the transaction of what was applied."""
    fields = {"epoch": mark.epoch, "applied_id": mark.entry_id, "saved_at_ms": now_ms}
    if not Checkpoint.objects.filter(pk=1).update(**fields):
        Checkpoint.objects.create(pk=1, **fields)


def save_memory(memory: Memory, revision: int, now_ms: int) -> None:
    content = zlib.compress(msgpack.packb([VERSION, memory.seqs, memory.evaluation]), 1)
    _save(STATE, memory.mark, revision, content, now_ms)


def save_known(known: Known, revision: int, mark: Mark, now_ms: int) -> None:
    _save(CONFIGURATION, mark, revision, pack_known(known), now_ms)


def known_revision() -> int | None:
    """The revision whose consequences are in the journal; None before the first."""
    return EngineMemory.objects.filter(part=CONFIGURATION).values_list("revision", flat=True).first()


def _save(part: str, mark: Mark, revision: int, content: bytes, now_ms: int) -> None:
    EngineMemory.objects.update_or_create(
        part=part,
        defaults={
            "epoch": mark.epoch, "entry_id": mark.entry_id, "revision": revision, "content": content,
            "saved_at_ms": now_ms,
        },
    )  # fmt: skip


def _state_of(row: EngineMemory) -> Memory:
    version, seqs, evaluation = _unpacked(bytes(row.content))
    if version != VERSION:
        raise Unreadable(f"engine memory of version {version!r}; this program reads {VERSION}")
    return Memory(Mark(row.epoch, row.entry_id), seqs, evaluation)


def _unpacked(content: bytes) -> Any:
    try:
        return msgpack.unpackb(zlib.decompress(content), use_list=False, strict_map_key=False)
    except (zlib.error, ValueError, msgpack.UnpackException) as error:
        raise Unreadable(f"engine memory cannot be read: {error}") from error


# -- the configuration as bytes


def pack_known(known: Known) -> bytes:
    alarms = [[uuid, is_enabled, _packed(d)] for uuid, is_enabled, d in known.alarms.values()]
    return zlib.compress(msgpack.packb([VERSION, known.revision, alarms, dict(known.groups)]), 1)


def unpack_known(content: bytes) -> Known:
    """Raises Unreadable."""
    version, revision, alarms, groups = _unpacked(content)
    if version != VERSION:
        raise Unreadable(f"configuration of version {version!r}; this program reads {VERSION}")
    try:
        found = [(uuid, is_enabled, _definition(packed)) for uuid, is_enabled, packed in alarms]
    except (TypeError, ValueError) as error:  # fields that this version has not, or others
        raise Unreadable(f"a definition cannot be read: {error}") from error
    return Known(revision, {d.id: (uuid, is_enabled, d) for uuid, is_enabled, d in found}, groups)


def _packed(definition: Definition) -> list[Any]:
    d, c, r, s = definition, definition.condition, definition.rules, definition.suppression
    return [
        d.id, [getattr(c, name) for name in _CONDITION], d.on_delay_ms, d.off_delay_ms,
        [getattr(r, name) for name in _RULES], s and [getattr(s, name) for name in _SUPPRESSION], d.first_out,
    ]  # fmt: skip


def _definition(packed: Any) -> Definition:
    pk, condition, on_ms, off_ms, rules, suppression, first_out = packed
    fields: Mapping[str, Any] = dict(zip(_CONDITION, condition, strict=True))
    return Definition(
        pk, Condition(**{**fields, "kind": Kind(fields["kind"])}), on_ms, off_ms, Rules(*rules),
        Suppression(*suppression) if suppression else None, first_out,
    )  # fmt: skip
