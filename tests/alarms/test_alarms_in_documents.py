"""Alarms in the plant document: export, diff, dry run, import; what is refused; and what is recorded."""

from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.models import Alarm, AlarmClass, AlarmInput
from audit.models import AuditRecord
from devices.models import Tag
from plant.models import Plant
from tests.alarms.documents import ALARMS, PLACES, WORKS, conditions, names, settings_of_alarms
from tests.alarms.entries import make_alarm
from tests.cast import Works
from tests.fault_seed import times
from tests.plant.documents import HEAD, exported, load, refused, said
from tests.properties import SHARED_FIXTURE

pytestmark = pytest.mark.django_db


def one(fields: str, *, head: str = HEAD + PLACES) -> str:
    """A document with one alarm of class process at the level, and these fields."""
    return (
        f"{head}alarms:\n  - {{path: intake/level:hi, kind: hi, message: m, setpoint: 7, class: process, {fields}}}\n"
    )


def test_alarms_are_imported_with_what_they_refer_to() -> None:
    """ALM-10."""
    outcome = load(WORKS)
    assert [line for line in said(outcome) if "alarm" in line] == [
        "+ alarm class trips", "+ alarm intake/level:hi", "+ alarm intake/flow:lo", "+ alarm pumps/mode:fault",
    ]  # fmt: skip
    fault = Alarm.objects.get(name="fault")
    assert (fault.tag, fault.states, str(fault.alarm_class)) == (Tag.objects.get(name="mode"), [2], "Trips")
    assert [cause.message for cause in fault.suppressed_by.all()] == ["No flow"]
    assert [(row.name, row.source.name) for row in AlarmInput.objects.all()] == [("run", "run")]
    assert Alarm.objects.get(name="hi").priority == 4 - 1
    assert load(WORKS).revision is None


def test_the_export_is_the_document_again() -> None:
    load(WORKS)
    text = exported()
    assert '{path: "intake/level:hi", kind: hi, message: Basin high, setpoint: 7, deadband: 0.2, ' in text
    assert 'review_on: "2027-01-31"' in text
    assert "name: safety" not in text
    assert load(text, prune=True).is_same
    Alarm.objects.all().delete()
    load(text)
    assert exported() == text


def test_a_change_says_old_and_new_and_has_its_own_record_with_the_reason() -> None:
    """ALM-25."""
    load(WORKS)
    outcome = load(WORKS.replace("setpoint: 7,", "setpoint: 6.5,"), why="Less time than thought")
    assert [change.fields for change in outcome.changes] == [{"setpoint": (7.0, 6.5)}]
    found = AuditRecord.objects.get(event="alarm.changed")
    assert (found.object_text, found.old, found.new) == ("intake/level:hi", {"setpoint": 7.0}, {"setpoint": 6.5})
    assert (found.reason, found.actor_name) == ("Less time than thought", "ada")
    assert AuditRecord.objects.filter(event="plant.imported").latest("pk").reason == "Less time than thought"
    assert AuditRecord.objects.filter(event="alarm.created").count() == 3


def test_what_suppresses_an_alarm_is_changed_and_taken_away() -> None:
    load(WORKS)
    load(WORKS.replace("[intake/flow:lo]", "[intake/level:hi]"))
    fault = Alarm.objects.get(name="fault")
    assert [cause.name for cause in fault.suppressed_by.all()] == ["hi"]
    text = WORKS.replace("suppressed_by: [intake/flow:lo], ", "")
    load(text.replace("suppress_when: run == 0, inputs: {run: pumps/run}", "cause: Pump off"))
    assert not fault.suppressed_by.exists()
    assert not AlarmInput.objects.exists()


def test_a_renamed_tag_takes_its_alarms_along_and_a_uuid_renames_an_alarm() -> None:
    load(WORKS)
    before = set(Alarm.objects.values_list("uuid", flat=True))
    text = exported().replace("intake/level", "intake/basin").replace("basin:hi", "basin:high")
    assert "~ alarm intake/basin:high" in said(load(text, prune=True))
    assert set(Alarm.objects.values_list("uuid", flat=True)) == before
    assert sorted(exported().splitlines()) == sorted(text.splitlines())


def test_an_alarm_that_is_not_named_stays_and_goes_with_prune() -> None:
    load(WORKS)
    less = WORKS[: WORKS.index("  - {path: pumps/mode:")]
    assert [change.key for change in load(less).kept] == ["pumps/mode:fault"]
    assert said(load(less, prune=True)) == ["- alarm pumps/mode:fault"]
    assert AuditRecord.objects.get(event="alarm.deleted").object_text == "pumps/mode:fault"
    assert AlarmClass.objects.filter(name="trips").exists()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ("class: proces", "There is no alarm class 'proces'. Did you mean 'process'?"),
        ("severity: bad", "'bad' is no severity. Severities: major, minor, severe."),
        ("inputs: {x: intake/nothing}, suppress_when: x > 1", "The input 'x': there is no tag 'intake/nothing'."),
        ("inputs: {x: pumps/name}, suppress_when: x > 1", "'pumps/name' is a text"),
        ("inputs: {x: intake/flow}", "The input 'x' is not used"),
        ("suppressed_by: [intake/level:lo]", "There is no alarm 'intake/level:lo'."),
        ("suppressed_by: intake/level:hi", "a list like [a, b] is expected."),
        ("suppressed_by: [intake/level:hi]", "would suppress its own cause: 'intake/level:hi'"),
        ("states: [a]", "'a' is not a whole number."),
        ("review_on: 31.3.2026", "'31.3.2026' is not a date."),
        ("review_on: 2026-02-30", "'2026-02-30' is no day of the calendar."),
        ("kind: high", "'high' is not one of the choices."),
        ("kind: system", "A system alarm has no tag"),
        ("setpoint: 9", "9 lies outside of the range of the tag, 0 to 8 m."),
        ("reference: intake/flow", "means nothing to a high alarm"),
        ("reference: intake/nothing, kind: deviation", "There is no tag 'intake/nothing'."),
        ("path: intake/nothing:hi", "There is no tag 'intake/nothing'."),
        ("path: intake/level", "An alarm is written like 'area/tag:hi'."),
        ("path: intake/level:h h", "A name is 1 to 32 letters"),
        (f"message: {'m' * 81}", "The text has 81 characters; the most is 80."),
        ("on_delay_s: .nan", "is not a finite number"),
        ("on_delay_s: -1", "below 0.0, the least"),
        ("time_to_respond_min: 0", "more than 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_line(fields: str, says: str) -> None:
    """ALM-10; each problem once, at its field."""
    name = fields.partition(":")[0]
    plain = {"path": "intake/level:hi", "kind": "hi", "message": "m", "setpoint": "7", "class": "process"}
    kept = ", ".join(f"{key}: {value}" for key, value in plain.items() if f"{key}: " not in fields)
    problems = refused(f"{HEAD}{PLACES}alarms:\n  - {{{kept}, {fields}}}\n")
    assert len(problems) == 1, problems
    assert says in problems[0]
    assert problems[0].startswith("line 15, column ")
    assert f"alarms[0].{name}" in problems[0]


def test_limits_out_of_order_and_loops_are_refused() -> None:
    """ALM-15."""
    second = "  - {path: intake/level:hihi, kind: hihi, message: m, setpoint: 6, class: process}\n"
    assert (
        "must lie above the high limit 7 of the same tag (intake/level:hi)" in refused(one("deadband: 1") + second)[0]
    )
    text = WORKS.replace("deadband: 1, class", "deadband: 1, suppressed_by: [pumps/mode:fault], class")
    said_of_loop = refused(text)
    assert len(said_of_loop) == 1
    assert "'intake/flow:lo' by 'pumps/mode:fault' by 'intake/flow:lo'" in said_of_loop[0]


def test_an_alarm_of_the_plant_counts_also_where_the_document_does_not_name_it() -> None:
    load(WORKS)
    only = HEAD + "alarms:\n  - {path: intake/level:hihi, kind: hihi, message: m, setpoint: 6, class: process}\n"
    assert "must lie above the high limit 7" in refused(only)[0]


def test_a_tag_that_no_longer_fits_its_alarm_is_refused() -> None:
    load(WORKS)
    changed = PLACES.replace("eu_max: 8", "eu_max: 5")
    assert "intake/level:hi): It would no longer fit its tag. 7 lies outside" in refused(HEAD + changed)[0]
    text = PLACES.replace("table: coil, address: 0, type: bool", "address: 9, type: string, length: 4")
    found = refused((HEAD + text).replace(", states: {0: stopped, 1: running}", ""))
    assert "'pumps/run' is a text" in found[0]


def test_a_tag_in_use_cannot_be_removed() -> None:
    load(WORKS)
    gone = "".join(line for line in PLACES.splitlines(keepends=True) if "intake/level" not in line)
    assert "alarm intake/level:hi still refers to it" in refused(HEAD + gone, prune=True)[0]
    gone = "".join(line for line in PLACES.splitlines(keepends=True) if "pumps/run" not in line)
    assert "alarm intake/flow:lo still uses it" in refused(HEAD + gone, prune=True)[0]


def test_in_production_mode_every_enabled_alarm_is_rationalised() -> None:
    """ALM-10."""
    real = WORKS.replace("time_zone", "production_mode: true, time_zone")
    problems = refused(real)
    assert len(problems) == 3
    assert "Missing: consequence, operator action, basis of the setpoint, owner" in problems[0]
    load(WORKS)
    assert len(refused(real.replace(ALARMS, ""))) == 3
    Alarm.objects.update(enabled=False)
    load(real.replace(ALARMS, ""))
    full = (
        "consequence: c, operator_action: a, cause: c, basis: b, owner: o, approved_by: p, approved_on: 2026-01-01, "
        "review_on: 2027-01-01"
    )
    load(one(full, head=HEAD.replace("time_zone", "production_mode: true, time_zone") + PLACES))


def test_what_is_allowed_but_hardly_meant_is_said() -> None:
    """ALM-11, ALM-13."""
    outcome = load(one("time_to_respond_min: 2"))
    assert [note for note in outcome.notes if "should be automatic" in note]
    assert [note for note in outcome.notes if "The deadband is 0" in note and "0.4 m" in note]
    assert load(one("time_to_respond_min: 2")).notes == []


def test_classes_of_other_plants_are_left_alone(works: Works) -> None:
    make_alarm(works.level)
    load(WORKS.replace("plc1", "plc2"), prune=True)
    assert set(AlarmClass.objects.values_list("name", flat=True)) >= {"process", "safety", "trips"}
    assert "trips" not in exported("works")


class _Undo(Exception):
    pass


TAGS = {"intake/level": "number", "intake/flow": "number", "pumps/run": "state", "pumps/name": "text"}


def build(data: st.DataObject) -> None:
    """Any alarms, through the models."""
    load((HEAD + PLACES).replace("eu_min: 0, eu_max: 8", "title: Level"))
    tags = {path: Tag.objects.get(area__name=path.split("/")[0], name=path.split("/")[1]) for path in TAGS}
    group = AlarmClass.objects.get(name="process")
    made: list[Alarm] = []
    keys = st.lists(
        st.tuples(st.sampled_from(sorted(TAGS)), names), max_size=5, unique_by=lambda k: (k[0], k[1].lower())
    )
    for path, name in data.draw(keys):
        values: dict[str, Any] = data.draw(settings_of_alarms())
        others = [other for other in TAGS if other != path and TAGS[other] == "number"]
        values |= data.draw(conditions(TAGS[path], others))
        if values["kind"] in ("hi", "lo"):
            values["enabled"] = False
        inputs = values.pop("inputs", {})
        if reference := values.pop("reference", None):
            values["reference"] = tags[reference]
        alarm = Alarm(tag=tags[path], name=name, alarm_class=group, **values)
        alarm.input_names = list(inputs)  # type: ignore[attr-defined]  # as a form sets it
        alarm.clean_fields(exclude=["priority"])
        alarm.clean_values()
        alarm.save()
        for key, source in inputs.items():
            AlarmInput.objects.create(alarm=alarm, name=key, source=tags[source])
        if made:
            alarm.suppressed_by.set(data.draw(st.lists(st.sampled_from(made), unique=True, max_size=2)))
        made.append(alarm)


def round_trip(data: st.DataObject) -> None:
    try:
        with transaction.atomic():
            build(data)
            text = exported()
            assert load(text, prune=True).is_same
            Alarm.objects.all().delete()
            load(text)
            assert exported() == text
            Plant.objects.get().clean()
            raise _Undo
    except _Undo:
        pass


@settings(max_examples=4, suppress_health_check=SHARED_FIXTURE)
@given(data=st.data())
def test_any_alarms_make_the_round_trip(data: st.DataObject) -> None:
    """ALM-10."""
    round_trip(data)


@pytest.mark.slow
@pytest.mark.timeout(times(300, 1800))
@settings(max_examples=times(50, 1000), suppress_health_check=SHARED_FIXTURE)
@given(data=st.data())
def test_many_alarms_make_the_round_trip(data: st.DataObject) -> None:
    round_trip(data)
