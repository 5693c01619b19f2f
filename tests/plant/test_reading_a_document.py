"""A document that is wrong is refused with sentences that name line, column and field, all of them at once."""

import time

import pytest

from devices.models import Tag
from plant.document import source
from plant.document.problems import DocumentError
from plant.models import Plant
from tests.plant.documents import HEAD, SMALL, load, refused

pytestmark = pytest.mark.django_db

NOT_YAML = [
    ("areas:\n\t- {path: a}", "line 4, column 1: A tab stands here. Indent with spaces."),
    ("areas: [a, b", "A ']' or ',' is missing in the [...] that is open here."),
    ("areas: 'a", "A quoted text does not end. Close it with the quote it began with."),
    ("areas: a: b", "line 3, column 9: A ':' stands where no key can be. Put a text that contains ': ' in quotes."),
    ("areas: @a", "line 3, column 8: A bare value cannot begin with '@': put the text in quotes."),
    ("areas: - a", "line 3, column 8: A list entry ('- ') cannot begin here: put it on a line of its own."),
    ("areas: []\n- a", "This line does not fit the lines above: check its indentation and quotes."),
    ('areas: "\\q"', "An unknown '\\' sequence in double quotes. Write '\\\\' for a backslash."),
    ("areas: a\x07", "line 3, column 9: A control character (U+0007) stands here. Remove it."),
    ("areas: &x []", "line 3, column 8: Anchors and aliases (& and *) are not part of a plant document"),
    ("areas: *x", "line 3, column 8: Anchors and aliases (& and *) are not part of a plant document"),
    ("areas: !!python/object/apply:os.system [ls]", "Type tags (!!python/object/apply:os.system) are not read"),
    ("---\nareas: []", "line 3, column 1: A second document starts here ('---'). Write one document a file."),
    ("areas: []\nareas: []", "line 4, column 1, areas: 'areas' stands twice in the same place (first in line 3)."),
    ("? [a]\n: b", "A key must be a word, not a list."),
    ("areas: " + "[" * 100_000, "Nested more than 12 deep: a plant document is flat."),
]


@pytest.mark.parametrize(("text", "sentence"), NOT_YAML)
def test_what_is_not_plain_yaml_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    problems = refused(HEAD + text)
    assert len(problems) == 1
    assert sentence in problems[0]


FRAMES = [
    ("", "The document is empty. It starts with the line 'isthmus: 1'."),
    ("# nothing\n", "The document is empty. It starts with the line 'isthmus: 1'."),
    ("- a\n", "A plant document is a mapping that starts with 'isthmus: 1'."),
    ("hello\n", "A plant document is a mapping that starts with 'isthmus: 1'."),
    ("plant: {name: a}\n", "isthmus: The version is missing. Write 'isthmus: 1' as the first line."),
    (
        "isthmus: 2\nplant: {name: a}\n",
        "line 1, column 10, isthmus: The document has version 2; this Isthmus reads version 1. Upgrade Isthmus, or",
    ),
    ("isthmus: 'x'\nplant: {name: a}\n", "line 1, column 10, isthmus: 'x' is a text in quotes"),
    ("isthmus: 1\n", "plant: The section is missing. Write: plant: {name: northgate"),
    ("isthmus: 1\nplant: north\n", "line 2, column 8, plant: This is 'north'; a mapping like {name: northgate"),
    (HEAD + "tag: []\n", "line 3, column 1, tag: There is no section 'tag'. Did you mean 'tags'?"),
    (HEAD + "tags: {a: b}\n", "line 3, column 7, tags: This is a mapping; a list is expected"),
    (HEAD + "tags:\n", "tags: The section is empty. Write [] where there shall be none, or leave the section out"),
]


@pytest.mark.parametrize(("text", "sentence"), FRAMES)
def test_the_frame_of_a_document_is_checked_first(text: str, sentence: str) -> None:
    problems = refused(text)
    assert len(problems) == 1
    assert sentence in problems[0]


def test_bytes_that_are_not_utf8_are_named_with_their_place() -> None:
    assert refused(b"isthmus: 1\nplant: {name: a, title: Str\xf6m}\n") == [
        "line 2, column 28: Byte 0xF6 is not UTF-8. Save the file as UTF-8."
    ]
    assert refused("isthmus: 1".encode("utf-16")) == ["line 1, column 1: The file is UTF-16. Save it as UTF-8."]


def test_a_mark_at_the_start_of_a_utf8_file_does_no_harm() -> None:
    assert load("\ufeff" + SMALL).revision is not None


def test_a_file_beyond_the_limit_is_not_even_parsed() -> None:
    problems = refused(b" " * (source.MAX_BYTES + 1))
    assert problems == ["The document has 20,971,521 bytes; the most is 20 MB."]


def test_nothing_that_grows_is_built_of_a_hostile_document() -> None:
    """Aliases are not expanded at all, and deep nesting stops the reading where it begins."""
    bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n"
    started = time.process_time()
    for text in (bomb, "[" * 1_000_000, "- " * 500_000, "{a: " * 300_000):
        with pytest.raises(DocumentError):
            source.read(text.encode(), "bomb.yaml")
    assert time.process_time() - started < 5


ROWS = [
    ("areas", "{path: a, titel: A}", "areas[0].titel (a): There is no field 'titel'. Did you mean 'title'?"),
    ("areas", "{title: A}", "areas[0].path: The field 'path' is missing or empty."),
    ("areas", "{path: ''}", "areas[0].path: The field 'path' is missing or empty."),
    ("areas", "north", "areas[0]: This is 'north'; a mapping like {path: ...} is expected."),
    ("areas", "{path: a b}", "areas[0].path (a b): A name is 1 to 32 letters, digits, '-' or '_'"),
    ("areas", "{path: [a]}", "areas[0].path: This is a list; a text is expected."),
    ("areas", "{path: a/b}", "areas[0].path (a/b): There is no area 'a' to put it in."),
    ("areas", "{path: a, position: 1.5}", "areas[0].position (a): '1.5' is not a whole number."),
    ("areas", "{path: a, position: '1'}", "areas[0].position (a): '1' is a text in quotes; a whole number is expected"),
    ("areas", "{path: a, position: 010}", "areas[0].position (a): '010' is not a whole number. Write it like 40"),
    ("areas", "{path: a, position: -1}", "areas[0].position (a): -1 is below 0, the least there can be."),
    ("areas", f"{{path: a, position: {'9' * 30}}}", "is not a whole number."),
    ("areas", "{path: a, uuid: 12}", "areas[0].uuid (a): '12' is not a uuid. Keep the one that the export wrote, or"),
    ("areas", f"{{path: a, title: {'x' * 121}}}", "areas[0].title (a): The text has 121 characters; the most is 120."),
    ("areas", '{path: a, title: "x\\ny"}', "areas[0].title (a): Character 2 is U+000A, which cannot be seen."),
    ("areas", '{path: a, title: "\\u202Egnp"}', "areas[0].title (a): Character 1 is U+202E, which cannot be seen."),
]


@pytest.mark.parametrize(("section", "row", "sentence"), ROWS)
def test_a_row_that_is_wrong_says_where_and_why(section: str, row: str, sentence: str) -> None:
    problems = refused(f"{HEAD}{section}:\n  - {row}\n")
    assert len(problems) == 1
    assert problems[0].startswith("line 4, column ")
    assert sentence in problems[0]


def test_every_problem_is_told_at_once_in_the_order_of_lines() -> None:
    text = SMALL.replace("Europe/Stockholm", "Europe/Stockhlm").replace("address: 0, type: float32", "address: 70000")
    text = text.replace("port: 15020", "port: 0, prot: 1").replace("position: 1", "position: x")
    problems = refused(text)
    assert [problem.split(":")[0] for problem in problems] == [
        "line 2, column 66, plant.time_zone (northgate)",
        "line 5, column 50, areas[1].position (intake/pumps)",
        "line 7, column 55, devices[0].port (plc1)",
        "line 7, column 58, devices[0].prot (plc1)",
        "line 9, column 49, tags[0].address (intake/level)",
        "line 9, column 63, tags[0].order (intake/level)",
    ]


def test_a_refused_document_changes_nothing() -> None:
    refused(SMALL.replace("type: bool", "type: boll"))
    assert not Plant.objects.exists()
    assert not Tag.objects.exists()


def test_a_thousand_problems_are_counted_and_a_hundred_shown() -> None:
    rows = "".join(f"  - {{path: a{i}, position: x}}\n" for i in range(1000))
    with pytest.raises(DocumentError) as caught:
        load(f"{HEAD}areas:\n{rows}")
    lines = str(caught.value).splitlines()
    assert len(lines) == 102
    assert lines[-2:] == ["... and 900 more.", "1,000 problems; nothing was changed."]


def test_texts_are_taken_as_written() -> None:
    """YAML reads `no` as false, `1.10` as 1.1 and `12:30` as 750; a title means none of that."""
    load(HEAD + "areas:\n  - {path: a, title: no}\n  - {path: b, title: 1.10}\n  - {path: '7', title: 12:30}\n")
    titles = Plant.objects.get().areas.values_list("name", "title")
    assert dict(titles) == {"a": "no", "b": "1.10", "7": "12:30"}


def test_an_empty_value_is_the_same_as_leaving_it_out() -> None:
    load(HEAD + "areas:\n  - path: a\n    title:\n    position: ~\n")
    area = Plant.objects.get().areas.get()
    assert (area.title, area.position) == ("", 0)
