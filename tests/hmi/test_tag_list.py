"""The list of an area's tags: a page at a time, found by words over all of them, in an order people expect."""

import re
import time
from typing import Any

import pytest
from django.test import Client

from bus import quality
from devices import current
from devices.models import Tag
from hmi.screens.tag_list import PAGE_ROWS, _natural, tag_list
from tests.cast import Cast, Works
from tests.entries import tag_entry
from tests.hmi.latest import put

NORTH = "/area/works/north/"
LIST = {"HX-Request": "true", "HX-Target": "tag-list"}


@pytest.fixture
def many(works: Works) -> Works:
    """120 tags more in North: t1 to t120, the even ones called Pump."""
    Tag.objects.bulk_create(
        Tag(area=works.north, device=works.plc1, name=f"t{n}", title="" if n % 2 else f"Pump {n}", address=n)
        for n in range(1, 121)
    )
    current.forget()
    return works


def visit(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.omar)
    return client


def shown(page: str) -> list[str]:
    """The names of the tags, in the order of the rows."""
    rows = re.findall(r'href="/tag/works/north/(\w+)/"', page)
    return list(rows)


def test_a_long_list_comes_page_by_page_in_the_order_people_count(cast: Cast, many: Works) -> None:
    client = visit(cast)
    pages = [client.get(NORTH, {"page": n}).content.decode() for n in (1, 2, 3)]
    names = [name for page in pages for name in shown(page) if name != "run"]
    assert names == ["level", *(f"t{n}" for n in range(1, 121))]
    assert all(f"Page {n} of 3" in page for n, page in enumerate(pages, 1))
    assert 'aria-rowindex="52"' in pages[1], "rows say their place in the whole list"


def test_the_filter_looks_at_every_tag_not_only_at_the_page(cast: Cast, many: Works) -> None:
    page = visit(cast).get(NORTH, {"q": "PUMP 12"}).content.decode()
    assert [name for name in shown(page) if name != "run"] == ["t12", "t112", "t120"]
    assert "3 of 121 tags found" in re.sub(r"\s+", " ", page)
    assert 'value="PUMP 12"' in page, "a reload keeps the words"


def test_the_refresh_of_the_list_is_the_same_list_without_the_page(cast: Cast, many: Works) -> None:
    client = visit(cast)
    part = client.get(NORTH, {"q": "pump", "page": "2"}, headers=LIST).content.decode()
    assert "<html" not in part
    assert part.strip().startswith('<div id="tag-list">')
    assert shown(part) == [f"t{n}" for n in range(102, 121, 2)]


def test_nothing_found_says_so(cast: Cast, many: Works) -> None:
    assert "No tag of this area has that" in visit(cast).get(NORTH, {"q": "nowhere"}).content.decode()


def test_worst_first_looks_at_every_tag_too(cast: Cast, many: Works, bus_url: str) -> None:
    rows = list(Tag.objects.filter(area=many.north).order_by("pk"))
    states: dict[Tag, tuple[float | None, int]] = dict.fromkeys(rows, (1.0, 0))
    states[rows[100]] = (None, quality.BAD_SENSOR_FAILURE)
    states[rows[90]] = (1.0, quality.UNCERTAIN_EU_EXCEEDED)
    states[rows[80]] = (1.0, quality.GOOD_LOCAL_OVERRIDE)
    put(bus_url, states)
    page = visit(cast).get(NORTH, {"sort": "quality"}, headers=LIST).content.decode()
    assert shown(page)[:4] == [rows[100].name, rows[90].name, rows[80].name, "level"]


@pytest.mark.parametrize(
    "asked", [{"page": "0"}, {"page": "-1"}, {"page": "x"}, {"page": "²"}, {"page": "9" * 30}, {"sort": "<q>"}]
)
def test_what_makes_no_sense_counts_as_not_asked(asked: dict[str, str], cast: Cast, many: Works) -> None:
    response = visit(cast).get(NORTH, asked)
    assert response.status_code == 200
    assert b"<q>" not in response.content


def test_words_are_shown_as_text(cast: Cast, many: Works) -> None:
    page = visit(cast).get(NORTH, {"q": '"><script>'}).content.decode()
    assert "<script>" not in page.split('id="content"')[1]


def test_a_stranger_gets_no_list(cast: Cast, many: Works) -> None:
    client = Client()
    client.force_login(cast.sam)
    assert client.get(NORTH, headers=LIST).status_code == 404


def test_five_thousand_tags_stay_within_what_a_page_and_its_socket_carry(bus_url: str, db: None) -> None:
    """HMI-20. Every sort reads no more rows than it shows, but for the quality of all."""
    tags = [tag_entry(path=f"works/north/t{n}", id=n) for n in range(5000)]
    began = time.process_time()
    for sort in ("name", "title", "quality"):
        found = tag_list(tags, {"sort": sort, "page": "100"})
        assert (len(found.rows), found.pages, found.found) == (PAGE_ROWS, 100, 5000)
    assert time.process_time() - began < 30, "a hang, not a figure: that stands in docs/performance.md"


@pytest.mark.parametrize(("one", "other"), [("t2", "t10"), ("2t", "10t"), ("a", "B"), ("P1 b", "P1 C"), ("", "x")])
def test_numbers_in_names_are_ordered_as_numbers(one: str, other: str) -> None:
    keys: list[Any] = [_natural(one), _natural(other)]
    assert keys == sorted(keys)
