"""live.js writes values, units, ages and qualities exactly as the first paint does (hmi/presentation.py)."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from bus.wire import wire_value
from devices.points import DataType, Point, Table
from devices.snapshot import TagEntry
from hmi import presentation
from tests.entries import tag_entry
from tests.hmi.test_presentation import ALL_CODES

pytestmark = pytest.mark.browser

FORMAT_JS = Path(__file__).resolve().parents[2] / "static" / "js" / "live" / "format.js"

RUN = """async ([source, table, values, statuses, ages]) => {
  const js = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  const qualities = new js.QualityTable(table);
  return {
    values: values.map(([value, look]) => [js.formatValue(value, look), js.unitOf(value, look)]),
    statuses: statuses.map((status) => Object.values(qualities.of(status))),
    ages: ages.map(js.formatAge),
  };
}"""

EDGES = [
    None, True, False, 0, -0.0, 0.5, 1.5, 2.5, -0.5, 0.125, -0.125, 1e-7, -1e-9, 2.675, 1.005, 123456.789, 1e15, 1e16,
    -1e20, 1e300, 5e-324, 2**53, 2**53 + 1, -(2**63), 2**64 - 1, 7, -7, "text", "", 0.1 + 0.2, 9007199254740991.0, 1e21,
]  # fmt: skip


def a_tag(decimals: int, labels: dict[str, str], data_type: DataType = DataType.FLOAT32) -> TagEntry:
    return tag_entry(Point(1, Table.HOLDING, 0, data_type), unit="m", decimals=decimals, state_labels=labels)


def cases() -> list[tuple[Any, TagEntry]]:
    chance = random.Random(20)
    values = [*EDGES, *(chance.uniform(-1, 1) * 10 ** chance.randint(-8, 18) for _ in range(300))]
    values += [chance.randint(-(10**6), 10**6) / 2 ** chance.randint(0, 12) for _ in range(300)]
    tags = [a_tag(d, {}) for d in (0, 1, 2, 9)] + [a_tag(1, {"0": "stopped", "1": "running", "-7": "fault"})]
    return [(value, tag) for value in values for tag in tags]


def look_of(tag: TagEntry) -> dict[str, Any]:
    return {"unit": tag.unit, "decimals": presentation.decimals_of(tag), "labels": presentation.labels_of(tag)}


def test_browser_and_server_write_the_same(chromium: Browser) -> None:
    made = cases()
    statuses = [*ALL_CODES, *(code | 0x100 for code in ALL_CODES), *(code | 0x200 for code in ALL_CODES)]
    statuses += [0xC0000000, 0xFFFFFFFF, 0x40FF0000, 0x80FF0001, 0x00FF0000, 0x00000400]
    ages = [None, 0, 999, 1000, 59_999, 60_000, 3_599_999, 3_600_000, 172_799_999, 172_800_000, 10**10]
    page = chromium.new_page()
    page.goto("about:blank")
    wire = json.loads(json.dumps([[wire_value(value, 0), look_of(tag)] for value, tag in made]))
    told = page.evaluate(RUN, [FORMAT_JS.read_text(), presentation.table_for_browsers(), wire, statuses, ages])
    expected = [
        [presentation.format_value(tag, value), tag.unit if presentation.has_unit(tag, value) else ""]
        for value, tag in made
    ]
    wrong = [(c[0], c[1].decimals, t, e) for c, t, e in zip(made, told["values"], expected, strict=True) if t != e]
    assert wrong == []
    rows = [presentation.quality_of(status) for status in statuses]
    assert told["statuses"] == [[row.q, row.glyph, row.word, row.sentence] for row in rows]
    assert told["ages"] == [presentation.format_age(age) for age in ages]


def test_no_script_of_ours_evaluates_text_or_writes_styles() -> None:
    """The content policy forbids both; a page would silently stand still."""
    for script in [FORMAT_JS.parent.parent / "live.js", *FORMAT_JS.parent.glob("*.js")]:
        assert not re.search(r"\beval\(|new Function|innerHTML|\.style\b|cssText", script.read_text()), script
        assert len(script.read_text().splitlines()) <= 300
