"""Totals in the database: written only over what is known, and read back exactly."""

import pytest

from devices.models import Kind, Tag, TotaliserState
from devices.poller.totals import keep_totals
from tests.cast import Works


@pytest.fixture
def volume(works: Works) -> int:
    tag = Tag.objects.create(
        area=works.north, name="volume", kind=Kind.DERIVED, function="total", expression="q", data_type="float64"
    )
    return tag.pk


def test_a_total_is_written_and_read_back_to_the_last_digit(volume: int) -> None:
    known = keep_totals({volume: (0.1 + 0.2, 1000)}, {})
    assert known == {volume: (0.1 + 0.2, 1000)}
    assert keep_totals({volume: (1e15 / 3, 2000)}, known) == {volume: (1e15 / 3, 2000)}


def test_what_somebody_has_set_meanwhile_is_not_overwritten(volume: int) -> None:
    known = keep_totals({volume: (5.0, 1000)}, {})
    TotaliserState.objects.update(total=0.0, taken_ms=1500)
    assert keep_totals({volume: (6.0, 2000)}, known) == {volume: (0.0, 1500)}
    TotaliserState.objects.all().delete()
    TotaliserState.objects.create(tag_id=volume, total=7.0, taken_ms=1)
    assert keep_totals({volume: (6.0, 2000)}, {}) == {volume: (7.0, 1)}


def test_a_tag_that_is_gone_or_no_totaliser_any_more_is_left_out(volume: int, works: Works) -> None:
    assert keep_totals({volume + 999: (1.0, 1), works.level.pk: (2.0, 1)}, {}) == {}
