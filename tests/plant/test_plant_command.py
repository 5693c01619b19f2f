"""manage.py plant import | export | diff, as a person at a shell meets it."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditRecord
from plant.models import Plant
from tests.cast import Cast
from tests.plant.documents import SMALL, exported, load
from tests.unprivileged import as_nobody, nobodys_folder

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("plant", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def refusal(*words: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        run(*words)
    return caught.value.returncode, str(caught.value)


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


def test_import_says_what_it_did_and_the_revision(small: str) -> None:
    said = run("import", small)
    assert "+ tag intake/level" in said
    assert "1 plant added, 2 areas added, 1 device added, 2 tags added." in said
    assert "Imported into 'northgate' as revision" in said
    assert "nothing was changed" in run("import", small)


def test_a_dry_run_changes_nothing(small: str) -> None:
    assert "Dry run: nothing was changed." in run("import", "--dry-run", small)
    assert not Plant.objects.exists()


def test_diff_is_0_for_the_same_and_1_for_a_difference(small: str, tmp_path: Path) -> None:
    load(SMALL)
    assert run("diff", small) == "no difference\n"
    other = tmp_path / "other.yaml"
    other.write_text(SMALL.replace("unit: m,", "unit: cm,"), encoding="utf-8")
    out = io.StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("plant", "diff", str(other), stdout=out)
    assert caught.value.code == 1
    assert out.getvalue() == "~ tag intake/level\n    unit: m -> cm\n1 tag changed\n"


def test_diff_shows_what_the_document_does_not_name(tmp_path: Path) -> None:
    load(SMALL)
    path = tmp_path / "less.yaml"
    path.write_text("".join(line for line in SMALL.splitlines(keepends=True) if "level" not in line), encoding="utf-8")
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("plant", "diff", str(path), stdout=out)
    assert "- tag intake/level" in out.getvalue()
    assert out.getvalue().endswith(
        "nothing added or changed\n1 not in the document (-): an import keeps that; with --prune it deletes it.\n"
    )


def test_a_dry_run_of_an_equal_document_says_what_diff_says(small: str) -> None:
    load(SMALL)
    assert run("import", "--dry-run", small) == "no difference.\nDry run: nothing was changed.\n"


def test_export_and_import_go_through_files(small: str, tmp_path: Path) -> None:
    load(SMALL)
    path = tmp_path / "out.yaml"
    run("export", str(path))
    assert path.read_text(encoding="utf-8") == exported() == run("export")
    assert "is as the document says" in run("import", str(path))
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_what_stays_is_named_with_the_way_to_delete_it(tmp_path: Path) -> None:
    load(SMALL)
    path = tmp_path / "less.yaml"
    path.write_text("".join(line for line in SMALL.splitlines(keepends=True) if "run" not in line), encoding="utf-8")
    said = run("import", str(path))
    assert "Not in the document and were kept (--prune deletes them):\n    tag intake/pumps/run" in said
    assert "- tag intake/pumps/run" in run("import", "--prune", str(path))


def test_a_wrong_document_ends_with_2_and_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(SMALL.replace("type: bool", "type: boll"), encoding="utf-8")
    code, text = refusal("import", str(path))
    assert code == 2
    assert f"{path}: line 10, column 75, tags[1].type (intake/pumps/run): 'boll' is not one of the choices." in text
    assert text.endswith("1 problem; nothing was changed.")
    assert refusal("diff", str(path))[0] == 2


def test_a_file_that_is_not_there_is_named_with_its_folder_and_neighbours(small: str) -> None:
    code, text = refusal("import", small.replace("small.yaml", "smal.yaml"))
    assert code == 2
    assert "looked in" in text
    assert text.endswith("Did you mean 'small.yaml'?")


def test_a_folder_is_not_a_document(tmp_path: Path) -> None:
    assert refusal("import", str(tmp_path)) == (2, f"'{tmp_path}' is a folder. Name the document in it.")
    load(SMALL)
    assert refusal("export", str(tmp_path)) == (2, f"'{tmp_path}' is a folder. Name a file in it.")


def test_an_export_into_nowhere_says_so() -> None:
    load(SMALL)
    code, text = refusal("export", "/nowhere/at/all.yaml")
    assert (code, text) == (2, "'/nowhere/at/all.yaml' cannot be written: No such file or directory.")


def test_a_file_one_may_not_read_says_so() -> None:
    with nobodys_folder() as folder:
        path = folder / "small.yaml"
        path.write_text(SMALL, encoding="utf-8")
        with as_nobody():
            run("import", "--dry-run", str(path))
        path.chmod(0)
        with as_nobody():
            assert refusal("import", str(path)) == (2, f"'{path}' cannot be read: Permission denied.")


def test_without_a_plant_there_is_nothing_to_export() -> None:
    assert refusal("export") == (2, "There is no plant yet: import a document first.")


def test_with_several_plants_one_is_named(works: object) -> None:
    load(SMALL.replace("plc1", "plc2"))
    assert refusal("export") == (2, "There are several plants (northgate, works): say which with --plant.")
    assert refusal("export", "--plant", "work")[1] == "There is no plant 'work'. Did you mean 'works'?"
    assert run("export", "--plant", "WORKS") == exported("works")


def test_an_import_may_be_recorded_for_a_person_who_may_configure(cast: Cast, small: str) -> None:
    path = Path(small)
    path.write_text(SMALL.replace("plc1", "plc2"), encoding="utf-8")
    run("import", "--as", "Ada", small)
    record = AuditRecord.objects.get(event="plant.imported")
    assert (record.actor_kind, record.actor_name) == ("user", "ada")


def test_nobody_imports_in_the_name_of_who_may_not(cast: Cast, small: str) -> None:
    assert "omar may not configure the whole site" in refusal("import", "--as", "omar", small)[1]
    assert refusal("import", "--as", "oda", small)[1] == "There is no user 'oda'. Did you mean 'ada'?"
    assert not Plant.objects.filter(name="northgate").exists()


def test_without_a_name_it_is_recorded_for_the_shell(small: str) -> None:
    run("import", small)
    record = AuditRecord.objects.get(event="plant.imported")
    assert record.actor_kind == "system"
    assert record.actor_name.startswith("system:manage.py")


def test_a_document_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin: Any = io.TextIOWrapper(io.BytesIO(SMALL.encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    run("import", "-")
    assert Plant.objects.get().name == "northgate"
