"""What REST answers carry. The names are a contract with programs outside: docs/api.md."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from ninja import Schema
from pydantic import Field

from bus.wire import wire_value
from devices.models import Kind as TagKind
from devices.readings import Reading
from exchange.rest.statuses import Word, da_byte, name_of, word_of

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100

Kind = Literal["device", "derived", "manual"]
KINDS: Final[dict[TagKind, Kind]] = {TagKind.DEVICE: "device", TagKind.DERIVED: "derived", TagKind.MANUAL: "manual"}
Time = Annotated[str | None, Field(description="ISO 8601, UTC, milliseconds", examples=["2026-11-22T14:56:02.123Z"])]


class TagOut(Schema):
    path: str
    uuid: str
    title: str
    unit: str
    kind: Annotated[Kind, Field(description="Where the value comes from: a device, other tags, or a person")]
    data_type: Annotated[str, Field(description="What the value is, of every kind of tag: float32, bool, string ...")]
    value: Annotated[
        bool | int | float | str | None,
        Field(description="Integers beyond 2^53 as text. null: there is no value that could be used; see status."),
    ]
    label: Annotated[str | None, Field(description="The word for a state, where the tag has one for this value.")]
    status: Annotated[int, Field(description="OPC UA status code, uint32", ge=0, le=0xFFFFFFFF)]
    quality: Annotated[Word, Field(description="Severity of the status")]
    status_name: Annotated[str, Field(description="Symbol of the status, without its limit bits")]
    quality_da: Annotated[int, Field(description="The same as a byte of OPC DA, limit bits included", ge=0, le=255)]
    source_ts: Annotated[Time, Field(description="When the device gave the value")]
    server_ts: Annotated[Time, Field(description="When the poller last looked")]
    age_ms: Annotated[int | None, Field(description="Since the value was taken, by the server's clock", ge=0)]


class TagPage(Schema):
    items: list[TagOut]
    next: Annotated[str | None, Field(description="Give it as `cursor` for the page after this one; null: the end.")]
    at: Annotated[Time, Field(description="When this answer was made")]
    revision: Annotated[int, Field(description="Revision of the configuration the answer was made from")]


class ProblemOut(Schema):
    """RFC 9457. `action`: what to do about it. `request_id`: the same as in the log of the server."""

    type: str
    title: str
    status: int
    detail: str
    action: str
    instance: str
    request_id: str


Quality = Literal["good", "uncertain", "bad"]


def iso(ms: int | None) -> str | None:
    """int64 ms UTC as text; None for none, and for a time no calendar has."""
    if ms is None:
        return None
    try:
        at = datetime.fromtimestamp(ms // 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


def tag_out(reading: Reading) -> TagOut:
    tag, value = reading.tag, wire_value(reading.value, reading.status)
    return TagOut(
        path=tag.path,
        uuid=tag.uuid,
        title=tag.title,
        unit=tag.unit,
        kind=KINDS[tag.kind],
        data_type=tag.data_type.value,
        value=value,
        label=_label(tag.state_labels, value),
        status=reading.status,
        quality=word_of(reading.status),
        status_name=name_of(reading.status),
        quality_da=da_byte(reading.status),
        source_ts=iso(reading.taken_ms),
        server_ts=iso(reading.read_ms),
        age_ms=reading.age_ms,
    )


def _label(labels: dict[str, str], value: bool | float | str | None) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return labels.get(str(int(value))) if isinstance(value, int) else None
