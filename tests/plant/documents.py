"""Documents for tests: a small one that is right, and short ways to import, refuse and read back."""

from typing import Any

import pytest

from audit.actions import Actor
from plant.document import transfer
from plant.document.problems import DocumentError
from plant.models import Plant

ADA = Actor("user", "00000000-0000-0000-0000-000000000001", "ada")

HEAD = """\
isthmus: 1
plant: {name: northgate, title: Northgate waterworks, time_zone: Europe/Stockholm}
"""
SMALL = (
    HEAD
    + """\
areas:
  - {path: intake, title: Intake}
  - {path: intake/pumps, title: Pumps, position: 1}
devices:
  - {name: plc1, area: intake, host: 127.0.0.1, port: 15020}
tags:
  - {path: intake/level, device: plc1, address: 0, type: float32, order: CDAB, unit: m, eu_min: 0, eu_max: 8}
  - {path: intake/pumps/run, device: plc1, table: coil, address: 0, type: bool, states: {0: stopped, 1: running}}
"""
)


def load(text: str, **options: Any) -> transfer.Outcome:
    return transfer.import_document(text.encode(), "plant.yaml", ADA, **options)


def exported(name: str = "northgate") -> str:
    return transfer.export(Plant.objects.get(name=name))


def refused(text: str | bytes, **options: Any) -> list[str]:
    """The problems of a document that must be refused, in the order of its lines."""
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(DocumentError) as caught:
        transfer.import_document(content, "plant.yaml", ADA, **options)
    return [str(problem) for problem in caught.value.problems]


def said(outcome: transfer.Outcome) -> list[str]:
    """The changes, like '~ tag intake/level'."""
    signs = {"added": "+", "changed": "~", "removed": "-"}
    return [f"{signs[c.kind]} {c.noun} {c.key}" for c in outcome.changes]
