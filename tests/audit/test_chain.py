"""The arithmetic of the chain, for any records and any single change."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from audit.chain import GENESIS, Head, Link, hash_of, verify

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
contents = st.lists(st.fixed_dictionaries({"event": st.text(max_size=20), "new": json_values}), min_size=1, max_size=12)


def chain(items: list[dict[str, Any]]) -> list[Link]:
    links: list[Link] = []
    previous = GENESIS
    for number, content in enumerate(items, 1):
        own = hash_of(content, number, previous)
        links.append(Link(number * 10, number, previous, own, content))
        previous = own
    return links


def head_of(links: list[Link]) -> list[Head]:
    return [Head(links[-1].sequence, links[-1].hash, "then")]


@given(contents)
def test_an_untouched_chain_is_whole(items: list[dict[str, Any]]) -> None:
    links = chain(items)
    walk = verify(links, head_of(links))
    assert walk.findings == []
    assert walk.count == len(items)


@given(contents, st.data())
def test_any_changed_content_is_found(items: list[dict[str, Any]], data: st.DataObject) -> None:
    links = chain(items)
    at = data.draw(st.integers(0, len(links) - 1))
    links[at] = replace(links[at], content={**links[at].content, "event": str(links[at].content["event"]) + "x"})
    assert [finding.sequence for finding in verify(links, head_of(links)).findings] == [at + 1]


@given(contents, st.data())
def test_any_removed_record_is_found(items: list[dict[str, Any]], data: st.DataObject) -> None:
    links = chain(items)
    gone = data.draw(st.integers(0, len(links) - 1))
    heads = head_of(links)
    del links[gone]
    assert [f.sequence for f in verify(links, heads).findings] == [gone + 1]


@given(contents, st.data())
def test_any_cut_is_found_by_the_head_outside(items: list[dict[str, Any]], data: st.DataObject) -> None:
    links = chain(items)
    heads = head_of(links)
    kept = data.draw(st.integers(0, len(links) - 1))
    assert [f.kind for f in verify(links[:kept], heads).findings] == ["truncated"]


@given(contents.filter(lambda items: len(items) > 1), st.data())
def test_any_two_that_changed_places_are_found(items: list[dict[str, Any]], data: st.DataObject) -> None:
    links = chain(items)
    first = data.draw(st.integers(0, len(links) - 2))
    second = data.draw(st.integers(first + 1, len(links) - 1))
    a, b = links[first], links[second]
    links[first], links[second] = replace(b, sequence=a.sequence), replace(a, sequence=b.sequence)
    assert verify(links, head_of(links)).findings


@given(contents, st.data())
def test_a_chain_calculated_anew_is_found_by_the_head_outside(items: list[dict[str, Any]], data: st.DataObject) -> None:
    heads = head_of(chain(items))
    at = data.draw(st.integers(0, len(items) - 1))
    forged = [dict(item) for item in items]
    forged[at]["event"] = str(forged[at]["event"]) + "x"
    assert {f.kind for f in verify(chain(forged), heads).findings} == {"replaced"}


def test_the_order_of_keys_does_not_matter() -> None:
    assert hash_of({"a": 1, "b": {"c": 2, "d": 3}}, 1, GENESIS) == hash_of({"b": {"d": 3, "c": 2}, "a": 1}, 1, GENESIS)


def test_a_thousand_wrong_records_do_not_make_a_thousand_lines() -> None:
    links = [replace(link, hash="0" * 64) for link in chain([{"event": "x"}] * 1000)]
    assert len(verify(links, []).findings) == 100
