"""What the documents name exists: files, commands of the Makefile, settings."""

import re
from pathlib import Path

import pytest

from tests.house_rules import tracked_files
from tests.road.site import ROOT

DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SOURCES = [path for folder in ("hmi", "bus", "devices", "accounts", "plant") for path in (ROOT / folder).rglob("*.py")]
PATHS = [f"/{path.relative_to(ROOT)}" for path in tracked_files()]


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_file_that_is_named_exists(document: Path) -> None:
    named = re.findall(r"`([\w.]+(?:/[\w.]+)+\.(?:py|js|mjs|sh|html|yaml|md))`", document.read_text())

    assert [name for name in named if not any(path.endswith(f"/{name}") for path in PATHS)] == []


@pytest.mark.parametrize("file", [ROOT / "Makefile", ROOT / ".ci" / "run", *DOCUMENTS, *SOURCES], ids=ids)
def test_every_document_that_is_named_exists(file: Path) -> None:
    """Also in a code block, a comment or a message."""
    named = set(re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text()))

    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", document.read_text())
    files = [(document.parent / link if link else document, part) for link, part in links]

    assert [str(file) for file, _ in files if not file.exists()] == []
    assert [(file.name, part) for file, part in files if part and part not in headings(file)] == []


def headings(document: Path) -> set[str]:
    """As the places of the page are named that a forge makes of it."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    rules = re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    text = document.read_text()
    named = set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE))

    assert named <= targets


def test_every_setting_of_the_environment_is_documented() -> None:
    pattern = r"""env\.\w+\(\s*"([A-Z_]+)"|text\("([A-Z_]+)"\)"""
    read = {a or b for path in SOURCES for a, b in re.findall(pattern, path.read_text())}
    documented = set(re.findall(r"`([A-Z_]{4,})`", (ROOT / "docs" / "installation.md").read_text()))

    assert {"PORT", "REDIS_URL", "TRUSTED_PROXIES"} <= read
    assert read - documented == set()


def test_every_decision_stands_in_the_list_of_them_under_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    titles = {path.name: path.read_text().splitlines()[0].removeprefix("# ") for path in folder.glob("0*.md")}
    listed = re.findall(r"^(\d+\. )\[(.+)\]\((.+)\)$", (folder / "README.md").read_text(), re.MULTILINE)

    assert [(name, number + title) for number, title, name in listed] == sorted(titles.items())


def test_every_key_of_the_bus_is_documented() -> None:
    spelt = re.findall(r'"(isthmus:[a-z:-]+)"', (ROOT / "bus" / "keys.py").read_text())
    documented = re.findall(r"^\| `(isthmus:[a-z:-]+)(?:<id>)?` ", (ROOT / "docs" / "bus.md").read_text(), re.MULTILINE)

    assert sorted(documented) == sorted(spelt)


def test_the_stations_of_the_road_are_numbered_without_a_gap_and_the_readme_leads_there() -> None:
    road = (ROOT / "docs" / "road.md").read_text()
    first = road.split("## How a change")[0]
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", first, re.MULTILINE)]

    assert len(numbers) > 3
    assert numbers == list(range(1, len(numbers) + 1))
    assert "(docs/road.md)" in (ROOT / "README.md").read_text()
