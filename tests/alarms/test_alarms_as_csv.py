"""The master alarm database as CSV: the same rules as the plant document, every problem with line and column."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.document.csv_exchange import COLUMNS, Reader, export_csv
from alarms.models import Alarm
from audit.models import AuditRecord
from plant.document import transfer
from plant.document.problems import DocumentError
from plant.models import Plant
from tests.alarms.documents import WORKS
from tests.alarms.test_alarms_in_documents import _Undo, build
from tests.cast import Cast
from tests.fault_seed import times
from tests.plant.documents import ADA, exported, load
from tests.properties import SHARED_FIXTURE

pytestmark = pytest.mark.django_db

HEAD = "path,kind,message,class,setpoint,states,suppressed_by\n"


def plant() -> Plant:
    return Plant.objects.get(name="northgate")


def bring(text: str, **options: Any) -> transfer.Outcome:
    return transfer.import_document(text.encode(), "alarms.csv", ADA, read=Reader(plant()), why="CSV", **options)


def refused(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        bring(text)
    return [str(problem) for problem in caught.value.problems]


def test_every_alarm_is_a_line_and_comes_back_the_same() -> None:
    """ALM-10."""
    load(WORKS)
    text = export_csv(plant())
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row["path"] for row in rows] == ["intake/flow:lo", "intake/level:hi", "pumps/mode:fault"]
    assert (rows[0]["inputs"], rows[0]["suppress_when"]) == ("run = pumps/run", "run == 0")
    assert (rows[1]["priority"], rows[1]["severity"], rows[1]["enabled"]) == ("low", "major", "true")
    assert (rows[2]["states"], rows[2]["suppressed_by"]) == ("2", "intake/flow:lo")
    assert rows[2]["review_on"] == "2027-01-31"
    assert bring(text).revision is None
    document = exported()
    Alarm.objects.all().delete()
    assert bring(text).revision is not None
    assert exported() == document


def test_a_spreadsheet_of_the_continent_is_read_too() -> None:
    load(WORKS)
    line = "PATH;Kind;message;class\nintake/level:comm;comm;Basin silent;process\n"
    assert [change.key for change in bring(line).changes] == ["intake/level:comm"]


def test_a_change_is_recorded_with_old_new_and_why() -> None:
    """ALM-25."""
    load(WORKS)
    bring(export_csv(plant()).replace("Basin high", "Basin too high"))
    found = AuditRecord.objects.get(event="alarm.changed")
    assert (found.old, found.new) == ({"message": "Basin high"}, {"message": "Basin too high"})
    assert found.reason == "CSV"


def test_texts_that_a_spreadsheet_would_run_are_guarded() -> None:
    load(WORKS)
    for text in ("=1+1", "+a", "-a", "@a", "'a", "''=", "'", "plain"):
        Alarm.objects.filter(name="hi").update(cause=text, owner=text)
        table = export_csv(plant())
        assert ("=1+1" not in text) or ",'=1+1," in table
        Alarm.objects.filter(name="hi").update(cause="", owner="")
        bring(table)
        assert Alarm.objects.values_list("cause", "owner").get(name="hi") == (text, text)


@pytest.mark.parametrize("text", [" ", "\n", "\u00a0\u3000", "' ", "'' ", " a "])
def test_a_text_of_blanks_is_no_empty_cell(text: str) -> None:
    load(WORKS)
    Alarm.objects.filter(name="hi").update(cause=text)
    assert bring(export_csv(plant())).revision is None
    assert Alarm.objects.get(name="hi").cause == text


def test_all_problems_are_told_at_once_with_line_and_column() -> None:
    """The rules are those of the plant document."""
    load(WORKS)
    problems = refused(
        HEAD
        + "intake/level:lo,lo,m,process,x,,\n"
        + '"intake/level:hihi",hihi,"m",proces,9,,\n'
        + "\n"
        + "pumps/mode:a,discrete,m,process,,2; x,\n"
        + "pumps/mode:b,discrete,m,process,,2,pumps/mode:z\n"
    )
    assert [problem.partition(" (")[0] for problem in problems] == [
        "line 2, column 5, alarms[0].setpoint", "line 3, column 4, alarms[1].class",
        "line 3, column 5, alarms[1].setpoint", "line 5, column 6, alarms[2].states",
        "line 6, column 7, alarms[3].suppressed_by",
    ]  # fmt: skip
    assert "'x' is not a number" in problems[0]
    assert "Did you mean 'process'?" in problems[1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The file is empty"),
        ("path,kind\n", "These columns are missing: message, class."),
        ("path,kind,message,class,setpint\n", "line 1, column 5, alarms: There is no column 'setpint'. Did you mean"),
        ("path,kind,message,class,kind\n", "column 5, alarms: The column 'kind' stands twice"),
        (HEAD + "a,b\n", "line 2, column 1, alarms: The row has 2 cells, the header 7"),
        (HEAD + 'a,b,"c\n', "line 2, column 1, alarms: This is not CSV"),
        ("path,kind,message,class,severity,time_to_respond_min,priority\nintake/level:c,comm,m,process,major,5,high\n",
         "line 2, column 7, alarms.priority (intake/level:c): The priority follows from severity and time to respond: "
         "it is medium, not high."),
    ],
)  # fmt: skip
def test_what_is_no_such_table_is_refused(text: str, says: str) -> None:
    load(WORKS)
    found = refused(text)
    assert len(found) == 1
    assert says in found[0]


def test_a_line_that_spans_several_is_named_by_its_first() -> None:
    load(WORKS)
    text = 'path,kind,message,class,cause\nintake/level:a,comm,m,process,"one\ntwo"\nintake/level:b,comm,m,nothing,\n'
    assert refused(text)[0].startswith("line 4, column 4")


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("alarms", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_command_exports_looks_first_and_asks_why(tmp_path: Path, cast: Cast) -> None:
    """ALM-25."""
    load(WORKS.replace("plc1", "plc2"))
    path = tmp_path / "alarms.csv"
    run("export", "--plant", "northgate", str(path))
    text = path.read_text(encoding="utf-8")
    assert text.startswith("\ufeffpath,kind,message,enabled,setpoint")
    path.write_text(text.replace("Basin high", "Basin too high"), encoding="utf-8")
    here = ["--plant", "northgate", str(path)]
    said = run("import", "--dry-run", *here)
    assert "~ alarm intake/level:hi\n    message: Basin high -> Basin too high\n1 alarm changed.\n" in said
    assert said.endswith("Dry run: nothing was changed.\n")
    with pytest.raises(CommandError, match="Say why with --why"):
        run("import", *here)
    assert not Alarm.objects.filter(message="Basin too high").exists()
    with pytest.raises(CommandError, match="omar may not configure alarms of the whole site"):
        run("import", "--why", "Clearer", "--as", "omar", *here)
    assert "Imported into 'northgate' as revision" in run("import", "--why", "Clearer", "--as", "ada", *here)
    found = AuditRecord.objects.get(event="alarm.changed")
    assert (found.actor_name, found.reason) == ("ada", "Clearer")


def round_trip(data: st.DataObject) -> None:
    try:
        with transaction.atomic():
            build(data)
            before, text = exported(), export_csv(plant())
            assert bring(text, prune=True).is_same
            Alarm.objects.all().delete()
            bring(text)
            assert exported() == before
            assert export_csv(plant()) == text
            raise _Undo
    except _Undo:
        pass


@settings(max_examples=4, suppress_health_check=SHARED_FIXTURE)
@given(data=st.data())
def test_any_alarms_make_the_round_trip_as_csv(data: st.DataObject) -> None:
    round_trip(data)


@pytest.mark.slow
@pytest.mark.timeout(times(300, 1800))
@settings(max_examples=times(50, 1000), suppress_health_check=SHARED_FIXTURE)
@given(data=st.data())
def test_many_alarms_make_the_round_trip_as_csv(data: st.DataObject) -> None:
    round_trip(data)


def test_every_field_of_the_document_is_a_column() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 37 + 2
