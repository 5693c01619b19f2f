"""Every status has a name, a word and a byte that agree on how bad it is."""

from hypothesis import given
from hypothesis import strategies as st

from bus import quality
from bus.quality import Severity, severity
from exchange.rest.statuses import NAMES, da_byte, name_of, word_of

ALL = {v for k, v in vars(quality).items() if k.isupper() and isinstance(v, int) and not k.startswith(("LIMIT", "SEV"))}


def test_every_status_that_isthmus_produces_has_a_row() -> None:
    assert set(NAMES) == ALL


def test_limit_bits_travel_in_the_byte() -> None:
    """UA-04: engineering units exceeded is 84; OPC DA keeps the limit in the two lowest bits."""
    assert da_byte(quality.UNCERTAIN_EU_EXCEEDED) == 84
    assert da_byte(quality.UNCERTAIN_EU_EXCEEDED | quality.LIMIT_LOW) == 85
    assert da_byte(quality.UNCERTAIN_EU_EXCEEDED | quality.LIMIT_HIGH) == 86
    assert name_of(quality.UNCERTAIN_EU_EXCEEDED | quality.LIMIT_HIGH) == "Uncertain_EngineeringUnitsExceeded"


@given(st.one_of(st.sampled_from(sorted(ALL)), st.integers(0, 2**32 - 1)))
def test_name_word_and_byte_agree_for_every_status(status: int) -> None:
    kind = severity(status)
    assert word_of(status) == kind.name.lower()
    assert name_of(status).startswith(kind.name.capitalize())
    assert {Severity.GOOD: 3, Severity.UNCERTAIN: 1, Severity.BAD: 0}[kind] == da_byte(status) >> 6
