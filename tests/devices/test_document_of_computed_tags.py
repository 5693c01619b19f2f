"""Derived and manual tags in the plant document: round trip, dry run, loops, and what is still in use."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.actions import Actor
from audit.models import AuditRecord
from devices.interventions import enter_value, substitute, take_out_of_use
from devices.models import Kind, Tag, TagInput
from plant.document import transfer
from tests.plant.documents import SMALL, exported, load, refused, said

pytestmark = pytest.mark.django_db

BY = Actor.system("test")
COMPUTED = (
    SMALL
    + """\
manual_tags:
  - {path: intake/chlorine, title: Free chlorine, unit: mg/l, eu_min: 0, eu_max: 5, decimals: 2, scan_ms: 5000}
  - {path: intake/note, type: string}
derived_tags:
  - {path: intake/volume, expression: level * 12.5, inputs: {level: intake/level}, unit: m³, eu_min: 0, eu_max: 100}
  - path: intake/rise
    function: rate
    expression: v
    inputs: {v: intake/volume}
    window_s: 120
    per_s: 3600
  - path: intake/alarm
    type: bool
    expression: run and c > 4
    inputs: {run: Intake/Pumps/Run, c: intake/chlorine}
    states: {0: fine, 1: look}
"""
)


def test_what_is_exported_is_what_was_imported() -> None:
    load(COMPUTED)
    text = exported()
    assert "inputs: {c: intake/chlorine, run: intake/pumps/run}" in text
    assert load(text).is_same
    assert exported() == text
    alarm = Tag.objects.get(name="alarm")
    assert (alarm.kind, alarm.device, alarm.address, alarm.data_type) == (Kind.DERIVED, None, None, "bool")
    assert {row.name: row.source.name for row in alarm.inputs.all()} == {"c": "chlorine", "run": "run"}
    assert Tag.objects.get(name="note").kind == Kind.MANUAL


def test_a_dry_run_says_which_inputs_change_and_writes_nothing() -> None:
    load(COMPUTED)
    text = exported().replace("inputs: {level: intake/level}", "inputs: {level: intake/chlorine}")
    found = transfer.compare(text.encode(), "plant.yaml")
    assert said(found) == ["~ derived tag intake/volume"]
    assert found.changes[0].fields["inputs"] == ({"level": "intake/level"}, {"level": "intake/chlorine"})
    assert Tag.objects.get(name="volume").inputs.get().source.name == "level"
    load(text)
    assert Tag.objects.get(name="volume").inputs.get().source.name == "chlorine"


def test_a_source_that_is_renamed_stays_the_source() -> None:
    load(COMPUTED)
    text = (
        exported()
        .replace("path: intake/volume", "path: intake/content")
        .replace("v: intake/volume", "v: intake/content")
    )
    assert said(load(text)) == ["~ derived tag intake/content"]
    assert Tag.objects.get(name="rise").inputs.get().source.name == "content"
    assert load(exported()).is_same


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("expression: level * 12.5", "expression: level * levle", "'levle' is neither an input nor a function"),
        ("expression: level * 12.5", "expression: level // 2", "Position 7: '//' is not known"),
        ("expression: level * 12.5", "expression: 12.5", "The input 'level' is not used"),
        ("expression: level * 12.5", "expression: ''", "missing or empty"),
        (
            "{level: intake/level}",
            "{level: intake/levle}",
            "there is no tag 'intake/levle'. Did you mean 'intake/level' or",
        ),
        ("{level: intake/level}", "{2x: intake/level}", "'2x' cannot be the name of an input"),
        ("{level: intake/level}", "{level: intake/note}", "'intake/note' is a text"),
        ("{level: intake/level}", "{level: intake/rise}", "'intake/volume' from 'intake/rise' from 'intake/volume'"),
        (
            "{level: intake/level}",
            "{level: intake/volume}",
            "computed from itself: 'intake/volume' from 'intake/volume'",
        ),
        ("window_s: 120", "window_s: 1", "two scan periods"),
        ("function: rate", "function: rat", "Did you mean 'rate'?"),
        ("type: string", "type: uint16", "The type is one of"),
        ("path: intake/rise", "path: intake/level", "level"),
        ("path: intake/note", "path: intake/volume", "volume"),
        ("path: intake/note", "path: intake/pumps", "pumps"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(old: str, new: str, says: str) -> None:
    found = refused(COMPUTED.replace(old, new, 1))
    assert any(says in problem for problem in found), found
    assert not Tag.objects.exists()


def test_a_loop_through_a_tag_that_the_document_does_not_name_is_refused() -> None:
    load(COMPUTED)
    head = SMALL.split("tags:")[0]
    text = head + "derived_tags:\n  - {path: intake/volume, expression: r, inputs: {r: intake/rise}}\n"
    assert "computed from itself: 'intake/volume' from 'intake/rise'" in refused(text)[0]


def test_a_tag_in_use_cannot_be_pruned_unless_its_users_go_too() -> None:
    load(COMPUTED)
    lines = SMALL.splitlines(keepends=True)
    without = "".join(line for line in lines if "intake/level" not in line)
    found = refused(without, prune=True)
    assert any("intake/level" in problem and "derived tag intake/volume still uses it" in problem for problem in found)
    assert said(load(without + "manual_tags: []\nderived_tags: []\n", prune=True)) == [
        "- tag intake/level", "- manual tag intake/chlorine", "- manual tag intake/note",
        "- derived tag intake/alarm", "- derived tag intake/rise", "- derived tag intake/volume",
    ]  # fmt: skip
    assert not TagInput.objects.exists()


def test_a_tag_may_become_of_another_kind_when_the_old_one_is_pruned() -> None:
    load(COMPUTED)
    text = COMPUTED.replace("  - {path: intake/note, type: string}\n", "").replace(
        "derived_tags:\n", "derived_tags:\n  - {path: intake/note, expression: '1', inputs: {}}\n"
    )
    load(text, prune=True)
    assert Tag.objects.get(name="note").kind == Kind.DERIVED


def test_what_is_set_by_hand_ends_with_its_tag_or_device_and_the_record_keeps_it() -> None:
    load(COMPUTED)
    chlorine, level = Tag.objects.get(name="chlorine"), Tag.objects.get(name="level")
    end = timezone.now() + timedelta(hours=1)
    enter_value(BY, chlorine, 0.4, timezone.now())
    substitute(BY, level, 3, "test run", end)
    assert level.device is not None
    take_out_of_use(BY, level.device, "test run", end)
    sections = ("areas", "devices", "tags", "manual_tags", "derived_tags")
    load(SMALL.split("areas:")[0] + "".join(f"{name}: []\n" for name in sections), prune=True)
    ended = AuditRecord.objects.get(event="substitution.ended")
    assert (ended.object_text, ended.reason) == ("northgate/intake/level", "the tag is deleted")
    assert AuditRecord.objects.get(event="device.put_back").reason == "the device is deleted"
    kept = AuditRecord.objects.get(event="value.deleted")
    assert kept.old is not None
    assert (kept.object_text, kept.old["value"]) == ("northgate/intake/chlorine", 0.4)
