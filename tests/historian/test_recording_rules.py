"""How tags are recorded: in the admin site and in the plant document by the same rules; what becomes of it (HIS-02)."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from audit.models import AuditRecord
from devices import snapshot
from devices.models import Tag
from historian.configuration import DAY_MS, key_of, of_snapshot
from historian.models import RetentionClass, TagRecording
from historian.series import SeriesKind
from tests.cast import Cast, Works
from tests.plant.documents import exported, load, refused, said

pytestmark = pytest.mark.django_db

WORKS = """
isthmus: 1
plant: {name: works}
areas:
  - {path: north}
devices:
  - {name: plc1, area: north, host: 127.0.0.1}
tags:
  - {path: north/level, device: plc1, table: holding, address: 0, type: float32, unit: m}
  - {path: north/run, device: plc1, table: coil, address: 0, type: bool}
retention_classes:
  - {name: reporting, samples_days: 400, minutes_days: 800, hours_days: 9000}
recordings:
  - {path: north/level, retention: reporting, exc_dev: 0.01, comp_dev: 0.05, exc_max_s: 300}
"""


def test_a_tag_without_a_row_is_recorded_with_every_change(works: Works) -> None:
    configuration = of_snapshot(snapshot.load())
    wanted = configuration.wanted[works.level.pk]
    assert (wanted.rule.exc_dev, wanted.rule.comp_dev, wanted.rule.is_stepped) == (0.0, 0.0, False)
    assert configuration.wanted[works.run.pk].rule.is_stepped
    assert configuration.retention.samples_ms == 90 * DAY_MS
    assert wanted.key.unit == "m"
    assert configuration.wanted[works.run.pk].key.kind is SeriesKind.STATE


def test_a_row_changes_how_and_for_how_long_and_whether(works: Works) -> None:
    TagRecording.objects.create(
        tag=works.level, exc_dev=0.1, comp_dev=0.4, stepped=True, retention=RetentionClass.objects.get(name="brief")
    )
    TagRecording.objects.create(tag=works.flow, enabled=False)
    configuration = of_snapshot(snapshot.load())
    rule = configuration.wanted[works.level.pk].rule
    assert (rule.exc_dev, rule.comp_dev, rule.is_stepped) == (0.1, 0.4, True)
    assert works.flow.pk not in configuration.wanted
    assert configuration.retention_of[str(works.level.uuid)].samples_ms == 14 * DAY_MS


def test_another_unit_is_another_series(works: Works) -> None:
    before = key_of(snapshot.load().tags[works.level.pk])
    Tag.objects.filter(pk=works.level.pk).update(unit="cm")
    after = key_of(snapshot.load().tags[works.level.pk])
    assert (before.tag, before.unit, after.unit) == (after.tag, "m", "cm")


@pytest.mark.parametrize(
    ("fields", "name", "says"),
    [
        ({"exc_dev": -1.0}, "exc_dev", "not negative"),
        ({"exc_dev": float("nan")}, "exc_dev", "not negative"),
        ({"exc_dev": 0.3, "comp_dev": 0.4}, "exc_dev", "at most half"),
        ({"exc_min_s": 600.0}, "exc_min_s", "shorter than the maximum"),
        ({"comp_min_s": 9e4}, "comp_min_s", "a day"),
        ({"comp_min_s": 200.0, "comp_max_s": 100.0}, "comp_min_s", "shorter than the maximum"),
    ],
)
def test_what_cannot_be_is_said_by_field(works: Works, fields: dict[str, float], name: str, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TagRecording(tag=works.level, **fields).full_clean()
    assert says in caught.value.message_dict[name][0]


def test_states_have_no_deviation(works: Works) -> None:
    with pytest.raises(ValidationError, match="every change is stored"):
        TagRecording(tag=works.run, comp_dev=0.5).full_clean()


def test_minutes_do_not_go_before_samples() -> None:
    with pytest.raises(ValidationError, match="before the samples"):
        RetentionClass(name="odd", samples_days=100, minutes_days=50).full_clean()


def test_the_plant_document_carries_recordings_and_their_classes() -> None:
    lines = said(load(WORKS))
    assert {"+ retention class reporting", "+ recording north/level"} <= set(lines)
    row = TagRecording.objects.get()
    assert (row.tag.name, str(row.retention), row.exc_max_s) == ("level", "reporting", 300.0)
    text = exported("works")
    assert "standard" not in text
    assert load(text, prune=True).is_same
    TagRecording.objects.all().delete()
    load(text)
    assert exported("works") == text


def test_a_recording_may_move_to_another_tag_and_go_with_it() -> None:
    load(WORKS)
    text = exported("works")
    moved = text.replace("{path: north/level, retention", "{path: north/run, stepped: true, retention")
    moved = moved.replace(", exc_dev: 0.01", "").replace(", comp_dev: 0.05", "")
    assert moved != text
    load(moved)
    assert TagRecording.objects.get().tag.name == "run"
    without = WORKS.partition("retention_classes")[0].rpartition("  - {path: north/run")[0]
    load(f"{without}recordings: []\n", prune=True)
    assert not TagRecording.objects.exists()
    assert not Tag.objects.filter(name="run").exists()


def test_the_document_refuses_what_the_form_refuses() -> None:
    problems = refused(WORKS.replace("exc_dev: 0.01", "exc_dev: 3").replace("reporting, exc", "raporting, exc"))
    assert any("at most half" in text for text in problems)
    assert any("no retention class 'raporting'" in text for text in problems)
    assert any(
        "no tag" in text for text in refused(WORKS.replace("- {path: north/level, ret", "- {path: north/lvl, ret"))
    )


def test_the_admin_names_the_tag_by_path_and_records_the_change(cast: Cast, works: Works) -> None:
    client = Client()
    client.force_login(cast.ada)
    fields = {
        "tag_path": "works/north/level", "enabled": "on", "exc_dev": "0.1", "exc_min_s": "0", "exc_max_s": "600",
        "comp_dev": "0.5", "comp_min_s": "0", "comp_max_s": "28800", "retention": "",
    }  # fmt: skip
    answer = client.post("/admin/historian/tagrecording/add/", fields)
    assert answer.status_code == 302, answer.content.decode()
    assert TagRecording.objects.get().tag == works.level
    record = AuditRecord.objects.filter(object_type="historian.tagrecording").latest("pk")
    assert record.actor_name == "ada"
    assert "stands already" in client.post("/admin/historian/tagrecording/add/", fields).content.decode()
    unknown = client.post("/admin/historian/tagrecording/add/", fields | {"tag_path": "works/north/nothing"})
    assert "There is no tag" in unknown.content.decode()
    page = client.get("/admin/historian/retentionclass/")
    assert "standard" in page.content.decode()
    standard = RetentionClass.objects.get(name="standard")
    assert client.post(f"/admin/historian/retentionclass/{standard.pk}/delete/", {"post": "yes"}).status_code == 403
