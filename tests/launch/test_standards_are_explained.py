"""An id of a requirement that code, tests or documents name stands in docs/standards.md; and nothing else does."""

import re

from tests.house_rules import tracked_files
from tests.road.site import ROOT

PAGE = ROOT / "docs" / "standards.md"
OURS = re.compile(r"\b(?:ALM|HIS|HMI|MB|MES|SEC|SPB|UA)-\d\d\b")
LISTED = re.compile(r"\b(SR|ASVS|WCAG)(?: 2\.2)? (\d+\.\d+(?:\.\d+)*(?:, \d+\.\d+(?:\.\d+)*)*)")
"""`SR 1.1, 1.5` are two ids; `WCAG 2.2 1.4.3` is one of version 2.2."""


def cited(text: str) -> set[str]:
    listed = {f"{kind} {number}" for kind, numbers in LISTED.findall(text) for number in numbers.split(", ")}
    return set(OURS.findall(text)) | listed - {"WCAG 2.2"}


def cited_anywhere() -> set[str]:
    kinds = {".py", ".js", ".mjs", ".css", ".html", ".md", ".yaml"}
    found: set[str] = set()
    for path in tracked_files():
        if path.suffix in kinds and path != PAGE and path.name != "test_standards_are_explained.py":
            found |= cited(path.read_text())
    return found


def test_every_id_that_is_cited_is_explained_and_no_other() -> None:
    explained = re.findall(r"^\| ((?:[A-Z]+-\d\d)|(?:[A-Z]+ [\d.]+)) \|", PAGE.read_text(), re.MULTILINE)

    assert {"UA-05", "SR 1.11", "ASVS 8.3.2", "WCAG 1.4.11"} <= set(explained)
    assert len(explained) == len(set(explained))
    assert set(explained) == cited_anywhere()


def test_ids_are_found_in_lists_and_sentences() -> None:
    assert cited("(IEC 62443-3-3 SR 1.1, 1.10), UA-05. See MB-01 … MB-03") == {
        "SR 1.1",
        "SR 1.10",
        "UA-05",
        "MB-01",
        "MB-03",
    }
    assert cited("HMI-13, WCAG 2.2 1.4.3. WCAG 2.2. UTF-16 and SHA-25") == {"HMI-13", "WCAG 1.4.3"}
