"""Whatever somebody asks of REST, the answer is JSON of the promised form and never a fault of ours."""

import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.caller import pace
from tests.cast import Cast
from tests.exchange.conftest import Api
from tests.properties import SHARED_FIXTURE

wild = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)
segment = st.sampled_from(["works", "NORTH", "south", "pumps", "level", "run", "..", ".", "", "%00", "é"]) | wild
path = st.lists(segment, min_size=0, max_size=6).map("/".join)
query = st.dictionaries(
    st.sampled_from(["area", "text", "quality", "limit", "cursor", "other"]),
    st.one_of(wild, path, st.integers(-5, 10**30).map(str), st.text(string.printable, max_size=20)),
    max_size=5,
)
header = st.one_of(st.none(), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80))

quickly = settings(max_examples=150, suppress_health_check=SHARED_FIXTURE)


@pytest.fixture
def vera(cast: Cast, api: Api) -> Client:
    client = api(cast.vera)
    client.raise_request_exception = True
    return client


def judged(answer: Any, *expected: int) -> None:
    assert answer.status_code in expected, answer.content
    body = answer.json()
    if answer.status_code != 200:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert body["status"] == answer.status_code


@quickly
@given(path=path)
def test_any_path_is_a_tag_or_unknown(vera: Client, path: str) -> None:
    pace.forget()
    judged(vera.get(f"/api/v1/tags/{quote(path)}"), 200, 404)


@quickly
@given(query=query)
def test_any_filter_is_answered_or_refused_with_its_name(vera: Client, query: dict[str, str]) -> None:
    pace.forget()
    judged(vera.get("/api/v1/tags", query), 200, 404, 422)


about_alarms = st.dictionaries(
    st.sampled_from(["area", "text", "show", "state", "priority", "limit", "cursor", "from", "to", "event", "alarm"]),
    st.one_of(
        wild,
        path,
        st.sampled_from(["all", "acked", "low", "ack", "MQ", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]),
    ),
    max_size=4,
)


@quickly
@given(place=st.sampled_from(["alarms", "alarms/journal"]), query=about_alarms)
def test_any_question_about_alarms_is_answered_or_refused(vera: Client, place: str, query: dict[str, str]) -> None:
    pace.forget()
    judged(vera.get(f"/api/v1/{place}", query), 200, 422)


@quickly
@given(header=header)
def test_any_login_is_refused_in_the_same_form(cast: Cast, header: str | None) -> None:
    pace.forget()
    headers = {} if header is None else {"Authorization": header}
    judged(Client().get("/api/v1/tags", headers=headers), 401)


@quickly
@given(path=path, method=st.sampled_from(["get", "post", "put", "delete", "patch", "options", "head"]))
def test_any_method_anywhere_is_answered(vera: Client, path: str, method: str) -> None:
    pace.forget()
    ask: Callable[..., Any] = getattr(vera, method)
    answer = ask(f"/api/v1/{quote(path)}")
    assert answer.status_code in (200, 401, 404, 405), answer.content
