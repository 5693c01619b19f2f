"""The pages of key figures and of the journal: what stands on them, for whom, and what a file of it holds."""

import asyncio
import csv
import io
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import QueryDict
from django.test import AsyncClient, Client

from accounts.models import User
from alarms import actions, standing
from alarms.kinds import Event
from alarms.kpi import reading as kpi_reading
from alarms.models import Alarm, AlarmTarget, JournalEntry
from audit.actions import Actor
from audit.models import AuditRecord
from hmi.screens import alarm_figures
from hmi.screens.alarm_figures import chosen_of
from hmi.screens.journal_search import _cell, search_of
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import happens
from tests.cast import Cast, Works

pytestmark = pytest.mark.django_db
OMAR = Actor("user", "omar-id", "Omar Operator")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(autouse=True)
def _nothing_held() -> Iterator[None]:
    standing.forget()
    kpi_reading.forget()
    yield
    standing.forget()
    kpi_reading.forget()


@pytest.mark.parametrize(
    ("value", "read"), [(119, "119 s"), (120, "2 min"), (728, "12 min 8 s"), (4944, "1 h 22 min"), (None, "–")]
)
def test_times_are_read_in_minutes_and_hours(value: float | None, read: str) -> None:
    assert alarm_figures._said(value, 0, "s") == read


@pytest.fixture
def noisy(works: Works) -> Alarm:
    """In North: six times an hour ago, each 20 s for 2 s; the first was acknowledged. It returned at 9.4."""
    alarm = make_alarm(works.level, message="Tank level high")
    begin = now_ms() - 3_600_000
    for n in range(6):
        happens(alarm, Event.ALARM, at_ms=begin + n * 20_000)
        happens(alarm, Event.RETURN, at_ms=begin + n * 20_000 + 2000, value=8.9)
    return alarm


@pytest.fixture
def stranger(works: Works) -> Alarm:
    alarm = make_alarm(works.flow, message="Outflow high")
    happens(alarm, Event.ALARM, at_ms=now_ms() - 1_800_000)
    return alarm


def visit(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, path: str, **query: Any) -> str:
    answer = visit(user).get(path, query)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def file_of(user: User, **query: Any) -> Any:
    """The answer: a StreamingHttpResponse, which the client says it never gives."""
    return visit(user).get("/alarms/journal/csv/", query)


def rows_of(user: User, **query: Any) -> list[dict[str, str]]:
    text = b"".join(file_of(user, **query).streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


# -- key figures


def test_the_figures_stand_with_target_and_verdict(cast: Cast, noisy: Alarm, stranger: Alarm) -> None:
    """ALM-30, ALM-31."""
    shown = page(cast.ada, "/alarms/kpi/")
    assert "7 calls for the operator" in shown
    assert "at most 150" in shown
    assert "meets the target" in shown
    assert "misses the target" in shown
    assert "less than 30 days" in shown
    assert f"/alarms/kpi/{noisy.uuid}/" in shown


def test_the_figures_are_of_the_areas_one_may_see(cast: Cast, noisy: Alarm, stranger: Alarm) -> None:
    shown = page(cast.omar, "/alarms/kpi/")
    assert "6 calls for the operator" in shown
    assert "Outflow high" not in shown
    assert "7 calls" in page(cast.vera, "/alarms/kpi/", area="works") or "7 calls" in page(cast.vera, "/alarms/kpi/")
    assert "1 call for the operator" in page(cast.vera, "/alarms/kpi/", area="works/south")


def test_without_entries_the_page_says_so(cast: Cast) -> None:
    assert "The journal is empty" in page(cast.ada, "/alarms/kpi/")


def test_a_target_of_the_site_stands_in_place_of_the_standards(cast: Cast, noisy: Alarm) -> None:
    AlarmTarget.objects.create(figure="per_day", goal=2, manageable=None)
    assert "at most 2<" in page(cast.ada, "/alarms/kpi/")


def test_setting_a_target_is_recorded_with_its_reason(cast: Cast) -> None:
    """ALM-25."""
    form = {"figure": "per_day", "goal": "100", "manageable": "200", "why": "two panels, one operator"}
    assert visit(cast.ada).post("/admin/alarms/alarmtarget/add/", form).status_code == 302
    assert AlarmTarget.objects.get().goal == 100
    record = AuditRecord.objects.get(event__startswith="alarmtarget.")
    assert record.reason == "two panels, one operator"
    refused = visit(cast.ada).post("/admin/alarms/alarmtarget/add/", form | {"figure": "per_hour", "manageable": "1"})
    assert "must not ask less than the target" in refused.content.decode()


def test_a_period_is_days_of_the_plant() -> None:
    """On 2026-10-25 the clock of Stockholm goes back: the day has 25 hours."""
    noon = 1_793_275_200_000  # 2026-10-29 12:00 UTC
    chosen = chosen_of(QueryDict("from=2026-10-25&to=2026-10-25"), "Europe/Stockholm", noon)
    assert chosen.to_ms - chosen.from_ms == 25 * 3_600_000
    assert not chosen.problem
    assert chosen_of(QueryDict("from=2026-10-29"), "Europe/Stockholm", noon).to_ms == noon


@pytest.mark.parametrize("asked", ["from=x", "to=2026-01-01", "from=2026-02-02&to=2026-01-01", "from=0001-01-01"])
def test_dates_that_make_no_sense_are_said(asked: str) -> None:
    chosen = chosen_of(QueryDict(asked), "Europe/Stockholm", 1_793_275_200_000)
    assert chosen.problem
    assert chosen.days == "30"


# -- what would help


def test_what_would_help_is_tried_on_the_history(cast: Cast, noisy: Alarm) -> None:
    shown = page(cast.omar, f"/alarms/kpi/{noisy.uuid}/")
    assert "It came 6 times in the last 30 days" in shown
    assert "would have removed 6 of 6" in shown  # an on-delay of 5 s: each lasted for 2
    assert "would have removed 5 of 6" in shown  # an off-delay of 30 s: between them were 18
    assert "there is no measure" not in shown


def test_a_stranger_is_not_told_that_there_is_such_an_alarm(cast: Cast, noisy: Alarm) -> None:
    assert visit(cast.sam).get(f"/alarms/kpi/{noisy.uuid}/").status_code == 404


# -- journal


def test_entries_are_told_in_words(cast: Cast, noisy: Alarm) -> None:
    happens(noisy, Event.ALARM)
    seen = [(str(noisy.uuid), 7)]
    actions.acknowledge(OMAR, seen, "looking", lambda _: True)
    actions.shelve(OMAR, [str(noisy.uuid)], 30, "float is stuck", lambda _: True)
    shown = page(cast.omar, "/alarms/journal/")
    assert "Acknowledged by Omar Operator" in shown
    assert "Shelved for 30 min by Omar Operator" in shown
    assert "float is stuck" in shown
    assert "11.50" in shown
    assert "Europe/Stockholm" in shown
    assert "Shelved for 30 min" not in page(cast.omar, "/alarms/journal/", event="ack")
    assert "Acknowledged by" in page(cast.omar, "/alarms/journal/", by="omar op")


def test_the_journal_shows_only_what_one_may_see(cast: Cast, noisy: Alarm, stranger: Alarm) -> None:
    assert "Outflow high" not in page(cast.omar, "/alarms/journal/")
    assert "Tank level high" not in page(cast.sam, "/alarms/journal/")
    assert {row["message"] for row in rows_of(cast.omar)} == {"Tank level high"}
    assert {row["message"] for row in rows_of(cast.vera)} == {"Tank level high", "Outflow high"}
    assert "Outflow high" not in page(cast.omar, "/alarms/journal/", alarm=str(stranger.uuid))


def test_older_entries_are_one_step_away(cast: Cast, noisy: Alarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmi.screens.views_journal.PAGE", 5)
    shown = page(cast.omar, "/alarms/journal/", q="tank")
    assert shown.count("Tank level high</a>") == 5
    older = shown[shown.index("?q=tank&amp;before=") :].split('"')[0].replace("&amp;", "&")
    assert page(cast.omar, f"/alarms/journal/{older}").count("Tank level high</a>") == 5


def test_times_are_those_of_the_plants_clock() -> None:
    """A time without zone is the plant's; a link may name another."""
    search = search_of(QueryDict("from=2026-07-01 12:00&to=2026-07-02"), "Europe/Stockholm")
    assert search.filters.from_ms == 1_782_900_000_000  # 10:00 UTC
    assert search.filters.to_ms == 1_782_943_200_000  # 22:00 UTC of the day before
    assert search_of(QueryDict("from=2026-07-01T10:00:00Z"), "Asia/Tokyo").filters.from_ms == 1_782_900_000_000
    wrong = search_of(QueryDict("from=yesterday&before=9-x"), "Europe/Stockholm")
    assert wrong.problems == ["'yesterday' is no time. Write it as 2026-03-01 14:30, by the clock of Europe/Stockholm."]
    assert (wrong.filters.from_ms, wrong.before) == (None, None)


# -- as a file


def test_a_file_has_iso_times_and_says_their_zone(cast: Cast, noisy: Alarm) -> None:
    rows = rows_of(cast.omar, event="alarm")
    assert len(rows) == 6
    assert {row["time_zone"] for row in rows} == {"Europe/Stockholm"}
    assert rows[0]["server_time"][-6:] in ("+01:00", "+02:00")
    assert rows[0]["server_time"] < rows[-1]["server_time"]
    assert (rows[0]["value"], rows[0]["unit"], rows[0]["status"]) == ("11.5", "m", "0x00000000")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1"])
def test_no_text_in_a_file_is_a_formula(text: str, cast: Cast, noisy: Alarm) -> None:
    assert _cell(text) == f"'{text}"
    assert (_cell(-1.5), _cell(None), _cell("plain")) == (-1.5, "", "plain")


def test_a_reason_that_looks_like_a_formula_is_quoted_in_the_file(cast: Cast, noisy: Alarm) -> None:
    happens(noisy, Event.ALARM)
    actions.acknowledge(OMAR, [(str(noisy.uuid), 7)], '=HYPERLINK("x")', lambda _: True)
    assert rows_of(cast.omar, event="ack")[0]["reason"] == '\'=HYPERLINK("x")'


def test_a_file_is_made_portion_by_portion(cast: Cast, noisy: Alarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmi.screens.views_journal.LINES", 4)
    portions = list(file_of(cast.omar).streaming_content)
    assert len(portions) == 4  # the head and 12 entries: 13 lines
    assert JournalEntry.objects.count() == 12


@pytest.mark.django_db(transaction=True)
def test_over_asgi_a_file_is_asynchronous(cast: Cast, noisy: Alarm) -> None:
    async def fetch() -> bytes:
        client = AsyncClient()
        await client.aforce_login(cast.omar)
        answer: Any = await client.get("/alarms/journal/csv/")
        return b"".join([part async for part in answer.streaming_content])

    assert asyncio.run(fetch()).decode("utf-8-sig").count("Tank level high") == 12
