"""Values on the first paint: fresh, stale, missing, or without a bus; never a crash and never a good-looking lie."""

import time
from typing import Any

import pytest
from django.db import transaction
from django.template import Context, Template

from bus import keys, quality
from bus.client import connect_blocking
from bus.messages import FULL, Block, encode
from devices import current
from devices.models import Device, Tag
from hmi.screens import readings
from hmi.screens.readings import Reading
from plant import revisions
from tests.cast import Works


def put(url: str, works: Works, *, age_ms: int = 0, status: int = 0, source_age_ms: int | None = None) -> None:
    now_ms = time.time_ns() // 1_000_000 - age_ms
    source = None if source_age_ms is None else [now_ms - source_age_ms]
    group = f"{works.plc1.pk}:1000"
    block = Block(1, 1, group, 1, now_ms, FULL, [works.level.pk], [2.5], [status], source)
    client = connect_blocking(url, "test")
    client.hset(keys.LATEST, group, encode(block))
    client.close()


def reading_of(tag: Tag) -> Reading:
    current.forget()
    entry = current.current_snapshot().tags[tag.pk]
    return readings.readings([entry])[0]


def test_a_fresh_value_is_good(works: Works, bus_url: str) -> None:
    put(bus_url, works)
    reading = reading_of(works.level)
    assert (reading.text, reading.unit, reading.quality.q) == ("2.50", "m", "good")
    assert reading.age_ms is not None
    assert reading.age_ms < 1000


def test_a_value_older_than_three_scans_is_stale(works: Works, bus_url: str) -> None:
    """UA-05: a dead poller writes nothing, so the reader says it."""
    put(bus_url, works, age_ms=3_500)
    reading = reading_of(works.level)
    assert (reading.text, reading.quality.q) == ("2.50", "stale")
    assert reading.age_text == "3 s"


def test_a_value_from_before_the_clock_was_set_back_is_not_fresh(works: Works, bus_url: str) -> None:
    """SR 2.11: with a dead poller nothing else would ever make it old."""
    put(bus_url, works, age_ms=-3_600_000)
    assert reading_of(works.level).quality.q == "stale"


def test_a_good_value_that_was_taken_long_before_its_group_was_read_is_stale(works: Works, bus_url: str) -> None:
    put(bus_url, works, source_age_ms=4_000)
    assert reading_of(works.level).quality.q == "stale"


def test_the_last_value_of_a_lost_link_carries_its_own_age(works: Works, bus_url: str) -> None:
    put(bus_url, works, status=quality.UNCERTAIN_NO_COMMUNICATION, source_age_ms=65_000)
    reading = reading_of(works.level)
    assert (reading.quality.q, reading.age_text) == ("uncertain", "1 min")


def test_a_tag_that_was_never_read_waits(works: Works, bus_url: str) -> None:
    assert reading_of(works.level).status == quality.BAD_WAITING_FOR_INITIAL_DATA


def test_a_tag_of_a_disabled_device_is_out_of_service(works: Works, bus_url: str) -> None:
    put(bus_url, works)
    Device.objects.update(enabled=False)
    assert reading_of(works.level).status == quality.BAD_OUT_OF_SERVICE


def test_without_a_bus_every_reading_is_bad_and_the_page_stands(works: Works, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    reading = reading_of(works.level)
    assert (reading.text, reading.quality.q, reading.unit) == ("–", "bad", "")


@pytest.mark.parametrize(
    ("status", "age_ms", "q"),
    [
        (0, 0, "good"),
        (quality.UNCERTAIN_EU_EXCEEDED, 0, "uncertain"),
        (quality.BAD_TIMEOUT, 0, "bad"),
        (0, 9000, "stale"),
    ],
)
def test_the_live_value_shows_its_quality_by_glyph_and_word(
    works: Works, bus_url: str, status: int, age_ms: int, q: str
) -> None:
    """HMI-19: every quality is visible, and not by colour alone."""
    put(bus_url, works, status=status, age_ms=age_ms)
    reading = reading_of(works.level)
    page = Template("{% load live %}{% live_value r %}|{% live_age r %}|{% live_word r %}|{% quality_table %}")
    html = " ".join(page.render(Context({"r": reading})).split())
    assert f'data-live="works/north/level" data-q="{q}"' in html
    assert reading.quality.word in html
    assert bool(reading.quality.glyph) == (q != "good")
    assert f">{reading.quality.glyph}</span>" in html
    assert 'data-live-age="works/north/level"' in html
    assert "style=" not in html


def test_what_this_process_changes_it_sees_at_once(works: Works) -> None:
    before = current.current_snapshot()
    assert before is current.current_snapshot()
    with transaction.atomic():
        works.level.unit = "cm"
        works.level.save()
        revisions.bump("ada", "unit of level")
    after = current.current_snapshot()
    assert after.revision > before.revision
    assert after.tags[works.level.pk].unit == "cm"
