"""Whatever is done to a document, an import succeeds or refuses it; nothing else ever comes out of it."""

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.document.problems import DocumentError
from plant.models import Plant
from tests.fault_seed import times
from tests.plant.documents import SMALL, exported, load
from tests.properties import SHARED_FIXTURE

pytestmark = pytest.mark.django_db

SECOND = (
    "  - {name: plc2, area: intake/pumps, host: 10.0.0.6}\ntags:\n  - {path: intake/flow, device: plc2, address: 4}\n"
)
WORDS = [
    "intake",
    "pumps",
    "intake/pumps",
    "plc1",
    "plc2",
    "level",
    "run",
    "flow",
    "0",
    "x",
    "~",
    "",
    "[]",
    "{}",
    '"',
    "coil",
]


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[str, int, str, str]]:
    one = st.tuples(
        st.sampled_from(["drop", "double", "swap words", "move"]),
        st.integers(0, 30),
        st.sampled_from(WORDS),
        st.sampled_from(WORDS),
    )
    return draw(st.lists(one, min_size=1, max_size=5))


def damaged(text: str, damage: list[tuple[str, int, str, str]]) -> str:
    lines = text.splitlines()
    for kind, number, old, new in damage:
        at = number % len(lines)
        if kind == "drop" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "move":
            lines.append(lines.pop(at))
        else:
            lines[at] = lines[at].replace(old or " ", new)
    return "\n".join(lines) + "\n"


def try_it(damage: list[tuple[str, int, str, str]], prune: bool) -> None:
    with transaction.atomic():
        load(SMALL.replace("tags:\n", SECOND))
        before = exported()
        try:
            load(damaged(before, damage), prune=prune)
            is_imported = True
        except DocumentError:
            is_imported = False
        assert is_imported or exported() == before
        for plant in Plant.objects.all():
            assert load(exported(plant.name)).is_same
        transaction.set_rollback(True)


@settings(max_examples=25, suppress_health_check=SHARED_FIXTURE)
@given(damage=damages(), prune=st.booleans())
def test_a_damaged_document_is_imported_or_refused(damage: list[tuple[str, int, str, str]], prune: bool) -> None:
    try_it(damage, prune)


@pytest.mark.slow
@pytest.mark.timeout(times(300, 1800))
@settings(max_examples=times(600, 6000), suppress_health_check=SHARED_FIXTURE)
@given(damage=damages(), prune=st.booleans())
def test_many_damaged_documents_are_imported_or_refused(damage: list[tuple[str, int, str, str]], prune: bool) -> None:
    try_it(damage, prune)
