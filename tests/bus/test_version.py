"""One version, wherever it is told."""

import tomllib
from pathlib import Path

from bus.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_the_program_and_its_package_name_the_same_version() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_changelog_has_a_chapter_for_the_version() -> None:
    assert f"\n## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()
