"""GET tags and tag: what the caller may see, with value, quality and times; everything else in the same 404."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken
from accounts.permissions import Action
from bus import quality
from bus.messages import Value
from devices.models import Tag
from exchange.caller import BURST, RATE, pace
from plant.models import ConfigRevision
from tests.cast import Cast, Works
from tests.exchange.conftest import Api, Put

TAGS = "/api/v1/tags"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def paths(answer: Any) -> list[str]:
    return [item["path"] for item in answer.json()["items"]]


def is_problem(answer: Any, status: int, kind: str) -> bool:
    body = answer.json()
    told = {"type", "title", "status", "detail", "action", "instance", "request_id"}
    return bool(
        answer.status_code == status == body["status"]
        and answer.headers["Content-Type"] == "application/problem+json"
        and body["type"] == f"urn:isthmus:problem:{kind}"
        and told <= set(body)
        and body["detail"]
        and body["action"]
    )


def test_a_tag_carries_value_quality_and_times(cast: Cast, works: Works, api: Api, put: Put) -> None:
    """UA-01: never a bare value."""
    put(works.level, 2.5)
    tag = api(cast.vera).get(f"{TAGS}/works/north/level").json()
    assert tag["path"] == "works/north/level"
    assert tag["uuid"] == str(works.level.uuid)
    assert (tag["title"], tag["unit"], tag["kind"], tag["data_type"]) == ("Tank level", "m", "device", "float32")
    assert (tag["value"], tag["status"], tag["quality"], tag["status_name"]) == (2.5, 0, "good", "Good")
    assert tag["quality_da"] == 192
    assert ISO.fullmatch(tag["source_ts"])
    assert tag["source_ts"] == tag["server_ts"]
    assert 0 <= tag["age_ms"] < 2000


@pytest.mark.parametrize("kind", ["derived", "manual"])
@pytest.mark.parametrize("data_type", ["float64", "bool", "string"])
def test_every_kind_of_tag_says_what_it_is(kind: str, data_type: str, cast: Cast, works: Works, api: Api) -> None:
    Tag.objects.create(area=works.north, name="t", kind=kind, data_type=data_type, function="value", expression="1")
    tag = api(cast.vera).get(f"{TAGS}/works/north/t").json()
    assert (tag["kind"], tag["data_type"]) == (kind, data_type)
    assert tag["status_name"] == "Bad_WaitingForInitialData"


def test_a_substituted_value_says_that_it_is_one(cast: Cast, works: Works, api: Api, put: Put) -> None:
    put(works.level, 9.9, quality.GOOD_LOCAL_OVERRIDE)
    tag = api(cast.vera).get(f"{TAGS}/works/north/level").json()
    assert (tag["value"], tag["quality"], tag["status_name"]) == (9.9, "good", "Good_LocalOverride")


def test_a_path_is_found_without_regard_to_case(cast: Cast, api: Api) -> None:
    assert api(cast.vera).get(f"{TAGS}/WORKS/North/LEVEL").json()["path"] == "works/north/level"


def test_the_last_value_of_a_lost_link_keeps_its_own_time(cast: Cast, works: Works, api: Api, put: Put) -> None:
    put(works.level, 2.5, quality.UNCERTAIN_NO_COMMUNICATION, source_age_ms=60_000)
    tag = api(cast.vera).get(f"{TAGS}/works/north/level").json()
    assert (tag["value"], tag["quality"], tag["quality_da"]) == (2.5, "uncertain", 68)
    assert tag["source_ts"] < tag["server_ts"]
    assert tag["age_ms"] >= 60_000


def test_a_value_nobody_renews_goes_stale(cast: Cast, works: Works, api: Api, put: Put) -> None:
    """UA-05: the reader says it; a dead poller cannot."""
    put(works.level, 2.5, age_ms=4000)
    tag = api(cast.vera).get(f"{TAGS}/works/north/level").json()
    assert tag["status_name"] == "Uncertain_LastUsableValue"
    assert tag["value"] == 2.5


def test_a_bad_value_is_null_with_its_reason(cast: Cast, works: Works, api: Api, put: Put) -> None:
    put(works.level, 1.0, quality.BAD_SENSOR_FAILURE)
    tag = api(cast.vera).get(f"{TAGS}/works/north/level").json()
    assert (tag["value"], tag["quality"], tag["status_name"], tag["quality_da"]) == (
        None, "bad", "Bad_SensorFailure", 16,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (2**53, 2**53),
        (2**53 + 1, str(2**53 + 1)),
        (-(2**63), str(-(2**63))),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_numbers_that_json_cannot_carry_travel_otherwise(
    cast: Cast, works: Works, api: Api, put: Put, value: Value, told: Value
) -> None:
    put(works.level, value)
    answer = api(cast.vera).get(f"{TAGS}/works/north/level")
    assert answer.json()["value"] == told
    assert b"NaN" not in answer.content
    assert b"Infinity" not in answer.content


def test_units_are_utf_8_text(cast: Cast, api: Api) -> None:
    assert "m³/h".encode() in api(cast.vera).get(f"{TAGS}/works/south/flow").content


def test_a_state_carries_its_word(cast: Cast, works: Works, api: Api, put: Put) -> None:
    put(works.run, True)
    tag = api(cast.vera).get(f"{TAGS}/works/north/pumps/run").json()
    assert (tag["value"], tag["label"]) == (True, "running")


def test_a_tag_that_was_never_read_waits(cast: Cast, api: Api) -> None:
    tag = api(cast.vera).get(f"{TAGS}/works/north/level").json()
    assert (tag["value"], tag["status_name"]) == (None, "Bad_WaitingForInitialData")
    assert (tag["source_ts"], tag["server_ts"], tag["age_ms"]) == (None, None, None)


def test_without_redis_every_value_is_null_and_says_why(
    cast: Cast, works: Works, api: Api, put: Put, settings: Any
) -> None:
    put(works.level, 2.5)
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    answer = api(cast.vera).get(TAGS)
    assert answer.status_code == 200
    assert {i["status_name"] for i in answer.json()["items"]} == {"Bad_NoCommunication"}
    assert {i["value"] for i in answer.json()["items"]} == {None}


# -- who sees what ------------------------------------------------------------------------------------------------


def test_everybody_sees_their_own_areas_and_no_others(cast: Cast, api: Api) -> None:
    everything = ["works/north/level", "works/north/pumps/run", "works/south/flow"]
    assert paths(api(cast.vera).get(TAGS)) == everything
    assert paths(api(cast.omar).get(TAGS)) == everything[:2]
    assert paths(api(cast.sam).get(TAGS)) == everything[2:]


def test_to_a_stranger_a_foreign_tag_and_a_missing_one_are_the_same(cast: Cast, api: Api) -> None:
    sam = api(cast.sam)
    foreign, missing = sam.get(f"{TAGS}/works/north/level"), sam.get(f"{TAGS}/works/north/no")
    assert is_problem(foreign, 404, "unknown-tag")
    assert is_problem(missing, 404, "unknown-tag")
    assert foreign.json()["detail"].replace("level", "no") == missing.json()["detail"]


def test_to_a_stranger_a_foreign_area_and_a_missing_one_are_the_same(cast: Cast, api: Api) -> None:
    sam = api(cast.sam)
    assert is_problem(sam.get(TAGS, {"area": "works/north"}), 404, "unknown-area")
    assert is_problem(sam.get(TAGS, {"area": "works/no"}), 404, "unknown-area")


def test_a_token_can_do_no_more_than_its_scopes(cast: Cast, api: Api) -> None:
    answer = api(cast.ada, [Action.DIAGNOSE]).get(TAGS)
    assert is_problem(answer, 403, "not-allowed")
    assert "view" in answer.json()["detail"]


def test_a_token_can_do_no_more_than_its_owner(cast: Cast, api: Api) -> None:
    omar = api(cast.omar, list(Action))
    assert paths(omar.get(TAGS)) == ["works/north/level", "works/north/pumps/run"]
    cast.omar.grants.all().delete()
    assert is_problem(omar.get(TAGS), 403, "not-allowed")


def test_a_browser_session_sees_what_its_user_may(cast: Cast, client: Client) -> None:
    client.force_login(cast.omar, backend="accounts.backend.GrantBackend")
    assert paths(client.get(TAGS)) == ["works/north/level", "works/north/pumps/run"]


def test_a_wrong_token_is_not_helped_by_a_session(cast: Cast, client: Client) -> None:
    client.force_login(cast.ada, backend="accounts.backend.GrantBackend")
    answer = client.get(TAGS, headers={"Authorization": "Bearer ist_wrong"})
    assert is_problem(answer, 401, "not-authenticated")


@pytest.mark.parametrize(
    "header",
    [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic YWRhOng="}, {"Authorization": "Bearer ist_x_y"}],
)
def test_nobody_is_told_to_log_in_and_how(db: None, client: Client, header: dict[str, str]) -> None:
    answer = client.get(TAGS, headers=header)
    assert is_problem(answer, 401, "not-authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_revoked_and_expired_tokens_and_people_switched_off_are_refused(cast: Cast, api: Api) -> None:
    expired = api(cast.vera, expires_at=timezone.now() - timedelta(seconds=1))
    assert expired.get(TAGS).status_code == 401
    revoked = api(cast.vera)
    ApiToken.objects.filter(user=cast.vera).update(revoked_at=timezone.now())
    assert revoked.get(TAGS).status_code == 401
    gone = api(cast.sam)
    type(cast.sam).objects.filter(pk=cast.sam.pk).update(is_active=False)
    assert gone.get(TAGS).status_code == 401


# -- filters and pages ---------------------------------------------------------------------------------------------


def test_filters_narrow_the_list(cast: Cast, works: Works, api: Api, put: Put) -> None:
    vera = api(cast.vera)
    put(works.level, 2.5)
    assert paths(vera.get(TAGS, {"area": "Works/North/"})) == ["works/north/level", "works/north/pumps/run"]
    assert paths(vera.get(TAGS, {"area": "works"})) == paths(vera.get(TAGS))
    assert paths(vera.get(TAGS, {"text": "OUTFLOW"})) == ["works/south/flow"]
    assert paths(vera.get(TAGS, {"quality": "good"})) == ["works/north/level"]
    assert paths(vera.get(TAGS, {"quality": "bad", "area": "works/south"})) == ["works/south/flow"]


def test_pages_join_to_the_whole_also_while_tags_come_and_go(cast: Cast, works: Works, api: Api) -> None:
    for n in range(7):
        Tag.objects.create(area=works.south, device=works.plc1, name=f"t{n}", address=10 + n)
    vera, seen, cursor = api(cast.vera), [], None
    while True:
        answer = vera.get(TAGS, {"limit": 3} | ({"cursor": cursor} if cursor else {}))
        seen += paths(answer)
        if len(seen) == 3:
            Tag.objects.filter(name="t0").delete()
            ConfigRevision.objects.create(author="test", summary="t0 is gone")
        cursor = answer.json()["next"]
        if cursor is None:
            break
    assert seen == sorted(set(seen))
    assert seen == paths(vera.get(TAGS, {"limit": 1000})) or "works/south/t0" in seen


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"limit": "0"}, "limit"), ({"limit": "1001"}, "limit"), ({"limit": "x"}, "limit"),
        ({"quality": "fine"}, "quality"), ({"cursor": "!"}, "cursor"), ({"cursor": "_w"}, "cursor"),
        ({"text": "x" * 201}, "text"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(cast: Cast, api: Api, query: dict[str, str], name: str) -> None:
    answer = api(cast.vera).get(TAGS, query)
    assert is_problem(answer, 422, "bad-parameter")
    assert f"'{name}'" in answer.json()["detail"]


def test_a_switched_off_tag_says_so(cast: Cast, works: Works, api: Api) -> None:
    Tag.objects.filter(pk=works.level.pk).update(enabled=False)
    assert api(cast.vera).get(f"{TAGS}/works/north/level").json()["status_name"] == "Bad_OutOfService"


# -- the edges -----------------------------------------------------------------------------------------------------


def test_who_asks_too_fast_waits_and_others_do_not(cast: Cast, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("exchange.caller.time.monotonic", lambda: now[0])
    vera, omar = api(cast.vera), api(cast.omar)
    for _ in range(BURST):
        assert pace.wait_s(f"token:{ApiToken.objects.get(user=cast.vera).pk}", now[0]) is None
    answer = vera.get(TAGS)
    assert is_problem(answer, 429, "too-fast")
    assert answer.headers["Retry-After"] == "1"
    assert omar.get(TAGS).status_code == 200
    now[0] += 2 / RATE
    assert vera.get(TAGS).status_code == 200


def test_only_get_is_possible(cast: Cast, api: Api) -> None:
    answer = api(cast.ada).post(TAGS)
    assert is_problem(answer, 405, "wrong-method")
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    "path", ["/api/v1/", "/api/v1/nothing", "/api/v1/tags/", "/api/v1/tagsx/works", "/api/v1/tags/%0A"]
)
def test_an_unknown_address_is_a_problem_not_a_page(cast: Cast, api: Api, path: str) -> None:
    assert api(cast.ada).get(path).status_code == 404
    assert is_problem(api(cast.ada).get(path), 404, "unknown-address")
    assert is_problem(Client().get(path), 401, "not-authenticated")


def test_without_the_database_the_answer_is_503_with_a_time_to_wait(
    cast: Cast, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    vera = api(cast.vera)

    def away() -> None:
        raise OperationalError("no such host db.example")

    monkeypatch.setattr("exchange.rest.tags.current_snapshot", away)
    answer = vera.get(TAGS)
    assert is_problem(answer, 503, "database-away")
    assert int(answer.headers["Retry-After"]) > 0
    assert b"db.example" not in answer.content


def test_a_fault_tells_its_request_and_nothing_of_the_inside(
    cast: Cast, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    vera = api(cast.vera)

    def fault() -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr("exchange.rest.tags.current_snapshot", fault)
    answer = vera.get(TAGS)
    assert is_problem(answer, 500, "fault")
    assert b"inside" not in answer.content
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_the_description_is_behind_the_login_and_names_what_there_is(cast: Cast, api: Api) -> None:
    assert is_problem(Client().get("/api/v1/openapi.json"), 401, "not-authenticated")
    document = api(cast.vera).get("/api/v1/openapi.json").json()
    assert {"/api/v1/tags", "/api/v1/tags/{path}", "/api/v1/alarms/{uuid}/ack"} <= set(document["paths"])
    told = set(document["components"]["schemas"]["TagOut"]["properties"])
    assert told == set(api(cast.vera).get(f"{TAGS}/works/north/level").json())
    assert api(cast.vera).get("/api/v1/docs").status_code == 404


def test_one_page_costs_few_queries(cast: Cast, api: Api, django_assert_max_num_queries: Any) -> None:
    vera = api(cast.vera)
    vera.get(TAGS)
    with django_assert_max_num_queries(6):
        vera.get(TAGS)
