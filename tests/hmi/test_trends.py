"""The trends page and its lines: what is drawn is what was recorded, and nobody is shown more than they may see."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.http import QueryDict
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from accounts.permissions import areas_by_action
from alarms.kinds import Event
from audit.actions import Actor, Subject, record
from bus import quality
from devices import current
from hmi.screens import trend_marks
from hmi.screens.layout import layout_of
from hmi.screens.scope import Scope
from hmi.screens.trend_lines import UNKNOWN, _numbers
from hmi.screens.trend_page import exports_of, pens_shown
from hmi.screens.trend_state import parse
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import happens
from tests.cast import Cast, Works
from tests.hmi import history
from tests.hmi.latest import put

BEGIN = 1_767_225_600_000  # 2026-01-01 in UTC
HOUR = 3_600_000
LEVEL, RUN, FLOW = "works/north/level", "works/north/pumps/run", "works/south/flow"


@pytest.fixture
def kept(settings: Any, tmp_path: Path, works: Works) -> str:
    return history.keep(settings, tmp_path)


@pytest.fixture
def fresh() -> Iterator[None]:
    current.forget()
    yield
    current.forget()


def visit(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def lines(client: Client, *paths: str, begin: int = BEGIN, end: int = BEGIN + HOUR, **more: str) -> dict[str, Any]:
    asked = {"pen": list(paths), "from": str(begin), "to": str(end), **more}
    answer = client.get("/trends/lines/", asked)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Cache-Control"].count("no-store")
    return dict(json.loads(answer.content))


def test_a_line_is_what_was_recorded_with_its_gap_and_its_doubt(cast: Cast, works: Works, kept: str) -> None:
    """HIS-07"""
    doubt, bad = quality.UNCERTAIN_EU_EXCEEDED, quality.BAD_NO_COMMUNICATION
    minutes = [(0, 1.0, 0), (10, 1.5, doubt), (20, 2.0, 0), (30, None, bad), (40, 3.0, 0), (50, 3.5, 0)]
    history.record(kept, works.level, [(BEGIN + m * 60_000, v, s) for m, v, s in minutes])
    (pen,) = lines(visit(cast.vera), LEVEL)["pens"]
    by_time = dict(zip(pen["t"], pen["v"], strict=True))
    assert [by_time[m * 60_000] for m, *_ in minutes] == [1.0, 1.5, 2.0, None, 3.0, 3.5]
    assert by_time[30 * 60_000 - 1] == 2.0, "before a break the former value holds"
    assert pen["spans"] == [[600_000, 1_200_000, 1], [1_800_000, 2_400_000, 2]]
    assert pen["level"] == "samples"


def test_a_tag_one_may_not_see_is_told_as_one_that_is_not_there(cast: Cast, works: Works, kept: str) -> None:
    """The answers differ in the path alone, whatever was recorded."""
    history.record(kept, works.flow, [(BEGIN + n * 1000, float(n), 0) for n in range(100)])
    client = visit(cast.omar)
    foreign, unknown = lines(client, FLOW, marks="1"), lines(client, "works/south/nothing", marks="1")
    assert foreign["pens"] == [{"path": FLOW, "missing": UNKNOWN}]
    assert unknown["pens"] == [{"path": "works/south/nothing", "missing": UNKNOWN}]
    for answer in (foreign, unknown):
        del answer["pens"], answer["now_ms"]
    assert foreign == unknown


def test_the_page_tells_a_foreign_pen_as_an_unknown_one(cast: Cast, works: Works, kept: str) -> None:
    client = visit(cast.omar)
    for path in (FLOW, "works/south/nothing"):
        page = client.get("/trends/", {"pen": path}).content.decode()
        assert UNKNOWN in page
        assert "m³/h" not in page
        assert "trend-looks" not in page, "there is nothing to draw"


def test_the_newest_value_of_the_bus_completes_the_line(cast: Cast, works: Works, kept: str, bus_url: str) -> None:
    now = time.time_ns() // 1_000_000
    history.record(kept, works.level, [(now - 60_000, 1.0, 0)])
    put(bus_url, {works.level: (2.25, 0), works.run: (True, 0)})
    answer = lines(visit(cast.vera), LEVEL, begin=now - HOUR, end=now + 1000)
    (pen,) = answer["pens"]
    assert pen["v"][-1] == 2.25
    assert answer["from_ms"] + pen["ends"] == answer["now_ms"]


def test_history_that_is_away_costs_a_sentence(settings: Any, cast: Cast, works: Works, tmp_path: Path) -> None:
    settings.HISTORY_DATABASE_URL = f"sqlite:///{tmp_path / 'none' / 'history.sqlite3'}"
    answer = lines(visit(cast.vera), LEVEL)
    assert answer["sentence"].startswith("History cannot be read now; what comes live is drawn on.")
    assert answer["pens"][0]["t"] == []


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"from": "x", "to": "1"}, "from and to are times in ms since 1970, UTC: whole numbers."),
        ({"from": "5000", "to": "5000"}, "to must lie after from, by at least 1 s and at most 20 years."),
        ({"from": "0", "to": "9" * 15}, "to must lie after from, by at least 1 s and at most 20 years."),
        ({"from": "0", "to": "1000", "pen": [f"a/{n}" for n in range(9)]}, "At most 8 pens can be asked at once."),
    ],
)
def test_what_cannot_be_asked_is_said(asked: dict[str, Any], sentence: str, cast: Cast, works: Works) -> None:
    answer = visit(cast.vera).get("/trends/lines/", asked)
    assert (answer.status_code, answer.json()) == (400, {"sentence": sentence})


def test_long_lines_have_no_more_points_than_were_asked(cast: Cast, works: Works, kept: str) -> None:
    """HIS-09: and the one spike is among them."""
    values = [(BEGIN + n * 500, 99.0 if n == 4321 else n % 7 / 10, 0) for n in range(7200)]
    history.record(kept, works.level, values)
    (pen,) = lines(visit(cast.vera), LEVEL, points="400")["pens"]
    assert len(pen["t"]) <= 400
    assert 99.0 in pen["v"]


def test_limits_of_the_tags_alarms_come_with_the_line(cast: Cast, works: Works, kept: str, fresh: None) -> None:
    make_alarm(works.level, message="Tank is full")
    (pen,) = lines(visit(cast.vera), LEVEL)["pens"]
    (limit,) = pen["limits"]
    assert (limit["at"], limit["kind"]) == (10.0, "high")
    assert "Tank is full" in limit["text"]


def test_alarms_and_actions_of_the_tags_are_marks(cast: Cast, works: Works, kept: str, fresh: None) -> None:
    alarm = make_alarm(works.level, message="Tank is full")
    happens([alarm], Event.ALARM)
    who = Actor("user", "1", "omar")
    subject = Subject("devices.tag", str(works.level.uuid), LEVEL)
    record("operation", "substitution.begun", who, subject=subject, new={"value": 4}, reason="calibration")
    record("operation", "substitution.begun", who, subject=Subject("devices.tag", str(works.flow.uuid), FLOW))
    now = time.time_ns() // 1_000_000
    answer = lines(visit(cast.omar), LEVEL, FLOW, begin=now - 10 * HOUR, end=now + HOUR, marks="1")
    texts = [text for _, _, _, text, _ in answer["marks"]]
    assert sorted(texts) == ["Alarm: Tank is full", f"Substituted by omar: {LEVEL} = 4, calibration"]
    assert not answer["marks_cut"]


def test_only_the_newest_marks_come_where_they_are_many(
    monkeypatch: pytest.MonkeyPatch, cast: Cast, works: Works, kept: str, fresh: None
) -> None:
    monkeypatch.setattr(trend_marks, "MOST", 2)
    subject = Subject("devices.tag", str(works.level.uuid), LEVEL)
    for n in range(3):
        record("operation", "value.entered", Actor("user", "1", "omar"), subject=subject, new={"value": n})
    now = time.time_ns() // 1_000_000
    answer = lines(visit(cast.omar), LEVEL, begin=now - HOUR, end=now + HOUR, marks="1")
    assert [text.rpartition("= ")[2] for _, _, _, text, _ in answer["marks"]] == ["1", "2"]
    assert answer["marks_cut"]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**53), 2**53).map(float)))
def test_numbers_keep_nine_digits_and_whole_ones_all(values: list[float]) -> None:
    sent = _numbers(np.array(values, float))
    json.dumps(sent, allow_nan=False)
    for value, number in zip(values, sent, strict=True):
        if not np.isfinite(value):
            assert number is None
        elif value.is_integer():
            assert number == value
        else:
            assert number == pytest.approx(value, rel=1e-8, abs=1e-299)


# -- the page


def test_the_page_says_what_of_its_address_it_does_not_take(cast: Cast, works: Works) -> None:
    page = visit(cast.vera).get("/trends/", {"pen": f"{LEVEL}~wide", "span": "long"}).content.decode()
    assert "&#x27;wide&#x27; says nothing of a pen" in page
    assert "&#x27;long&#x27; is no span" in page


def test_times_are_those_of_the_plant_of_the_first_pen(cast: Cast, works: Works) -> None:
    page = visit(cast.vera).get("/trends/", {"pen": LEVEL, "from": "2026-07-01 12:00", "to": "2026-07-01 13:00"})
    text = page.content.decode()
    assert 'data-from-ms="1782900000000"' in text, "12:00 in Stockholm is 10:00 UTC"
    assert "data-follows" not in text


def test_tags_are_found_by_words_among_those_one_may_see(cast: Cast, works: Works) -> None:
    part = {"HX-Request": "true"}
    page = visit(cast.omar).get("/trends/", {"q": "l", "pen": RUN}, headers=part).content.decode()
    assert LEVEL in page
    assert FLOW not in page
    assert "<html" not in page
    assert f"pen={RUN}&amp;pen={LEVEL}" in page, "it is added to what is drawn"


def test_without_a_role_there_is_nothing_to_draw(cast: Cast, works: Works) -> None:
    nobody = User.objects.create_user("nobody-in-particular", "x" * 20)
    assert "No area is open to you" in visit(nobody).get("/trends/").content.decode()


def test_files_have_the_samples_of_the_time_that_is_shown_and_its_zone(cast: Cast, works: Works) -> None:
    scope = Scope(layout_of(current.current_snapshot()), areas_by_action(cast.omar))
    zone = ZoneInfo("Europe/Stockholm")
    state = parse(QueryDict(f"pen={LEVEL}&pen={FLOW}"), zone).state
    files = exports_of(pens_shown(scope, state, zone), (BEGIN, BEGIN + HOUR), zone)
    asked = parse_qs(urlsplit(files["Parquet"]).query)
    assert asked["tag"] == [LEVEL], "only what the person sees"
    assert asked["from"] == ["2026-01-01T01:00:00.000+01:00"]
    assert (asked["zone"], asked["format"]) == (["Europe/Stockholm"], ["parquet"])


# -- trends people keep


def saved(client: Client, name: str, query: str = f"pen={LEVEL}&span=8h", **more: str) -> None:
    answer = client.post("/trends/save/", {"name": name, "state": query, **more})
    assert answer.status_code == 302


def kept_uuids(client: Client) -> list[UUID]:
    page = client.get("/trends/")
    return [each.row.uuid for each in page.context["saved"]]


def test_a_trend_is_kept_and_opened_again(cast: Cast, works: Works) -> None:
    omar = visit(cast.omar)
    saved(omar, "Morning round")
    (uuid,) = kept_uuids(omar)
    assert omar.get(f"/trends/kept/{uuid}/").headers["Location"] == f"/trends/?pen={LEVEL}&span=8h"


def test_one_sees_ones_own_and_what_is_shared_and_changes_only_ones_own(cast: Cast, works: Works) -> None:
    omar, vera = visit(cast.omar), visit(cast.vera)
    saved(omar, "Mine")
    saved(omar, "Ours", shared="on")
    (ours,) = kept_uuids(vera)
    mine = next(uuid for uuid in kept_uuids(omar) if uuid != ours)
    assert vera.get(f"/trends/kept/{ours}/").status_code == 302
    assert vera.get(f"/trends/kept/{mine}/").status_code == 404
    assert vera.post(f"/trends/kept/{ours}/delete/").status_code == 404
    assert omar.post(f"/trends/kept/{ours}/delete/").status_code == 302
    assert kept_uuids(vera) == []


def test_the_same_name_again_replaces_and_each_change_is_recorded(cast: Cast, works: Works) -> None:
    from audit.models import AuditRecord

    omar = visit(cast.omar)
    saved(omar, "Round")
    saved(omar, "round", "span=24h")
    (uuid,) = kept_uuids(omar)
    assert omar.get(f"/trends/kept/{uuid}/").headers["Location"] == "/trends/?span=24h"
    omar.post(f"/trends/kept/{uuid}/delete/")
    events = AuditRecord.objects.filter(object_type="historian.savedtrend").values_list("event", "actor_name")
    assert list(events) == [("trend.saved", "omar"), ("trend.changed", "omar"), ("trend.deleted", "omar")]


def test_a_trend_without_a_name_is_not_kept(cast: Cast, works: Works) -> None:
    client = visit(cast.omar)
    answer = client.post("/trends/save/", {"name": "  ", "state": "span=8h"}, follow=True)
    assert "Give the trend a name." in answer.content.decode()
    assert kept_uuids(client) == []


def test_a_shared_trend_shows_nobody_more_than_they_may_see(cast: Cast, works: Works) -> None:
    saved(visit(cast.vera), "Both", f"pen={LEVEL}&pen={FLOW}", shared="on")
    omar = visit(cast.omar)
    (uuid,) = kept_uuids(omar)
    page = omar.get(f"/trends/kept/{uuid}/", follow=True).content.decode()
    assert UNKNOWN in page
    assert "Outflow" not in page
