"""What people do to values and devices in operation: enter, substitute, preset a total, take out of use, and end that.

Every function that changes something is an action: checked, recorded, announced after the commit. The rights (ENTER
and SUBSTITUTE at the tag's area, TAKE_OUT_OF_USE at the device's) are asked by whoever calls. A refusal is a
ValidationError with a sentence for each field: value, taken_at, comment, reason, ends_at; of the whole thing under
"__all__".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from audit.actions import Actor, Subject, record
from bus.messages import Value
from devices.formula import Function
from devices.models import Device, Kind, ManualValue, OutOfUse, Substitution, Tag, TotaliserState
from devices.tag_values import Shape, Unfit, fitting, of_type
from plant import revisions
from plant.models import validate_one_line

LONGEST_SUBSTITUTION: Final = timedelta(days=7)
LONGEST_OUT_OF_USE: Final = timedelta(hours=24)
SHORTEST_REASON: Final = 3
LONGEST_TEXT: Final = 200
CLOCKS_APART: Final = timedelta(minutes=1)
"""So far ahead of the server's clock may the clock be by which somebody says when a value was taken."""

BATCH: Final = 500
SENT_TWICE: Final = timedelta(minutes=1)
EARLIEST: Final = datetime(1971, 1, 1, tzinfo=UTC)
"""Before this no sample was taken: somebody has mistyped the year."""

Problems = dict[str, str]
Spell = Substitution | OutOfUse
SpellT = TypeVar("SpellT", Substitution, OutOfUse)


# -- values entered by hand


def enter_value(actor: Actor, tag: Tag, value: Value, taken_at: datetime, comment: str = "") -> ManualValue:
    """The value of a tag that is kept by hand, as it was at `taken_at`. It replaces the one before."""
    problems = _off_problems(tag)
    if tag.kind != Kind.MANUAL:
        problems[NON_FIELD_ERRORS] = f"'{tag}' is {Kind(tag.kind).label}: nobody enters it by hand."
    fit = _fit(tag, value, problems)
    if timezone.is_naive(taken_at):
        problems["taken_at"] = "The time has no zone. Say when the value was taken, with the zone."
    elif taken_at > timezone.now() + CLOCKS_APART:
        problems["taken_at"] = "This time is still to come. Say when the value was taken."
    elif taken_at < EARLIEST:
        problems["taken_at"] = f"This time is before {EARLIEST.year}. Say when the value was taken."
    _text_problem("comment", comment, problems)
    _raise(problems)
    with transaction.atomic():
        before = ManualValue.objects.select_for_update().filter(tag=tag).first()
        if before is not None and _is_same(before, actor, fit, taken_at, comment):
            return before  # the form was sent twice
        old = None if before is None else {"value": before.value, "taken_at": before.taken_at.isoformat()}
        row, _ = ManualValue.objects.update_or_create(
            tag=tag,
            defaults={
                "value": fit,
                "taken_at": taken_at,
                "entered_at": timezone.now(),
                "author": actor.name[:150],
                "comment": comment.strip(),
            },
        )
        new = {"value": fit, "taken_at": taken_at.isoformat(), "comment": row.comment}
        record("operation", "value.entered", actor, subject=_subject(tag), old=old, new=new)
        _nudge_after_commit()
    return row


def _is_same(row: ManualValue, actor: Actor, value: Value, taken_at: datetime, comment: str) -> bool:
    said = (actor.name[:150], taken_at, comment.strip(), type(value), value)
    return (row.author, row.taken_at, row.comment, type(row.value), row.value) == said


# -- a value in place of the measured one


def substitute(actor: Actor, tag: Tag, value: Value, reason: str, ends_at: datetime) -> Substitution:
    """Put a value in place of the tag's own until `ends_at`, or until somebody ends it."""
    problems = _off_problems(tag)
    fit = _fit(tag, value, problems)
    _spell_problems(reason, ends_at, LONGEST_SUBSTITUTION, "A substituted value", problems)
    _raise(problems)
    row = Substitution(tag=tag, value=fit, reason=reason.strip(), author=actor.name[:150], ends_at=ends_at)
    new = {"value": fit, "ends_at": ends_at.isoformat()}
    return _begin(actor, row, Substitution.objects.filter(tag=tag), "substitution.begun", new)


def end_substitution(actor: Actor, substitution: Substitution) -> None:
    """The tag's own value counts again."""
    _end(actor, substitution)


# -- a device that is left alone


def take_out_of_use(actor: Actor, device: Device, reason: str, ends_at: datetime) -> OutOfUse:
    """Nothing is sent to the device, and nothing alarms for its silence, until `ends_at` or until it is put back."""
    problems: Problems = {}
    if not device.enabled:
        problems[NON_FIELD_ERRORS] = f"'{device}' is switched off in the configuration: nothing is sent to it anyway."
    _spell_problems(reason, ends_at, LONGEST_OUT_OF_USE, "A device out of use", problems)
    _raise(problems)
    row = OutOfUse(device=device, reason=reason.strip(), author=actor.name[:150], ends_at=ends_at)
    same, new = OutOfUse.objects.filter(device=device), {"ends_at": ends_at.isoformat()}
    return _begin(actor, row, same, "device.out_of_use", new)


def put_back(actor: Actor, out_of_use: OutOfUse) -> None:
    """The device is read again."""
    _end(actor, out_of_use)


# -- totals


def preset_total(actor: Actor, tag: Tag, value: Value, reason: str) -> TotaliserState:
    """Let a totaliser go on from this number (a meter was changed, a year begins)."""
    problems = _off_problems(tag)
    if tag.kind != Kind.DERIVED or tag.function != Function.TOTAL:
        problems[NON_FIELD_ERRORS] = f"'{tag}' is no totaliser."
    fit = _fit(tag, value, problems)
    _reason_problem(reason, problems)
    _raise(problems)
    with transaction.atomic():
        before = TotaliserState.objects.select_for_update().filter(tag=tag).first()
        taken_ms = int(timezone.now().timestamp() * 1000)
        if before is not None:
            taken_ms = max(taken_ms, before.taken_ms + 1)  # the newest counts, also when the clock was set back
        state = {"total": float(fit or 0), "taken_ms": taken_ms}
        row, _ = TotaliserState.objects.update_or_create(tag=tag, defaults=state)
        old = None if before is None else {"total": before.total}
        new = {"total": row.total}
        record("operation", "total.preset", actor, subject=_subject(tag), old=old, new=new, reason=reason.strip())
        _nudge_after_commit()
    return row


# -- what ends by itself


def close_expired(now: datetime | None = None) -> int:
    """Note the end of everything whose time ran out, each with its record. Called every few seconds by the jobs.

    And of what its tag cannot have any more, because the tag was changed. The poller does not wait for this: by its
    own clock it lets go in time.
    """
    now = now or timezone.now()
    ended = _close(Substitution.objects.filter(ends_at__lte=now)) + _close(OutOfUse.objects.filter(ends_at__lte=now))
    return ended + _end_unfit(now) + _end_totals()


def _end_unfit(now: datetime) -> int:
    """A value that its tag cannot have any more stands in place of nothing (active): that is not left open."""
    reason = "the tag was changed and cannot have this value any more"
    rows = Substitution.objects.filter(ended_at=None).select_related("tag__area")
    return sum(_end_row(Actor.system("jobs"), row, now, reason) for row in rows if not _is_of_type(row))


def _end_totals() -> int:
    """A tag that is no totaliser any more has no total to go on from, should it become one again."""
    rows = TotaliserState.objects.exclude(tag__kind=Kind.DERIVED, tag__function=Function.TOTAL)
    return sum(map(_drop_total, rows.select_related("tag__area")))


def _drop_total(state: TotaliserState) -> bool:
    reason = "the tag is no totaliser any more"
    with transaction.atomic():
        if not TotaliserState.objects.filter(pk=state.pk).delete()[0]:
            return False
        subject, old = _subject(state.tag), {"total": state.total}
        record("operation", "total.deleted", Actor.system("jobs"), subject=subject, old=old, reason=reason)
    return True


def _is_of_type(row: Substitution) -> bool:
    try:
        of_type(row.tag, row.value)
    except ValueError:
        return False
    return True


def _close(rows: "models.QuerySet[Any]") -> int:
    return sum(
        _end_row(Actor.system("jobs"), row, row.ends_at, "its time ran out") for row in rows.filter(ended_at=None)
    )


# -- what is deleted


def let_go(actor: Actor, gone: Sequence[Tag | Device]) -> None:
    """Before tags or devices are deleted: end what lasts of them. What goes with them stays in the records."""
    for start in range(0, len(gone), BATCH):
        batch = gone[start : start + BATCH]
        tags = [row.pk for row in batch if isinstance(row, Tag)]
        devices = [row.pk for row in batch if isinstance(row, Device)]
        with transaction.atomic():
            for spell in Substitution.objects.filter(tag__in=tags, ended_at=None):
                _end_row(actor, spell, timezone.now(), "the tag is deleted")
            for left in OutOfUse.objects.filter(device__in=devices, ended_at=None):
                _end_row(actor, left, timezone.now(), "the device is deleted")
            for entered in ManualValue.objects.filter(tag__in=tags).select_related("tag__area"):
                old = {"value": entered.value, "taken_at": entered.taken_at.isoformat(), "author": entered.author}
                record("operation", "value.deleted", actor, subject=_subject(entered.tag), old=old)
            for state in TotaliserState.objects.filter(tag__in=tags).select_related("tag__area"):
                record("operation", "total.deleted", actor, subject=_subject(state.tag), old={"total": state.total})


# -- what the poller asks


@dataclass(frozen=True, slots=True)
class Entered:
    value: Value
    taken_ms: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A value in place of the tag's own. `ends_ms`: UTC."""

    value: Value
    ends_ms: int


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A device out of use, and why, in a sentence. `ends_ms`: UTC."""

    sentence: str
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Interventions:
    """Everything that holds: by tag id, by tag id, by device id. It may have ended by now: ask `ends_ms`."""

    manual: Mapping[int, Entered] = field(default_factory=dict)
    substitutions: Mapping[int, Placed] = field(default_factory=dict)
    out_of_use: Mapping[int, LeftAlone] = field(default_factory=dict)


_SHAPE: Final = tuple(f"tag__{name}" for name in Shape._fields)


def active() -> Interventions:
    """Three queries.

    A value that its tag cannot have any more, because the tag was changed, holds no longer; nor does one in place of
    what is switched off: the tag says so itself then.
    """
    manual = ManualValue.objects.values_list("tag_id", "value", "taken_at", *_SHAPE)
    lasting = Substitution.objects.filter(ended_at=None, tag__enabled=True).exclude(tag__device__enabled=False)
    substitutions = lasting.values_list("tag_id", "value", "ends_at", *_SHAPE)
    out_of_use = OutOfUse.objects.filter(ended_at=None).values_list("device_id", "author", "reason", "ends_at")
    return Interventions(
        {tag: Entered(value, _ms(taken_at)) for tag, value, taken_at in _usable(manual)},
        {tag: Placed(value, _ms(ends_at)) for tag, value, ends_at in _usable(substitutions)},
        {
            device: LeftAlone(f"Taken out of use by {author}: {reason}", _ms(ends_at))
            for device, author, reason, ends_at in out_of_use
        },
    )


def _usable(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, Value, datetime]]:
    """Of (tag, value, time, *Shape) those that their tags can have, as they have them: a database may give a whole
    number for what was entered with decimals."""
    for tag, value, at, *shape in rows:
        with suppress(ValueError):  # Unfit, or a type that nobody knows: written past the checks
            yield tag, of_type(Shape(*shape), value), at


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# -- what all of them ask and do


def _off_problems(tag: Tag) -> Problems:
    if not tag.enabled:
        return {NON_FIELD_ERRORS: f"'{tag}' is switched off in the configuration. Switch it on first."}
    if tag.device is not None and not tag.device.enabled:
        return {
            NON_FIELD_ERRORS: f"The device '{tag.device}' is switched off in the configuration. Switch it on first."
        }
    return {}


def _fit(tag: Tag, value: Value, problems: Problems) -> Value:
    try:
        return fitting(tag, value)
    except Unfit as unfit:
        problems["value"] = str(unfit)
        return None


def _text_problem(name: str, text: str, problems: Problems) -> None:
    if len(text.strip()) > LONGEST_TEXT:
        problems[name] = f"This has {len(text.strip())} characters; the most is {LONGEST_TEXT}."
        return
    try:
        validate_one_line(text.strip())
    except ValidationError as error:
        problems[name] = error.messages[0]


def _reason_problem(reason: str, problems: Problems) -> None:
    if len(reason.strip()) < SHORTEST_REASON:
        problems["reason"] = f"Say why, in at least {SHORTEST_REASON} characters: others must be able to judge it."
    else:
        _text_problem("reason", reason, problems)


def _spell_problems(reason: str, ends_at: datetime, longest: timedelta, what: str, problems: Problems) -> None:
    _reason_problem(reason, problems)
    now = timezone.now()
    if timezone.is_naive(ends_at):
        problems["ends_at"] = "The time has no zone. Say when it shall end, with the zone."
    elif ends_at <= now:
        problems["ends_at"] = "This time has passed. Say when it shall end."
    elif ends_at > now + longest + CLOCKS_APART:
        hours = longest // timedelta(hours=1)
        most = f"{hours} hours" if hours <= 24 else f"{longest.days} days"
        problems["ends_at"] = f"{what} ends after at most {most}. Choose an earlier end; it can be begun again."


def _raise(problems: Problems) -> None:
    if problems:
        raise ValidationError(problems)


def _begin(actor: Actor, row: SpellT, same: "models.QuerySet[Any]", event: str, new: dict[str, Any]) -> SpellT:
    """Write it, if there is none of the same that lasts. One whose time ran out gives way, with its record.

    The same once more, because a form was sent twice, is what the first time has begun.
    """
    try:
        with transaction.atomic():
            _close(same.filter(ends_at__lte=timezone.now()))
            row.save()
            record("operation", event, actor, subject=_subject_of(row), new=new, reason=row.reason)
            _nudge_after_commit()
    except IntegrityError:
        other: SpellT | None = same.filter(ended_at=None).first()
        if other is None:
            raise
        if _is_again(row, other):
            return other
        text = f"{other.author} began this already, until {_when(other.ends_at)}: {other.reason}. End that one first."
        raise ValidationError({NON_FIELD_ERRORS: text}) from None
    return row


def _is_again(row: Spell, other: Spell) -> bool:
    is_same = (row.author, row.reason, _value_of(row)) == (other.author, other.reason, _value_of(other))
    return is_same and abs(row.ends_at - other.ends_at) < SENT_TWICE


def _value_of(row: Spell) -> Any:
    return row.value if isinstance(row, Substitution) else None


def _end(actor: Actor, row: Spell) -> None:
    _close(type(row)._default_manager.filter(pk=row.pk, ends_at__lte=timezone.now()))  # nobody ends what has run out
    if not _end_row(actor, row, timezone.now(), ""):
        row.refresh_from_db()
        by = f"by {row.ended_by}" if row.ended_by else "by itself"
        raise ValidationError({NON_FIELD_ERRORS: f"It has ended already, {by}."})
    row.refresh_from_db()


def _end_row(actor: Actor, row: Spell, ended_at: datetime, reason: str) -> bool:
    """Guarded: whoever comes first ends it, and only once."""
    by = "" if actor.kind == "system" else actor.name[:150]
    with transaction.atomic():
        rows = type(row)._default_manager.filter(pk=row.pk, ended_at=None)
        if not rows.update(ended_at=ended_at, ended_by=by):
            return False
        event = "substitution.ended" if isinstance(row, Substitution) else "device.put_back"
        old = {"ends_at": row.ends_at.isoformat(), "author": row.author, "reason": row.reason}
        record("operation", event, actor, subject=_subject_of(row), old=old, reason=reason)
        _nudge_after_commit()
    return True


def _when(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


def _subject_of(row: Spell) -> Subject:
    return _subject(row.tag if isinstance(row, Substitution) else row.device)


def _subject(what: Tag | Device) -> Subject:
    return Subject(what._meta.label_lower, str(what.uuid), what.path if isinstance(what, Tag) else what.name)


def _nudge_after_commit() -> None:
    transaction.on_commit(revisions.nudge_after_commit, robust=True)
