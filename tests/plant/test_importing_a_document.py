"""An import makes the plant like the document: all or nothing, one revision, one record, identity kept."""

import uuid

import pytest

from accounts.models import User
from audit.models import AuditRecord
from devices.models import Device, Tag
from plant import revisions
from plant.document import transfer
from plant.models import Area, ConfigRevision, Plant
from tests.cast import Cast, build_works
from tests.plant.documents import HEAD, SMALL, exported, load, refused, said

pytestmark = pytest.mark.django_db


def uuid_of(name: str) -> uuid.UUID:
    return Tag.objects.get(name=name).uuid


def without(text: str, words: str) -> str:
    """The document without the lines that hold the words."""
    return "".join(line for line in text.splitlines(keepends=True) if words not in line)


def test_a_first_import_builds_the_whole_plant() -> None:
    outcome = load(SMALL)
    assert said(outcome) == [
        "+ plant northgate",
        "+ area intake",
        "+ area intake/pumps",
        "+ device plc1",
        "+ tag intake/level",
        "+ tag intake/pumps/run",
    ]
    level, run = Tag.objects.get(name="level"), Tag.objects.get(name="run")
    assert level.path == "northgate/intake/level"
    assert level.device is not None
    assert (level.data_type, level.order, level.eu_max, level.device.port) == ("float32", "CDAB", 8.0, 15020)
    assert run.state_labels == {"0": "stopped", "1": "running"}
    assert run.area.parent == Area.objects.get(name="intake")


def test_an_import_is_one_revision_and_one_record() -> None:
    outcome = load(SMALL)
    revision = ConfigRevision.objects.get()
    assert outcome.revision == revision.number
    assert revision.author == "ada"
    assert "2 tags added" in revision.summary
    record = AuditRecord.objects.get()
    assert (record.event, record.actor_name, record.object_text) == ("plant.imported", "ada", "northgate")
    assert record.new is not None
    assert record.new["document"] == "plant.yaml"
    assert "+ tag intake/level" in record.new["changes"]


def test_the_same_document_again_changes_nothing() -> None:
    load(SMALL)
    again = load(SMALL)
    assert (again.revision, again.is_same) == (None, True)
    assert ConfigRevision.objects.count() == AuditRecord.objects.count() == 1


def test_a_dry_run_says_the_same_and_writes_nothing() -> None:
    outcome = transfer.compare(SMALL.encode(), "plant.yaml")
    assert not Plant.objects.exists()
    assert said(outcome) == said(load(SMALL))


def test_a_change_says_the_field_with_old_and_new() -> None:
    load(SMALL)
    outcome = load(SMALL.replace("unit: m,", "unit: cm, decimals: 0,").replace("port: 15020", "port: 502"))
    assert [(c.key, dict(c.fields)) for c in outcome.changes] == [
        ("plc1", {"port": (15020, 502)}),
        ("intake/level", {"unit": ("m", "cm"), "decimals": (1, 0)}),
    ]
    assert Tag.objects.get(name="level").unit == "cm"


def test_what_a_row_leaves_out_goes_back_to_its_default() -> None:
    load(SMALL)
    load(SMALL.replace(", unit: m", ""))
    assert Tag.objects.get(name="level").unit == ""


def test_a_rename_by_uuid_keeps_the_identity() -> None:
    load(SMALL)
    before = Tag.objects.get(name="level")
    outcome = load(exported().replace("path: intake/level", "path: intake/pumps/tank_level"))
    assert said(outcome) == ["~ tag intake/pumps/tank_level"]
    after = Tag.objects.get(uuid=before.uuid)
    assert (after.pk, after.path) == (before.pk, "northgate/intake/pumps/tank_level")


def test_renaming_an_area_moves_what_is_in_it_and_changes_nothing_else() -> None:
    load(SMALL)
    level = uuid_of("level")
    outcome = load(exported().replace("path: intake", "path: inlet").replace("area: intake", "area: inlet"))
    assert said(outcome) == ["~ area inlet"]
    assert Tag.objects.get(uuid=level).path == "northgate/inlet/level"
    assert Tag.objects.get(name="run").path == "northgate/inlet/pumps/run"


def test_two_tags_may_swap_their_names() -> None:
    load(SMALL.replace("intake/pumps/run", "intake/run"))
    level, run = uuid_of("level"), uuid_of("run")
    text = exported().replace("intake/level,", "intake/x,").replace("intake/run,", "intake/level,")
    load(text.replace("intake/x,", "intake/run,"))
    assert (uuid_of("level"), uuid_of("run")) == (run, level)


def test_a_name_may_change_its_case_alone() -> None:
    load(SMALL)
    outcome = load(SMALL.replace("intake/level", "intake/Level"))
    assert said(outcome) == ["~ tag intake/Level"]
    assert load(SMALL.replace("intake/level", "INTAKE/Level")).is_same


def test_a_document_with_another_uuid_gives_its_own_to_what_has_the_path() -> None:
    """So that a plant built again by hand takes up its history when the old document is imported."""
    load(SMALL)
    text = exported()
    Tag.objects.filter(name="level").update(uuid=uuid.uuid4())
    assert said(load(text)) == ["~ tag intake/level"]
    assert exported() == text


def test_what_the_document_does_not_name_stays_and_is_listed() -> None:
    load(SMALL)
    outcome = load(without(SMALL, "intake/level"))
    assert outcome.revision is None
    assert [(c.noun, c.key) for c in outcome.kept] == [("tag", "intake/level")]
    assert Tag.objects.filter(name="level").exists()


def test_prune_deletes_what_the_document_does_not_name() -> None:
    load(SMALL)
    outcome = load(without(SMALL, "pumps"), prune=True)
    assert said(outcome) == ["- area intake/pumps", "- tag intake/pumps/run"]
    assert set(Tag.objects.values_list("name", flat=True)) == {"level"}
    assert set(Area.objects.values_list("name", flat=True)) == {"intake"}


def test_prune_leaves_a_section_alone_that_the_document_leaves_out() -> None:
    load(SMALL)
    only_areas = HEAD + "areas:\n  - {path: intake, title: Intake}\n  - {path: intake/pumps, position: 1}\n"
    assert said(load(only_areas, prune=True)) == ["~ area intake/pumps"]
    assert Tag.objects.count() == 2


def test_an_empty_section_with_prune_means_none() -> None:
    load(SMALL)
    assert said(load(HEAD + "tags: []\n", prune=True)) == ["- tag intake/level", "- tag intake/pumps/run"]


def test_prune_of_a_deep_tree_takes_children_before_parents() -> None:
    rows = "".join(f"  - {{path: {'/'.join('abcdefgh'[: i + 1])}}}\n" for i in range(8))
    load(f"{HEAD}areas:\n{rows}")
    load(HEAD + "areas: []\n", prune=True)
    assert not Area.objects.exists()


def test_a_tag_moves_out_of_an_area_that_goes() -> None:
    load(SMALL)
    run = uuid_of("run")
    text = exported().replace("path: intake/pumps/run", "path: intake/run")
    load(without(text, "path: intake/pumps,"), prune=True)
    assert Tag.objects.get(uuid=run).path == "northgate/intake/run"


def test_what_others_still_refer_to_is_not_pruned_and_they_are_named() -> None:
    load(SMALL)
    problems = refused(HEAD + "areas:\n  - {path: intake}\ndevices: []\n", prune=True)
    assert problems == [
        "areas (intake/pumps): It cannot be removed: tag intake/pumps/run still refers to it.",
        "devices (plc1): It cannot be removed: tag intake/level, tag intake/pumps/run still refer to it.",
    ]
    assert Area.objects.count() == 2


def test_a_grant_holds_an_area_and_is_named(cast: Cast) -> None:
    text = exported("works")
    problems = refused(without(without(text, "south"), "flow"), prune=True)
    assert problems == [
        "areas (south): It cannot be removed: grant 'Sam Stranger: Operator in South' still refers to it."
    ]


def test_a_second_plant_is_none_of_the_documents_business(works: object) -> None:
    before = exported("works")
    load(SMALL.replace("plc1", "plc2"), prune=True)
    assert exported("works") == before
    assert Plant.objects.count() == 2


def test_a_device_name_of_another_plant_is_taken(works: object) -> None:
    problems = refused(SMALL.replace("127.0.0.1", "10.0.0.5"))
    assert problems == [
        "line 7, column 12, devices[0].name (plc1): A device of the plant 'works' has the name 'plc1'. "
        "Names of devices are unique."
    ]


def test_a_uuid_of_another_plant_is_refused() -> None:
    works = build_works()
    text = SMALL.replace("plc1", "plc2").replace("unit: m,", f"unit: m, uuid: {works.level.uuid},")
    assert refused(text)[0].endswith("This uuid belongs to a tag of another plant.")


def test_a_plant_is_renamed_by_its_uuid() -> None:
    load(SMALL)
    plant = Plant.objects.get()
    assert said(load(exported().replace("name: northgate", "name: northend"))) == ["~ plant northend"]
    assert Plant.objects.get().uuid == plant.uuid


DOUBLES = [
    (
        "areas:\n  - {path: a}\n  - {path: A}\n",
        "line 5, column 12, areas[1].path (A): 'A' stands twice (first in line 4; case does not count). Remove one.",
    ),
    (
        "areas:\n  - {path: a, uuid: 5fd924625-0000-4000-8000-00000000000}\n",
        "line 4, column 21, areas[0].uuid (a): '5fd924625-0000-4000-8000-00000000000' is not a uuid.",
    ),
]


@pytest.mark.parametrize(("rows", "sentence"), DOUBLES)
def test_two_rows_are_never_one_thing(rows: str, sentence: str) -> None:
    assert refused(HEAD + rows)[0].startswith(sentence)


def test_a_uuid_stands_once() -> None:
    same = "uuid: 5fd92462-0000-4000-8000-000000000000"
    problems = refused(f"{HEAD}areas:\n  - {{path: a, {same}}}\n  - {{path: b, {same}}}\n")
    assert problems == [
        "line 5, column 21, areas[1].uuid (b): This uuid stands twice (first in line 4). Remove one.",
    ]


def test_two_tags_are_not_renamed_to_one_name() -> None:
    load(SMALL)
    problems = refused(exported().replace("path: intake/pumps/run", "path: intake/level"))
    assert [problem.split(": ", 1)[1] for problem in problems] == [
        "'intake/level' stands twice (first in line 14; case does not count). Remove one."
    ]


def test_two_devices_are_not_renamed_to_one_name() -> None:
    """What refers to them is still read: nothing but the double name is told."""
    second = "  - {name: plc2, area: intake/pumps, host: h}\ntags:"
    load(SMALL.replace("tags:", second).replace("run, device: plc1", "run, device: plc2"))
    problems = refused(exported().replace("name: plc2", "name: plc1").replace("device: plc2", "device: plc1"))
    assert [problem.split(": ", 1)[1] for problem in problems] == [
        "'plc1' stands twice (first in line 11; case does not count). Remove one."
    ]
    text = without(exported(), "name: plc1").replace("name: plc2", "name: plc1").replace("device: plc2", "device: plc1")
    assert "Another device, which the document does not name, is called 'plc1'." in refused(text)[0]


def test_a_new_name_that_an_unnamed_thing_has_is_refused_without_prune() -> None:
    load(SMALL.replace("intake/pumps/run", "intake/run"))
    text = without(exported(), "path: intake/run,").replace("path: intake/level", "path: intake/run")
    assert "Another tag, which the document does not name, is called 'intake/run'." in refused(text)[0]
    load(text, prune=True)
    assert Tag.objects.get().path == "northgate/intake/run"


def test_a_missing_area_or_device_is_told_with_its_neighbours() -> None:
    text = SMALL.replace("path: intake/level, device: plc1", "path: intak/level, device: plc2")
    assert refused(text) == [
        "line 9, column 12, tags[0].path (intak/level): There is no area 'intak'. Did you mean 'intake'?",
        "line 9, column 33, tags[0].device (intak/level): There is no device 'plc2'. Did you mean 'plc1'?",
    ]


def test_a_tag_and_an_area_never_share_a_path() -> None:
    problems = refused(SMALL.replace("path: intake/level", "path: intake/Pumps"))
    assert problems == [
        "line 9, column 12, tags[0].path (intake/Pumps): An area here has the name 'Pumps' already. "
        "Give one of them another name."
    ]


def test_a_new_area_does_not_take_the_name_of_a_tag_that_stays() -> None:
    load(SMALL)
    problems = refused(HEAD + "areas:\n  - {path: intake}\n  - {path: intake/level}\n")
    assert problems[0].startswith("line 5, column 12, areas[1].path (intake/level): A tag here has the name 'level'")


def test_a_path_has_at_most_255_characters() -> None:
    names = [letter * 32 for letter in "abcdefg"]
    rows = "".join(f"  - {{path: {'/'.join(names[: i + 1])}}}\n" for i in range(7))
    load(f"{HEAD}areas:\n{rows}")
    tag = f"{'/'.join(names)}/{'t' * 20}"
    device = f"devices:\n  - {{name: d, area: {names[0]}, host: h}}\n"
    problems = refused(f"{HEAD}{device}tags:\n  - {{path: {tag}, device: d, address: 0}}\n")
    assert "The path has 261 characters with the plant's name; the most is 255. Shorten a name." in problems[0]


def test_an_import_that_fails_in_the_database_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    load(SMALL)
    before = exported()
    Device.objects.update(max_gap=5)

    def somebody_was_first(*_: object) -> int:
        Plant.objects.create(name="northgate")
        raise AssertionError("the name is unique")

    monkeypatch.setattr(transfer, "_announce", somebody_was_first)
    problems = refused(before.replace("unit: m,", "unit: cm,"))
    assert problems[0].startswith("The database refused the change")
    assert Tag.objects.get(name="level").unit == "m"
    assert Device.objects.get().max_gap == 5


def test_a_change_between_planning_and_writing_is_taken_into_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is made before the lock: who changed something in between is neither overlooked nor overwritten."""
    load(SMALL)
    changed = exported().replace("unit: m,", "unit: cm,")
    lock = revisions.lock

    def somebody_is_quicker() -> None:
        monkeypatch.setattr(revisions, "lock", lock)
        Tag.objects.filter(name="run").delete()
        revisions.bump("omar", "took a tag away")

    monkeypatch.setattr(revisions, "lock", somebody_is_quicker)
    assert said(load(changed)) == ["~ tag intake/level", "+ tag intake/pumps/run"]
    assert exported() == changed


def test_a_document_that_changes_nothing_waits_for_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    load(SMALL)
    monkeypatch.setattr(revisions, "lock", lambda: pytest.fail("the lock was taken"))
    assert load(SMALL).is_same


def test_notes_tell_what_is_allowed_but_hardly_meant() -> None:
    outcome = load(SMALL.replace("port: 15020", "port: 15020, timeout_ms: 5000"))
    assert outcome.notes == [
        "Device plc1 may take 5000 ms to answer, but its fastest tags (every 1000 ms) count as stale after 3000 ms. "
        "Shorten timeout_ms, or lengthen scan_ms of the tags."
    ]


def test_an_import_takes_few_queries_however_many_tags(django_assert_max_num_queries: object) -> None:
    rows = "".join(f"  - {{path: intake/t{i}, device: plc1, address: {i}}}\n" for i in range(400))
    with django_assert_max_num_queries(40):  # type: ignore[operator]  # a fixture without types
        load(SMALL + rows)
    assert Tag.objects.count() == 402
    assert not User.objects.exists()
