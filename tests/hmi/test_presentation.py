"""One table for every status, one format for every number; browsers use the same (HMI-11, HMI-17, UA-02)."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import quality as codes
from bus.quality import Severity, severity
from bus.wire import wire_value
from devices.points import DataType, Point, Table
from devices.snapshot import TagEntry
from hmi import presentation
from hmi.presentation import GOOD_CLASSES, format_plain, format_value, quality_of
from tests.entries import tag_entry

ALL_CODES = sorted({v for k, v in vars(codes).items() if k.isupper() and k.startswith(("GOOD", "UNCERTAIN", "BAD"))})


def a_tag(data_type: DataType = DataType.FLOAT32, **fields: Any) -> TagEntry:
    point = Point(1, Table.HOLDING, 0, data_type, scale=fields.pop("scale", 1.0))
    return tag_entry(point, "works/north/level", **({"unit": "m", "decimals": 2} | fields))


@pytest.mark.parametrize("code", ALL_CODES)
def test_every_status_has_a_row_of_its_own_that_fits_its_severity(code: int) -> None:
    row = presentation.TABLE[code]
    classes = {Severity.GOOD: GOOD_CLASSES, Severity.UNCERTAIN: {"uncertain", "stale"}, Severity.BAD: {"bad"}}
    assert row.q in classes[severity(code)]
    assert row.word
    assert row.sentence.endswith(".")


def test_every_class_of_quality_but_good_has_a_glyph_of_its_own() -> None:
    glyphs = {row.q: row.glyph for row in presentation.TABLE.values()}
    assert glyphs.pop("good") == ""
    assert all(glyphs.values())
    assert len(set(glyphs.values())) == len(glyphs) == 5


def test_every_class_keeps_one_glyph_whatever_the_code() -> None:
    assert len({(row.q, row.glyph) for row in presentation.TABLE.values()}) == 6


@given(st.integers(0, 2**32 - 1))
def test_no_status_is_shown_better_than_its_severity(status: int) -> None:
    """UA-02: the severity is asked with the mask, never by equality."""
    assert (quality_of(status).q in GOOD_CLASSES) == (severity(status) is Severity.GOOD)
    assert (quality_of(status).q == "bad") == (severity(status) is Severity.BAD)


def test_limit_bits_say_which_side() -> None:
    assert quality_of(codes.UNCERTAIN_EU_EXCEEDED | codes.LIMIT_LOW).word == "Below range"
    assert quality_of(codes.UNCERTAIN_EU_EXCEEDED | codes.LIMIT_HIGH).word == "Above range"
    assert quality_of(codes.GOOD_CLAMPED | codes.LIMIT_LOW).word == "Held at low limit"
    assert quality_of(codes.GOOD_CLAMPED | codes.LIMIT_HIGH).word == "Held at high limit"
    assert quality_of(codes.BAD_TIMEOUT | codes.LIMIT_HIGH).word == "No answer"


@pytest.mark.parametrize("limit", [0, codes.LIMIT_LOW, codes.LIMIT_HIGH])
def test_a_value_set_by_hand_never_looks_measured_and_says_where_to_look(limit: int) -> None:
    """HMI-11, UA-03: Good_LocalOverride, whatever its limit bits."""
    row = quality_of(codes.GOOD_LOCAL_OVERRIDE | limit)
    assert (row.q, row.word) == ("forced", "Set by hand")
    assert "listed under Set by hand" in row.sentence


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.50"),
        (-0.001, "0.00"),
        (2.675, "2.67"),
        (0.125, "0.13"),
        (-0.125, "-0.13"),
        (1234567.891, "1234567.89"),
        (3, "3.00"),
        (1e20, "1.00e+20"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        ("as it is", "as it is"),
    ],
)
def test_a_number_is_written_with_the_decimals_of_its_tag(value: Any, text: str) -> None:
    """HMI-17. Halves go away from zero, as people expect; there is no minus before a zero."""
    assert format_value(a_tag(), value) == text


def test_an_integer_that_is_not_scaled_has_no_decimals() -> None:
    assert format_value(a_tag(DataType.UINT16), 7) == "7"
    assert format_value(a_tag(DataType.UINT16, scale=0.1), 0.7) == "0.70"


def test_integers_beyond_53_bits_are_exact_as_text() -> None:
    big = 2**63 + 1
    assert wire_value(big, 0) == str(big)
    assert format_value(a_tag(DataType.UINT32), big) == str(big)
    assert wire_value(2**53, 0) == 2**53


def test_a_state_is_a_word_without_a_unit() -> None:
    tag = a_tag(DataType.UINT16, state_labels={"0": "stopped", "1": "running"})
    assert format_value(tag, 1) == "running"
    assert format_value(tag, 0.0) == "stopped"
    assert format_value(tag, 2) == "2"
    assert not presentation.has_unit(tag, 1)
    assert presentation.has_unit(tag, 2)


def test_a_bool_without_words_is_on_or_off() -> None:
    assert format_value(a_tag(DataType.BOOL), True) == "on"
    assert format_value(a_tag(DataType.BOOL), False) == "off"


def test_a_bad_value_never_travels() -> None:
    """Part 4 §7.39.1: results with a bad status shall never be used."""
    assert wire_value(1.5, codes.BAD_SENSOR_FAILURE) is None
    assert wire_value(1.5, codes.UNCERTAIN_NO_COMMUNICATION) == 1.5
    assert wire_value(math.nan, codes.GOOD) is None


@given(st.floats(-1e300, 1e300), st.integers(0, 9))
def test_what_is_written_is_the_number_rounded(value: float, decimals: int) -> None:
    text = format_plain(value, decimals, {})
    tolerance = 0.5 * 10**-decimals * (abs(value) if "e" in text else 1) * (1 + 1e-9) + abs(value) * 1e-12
    assert abs(float(text) - value) <= tolerance
    assert not text.startswith(("00", "-0 ", "."))


@pytest.mark.parametrize(
    ("age_ms", "text"),
    [(None, "–"), (0, "< 1 s"), (999, "< 1 s"), (1000, "1 s"), (59_999, "59 s"), (60_000, "1 min"), (3_600_000, "1 h"),
     (172_799_999, "47 h"), (172_800_000, "2 d")],
)  # fmt: skip
def test_an_age_is_written_in_its_largest_sensible_unit(age_ms: int | None, text: str) -> None:
    assert presentation.format_age(age_ms) == text
