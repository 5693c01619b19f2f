"""Values that people have set, when their tag is changed or switched off afterwards: none of them is ever wrong."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.actions import Actor
from audit.models import AuditRecord
from bus.messages import FULL, Block, decode, encode
from devices.interventions import active, close_expired, end_substitution, enter_value, substitute, take_out_of_use
from devices.models import Device, Kind, ManualValue, Substitution, Tag, TotaliserState
from tests.cast import Works

SUE = Actor("user", "uuid-sue", "sue")


def in_an_hour() -> datetime:
    return timezone.now() + timedelta(hours=1)


@pytest.fixture
def chlorine(works: Works) -> Tag:
    return Tag.objects.create(area=works.north, name="chlorine", kind=Kind.MANUAL, data_type="float64")


def on_the_bus(value: Any) -> Any:
    return decode(encode(Block(1, 1, "g", 1, 1, FULL, [1], [value], [0]))).values[0]


@pytest.mark.parametrize("value", [10**39, 2**64, -(2**63) - 1, 1e25])
def test_a_number_of_any_size_in_place_of_a_scaled_one_can_be_sent(works: Works, value: float) -> None:
    """The bus takes whole numbers of 64 bits; a larger one would end the poller."""
    substitute(SUE, works.flow, value, "test run", in_an_hour())
    assert on_the_bus(active().substitutions[works.flow.pk].value) == float(value)


def test_a_database_may_make_a_whole_number_of_a_large_one(chlorine: Tag) -> None:
    """PostgreSQL's jsonb gives 1e25 back as 10000000000000000000000000."""
    enter_value(SUE, chlorine, 1e25, timezone.now())
    ManualValue.objects.update(value=10**25)
    assert on_the_bus(active().manual[chlorine.pk].value) == 1e25


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [("string", "clear", "float64"), ("float64", 12.5, "bool"), ("float64", 12.5, "string"), ("int64", 300, "bool")],
)
def test_a_value_of_another_type_than_its_tag_has_now_holds_no_longer(
    works: Works, before: str, value: Any, after: str
) -> None:
    """A text in place of a number would be shown as Good."""
    tag = Tag.objects.create(area=works.north, name="sample", kind=Kind.MANUAL, data_type=before)
    enter_value(SUE, tag, value, timezone.now())
    substitute(SUE, tag, value, "test run", in_an_hour())
    Tag.objects.filter(pk=tag.pk).update(data_type=after)

    assert not active().manual
    assert not active().substitutions
    assert close_expired() == 1
    record = AuditRecord.objects.get(event="substitution.ended")
    assert (record.actor_kind, record.reason) == (
        "system", "the tag was changed and cannot have this value any more"
    )  # fmt: skip
    assert Substitution.objects.get().ended_by == ""
    assert close_expired() == 0


def test_a_value_in_place_of_a_number_goes_with_a_number_of_another_type(works: Works) -> None:
    substitute(SUE, works.level, 3, "test run", in_an_hour())
    Tag.objects.filter(pk=works.level.pk).update(data_type="uint16")
    found = active().substitutions[works.level.pk].value
    assert (found, type(found)) == (3, int)
    assert close_expired() == 0


@pytest.mark.parametrize("what", ["tag", "device"])
def test_what_is_switched_off_has_no_value_in_its_place(works: Works, what: str) -> None:
    """Out of service is what the configuration says of it; once on again, the value holds to its end."""
    substitute(SUE, works.level, 3, "test run", in_an_hour())
    rows: Any = Tag.objects.filter(pk=works.level.pk) if what == "tag" else Device.objects.filter(pk=works.plc1.pk)
    rows.update(enabled=False)
    assert not active().substitutions
    rows.update(enabled=True)
    assert works.level.pk in active().substitutions


def test_the_same_entry_sent_twice_is_one_with_one_record(chlorine: Tag) -> None:
    taken = timezone.now()
    first = enter_value(SUE, chlorine, 0.4, taken, "sample 17")
    again = enter_value(SUE, chlorine, 0.4, taken, "sample 17 ")
    assert (again.pk, again.entered_at) == (first.pk, first.entered_at)
    assert AuditRecord.objects.filter(event="value.entered").count() == 1
    enter_value(SUE, chlorine, 0.4, taken + timedelta(minutes=1), "sample 17")
    enter_value(Actor("user", "uuid-omar", "omar"), chlorine, 0.4, taken + timedelta(minutes=1), "sample 17")
    assert AuditRecord.objects.filter(event="value.entered").count() == 3


def test_a_device_is_taken_out_of_use_once_by_a_form_that_is_sent_twice(works: Works) -> None:
    first = take_out_of_use(SUE, works.plc1, "program is loaded", in_an_hour())
    assert take_out_of_use(SUE, works.plc1, "program is loaded", in_an_hour()) == first
    assert AuditRecord.objects.filter(event="device.out_of_use").count() == 1
    with pytest.raises(ValidationError, match="began this already"):
        take_out_of_use(SUE, works.plc1, "something else", in_an_hour())


def test_a_tag_that_is_no_totaliser_any_more_has_no_total_to_go_on_from(works: Works) -> None:
    """Else the mean it was in between could be taken for its total, or a total of long ago be Good again."""
    kept, changed = (
        Tag.objects.create(area=works.north, name=name, kind=Kind.DERIVED, function="total", data_type="float64")
        for name in ("kept", "changed")
    )
    for tag in (kept, changed):
        TotaliserState.objects.create(tag=tag, total=1234.5, taken_ms=1)
    Tag.objects.filter(pk=changed.pk).update(function="average")
    assert (close_expired(), close_expired()) == (1, 0)
    assert TotaliserState.objects.get().tag == kept
    record = AuditRecord.objects.get(event="total.deleted")
    assert (record.object_text, record.old, record.reason) == (
        "works/north/changed", {"total": 1234.5}, "the tag is no totaliser any more"
    )  # fmt: skip


def test_a_type_that_nobody_knows_costs_only_its_own_tag(works: Works, chlorine: Tag) -> None:
    """Written past the checks, as by a hand in the database."""
    enter_value(SUE, chlorine, 0.4, timezone.now())
    substitute(SUE, works.level, 3, "test run", in_an_hour())
    Tag.objects.filter(pk=works.level.pk).update(data_type="float33")
    assert (list(active().manual), list(active().substitutions)) == ([chlorine.pk], [])
    assert close_expired() == 1


def test_nobody_ends_what_has_run_out_a_moment_ago(works: Works) -> None:
    """The record says when it really ended, and that nobody did it."""
    row = substitute(SUE, works.level, 3, "test run", in_an_hour())
    end = timezone.now() - timedelta(seconds=1)
    Substitution.objects.update(ends_at=end)
    with pytest.raises(ValidationError, match="ended already, by itself"):
        end_substitution(SUE, row)
    found = Substitution.objects.get()
    assert (found.ended_at, found.ended_by) == (end, "")
    assert AuditRecord.objects.get(event="substitution.ended").reason == "its time ran out"


@pytest.mark.parametrize("year", [1, 202, 1026, 1970])
def test_a_mistyped_year_is_said(chlorine: Tag, year: int) -> None:
    """The year 1 is one that no database takes in every time zone."""
    with pytest.raises(ValidationError, match="before 1971"):
        enter_value(SUE, chlorine, 0.4, datetime(year, 1, 1, tzinfo=ZoneInfo("Europe/Stockholm")))
