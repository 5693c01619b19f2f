"""GET alarms and the journal, POST an acknowledgement: who may, what is told, and the same refusals as on a page."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import Grant, Role, User
from accounts.permissions import Action
from alarms import actions
from alarms.kinds import Event
from alarms.models import Alarm, AlarmClass, AlarmState, JournalEntry
from audit.actions import Actor
from audit.models import AuditRecord
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import happens
from tests.alarms.test_lists import system_alarm
from tests.cast import Cast, Works
from tests.exchange.conftest import Api
from tests.exchange.test_tags import ISO, is_problem, paths

ALARMS = "/api/v1/alarms"
JOURNAL = f"{ALARMS}/journal"
OPERATES = (Action.VIEW, Action.ACKNOWLEDGE)
T0 = 1_700_000_000_000
BY = Actor("user", "ada-id", "ada")


@pytest.fixture
def level(works: Works) -> Alarm:
    """High in the north, standing; with another in the south."""
    north = make_alarm(works.level, operator_action="Start pump 2", cause="Pump has stopped")
    happens([north, make_alarm(works.flow, severity=1)], Event.ALARM, at_ms=T0)
    return north


def ack(client: Client, alarm: Alarm | str, occurrence: Any = 1, **more: Any) -> Any:
    uuid = alarm if isinstance(alarm, str) else alarm.uuid
    body = {"occurrence": occurrence, **more}
    return client.post(f"{ALARMS}/{uuid}/ack", body, content_type="application/json")


def test_an_alarm_tells_how_it_stands_and_what_to_do(level: Alarm, cast: Cast, api: Api) -> None:
    told = api(cast.vera).get(f"{ALARMS}/{level.uuid}").json()
    assert (told["path"], told["area"], told["message"]) == ("works/north/level:hi", "works/north", "level high")
    assert (told["kind"], told["priority"], told["alarm_class"]) == ("hi", "medium", "process")
    assert (told["state"], told["active"], told["acked"], told["occurrence"]) == ("unack", True, False, 1)
    assert (told["value"], told["unit"], told["quality"], told["setpoint"]) == (11.5, "m", "good", 10.0)
    assert told["active_ts"] == told["annunciated_ts"] == "2023-11-14T22:13:20.000Z"
    assert (told["acked_ts"], told["muted"], told["shelved"], told["out_of_service"]) == (None, [], None, None)
    assert (told["cause"], told["operator_action"]) == ("Pump has stopped", "Start pump 2")


def test_the_list_shows_the_own_areas(level: Alarm, cast: Cast, api: Api) -> None:
    assert paths(api(cast.vera).get(ALARMS)) == ["works/north/level:hi", "works/south/flow:hi"]
    assert paths(api(cast.omar).get(ALARMS)) == ["works/north/level:hi"]
    assert paths(api(cast.sam).get(ALARMS)) == ["works/south/flow:hi"]
    foreign = api(cast.sam).get(f"{ALARMS}/{level.uuid}")
    unknown = api(cast.sam).get(f"{ALARMS}/00000000-0000-0000-0000-000000000000")
    assert is_problem(foreign, 404, "unknown-alarm")
    assert is_problem(unknown, 404, "unknown-alarm")
    assert foreign.json()["detail"].replace(str(level.uuid), "X") == unknown.json()["detail"].replace(
        "00000000-0000-0000-0000-000000000000", "X"
    )


def test_alarms_of_isthmus_itself_need_the_scope_to_diagnose(level: Alarm, cast: Cast, api: Api) -> None:
    own = system_alarm()
    happens(own, Event.ALARM, value=None)
    assert paths(api(cast.ada).get(ALARMS)) == ["works/north/level:hi", "works/south/flow:hi"]
    diagnosing = api(cast.ada, (Action.VIEW, Action.DIAGNOSE))
    assert "isthmus:disk-test" in paths(diagnosing.get(ALARMS))
    assert api(cast.ada).get(f"{ALARMS}/{own.uuid}").status_code == 404
    assert diagnosing.get(f"{ALARMS}/{own.uuid}").json()["area"] == ""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"area": "works/NORTH"}, ["works/north/level:hi"]),
        ({"text": "FLOW"}, ["works/south/flow:hi"]),
        ({"priority": "low"}, ["works/south/flow:hi"]),
        ({"priority": ["low", "medium"]}, ["works/north/level:hi", "works/south/flow:hi"]),
        ({"state": "acked"}, []),
        ({"show": "muted"}, ["works/north/pumps/run:stopped"]),
        ({"show": "all", "state": "normal"}, ["works/north/level:calm", "works/north/pumps/run:stopped"]),
    ],
)
def test_filters(query: dict[str, Any], found: list[str], level: Alarm, works: Works, cast: Cast, api: Api) -> None:
    make_alarm(works.level, "calm")
    stopped = make_alarm(works.run, "stopped", kind="discrete", setpoint=None, states=[0], deadband=0.0)
    actions.shelve(BY, [str(stopped.uuid)], 10, "is serviced", lambda _: True)
    assert paths(api(cast.vera).get(ALARMS, query)) == found


def test_what_is_muted_tells_why_who_and_until_when(level: Alarm, cast: Cast, api: Api) -> None:
    """ALM-23"""
    actions.shelve(BY, [str(level.uuid)], 10, "is cleaned", lambda _: True, now_ms=T0, one_shot=True)
    (told,) = api(cast.vera).get(ALARMS, {"show": "muted"}).json()["items"]
    assert told["muted"] == ["shelved"]
    assert told["shelved"] == {
        "until": "2023-11-14T22:23:20.000Z", "one_shot": True, "by": "ada", "since": "2023-11-14T22:13:20.000Z",
        "reason": "is cleaned",
    }  # fmt: skip


@pytest.mark.parametrize("query", [{"priority": "urgent"}, {"state": "on"}, {"show": "none"}, {"cursor": "%%"}])
def test_a_wrong_filter_is_said(query: dict[str, str], level: Alarm, cast: Cast, api: Api) -> None:
    assert is_problem(api(cast.vera).get(ALARMS, query), 422, "bad-parameter")


def test_pages_follow_each_other(works: Works, cast: Cast, api: Api) -> None:
    happens([make_alarm(works.level, f"a{n}") for n in range(5)], Event.ALARM)
    vera, found, query = api(cast.vera), [], {"limit": "2"}
    while True:
        body = vera.get(ALARMS, query)
        found += paths(body)
        if body.json()["next"] is None:
            break
        query["cursor"] = body.json()["next"]
    assert found == [f"works/north/level:a{n}" for n in range(5)]


# -- acknowledge


def test_a_program_acknowledges_in_the_name_of_its_owner(level: Alarm, cast: Cast, api: Api) -> None:
    """ALM-21"""
    answer = ack(api(cast.omar, OPERATES), level, comment="seen by the pager")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["state"], told["acked_by"], told["occurrence"]) == ("acked", "omar by token test", 1)
    assert ISO.fullmatch(told["acked_ts"])
    entry = JournalEntry.objects.get(event="ack")
    assert (entry.actor_kind, entry.actor_name, entry.reason) == ("token", "omar by token test", "seen by the pager")
    assert AuditRecord.objects.get(event="alarm.acknowledged").ip == "127.0.0.1"


def test_what_a_page_refuses_is_refused_here_in_the_same_words(
    level: Alarm, works: Works, cast: Cast, api: Api
) -> None:
    """ALM-03"""
    omar, calm = api(cast.omar, OPERATES), make_alarm(works.level, "calm")
    happens(level, Event.RETURN, Event.ALARM)
    newer = ack(omar, level, 1)
    assert is_problem(newer, 409, "newer-occurrence")
    assert newer.json()["detail"].startswith("The alarm has come again since you looked.")
    assert ack(omar, level, 2).status_code == 200
    assert is_problem(ack(omar, level, 2), 409, "already-acked")
    assert is_problem(ack(omar, level, 3), 409, "not-alarming")
    assert is_problem(ack(omar, calm, 0), 409, "not-alarming")
    assert JournalEntry.objects.filter(event="ack").count() == 1


def test_a_comment_is_asked_for_and_must_be_readable(level: Alarm, cast: Cast, api: Api) -> None:
    AlarmClass.objects.update(ack_comment=True)
    omar = api(cast.omar, OPERATES)
    assert is_problem(ack(omar, level), 409, "comment-missing")
    assert is_problem(ack(omar, level, comment="a\nb"), 422, "bad-parameter")
    assert is_problem(ack(omar, level, comment="x" * 201), 422, "bad-parameter")
    assert ack(omar, level, comment="on my way").status_code == 200


@pytest.mark.parametrize("occurrence", [-1, None, "one", 2**70])
def test_an_acknowledgement_names_an_occurrence(occurrence: Any, level: Alarm, cast: Cast, api: Api) -> None:
    assert is_problem(ack(api(cast.omar, OPERATES), level, occurrence), 422, "bad-parameter")


def test_a_token_acknowledges_only_with_the_scope_and_where_its_owner_may(level: Alarm, cast: Cast, api: Api) -> None:
    assert is_problem(ack(api(cast.omar), level), 403, "not-allowed")
    assert is_problem(ack(api(cast.omar, (Action.ACKNOWLEDGE,)), level), 403, "not-allowed")
    assert is_problem(ack(api(cast.vera, OPERATES), level), 403, "not-allowed")
    assert is_problem(ack(api(cast.sam, OPERATES), level), 404, "unknown-alarm")
    assert is_problem(ack(Client(), level), 401, "not-authenticated")
    assert AlarmState.objects.get(pk=level.pk).base == "unack"


def test_who_sees_an_alarm_but_may_not_acknowledge_there_is_told_so(
    level: Alarm, works: Works, cast: Cast, api: Api
) -> None:
    """Vera views everything, and is now also operator of the south."""
    Grant.objects.create(user=cast.vera, role=Role.objects.get(name="operator"), area=works.south)
    answer = ack(api(cast.vera, OPERATES), level)
    assert is_problem(answer, 403, "not-allowed")
    assert "works/north" in answer.json()["detail"]


def test_a_session_changes_something_only_from_a_page_of_this_site(level: Alarm, cast: Cast) -> None:
    """A page elsewhere makes the browser send its session along."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.omar)
    assert is_problem(ack(browser, level), 403, "not-allowed")
    assert AlarmState.objects.get(pk=level.pk).base == "unack"
    assert browser.get(f"{ALARMS}/{level.uuid}").status_code == 200
    assert _with_its_mark(browser, cast.omar, level).status_code == 200
    assert AlarmState.objects.get(pk=level.pk).acked_by == "omar"


def _with_its_mark(browser: Client, user: User, alarm: Alarm) -> Any:
    browser.logout()
    browser.get("/accounts/login/")
    browser.force_login(user)
    mark = browser.cookies[settings.CSRF_COOKIE_NAME].value
    return browser.post(
        f"{ALARMS}/{alarm.uuid}/ack", {"occurrence": 1}, content_type="application/json", headers={"X-CSRFToken": mark}
    )


# -- journal


def test_the_journal_is_read_with_filters_page_by_page(level: Alarm, cast: Cast, api: Api) -> None:
    actions.acknowledge(BY, [(str(level.uuid), 1)], "seen", lambda _: True, now_ms=T0 + 2500)
    vera = api(cast.vera)
    first = vera.get(JOURNAL, {"limit": 2}).json()
    rest = vera.get(JOURNAL, {"limit": 2, "cursor": first["next"]}).json()
    events = [(e["path"], e["event"]) for e in [*first["items"], *rest["items"]]]
    assert events[0] == ("works/north/level:hi", "ack")
    assert sorted(events[1:]) == [("works/north/level:hi", "alarm"), ("works/south/flow:hi", "alarm")]
    assert rest["next"] is None
    entry = first["items"][0]
    assert (entry["actor"], entry["reason"], entry["from_state"], entry["to_state"]) == (
        "ada",
        "seen",
        "unack",
        "acked",
    )
    assert (entry["priority"], entry["server_ts"]) == ("medium", "2023-11-14T22:13:22.500Z")
    assert entry["details"]["seconds_since_annunciation"] == 2.5
    late = vera.get(JOURNAL, {"from": "2023-11-14T23:13:22+01:00", "event": "ack"}).json()["items"]
    assert [e["event"] for e in late] == ["ack"]
    assert vera.get(JOURNAL, {"to": "2023-11-14T22:13:20Z"}).json()["items"] == []
    assert len(api(cast.sam).get(JOURNAL).json()["items"]) == 1


@pytest.mark.parametrize(
    "query", [{"from": "2023-11-14T22:13:20"}, {"to": "tomorrow"}, {"cursor": "YQ"}, {"event": "x"}]
)
def test_a_wrong_question_to_the_journal_is_said(query: dict[str, str], level: Alarm, cast: Cast, api: Api) -> None:
    assert is_problem(api(cast.vera).get(JOURNAL, query), 422, "bad-parameter")


def test_nothing_here_is_for_nobody(db: None) -> None:
    for address in (ALARMS, JOURNAL, f"{ALARMS}/x"):
        assert is_problem(Client().get(address), 401, "not-authenticated")
