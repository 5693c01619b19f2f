"""Whatever somebody asks of REST, the answer is JSON of the promised form and never a fault of ours."""

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from exchange.caller import pace
from tests.cast import Cast
from tests.exchange.conftest import Api
from tests.hmi import history
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

quickly = hypothesis_settings(max_examples=150, suppress_health_check=SHARED_FIXTURE)


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


MOMENTS = [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "2026-10-25T02:30+02:00",
    "2027-01-01T00:00Z",
    "1e9",
]
about_history = st.fixed_dictionaries(
    {},
    optional={
        "tag": st.sampled_from(["works/north/level", "works/north/pumps/run"]) | path,
        "from": st.sampled_from(MOMENTS) | wild,
        "to": st.sampled_from(MOMENTS) | wild,
        "mode": st.sampled_from(["raw", "interpolated", "aggregate"]) | wild,
        "aggregate": st.lists(st.sampled_from(["TimeAverage", "Count", "Delta", "End"]), max_size=2) | wild,
        "interval": st.sampled_from(["1ms", "15m", "1d", "1mo", "1y", "999999999y", "999999999ms"]) | wild,
        "zone": st.sampled_from(["UTC", "Asia/Kathmandu", "Europe", "/etc", "..", ""]) | wild,
        "limit": st.integers(-5, 10**30).map(str),
        "cursor": st.sampled_from(["MSAx", "MQ"]) | wild,
        "format": st.sampled_from(["json", "csv", "arrow", "parquet"]) | wild,
    },
)


@hypothesis_settings(quickly, max_examples=25)
@given(query=about_history)
def test_any_question_about_history_is_answered_or_refused(
    vera: Client, query: dict[str, Any], settings: Any, tmp_path: Path
) -> None:
    pace.forget()
    if not (tmp_path / "history.sqlite3").exists():
        history.keep(settings, tmp_path)
    full = {"tag": "works/north/level", "from": "2026-10-24T00:00Z", "to": "2026-10-26T00:00Z", **query}
    answer = vera.get("/api/v1/history", full)
    if answer.streaming:
        assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # the test client's answer is any
    else:
        judged(answer, 200, 404, 422)


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
