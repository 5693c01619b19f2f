"""Is history whole? Every chunk is read, every summary is reckoned again from its samples. And what can be mended.

Nothing is deleted: what cannot be read is put aside with the reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from historian import chunks, minutes
from historian.samples import Samples, joined
from historian.sealing import FEW, MINUTE_MS, outside, seal, sealed_of
from historian.storage.base import HOUR_MS, Chunk, Filed, Storage
from historian.summary import FIELDS, Summaries, join, summarise

_ROUNDING: Final = 1e-9
_TINY: Final = 1e-300
LONG_AGO, FAR_AHEAD = -(2**62), 2**62


@dataclass(frozen=True, slots=True)
class Finding:
    """`text`: a sentence. `lost`: no repair brings back what it speaks of."""

    series: int
    hour_ms: int | None
    text: str
    lost: bool = False


@dataclass(slots=True)
class Report:
    """`aside`: pieces that were put aside before."""

    series: int = 0
    hours: int = 0
    chunks: int = 0
    samples: int = 0
    aside: int = 0
    findings: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.findings


@dataclass(slots=True)
class _Hour:
    """One hour of a series as it was found. `read`: what could be, by number of the chunk."""

    series: int
    hour_ms: int
    name: str
    filed: Filed
    read: dict[int, Samples] = field(default_factory=dict)
    damaged: dict[int, str] = field(default_factory=dict)
    strayed: dict[int, Samples] = field(default_factory=dict)
    """Chunks with samples of another hour."""
    findings: list[Finding] = field(default_factory=list)

    def find(self, text: str, *, lost: bool = False) -> None:
        self.findings.append(Finding(self.series, self.hour_ms, f"{self.name}: {text}", lost))

    @property
    def samples(self) -> Samples:
        return joined([self.read[no] for no in sorted(self.read)])


def verify(storage: Storage, from_ms: int = LONG_AGO, to_ms: int = FAR_AHEAD) -> Report:
    """Reads all of it; writes nothing. Hours that begin in from_ms <= hour < to_ms."""
    report = Report(aside=len(storage.aside()))
    for hour in _hours(storage, report, from_ms, to_ms):
        report.findings += hour.findings
    return report


def repair(storage: Storage, now_ms: int, from_ms: int = LONG_AGO, to_ms: int = FAR_AHEAD) -> Report:
    """Puts aside what cannot be read and reckons again what does not agree with its samples.

    Nobody else may write meanwhile. `findings` of the report are those that stay, `repaired` those that are mended.
    """
    report = Report(aside=len(storage.aside()))
    for hour in _hours(storage, report, from_ms, to_ms):
        report.findings += [finding for finding in hour.findings if finding.lost]
        report.repaired += [finding for finding in hour.findings if not finding.lost]
        if hour.findings:
            _mend(storage, hour, now_ms)
    return report


def _hours(storage: Storage, report: Report, from_ms: int, to_ms: int) -> Iterator[_Hour]:
    for series, path in sorted(storage.paths().items()):
        report.series += 1
        known = path or f"number {series}"
        if not path:
            text = f"Something lies under the number {series}, which no series has. Nobody can ask for it."
            report.findings.append(Finding(series, None, text, lost=True))
        for hour_ms in storage.filed_hours(series, from_ms, to_ms):
            filed = storage.filed(series, hour_ms)
            hour = _Hour(series, hour_ms, f"{known}, hour {said(hour_ms)}", filed)
            _look(hour)
            report.hours += 1
            report.chunks += len(filed.chunks)
            report.samples += sum(map(len, hour.read.values()))
            yield hour


def said(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"


# -- looking


def _look(hour: _Hour) -> None:
    if hour.hour_ms % HOUR_MS:
        hour.find("it does not begin with an hour.", lost=True)
    for chunk in hour.filed.chunks:
        _look_at_chunk(hour, chunk)
    are_read = all(chunk.no in hour.read for chunk in hour.filed.chunks)
    is_sealed_alone = are_read and all(chunk.no in hour.filed.sealed for chunk in hour.filed.chunks)
    found = _minutes(hour)
    if hour.read and is_sealed_alone:
        _compare(hour, hour.samples, found)
    elif not hour.filed.chunks and found is not None and hour.filed.hour is not None:
        whole = _whole(found)
        for what in differences(whole, hour.filed.hour):
            hour.find(f"its summary and its minutes differ in {what}. Its samples have expired.", lost=True)


def _look_at_chunk(hour: _Hour, chunk: Chunk) -> None:
    name = f"chunk {chunk.no} of {len(chunk.encoded)} bytes"
    try:
        samples = chunks.decode(chunk.encoded)
        if not len(samples):
            raise chunks.DamagedChunk("It holds no samples.")
    except chunks.DamagedChunk as error:
        hour.damaged[chunk.no] = str(error)
        hour.find(f"{name}, with {chunk.count} samples by its row, cannot be read. {error}", lost=True)
        return
    strays = outside(chunk, samples)
    if strays is not None:
        hour.strayed[chunk.no] = samples
        hour.find(f"{name} is in the wrong place. {strays}")
        return
    hour.read[chunk.no] = samples
    held = (len(samples), int(samples.times[0]), int(samples.times[-1]))
    if held != (chunk.count, chunk.start_ms, chunk.end_ms):
        hour.find(
            f"{name} holds {held[0]} samples from {held[1]} to {held[2]} ms; "
            f"its row says {chunk.count} from {chunk.start_ms} to {chunk.end_ms} ms."
        )


def _minutes(hour: _Hour) -> Summaries | None:
    if hour.filed.minutes is None:
        return None
    try:
        return minutes.decode(hour.filed.minutes)
    except chunks.DamagedChunk as error:
        has_samples = bool(hour.filed.chunks) and not hour.damaged
        hour.find(f"the summaries of its minutes cannot be read. {error}", lost=not has_samples)
        return None


def _compare(hour: _Hour, samples: Samples, found: Summaries | None) -> None:
    """A sealed hour with what its samples say."""
    if hour.filed.hour is None:
        hour.find("it is sealed and has no summary.")
    else:
        for what in differences(summarise(samples, HOUR_MS), hour.filed.hour):
            hour.find(f"its summary differs from its samples in {what}.")
    if found is not None:
        for what in differences(summarise(samples, MINUTE_MS), found):
            hour.find(f"the summaries of its minutes differ from its samples in {what}.")
    elif hour.filed.minutes is None and len(samples) > FEW:
        hour.find(f"it has {len(samples)} samples and no summaries of its minutes.")


def _whole(found: Summaries) -> Summaries:
    """Of an hour, joined from its minutes."""
    if not len(found):
        return found
    whole = join(found, np.zeros(1, np.intp))
    whole.rows["start_ms"] = found.rows["start_ms"][:1] // HOUR_MS * HOUR_MS
    return whole


def differences(one: Summaries, other: Summaries) -> list[str]:
    """Names of fields that are not alike; sums may differ by the rounding of floats."""
    if len(one) != len(other):
        return [f"how many there are ({len(one)} and {len(other)})"]
    if not len(one):
        return []
    with np.errstate(all="ignore"):
        extremes = np.nan_to_num(np.maximum(np.abs(one.rows["min"]), np.abs(one.rows["max"])), posinf=1e308)
        length = one.rows["last_ms"] - one.rows["first_ms"] + 1
        room = dict.fromkeys(("area_stepped", "area_sloped"), extremes * length * _ROUNDING)
        room |= {"mean": extremes * _ROUNDING, "m2": extremes * extremes * one.rows["count"] * _ROUNDING}
        return [name for name in FIELDS.names or () if not _alike(one.rows[name], other.rows[name], room.get(name))]


def _alike(one: NDArray[Any], other: NDArray[Any], room: NDArray[np.float64] | None) -> bool:
    if one.dtype.kind != "f":
        return bool((one == other).all())
    equal = (one == other) | (np.isnan(one) & np.isnan(other))
    return bool(equal.all() if room is None else (equal | (np.abs(one - other) <= room + _TINY)).all())


# -- mending


def _mend(storage: Storage, hour: _Hour, now_ms: int) -> None:
    key = (hour.series, hour.hour_ms)
    if hour.strayed:
        storage.write(_rows(hour.series, list(hour.strayed.values())), None)  # first, so that a kill loses none of them
        for no in hour.strayed:
            storage.put_aside(*key, no, "Its samples are of another hour; they were recorded again.", now_ms)
    sealed_is_damaged = any(no in hour.damaged for no in hour.filed.sealed)
    if hour.damaged:
        sealed = seal(storage, *key, now_ms)
        if sealed is not None and not sealed_is_damaged:
            storage.seal([sealed])
    elif hour.read and hour.filed.sealed and hour.findings:
        storage.seal([sealed_of(*key, hour.samples, max(hour.read))])
    if hour.filed.minutes is not None and any(f.lost for f in hour.findings) and not hour.read:
        _put_minutes_aside(storage, hour, now_ms)


def _put_minutes_aside(storage: Storage, hour: _Hour, now_ms: int) -> None:
    try:
        minutes.decode(hour.filed.minutes or b"")
    except chunks.DamagedChunk as error:
        storage.put_aside(hour.series, hour.hour_ms, None, str(error), now_ms)


def _rows(series: int, parts: Sequence[Samples]) -> list[tuple[int, int, float | None, str | None, int, int]]:
    samples = joined(parts)
    numbers = [None if number != number else number for number in samples.numbers.tolist()]
    return [
        (ms, series, number, samples.exact.get(ms), status, server_ms)
        for ms, number, status, server_ms in zip(
            samples.times.tolist(), numbers, samples.statuses.tolist(), samples.server_ms.tolist(), strict=True
        )
    ]
