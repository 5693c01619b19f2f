"""What people do in operation: entered and substituted values, devices out of use, totals. Each ends once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.actions import Actor
from audit.models import AuditRecord
from devices.interventions import (
    active,
    close_expired,
    end_substitution,
    enter_value,
    preset_total,
    put_back,
    substitute,
    take_out_of_use,
)
from devices.models import Device, Kind, OutOfUse, Substitution, Tag, TotaliserState
from plant import revisions
from tests.cast import Works

OMAR = Actor("user", "uuid-omar", "omar")
SUE = Actor("user", "uuid-sue", "sue")


def in_an_hour() -> datetime:
    return timezone.now() + timedelta(hours=1)


def refused(action: Callable[[], Any]) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        action()
    return caught.value.message_dict


@pytest.fixture
def chlorine(works: Works) -> Tag:
    """A tag that is kept by hand: a laboratory value from 0 to 5 mg/l."""
    return Tag.objects.create(
        area=works.north, name="chlorine", kind=Kind.MANUAL, data_type="float64", eu_min=0, eu_max=5, unit="mg/l"
    )


@pytest.fixture
def volume(works: Works) -> Tag:
    return Tag.objects.create(
        area=works.north, name="volume", kind=Kind.DERIVED, function="total", expression="q", data_type="float64"
    )


def test_a_value_is_entered_with_the_time_it_was_taken_and_a_record(chlorine: Tag) -> None:
    taken = timezone.now() - timedelta(minutes=20)
    enter_value(OMAR, chlorine, 0.4, taken, "sample 17")
    enter_value(SUE, chlorine, 0.6, taken + timedelta(minutes=5))

    found = active().manual[chlorine.pk]
    assert (found.value, found.taken_ms) == (0.6, int((taken + timedelta(minutes=5)).timestamp() * 1000))
    first, second = AuditRecord.objects.filter(event="value.entered").order_by("pk")
    assert (first.actor_name, first.object_text, first.old) == ("omar", "works/north/chlorine", None)
    assert first.new == {"value": 0.4, "taken_at": taken.isoformat(), "comment": "sample 17"}
    assert second.old is not None
    assert second.old["value"] == 0.4


@pytest.mark.parametrize(
    ("value", "says"),
    [(5.1, "from 0 to 5"), (-0.1, "from 0 to 5"), ("0.4", "a number"), (True, "a number"), (float("nan"), "a number"),
     (float("inf"), "a number"), (10**400, "a number"), (None, "a number")],
)  # fmt: skip
def test_a_value_that_the_tag_cannot_have_is_refused(chlorine: Tag, value: Any, says: str) -> None:
    found = refused(lambda: enter_value(OMAR, chlorine, value, timezone.now()))
    assert says in found["value"][0]
    assert not active().manual


def test_a_value_is_not_taken_in_the_future_nor_without_a_zone(chlorine: Tag) -> None:
    later = timezone.now() + timedelta(minutes=5)
    assert "still to come" in refused(lambda: enter_value(OMAR, chlorine, 1, later))["taken_at"][0]
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 (that is what is tried)
    assert "no zone" in refused(lambda: enter_value(OMAR, chlorine, 1, naive))["taken_at"][0]


def test_only_a_tag_kept_by_hand_is_entered(works: Works) -> None:
    found = refused(lambda: enter_value(OMAR, works.level, 1.0, timezone.now()))
    assert "read from a device" in found["__all__"][0]


def test_a_substitution_has_author_reason_and_end_and_is_recorded(works: Works) -> None:
    end = in_an_hour()
    row = substitute(SUE, works.level, 2.5, "sensor is cleaned", end)
    assert active().substitutions[works.level.pk].value == 2.5
    assert (row.author, row.reason, row.ends_at) == ("sue", "sensor is cleaned", end)
    found = AuditRecord.objects.get(event="substitution.begun")
    assert (found.category, found.actor_name, found.reason) == ("operation", "sue", "sensor is cleaned")
    assert found.new == {"value": 2.5, "ends_at": end.isoformat()}

    end_substitution(OMAR, row)
    assert not active().substitutions
    assert row.ended_by == "omar"
    assert AuditRecord.objects.get(event="substitution.ended").actor_name == "omar"


@pytest.mark.parametrize("reason", ["", "  ", "no", "x" * 201, "two\nlines"])
def test_without_a_usable_reason_nothing_begins(works: Works, reason: str) -> None:
    assert "reason" in refused(lambda: substitute(SUE, works.level, 2.5, reason, in_an_hour()))
    assert "reason" in refused(lambda: take_out_of_use(SUE, works.plc1, reason, in_an_hour()))
    assert not AuditRecord.objects.filter(category="operation").exists()


def test_the_end_is_to_come_and_not_too_far_away(works: Works) -> None:
    past, late = timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(days=7, hours=1)
    assert "has passed" in refused(lambda: substitute(SUE, works.level, 1, "test run", past))["ends_at"][0]
    assert "7 days" in refused(lambda: substitute(SUE, works.level, 1, "test run", late))["ends_at"][0]
    day = timezone.now() + timedelta(hours=25)
    assert "24 hours" in refused(lambda: take_out_of_use(SUE, works.plc1, "test run", day))["ends_at"][0]


def test_a_whole_number_tag_takes_no_fraction_and_no_more_than_its_registers_hold(works: Works) -> None:
    count = Tag.objects.create(area=works.north, device=works.plc1, name="count", address=9, data_type="uint16")
    assert "whole number" in refused(lambda: substitute(SUE, count, 1.5, "test run", in_an_hour()))["value"][0]
    assert "0 to 65535" in refused(lambda: substitute(SUE, count, 65536, "test run", in_an_hour()))["value"][0]
    assert substitute(SUE, count, 7.0, "test run", in_an_hour()).value == 7
    assert substitute(SUE, works.flow, 1.25, "scaled, so any number", in_an_hour()).value == 1.25
    assert "true or false" in refused(lambda: substitute(SUE, works.run, 2, "test run", in_an_hour()))["value"][0]


def test_of_two_who_substitute_the_same_tag_the_second_is_told_of_the_first(works: Works) -> None:
    substitute(SUE, works.level, 2.5, "sensor is cleaned", in_an_hour())
    said = refused(lambda: substitute(OMAR, works.level, 3.5, "mine is better", in_an_hour()))["__all__"][0]
    assert "sue" in said
    assert "sensor is cleaned" in said
    assert active().substitutions[works.level.pk].value == 2.5


def test_what_has_ended_cannot_be_ended_again(works: Works) -> None:
    row = substitute(SUE, works.level, 2.5, "sensor is cleaned", in_an_hour())
    other = Substitution.objects.get(pk=row.pk)
    end_substitution(OMAR, row)
    assert "by omar" in refused(lambda: end_substitution(SUE, other))["__all__"][0]
    assert AuditRecord.objects.filter(event="substitution.ended").count() == 1


def test_one_whose_time_ran_out_gives_way_to_a_new_one_and_has_its_record(works: Works) -> None:
    row = substitute(SUE, works.level, 2.5, "sensor is cleaned", in_an_hour())
    Substitution.objects.filter(pk=row.pk).update(ends_at=timezone.now() - timedelta(minutes=1))
    substitute(OMAR, works.level, 3.5, "once more", in_an_hour())
    ended = AuditRecord.objects.get(event="substitution.ended")
    assert (ended.actor_kind, ended.reason) == ("system", "its time ran out")
    assert active().substitutions[works.level.pk].value == 3.5


def test_jobs_note_every_end_once(works: Works) -> None:
    row = substitute(SUE, works.level, 2.5, "sensor is cleaned", in_an_hour())
    out = take_out_of_use(SUE, works.plc1, "new program", in_an_hour())
    substitute(SUE, works.flow, 1.0, "still lasting", in_an_hour() + timedelta(hours=2))
    later = timezone.now() + timedelta(hours=2)
    assert close_expired(later) == 2
    assert close_expired(later) == 0
    row.refresh_from_db()
    out.refresh_from_db()
    assert (row.ended_at, row.ended_by) == (row.ends_at, "")
    assert out.ended_at == out.ends_at
    assert AuditRecord.objects.filter(actor_kind="system", reason="its time ran out").count() == 2
    assert set(active().substitutions) == {works.flow.pk}


def test_a_device_is_out_of_use_with_a_sentence_and_is_put_back(works: Works) -> None:
    row = take_out_of_use(SUE, works.plc1, "new program", in_an_hour())
    assert active().out_of_use[works.plc1.pk].sentence == "Taken out of use by sue: new program"
    put_back(OMAR, row)
    assert not active().out_of_use
    assert [r.event for r in AuditRecord.objects.filter(category="operation")] == [
        "device.out_of_use", "device.put_back",
    ]  # fmt: skip
    assert OutOfUse.objects.get().ended_by == "omar"


def test_nothing_is_done_to_what_is_switched_off(works: Works, chlorine: Tag) -> None:
    Device.objects.filter(pk=works.plc1.pk).update(enabled=False)
    level = Tag.objects.get(pk=works.level.pk)
    assert "switched off" in refused(lambda: substitute(SUE, level, 1, "test run", in_an_hour()))["__all__"][0]
    device = Device.objects.get(pk=works.plc1.pk)
    assert "switched off" in refused(lambda: take_out_of_use(SUE, device, "test run", in_an_hour()))["__all__"][0]
    chlorine.enabled = False
    assert "switched off" in refused(lambda: enter_value(SUE, chlorine, 1, timezone.now()))["__all__"][0]


def test_a_total_is_preset_by_a_newer_state_than_any_before(volume: Tag) -> None:
    far = int(timezone.now().timestamp() * 1000) + 3_600_000  # the clock was set back since
    TotaliserState.objects.create(tag=volume, total=120.0, taken_ms=far)
    row = preset_total(SUE, volume, 5, "new meter")
    assert (row.total, row.taken_ms) == (5.0, far + 1)
    found = AuditRecord.objects.get(event="total.preset")
    assert (found.old, found.new, found.reason) == ({"total": 120.0}, {"total": 5.0}, "new meter")


def test_only_a_totaliser_has_a_total(works: Works) -> None:
    assert "no totaliser" in refused(lambda: preset_total(SUE, works.level, 5, "new meter"))["__all__"][0]


def test_a_text_that_is_kept_by_hand_stays_on_one_line(works: Works) -> None:
    note = Tag.objects.create(area=works.north, name="note", kind=Kind.MANUAL, data_type="string", length=10)
    assert "line" in refused(lambda: enter_value(OMAR, note, "a\nb", timezone.now()))["value"][0]
    assert "at most 10" in refused(lambda: enter_value(OMAR, note, "ä" * 6, timezone.now()))["value"][0]
    assert "text" in refused(lambda: enter_value(OMAR, note, 5, timezone.now()))["value"][0]
    assert enter_value(OMAR, note, "clear", timezone.now()).value == "clear"


def test_whoever_waits_is_told_after_the_commit(
    works: Works, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(revisions, "nudge_after_commit", lambda: told.append(True))
    with django_capture_on_commit_callbacks(execute=True):
        substitute(SUE, works.level, 2.5, "sensor is cleaned", in_an_hour())
        assert not told
    assert told
