"""Where a number comes from, as its page says it: a register, other tags, or somebody's hand."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from bus import keys, quality
from bus.presence import LinkState
from devices.models import Device, ManualValue, Substitution, Tag, TagInput
from devices.points import DataType, Point, Table
from hmi.screens.source import source_of
from tests.cast import Cast, Works
from tests.hmi.latest import put
from tests.hmi.test_pages import html, text
from tests.hmi.test_system_page import say


def origin(person: User, path: str) -> str:
    """What the refreshed part of the page says."""
    client = Client(headers={"HX-Request": "true"})
    client.force_login(person)
    response = client.get(path)
    assert response.status_code == 200, response
    return text(response.content.decode())


def say_unit(url: str, device: Device, **said: Any) -> None:
    """What the poller said of one unit on its link."""
    link = f"{device.driver}://{device.host}:{device.port}"
    unit = {"state": "answering", "reason": "", "since_ms": time.time_ns() // 1_000_000, **said}
    say(url, keys.LINKS, link, LinkState(link, "connected", "Answers.", 1, {"units": {str(device.pk): unit}}))


@pytest.fixture
def balance(works: Works) -> Tag:
    """Derived in south from one tag of north and one of south."""
    tag = Tag.objects.create(
        area=works.south, name="balance", title="Balance", kind="derived", data_type="float64", unit="m³/h",
        expression="level * 2 - flow", scan_ms=2000,
    )  # fmt: skip
    TagInput.objects.create(derived=tag, name="level", source=works.level)
    TagInput.objects.create(derived=tag, name="flow", source=works.flow)
    return tag


@pytest.fixture
def sample(works: Works) -> Tag:
    return Tag.objects.create(
        area=works.north, name="chlorine", title="Chlorine, laboratory", kind="manual", data_type="float64",
        unit="mg/l", decimals=2,
    )  # fmt: skip


def test_a_tag_read_from_a_device_says_register_form_scaling_and_periods(
    cast: Cast, works: Works, bus_url: str
) -> None:
    group = {"scan_ms": 1000, "achieved_ms": 1004.2, "reads": 1}
    say_unit(bus_url, works.plc1, groups={f"{works.plc1.pk}:1000": group})
    page = origin(cast.omar, "/tag/works/north/level/")
    assert "holding 0 counted from 0" in page
    assert "float32, ABCD" in page
    assert "2 registers, 0 to 1" in page
    assert "1 s , achieved 1.00 s" in page
    assert "plc1 : answers" in page


def test_a_scan_that_falls_behind_is_marked(cast: Cast, works: Works, bus_url: str) -> None:
    group = {"scan_ms": 1000, "achieved_ms": 3100.0, "reads": 1}
    say_unit(bus_url, works.plc1, groups={f"{works.plc1.pk}:1000": group})
    assert "achieved ? 3.10 s" in origin(cast.omar, "/tag/works/north/level/")


def test_the_address_and_the_words_of_a_link_are_for_those_who_may_diagnose_the_device(
    cast: Cast, works: Works, bus_url: str
) -> None:
    say_unit(bus_url, works.plc1, state="silent", reason="No answer from 127.0.0.1:15020.")
    assert "No answer from 127.0.0.1:15020." in origin(cast.omar, "/tag/works/north/level/")
    assert "15020" not in html(cast.vera, "/tag/works/north/level/")
    flow = html(cast.sam, "/tag/works/south/flow/")
    assert "15020" not in flow, "the device stands in north"
    assert "/devices/plc1/" not in flow
    assert "× silent" in text(flow)


def test_a_derived_tag_shows_its_expression_and_each_input_with_its_value(
    cast: Cast, works: Works, balance: Tag, bus_url: str
) -> None:
    put(bus_url, {works.level: (2.5, 0), works.flow: (12.5, 0)})
    page = html(cast.vera, "/tag/works/south/balance/")
    assert "level * 2 - flow" in text(page)
    assert "Computed every 2 s" in text(page)
    assert 'href="/tag/works/north/level/"' in page
    assert 'data-live="works/north/level"' in page
    assert "2.50" in text(page)
    assert "In doubt" not in page


def test_a_derived_tag_names_the_input_that_makes_it_uncertain(
    cast: Cast, works: Works, balance: Tag, bus_url: str
) -> None:
    """UA-03"""
    put(bus_url, {works.level: (2.5, quality.UNCERTAIN_NO_COMMUNICATION), works.flow: (12.5, 0)})
    assert "In doubt because of level (no connection)." in origin(cast.vera, "/tag/works/south/balance/")


def test_an_input_from_a_foreign_area_shows_neither_path_nor_value(
    cast: Cast, works: Works, balance: Tag, bus_url: str
) -> None:
    put(bus_url, {works.level: (2.5, quality.BAD_SENSOR_FAILURE), works.flow: (12.5, 0)})
    page = html(cast.sam, "/tag/works/south/balance/")
    assert "a tag of an area you may not see" in page
    assert "works/north" not in page
    assert "sensor fault" not in page


def test_a_tag_says_what_is_computed_from_it(cast: Cast, works: Works, balance: Tag) -> None:
    assert "Used by Balance" in origin(cast.vera, "/tag/works/north/level/")
    assert "Used by" not in origin(cast.omar, "/tag/works/north/level/"), "it lies in south"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"function": "rate", "window_s": 30, "per_s": 3600}, "its change per 3600 s, over the last 30 s"),
        ({"function": "average", "window_s": 300}, "average: its mean over the last 300 s, weighted by time"),
        ({"function": "total", "per_s": 3600}, "totaliser: its total over time, the value being an amount per 3600 s"),
    ],
)  # fmt: skip
def test_what_becomes_of_an_expression_in_time_is_said(
    fields: dict[str, Any], words: str, cast: Cast, works: Works, balance: Tag
) -> None:
    Tag.objects.filter(pk=balance.pk).update(**fields)
    assert words in origin(cast.vera, "/tag/works/south/balance/")


def test_a_tag_entered_by_hand_says_who_when_and_why(cast: Cast, sample: Tag) -> None:
    assert "Nobody has entered a value yet." in origin(cast.vera, "/tag/works/north/chlorine/")
    taken = timezone.now() - timedelta(hours=2)
    ManualValue.objects.create(tag=sample, value=0.31, taken_at=taken, author="omar", comment="Bottle 7")
    page = origin(cast.vera, "/tag/works/north/chlorine/")
    assert "0.31 mg/l by omar" in page
    assert "Bottle 7" in page


def test_a_substituted_value_is_announced_to_everybody_who_sees_the_tag(cast: Cast, works: Works) -> None:
    Substitution.objects.create(
        tag=works.level, value=1.5, reason="Sensor is cleaned", author="ada",
        ends_at=timezone.now() + timedelta(hours=1, minutes=30, seconds=20),
    )  # fmt: skip
    for page in (text(html(cast.vera, "/tag/works/north/level/")), origin(cast.vera, "/tag/works/north/level/")):
        assert "Substituted by ada: 1.50 m stands in place of the tag's own value" in page.replace("&#x27;", "'")
        assert "Ends in 1 h 30 min" in page
        assert "Sensor is cleaned" in page


def test_a_substitution_whose_time_is_over_is_not_announced(cast: Cast, works: Works) -> None:
    ended = timezone.now() - timedelta(seconds=1)
    Substitution.objects.create(tag=works.level, value=1.5, reason="x", author="ada", ends_at=ended)
    assert "Substituted" not in html(cast.vera, "/tag/works/north/level/")


def test_nobody_is_told_that_a_register_can_be_written(cast: Cast, works: Works) -> None:
    assert "Isthmus does not write to devices yet" in origin(cast.ada, "/tag/works/north/level/")
    assert "You may see it." in origin(cast.vera, "/tag/works/north/level/")
    assert "put another value in its place, change its configuration" in origin(cast.ada, "/tag/works/north/level/")


HOLDING = Table.HOLDING


@pytest.mark.parametrize(
    ("point", "words"),
    [
        (Point(1, HOLDING, 5, DataType.UINT16, bit=3, bit_count=4), ("uint16, bits 3 to 6", "as read")),
        (Point(1, HOLDING, 5, DataType.INT8, bit=8), ("int8, high byte", "as read")),
        (Point(1, HOLDING, 5, DataType.BOOL, bit=0), ("bool, bit 0", "as read")),
        (Point(1, HOLDING, 5, DataType.STRING, length=7), ("string, 7 bytes, ABCD", "as read")),
        (Point(1, HOLDING, 5, DataType.INT16, scale=0.1, offset=-40), ("int16", "register × 0.1 − 40")),
        (Point(1, HOLDING, 5, DataType.INT16, scale_address=9), ("int16", "register × 10^n, n from holding 9")),
        (
            Point(1, HOLDING, 5, DataType.UINT16, raw_min=0, raw_max=27648, eu_min=0, eu_max=100),
            ("uint16", "raw 0 to 27648 is 0 to 100"),
        ),
    ],
)
def test_form_and_scaling_are_written_as_an_engineer_would(point: Point, words: tuple[str, str]) -> None:
    source = source_of(point)
    assert (source.form, source.scaling) == words


def test_what_only_some_values_have_is_said_of_those() -> None:
    point = Point(1, HOLDING, 5, DataType.INT16, eu_min=0, eu_max=10, clamp=True, not_implemented=0x8000)
    assert source_of(point).more == (
        ("Range", "0 to 10, held at the end beyond it"),
        ("No value", "raw 0x8000 means that there is none"),
    )
    assert source_of(Point(1, HOLDING, 5, DataType.INT16)).more == ()


def test_the_page_says_where_nothing_is_known_of_the_device(cast: Cast, works: Works) -> None:
    page = origin(cast.omar, "/tag/works/north/level/")
    assert re.search(r"plc1 : \? not started", page)
