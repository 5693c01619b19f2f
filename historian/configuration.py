"""What is recorded, and how, as every process holds it: one revision, by tag."""

from dataclasses import dataclass
from typing import Final

from devices import snapshot as plant_snapshot
from devices.snapshot import Snapshot, TagEntry
from historian.models import RetentionClass, TagRecording
from historian.series import Rule, SeriesKey, SeriesKind, kind_of
from historian.standard_classes import STANDARD, STANDARD_CLASSES
from historian.storage.base import Retention

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """One tag that is recorded. `rule.series` is 0 until the storage has given the number of `key`."""

    key: SeriesKey
    path: str
    rule: Rule
    group: str
    scan_ms: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """`wanted`: tag id -> how it is recorded, without disabled tags and those nobody wants recorded.

    `retention_of`: uuid of a tag -> how long its history is kept; `retention`: of every other series, those of
    tags that are gone among them.
    """

    revision: int
    wanted: dict[int, Wanted]
    retention: Retention
    retention_of: dict[str, Retention]


def key_of(tag: TagEntry) -> SeriesKey:
    """The series into which this tag is recorded as it is now."""
    return SeriesKey(tag.uuid, kind_of(tag.data_type, tag.state_labels), tag.unit)


def load() -> Configuration:
    """The number is that of the plant, which is read first: what changes in between is loaded at the next look."""
    return of_snapshot(plant_snapshot.load())


def of_snapshot(plant: Snapshot) -> Configuration:
    recordings = {row.tag_id: row for row in TagRecording.objects.all()}
    classes = {row.pk: row for row in RetentionClass.objects.all()}
    kept = {pk: _retention(row) for pk, row in classes.items()}
    standard = next((kept[pk] for pk, row in classes.items() if row.name == STANDARD), _STANDARD)
    wanted = {}
    for tag in plant.tags.values():
        recording = recordings.get(tag.id)
        if tag.enabled and (recording is None or recording.enabled):
            wanted[tag.id] = Wanted(key_of(tag), tag.path, rule_of(tag, recording), tag.group, tag.scan_ms)
    retention_of = {
        plant.tags[pk].uuid: kept[row.retention_id]
        for pk, row in recordings.items()
        if row.retention_id in kept and pk in plant.tags
    }
    return Configuration(plant.revision, wanted, standard, retention_of)


def rule_of(tag: TagEntry, recording: TagRecording | None) -> Rule:
    """How this tag is recorded; `recording` None: by the default."""
    kind = kind_of(tag.data_type, tag.state_labels)
    if recording is None:
        return Rule(0, kind, is_stepped=kind is not SeriesKind.NUMBER)
    return Rule(
        0,
        kind,
        is_stepped=recording.stepped or kind is not SeriesKind.NUMBER,
        exc_dev=recording.exc_dev,
        exc_min_ms=round(recording.exc_min_s * 1000),
        exc_max_ms=round(recording.exc_max_s * 1000),
        comp_dev=recording.comp_dev,
        comp_min_ms=round(recording.comp_min_s * 1000),
        comp_max_ms=round(recording.comp_max_s * 1000),
    )


def _retention(row: RetentionClass) -> Retention:
    return Retention(row.samples_days * DAY_MS, row.minutes_days * DAY_MS, row.hours_days * DAY_MS)


_STANDARD: Final = Retention(
    *(STANDARD_CLASSES[STANDARD][name] * DAY_MS for name in ("samples_days", "minutes_days", "hours_days"))
)
"""Should the class be missing: what it began as, rather than none."""
