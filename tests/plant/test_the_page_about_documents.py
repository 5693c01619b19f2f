"""docs/plant-document.md names every field with its default, and its example is a document."""

import re
from pathlib import Path

import pytest

from plant.document import writer
from plant.document.fields import Field
from plant.document.rows import RowSection
from plant.document.sections import registered
from tests.plant.documents import load

PAGE = (Path(__file__).parents[2] / "docs" / "plant-document.md").read_text(encoding="utf-8")


def shown_default(field: Field) -> str:
    if field.is_required:
        return "required"
    if field.default in (None, {}, []):
        return "none"
    return f"`{writer.scalar(field.default)}`" if field.default != "" else "empty"


@pytest.mark.parametrize("section", [s for s in registered() if isinstance(s, RowSection)], ids=lambda s: s.name)
def test_every_field_stands_on_the_page_with_its_default(section: RowSection) -> None:
    table = PAGE.partition(f"\n### {section.name}\n")[2].partition("\n##")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", table, re.MULTILINE)
    assert rows == [(field.name, shown_default(field)) for field in section.fields]


@pytest.mark.django_db
def test_the_example_on_the_page_can_be_imported() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert load(example.group(1)).revision is not None
