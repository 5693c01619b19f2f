"""The pages of alarms: what stands on them for whom, and what comes of what people do there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Grant, Role, User
from alarms import standing
from alarms.kinds import Base, Event
from alarms.models import Alarm, AlarmClass, AlarmState, JournalEntry
from alarms.transitions import When, writing
from audit.models import AuditRecord
from devices import current
from hmi.screens import alarm_list as lists
from hmi.screens.alarm_looks import LOOKS, STATES
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import ENGINE, entry_of, happens
from tests.cast import Cast, Works

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_held() -> Iterator[None]:
    standing.forget()
    yield
    standing.forget()


@pytest.fixture
def level(works: Works) -> Alarm:
    """In North, where Omar operates; it is active and nobody has acknowledged it."""
    alarm = make_alarm(works.level, message="Tank level high", operator_action="Stop the inlet pump.")
    happens([alarm], Event.ALARM)
    return alarm


@pytest.fixture
def flow(works: Works) -> Alarm:
    """In South, where Sam operates."""
    alarm = make_alarm(works.flow, message="Outflow high")
    happens([alarm], Event.ALARM)
    return alarm


def overflow(works: Works) -> Alarm:
    """Another one in North, described and active since just now."""
    alarm = make_alarm(works.level, "hihi", message="Tank overflows", setpoint=12.0)
    current.forget()
    happens([alarm], Event.ALARM)
    return alarm


def visit(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, path: str, **query: Any) -> str:
    answer = visit(user).get(path, query)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def part(user: User, path: str, **query: Any) -> str:
    return visit(user).get(path, query, headers={"HX-Request": "true"}).content.decode()


def act(user: User, what: str, *on: str, **more: str) -> Any:
    return visit(user).post(f"/alarms/do/{what}/", {"on": list(on), **more}, headers={"HX-Request": "true"})


def on(alarm: Alarm, occurrence: int = 1) -> str:
    return f"{alarm.uuid}:{occurrence}"


def state(alarm: Alarm) -> str:
    return AlarmState.objects.get(pk=alarm.pk).base


# -- the line under the header


@pytest.mark.parametrize("path", ["/", "/system/", "/alarms/", "/accounts/password/change/", "/admin/"])
def test_every_page_shows_the_most_urgent_alarm(path: str, cast: Cast, level: Alarm) -> None:
    shown = page(cast.ada, path)
    line = shown[shown.index('id="alarm-line"') :]
    assert "Tank level high" in line
    assert "10.00 m" in line


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("path", "most"), [("/alarms/", 4), ("/alarms/banner/", 4), ("/alarms/muted/", 4)])
def test_the_pages_ask_once_whether_alarms_have_changed(path: str, most: int, cast: Cast, level: Alarm) -> None:
    """Session, person, grants, and the number of the newest writing; the rows are those of the process."""
    client = visit(cast.ada)
    assert client.get(path).status_code == 200
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    assert len(asked) <= most
    assert sum('FROM "alarms_' in query["sql"] for query in asked) == 1


def test_somebody_without_any_area_has_no_line(works: Works, level: Alarm) -> None:
    nobody = User.objects.create_user("nobody")
    assert 'id="alarm-line"' not in page(nobody, "/")


def test_the_line_names_only_alarms_of_the_own_areas(cast: Cast, level: Alarm, flow: Alarm) -> None:
    assert "Tank level high" not in part(cast.sam, "/alarms/banner/")
    assert "Outflow high" in part(cast.sam, "/alarms/banner/")


def test_the_line_says_that_there_is_none(cast: Cast, works: Works) -> None:
    assert "No alarms" in part(cast.vera, "/alarms/banner/")


def test_with_everything_acknowledged_the_line_says_so(cast: Cast, level: Alarm) -> None:
    act(cast.omar, "acknowledge", on(level))
    assert "Every alarm is acknowledged" in part(cast.vera, "/alarms/banner/")


def test_a_silent_engine_is_said_on_every_page(cast: Cast, level: Alarm) -> None:
    """No process evaluates alarms here."""
    line = part(cast.vera, "/alarms/banner/")
    said = re.search(r'<p class="alarm-trouble"\s+data-alarm-trouble="engine"\s*(hidden)?\s*>', line)
    assert said is not None
    assert said[1] is None
    assert "Alarms are not being evaluated" in line


def test_who_may_not_acknowledge_has_no_button_for_it(cast: Cast, level: Alarm) -> None:
    assert "data-banner-ack" in part(cast.omar, "/alarms/banner/")
    for word in ("data-banner-ack", "data-banner-silence", "data-alarm-sound"):
        assert word not in part(cast.vera, "/alarms/banner/")
    assert "data-row-act" not in part(cast.vera, "/alarms/")


def test_what_is_muted_is_counted_on_every_page(cast: Cast, level: Alarm) -> None:
    """ALM-23"""
    act(cast.omar, "shelve", on(level), minutes="60", shelve_reason="Pump under test")
    line = part(cast.vera, "/alarms/banner/")
    assert 'title="Shelved: 1"' in line
    assert "No alarms" in line


# -- sound


def test_silence_is_for_one_station_and_acknowledges_nothing(cast: Cast, level: Alarm, works: Works) -> None:
    """ALM-22"""
    desk, other = visit(cast.omar), visit(cast.omar)
    no = number(desk)
    assert sound(desk) == sound(other) == "2"
    desk.post("/alarms/silence/", {"no": no})
    assert (sound(desk), sound(other), state(level)) == ("0", "2", Base.UNACK)
    overflow(works)
    assert sound(desk) == "2", "a new alarm is heard again"
    assert AuditRecord.objects.filter(event="alarm.silenced").count() == 1


def test_what_calls_after_the_page_was_seen_is_not_silenced_by_it(cast: Cast, level: Alarm, works: Works) -> None:
    desk = visit(cast.omar)
    seen = number(desk)
    overflow(works)
    desk.post("/alarms/silence/", {"no": seen})
    assert sound(desk) == "2"


def test_alarms_of_an_older_database_are_heard_and_can_be_silenced(cast: Cast, level: Alarm) -> None:
    """After a restore numbers begin lower than what a session has silenced."""
    desk = visit(cast.omar)
    session = desk.session
    session["alarms_silenced_no"] = 10**9
    session.save()
    assert sound(desk) == "2"
    desk.post("/alarms/silence/", {"no": number(desk)})
    assert sound(desk) == "0"


def test_no_sound_where_the_person_may_not_silence_it(cast: Cast, level: Alarm) -> None:
    assert sound(visit(cast.vera)) == sound(visit(cast.sam)) == "0"


def sound(client: Client) -> str:
    found = re.search(r'data-sound="(\d)"', client.get("/alarms/banner/").content.decode())
    assert found is not None
    return found[1]


def number(client: Client) -> str:
    found = re.search(r'data-no="(\d+)"', client.get("/alarms/banner/").content.decode())
    assert found is not None
    return found[1]


# -- the list


def test_the_list_shows_alarms_of_the_own_areas_only(cast: Cast, level: Alarm, flow: Alarm) -> None:
    omars, veras = part(cast.omar, "/alarms/"), part(cast.vera, "/alarms/")
    assert ("Tank level high" in omars, "Outflow high" in omars) == (True, False)
    assert ("Tank level high" in veras, "Outflow high" in veras) == (True, True)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "TANK"}, True),
        ({"q": "nothing"}, False),
        ({"area": "works/north"}, True),
        ({"area": "works/south"}, False),
        ({"priority": "2"}, True),
        ({"priority": "1"}, False),
        ({"state": "unack"}, True),
        ({"state": "acked"}, False),
        ({"sort": "nonsense", "limit": "none", "priority": "nine", "state": "all"}, True),
    ],
)
def test_the_list_is_filtered(query: dict[str, str], found: bool, cast: Cast, level: Alarm) -> None:
    assert ("Tank level high" in part(cast.vera, "/alarms/", **query)) == found


def test_the_page_and_its_refresh_have_the_same_rows(cast: Cast, level: Alarm, flow: Alarm) -> None:
    def rows(text: str) -> list[str]:
        return re.findall(r"<tr class=\"alarm-row.*?</tr>", text, re.DOTALL)

    assert rows(page(cast.vera, "/alarms/")) == rows(part(cast.vera, "/alarms/"))
    assert len(rows(part(cast.vera, "/alarms/"))) == 2


def test_a_row_is_rendered_once_for_everybody_with_the_same_rights(
    cast: Cast, level: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    render = lists._render

    def counted(*what: Any) -> Any:
        made.append(what[1])
        return render(*what)

    monkeypatch.setattr(lists, "_render", counted)
    lists._rows.clear()
    for person in (cast.vera, cast.vera, cast.omar, cast.omar):
        part(person, "/alarms/")
    assert len(made) == 2
    act(cast.omar, "acknowledge", on(level))
    assert "Acknowledged" in part(cast.vera, "/alarms/")
    assert len(made) == 3


def test_a_changed_description_is_shown_although_nothing_has_happened(cast: Cast, level: Alarm) -> None:
    from devices import current  # what a new revision does in a site

    part(cast.vera, "/alarms/")
    Alarm.objects.filter(pk=level.pk).update(message="Tank nearly full")
    current.forget()
    assert "Tank nearly full" in part(cast.vera, "/alarms/")


def test_a_long_list_comes_a_hundred_rows_at_a_time(cast: Cast, works: Works) -> None:
    alarms = [make_alarm(works.level, f"a{n}", message=f"Number {n}") for n in range(130)]
    happens(alarms, Event.ALARM)
    first, more = part(cast.omar, "/alarms/"), part(cast.omar, "/alarms/", limit="200")
    assert first.count('<tr class="alarm-row') == 100
    assert "130 alarms, the first 100 shown" in first
    assert "limit=200" in first
    assert more.count('<tr class="alarm-row') == 130
    visible = re.search(r'name="visible"\s+value="([^"]*)"', first)
    assert visible is not None
    assert len(visible[1].split(",")) == 100, "all shown are those that are shown"


def test_who_may_only_look_has_nothing_to_choose_and_no_keys_for_it(cast: Cast, level: Alarm) -> None:
    looks, acts = page(cast.vera, "/alarms/"), page(cast.omar, "/alarms/")
    assert "alarm-look-only" in looks
    assert "alarm-look-only" not in acts
    for key in ("F9", "A", "Space"):
        assert f"<kbd>{key}</kbd>" not in looks
        assert f"<kbd>{key}</kbd>" in acts


def test_all_shown_names_only_what_waits_for_this_person(cast: Cast, level: Alarm, flow: Alarm, works: Works) -> None:
    """ALM-21: the button's number is what is asked for; nothing is refused of which nobody asked anything."""
    seen = overflow(works)
    act(cast.omar, "acknowledge", on(seen), comment="seen")
    shown = part(cast.omar, "/alarms/")
    assert shown.count('<tr class="alarm-row') == 2, "the acknowledged one stands there as well"
    visible = re.search(r'name="visible"\s+value="([^"]*)"', shown)
    assert visible is not None
    assert visible[1] == on(level)
    assert 'data-acknowledgeable="1"' in shown


def test_groups_say_how_many_there_are_in_each_area(cast: Cast, level: Alarm, flow: Alarm) -> None:
    """ALM-32"""
    grouped = part(cast.vera, "/alarms/", group="on")
    assert re.findall(r'scope="rowgroup">(\w+) <span class="muted">([^<]*)<', grouped) == [
        ("North", "1 alarm, 1 not acknowledged"),
        ("South", "1 alarm, 1 not acknowledged"),
    ]


def test_priorities_and_states_are_told_apart_without_colour() -> None:
    """HMI-11"""
    for attribute in ("number", "word", "shape", "path", "tones"):
        assert len({getattr(look, attribute) for look in LOOKS.values()}) == len(LOOKS)
    assert len({word for word, _ in STATES.values()}) == len(Base)


# -- what people do


def test_exactly_the_shown_alarms_are_acknowledged(cast: Cast, level: Alarm, works: Works) -> None:
    """ALM-21: what came after the page was shown stays as it is."""
    later = overflow(works)
    answer = visit(cast.omar).post(
        "/alarms/do/acknowledge/", {"visible": on(level), "all_visible": "1", "on": on(later), "comment": "seen"}
    )
    assert answer.status_code == 302
    assert (state(level), state(later)) == (Base.ACKED, Base.UNACK)
    assert JournalEntry.objects.get(event="ack").reason == "seen"


def test_a_second_acknowledgement_is_refused_politely_for_that_alarm_only(
    cast: Cast, level: Alarm, works: Works
) -> None:
    other = overflow(works)
    act(cast.ada, "acknowledge", on(level))
    answer = act(cast.omar, "acknowledge", on(level), on(other))
    said = answer.content.decode()
    assert answer.status_code == 200
    assert "1 alarm acknowledged." in said
    assert "acknowledged already" in said
    assert "Tank level high" in said
    assert answer["HX-Trigger-After-Swap"] == '{"isthmus:alarms": {}}'


def test_an_alarm_that_has_come_again_is_not_acknowledged_by_an_old_page(cast: Cast, level: Alarm) -> None:
    """ALM-03"""
    happens([level], Event.RETURN)
    happens([level], Event.ALARM)
    said = act(cast.omar, "acknowledge", on(level, 1)).content.decode()
    assert "come again since you looked" in said
    assert state(level) == Base.UNACK


def test_a_class_that_asks_for_a_comment_leads_to_where_it_is_written(cast: Cast, level: Alarm) -> None:
    AlarmClass.objects.update(ack_comment=True)
    from devices import current  # what a new revision does in a site

    current.forget()
    assert f'href="/alarms/{level.uuid}/#acknowledge"' in part(cast.omar, "/alarms/banner/")
    assert "with a comment" in act(cast.omar, "acknowledge", on(level)).content.decode()
    assert state(level) == Base.UNACK


def test_alarms_of_other_areas_are_refused_as_if_they_were_not_there(cast: Cast, level: Alarm, flow: Alarm) -> None:
    said = act(cast.omar, "acknowledge", on(level), on(flow)).content.decode()
    assert "1 alarm acknowledged." in said
    assert "Outflow" not in said
    assert "works/south" not in said
    assert act(cast.omar, "acknowledge", on(flow)).status_code == 403
    assert state(flow) == Base.UNACK


def test_shelving_asks_for_reason_and_time_and_ends_on_the_list_of_what_is_muted(cast: Cast, level: Alarm) -> None:
    """ALM-23, ALM-24"""
    assert "Say why" in act(cast.omar, "shelve", on(level), minutes="60").content.decode()
    assert "at most 480 minutes" in act(
        cast.omar, "shelve", on(level), minutes="9999", shelve_reason="Pump under test"
    ).content.decode()  # fmt: skip
    assert "1 alarm shelved." in act(
        cast.omar, "shelve", on(level), minutes="60", shelve_reason="Pump under test"
    ).content.decode()  # fmt: skip
    muted = part(cast.omar, "/alarms/muted/")
    for word in ("Tank level high", "Pump under test", "omar", "data-until-ms", "Unshelve"):
        assert word in muted
    assert "Unshelve" not in part(cast.vera, "/alarms/muted/")
    assert "Tank level high" not in part(cast.sam, "/alarms/muted/")
    act(cast.omar, "unshelve", on(level))
    assert "Tank level high" in part(cast.omar, "/alarms/")


def test_out_of_service_needs_its_own_right_and_a_day_to_look_again(cast: Cast, level: Alarm) -> None:
    assert act(cast.omar, "out-of-service", on(level), out_reason="Sent away").status_code == 403
    assert "on which day" in act(cast.ada, "out-of-service", on(level), out_reason="Sent away").content.decode()
    act(cast.ada, "out-of-service", on(level), out_reason="Sent away", work_order="WO-7", review_on="2099-01-31")
    muted = part(cast.vera, "/alarms/muted/")
    for word in ("Sent away", "WO-7", "2099-01-31"):
        assert word in muted


def test_a_latched_alarm_is_reset_when_it_is_acknowledged(cast: Cast, works: Works) -> None:
    alarm = make_alarm(works.level, latching=True)
    happens([alarm], Event.ALARM)
    happens([alarm], Event.RETURN)
    assert "Acknowledge the alarm first" in act(cast.omar, "reset", on(alarm)).content.decode()
    act(cast.omar, "acknowledge", on(alarm))
    assert 'data-row-act="reset"' in part(cast.omar, "/alarms/")
    act(cast.omar, "reset", on(alarm))
    assert state(alarm) == Base.NORMAL


def test_without_scripts_a_form_leads_back_to_its_page_and_to_no_other_site(cast: Cast, level: Alarm) -> None:
    client = visit(cast.omar)
    for back, leads in (("/system/", "/system/"), ("https://elsewhere.example/", "/alarms/")):
        answer = client.post("/alarms/do/acknowledge/", {"on": on(level), "back": back})
        assert answer["Location"] == leads


@pytest.mark.parametrize("said", ["", "x", "x:1", ":", "1:1:1", "\x00:1", "00000000-0000-0000-0000-000000000000:-1"])
def test_what_is_no_alarm_is_nothing_or_refused(said: str, cast: Cast, level: Alarm) -> None:
    assert act(cast.omar, "acknowledge", said).status_code in {200, 403}
    assert state(level) == Base.UNACK


# -- one alarm


def test_the_page_of_an_alarm_says_what_to_do_first(cast: Cast, level: Alarm) -> None:
    shown = page(cast.omar, f"/alarms/{level.uuid}/")
    for word in ("Stop the inlet pump.", "Time to respond", "&gt; 10.00 m", "Europe/Stockholm", "works/north/level:hi"):
        assert word in shown
    assert "alarm" in shown[shown.index("What happened to this alarm") :]


def test_an_alarm_of_another_area_is_not_there(cast: Cast, level: Alarm) -> None:
    assert visit(cast.sam).get(f"/alarms/{level.uuid}/").status_code == 404


def test_who_operates_elsewhere_has_no_buttons_here(cast: Cast, flow: Alarm, works: Works) -> None:
    Grant.objects.create(user=cast.omar, role=Role.objects.get(name="viewer"), area=works.south)
    shown = page(cast.omar, f"/alarms/{flow.uuid}/")
    assert "alarm-do" not in shown
    assert "data-row-act" not in part(cast.omar, "/alarms/", area="works/south")


def test_an_alarm_whose_cause_is_shelved_says_why_it_shows_itself(cast: Cast, works: Works) -> None:
    """ALM-15"""
    cause, follows = make_alarm(works.level), make_alarm(works.level, "hihi", message="Tank overflows", setpoint=12.0)
    follows.suppressed_by.add(cause)
    current.forget()
    happens([cause, follows], Event.ALARM)
    known = entry_of(follows)
    with writing() as writer:
        writer.suppress(known, "while its cause is active", ENGINE, When(1, 1), by_causes=True)
    assert "Shows itself" not in page(cast.omar, f"/alarms/{follows.uuid}/")
    assert "Tank overflows" not in page(cast.omar, "/alarms/")
    act(cast.omar, "shelve", f"{cause.uuid}:1", minutes="10", shelve_reason="being cleaned")
    said = "Shows itself because its cause works/north/level:hi is shelved."
    assert said in page(cast.omar, f"/alarms/{follows.uuid}/")
    assert "Tank overflows" in page(cast.omar, "/alarms/")
    muted = part(cast.omar, "/alarms/muted/")
    assert said in muted
    assert "Tank overflows" in muted
    assert said not in part(cast.sam, "/alarms/muted/")
    act(cast.omar, "unshelve", f"{cause.uuid}:1")
    assert "Shows itself because" not in part(cast.omar, "/alarms/muted/")
