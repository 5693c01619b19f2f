"""A tag whose type has changed is said in its new kind before the rules follow: its old series takes no harm."""

import pytest

from bus.messages import Value
from bus.quality import BAD_CONFIGURATION_ERROR, GOOD
from historian.recording import Recording
from historian.samples import of_rows
from historian.series import Rule, SeriesKind
from tests.historian.streams import block, seen

CASES: list[tuple[SeriesKind, bool, Value, Value]] = [
    (SeriesKind.NUMBER, False, 1.5, "running"),
    (SeriesKind.NUMBER, True, 1.5, "running"),
    (SeriesKind.STATE, True, True, "running"),
    (SeriesKind.TEXT, True, "running", 1.5),
    (SeriesKind.TEXT, True, "running", 2**60),
    (SeriesKind.TEXT, True, "running", False),
]


@pytest.mark.parametrize(("kind", "is_stepped", "fits", "other"), CASES)
@pytest.mark.parametrize("exc_dev", [0.0, 1.0])
def test_a_value_of_another_kind_is_no_value_and_every_other_is_read_as_it_was(
    kind: SeriesKind, is_stepped: bool, fits: Value, other: Value, exc_dev: float
) -> None:
    """HIS-01."""
    told = Recording({1: Rule(5, kind, is_stepped, exc_dev, comp_dev=2 * exc_dev)}, {1: ("1:1000", 1000)})
    rows = []
    for second, value in enumerate([fits, other, other, fits]):
        rows += told.take(block(second * 1000, {1: value}, is_full=second == 2))
    samples = of_rows(rows)
    read = [samples.value(place, is_text=kind is SeriesKind.TEXT) for place in range(len(samples))]
    assert [value for value in read if value is not None] == [fits, fits]
    assert {status for value, status in zip(read, samples.statuses.tolist(), strict=True) if value is None} == {
        BAD_CONFIGURATION_ERROR
    }
    assert [row[4] for row in rows if row[0] == rows[-1][0]] == [GOOD]
    assert [ms for ms, value in seen(rows) if value is not None] == [0, 3000]
