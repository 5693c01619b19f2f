"""What people set by hand, from the form to the list: sentences beside fields, nothing lost, nothing done twice."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Grant, Role, User
from audit.models import AuditRecord
from devices.models import Device, ManualValue, OutOfUse, Substitution, Tag, TagInput, TotaliserState
from hmi.screens.by_hand import left_text
from tests.cast import PASSWORD, Cast, Works
from tests.hmi.test_pages import html, text, visit

LEVEL = "/by-hand/substitute/works/north/level/"
REASON = {"reason": "The sensor is cleaned", "ends_at": "60"}


@pytest.fixture
def maria(cast: Cast, works: Works) -> User:
    """Maintenance in north: may substitute and take out of use there."""
    user = User.objects.create_user("maria", PASSWORD, full_name="Maria Maintenance")
    Grant.objects.create(user=user, role=Role.objects.get(name="maintenance"), area=works.north)
    return user


@pytest.fixture
def chlorine(works: Works) -> Tag:
    return Tag.objects.create(
        area=works.north, name="chlorine", title="Chlorine", kind="manual", data_type="float64", unit="mg/l",
        decimals=2, eu_min=0, eu_max=5,
    )  # fmt: skip


def send(person: User, address: str, **data: Any) -> tuple[int, str]:
    """Status and text of the page one arrives at."""
    response = visit(person).post(address, data, follow=True)
    return response.status_code, text(response.content.decode()).replace("&#x27;", "'")


# -- a substituted value


def test_a_value_is_substituted_with_reason_and_end(cast: Cast, works: Works, maria: User) -> None:
    response = visit(maria).post(LEVEL, {"value": "1.5", **REASON})
    assert (response.status_code, response["Location"]) == (302, "/tag/works/north/level/")
    row = Substitution.objects.get()
    assert (row.tag, row.value, row.author, row.reason) == (works.level, 1.5, "maria", "The sensor is cleaned")
    assert timedelta(minutes=59) < row.ends_at - timezone.now() <= timedelta(minutes=60)
    assert AuditRecord.objects.filter(event="substitution.begun", actor_name="maria").count() == 1
    assert "Substituted by maria: 1.50 m" in text(html(cast.vera, "/tag/works/north/level/"))


def test_what_was_typed_stays_when_something_is_wrong(works: Works, maria: User) -> None:
    response = visit(maria).post(LEVEL, {"value": "twelve", "reason": "The <sensor> is cleaned", "ends_at": "480"})
    page = response.content.decode()
    assert "Write a number, with a point before its decimals, like 12.5." in page
    assert 'value="twelve"' in page
    assert "The &lt;sensor&gt; is cleaned" in page
    assert '<option value="480" selected>' in page
    assert re.search(r'<details class="act"\s+id="substitute"\s+open>', page)
    assert not Substitution.objects.exists()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"value": "9", **REASON}, "9 is beyond the range of this tag. Write a number from 0 to 5."),
        ({"value": "nan", **REASON}, "This tag is a number. Write one"),
        ({"value": "1,5", **REASON}, "Write a number, with a point before its decimals"),
        ({"value": "1_5", **REASON}, "Write a number, with a point before its decimals"),
        ({"value": "1", "reason": "", "ends_at": "60"}, "Say why: others must be able to judge it."),
        ({"value": "1", "reason": "ab", "ends_at": "60"}, "Say why, in at least 3 characters"),
        ({"value": "1", "reason": "because", "ends_at": "61"}, "Choose one of these."),
        ({}, "Choose when it shall end."),
    ],
)
def test_a_form_that_is_wrong_says_so_beside_the_field(
    typed: dict[str, str], sentence: str, works: Works, maria: User
) -> None:
    Tag.objects.filter(pk=works.level.pk).update(eu_min=0, eu_max=5)
    assert sentence in send(maria, LEVEL, **typed)[1]
    assert not Substitution.objects.exists()


def test_a_form_that_is_sent_twice_does_it_once_and_says_it_is_done(works: Works, maria: User) -> None:
    for _ in range(2):
        status, page = send(maria, LEVEL, value="1.5", **REASON)
        assert status == 200
        assert "Substituted: 1.50 m stands in place of the value of Tank level." in page
    assert Substitution.objects.count() == 1
    assert AuditRecord.objects.filter(event="substitution.begun").count() == 1


def test_a_second_substitution_is_refused_with_whose_is_there(cast: Cast, works: Works, maria: User) -> None:
    send(cast.ada, LEVEL, value="2", **REASON)
    page = send(maria, LEVEL, value="1.5", **REASON)[1]
    assert "ada began this already" in page
    assert "End that one first." in page
    assert Substitution.objects.get().value == 2


def test_states_are_chosen_by_their_words(works: Works, maria: User) -> None:
    page = html(maria, "/tag/works/north/pumps/run/")
    assert '<option value="1">running (1)</option>' in page
    send(maria, "/by-hand/substitute/works/north/pumps/run/", value="1", **REASON)
    assert Substitution.objects.get().value is True
    assert "running stands in place" in text(html(maria, "/tag/works/north/pumps/run/"))


def test_a_substitution_is_ended_by_hand(cast: Cast, works: Works, maria: User) -> None:
    send(maria, LEVEL, value="1.5", **REASON)
    row = Substitution.objects.get()
    assert f"/by-hand/end/{row.uuid}/" in html(maria, "/tag/works/north/level/")
    assert f"/by-hand/end/{row.uuid}/" not in html(cast.omar, "/tag/works/north/level/"), "an operator may not"
    assert "Tank level has its own value again." in send(maria, f"/by-hand/end/{row.uuid}/")[1]
    assert "Substituted by" not in html(cast.vera, "/tag/works/north/level/")
    assert "It has ended already, by maria." in send(cast.ada, f"/by-hand/end/{row.uuid}/")[1]
    assert AuditRecord.objects.filter(event="substitution.ended").count() == 1


def test_opening_the_address_of_a_form_changes_nothing(works: Works, maria: User) -> None:
    send(maria, LEVEL, value="1.5", **REASON)
    row = Substitution.objects.get()
    for address in (LEVEL, f"/by-hand/end/{row.uuid}/"):
        response = visit(maria).get(address)
        assert (response.status_code, response["Location"]) == (302, "/tag/works/north/level/")
    row.refresh_from_db()
    assert row.ended_at is None
    assert Substitution.objects.count() == 1


def test_a_form_without_its_token_is_refused(works: Works, maria: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(maria)
    assert client.post(LEVEL, {"value": "1.5", **REASON}).status_code == 403
    assert not Substitution.objects.exists()


def test_who_sees_a_tag_without_the_right_is_told_what_they_lack(cast: Cast, works: Works) -> None:
    response = visit(cast.omar).post(LEVEL, {"value": "1.5", **REASON})
    assert response.status_code == 403
    assert "a role that may substitute values" in response.content.decode()
    assert not Substitution.objects.exists()
    assert "Put another value in its place" not in html(cast.omar, "/tag/works/north/level/")


# -- an entered value, a preset total


def test_a_value_is_entered_with_the_time_of_the_plant_when_it_was_taken(cast: Cast, chlorine: Tag) -> None:
    typed = {"value": "0.31", "taken_at": "2026-07-01T14:00", "comment": "Bottle 7"}
    page = send(cast.omar, "/by-hand/enter/works/north/chlorine/", **typed)[1]
    row = ManualValue.objects.get()
    assert (row.value, row.author, row.comment) == (0.31, "omar", "Bottle 7")
    assert row.taken_at == datetime(2026, 7, 1, 12, tzinfo=UTC), "14:00 in Stockholm"
    assert "Entered: Chlorine is 0.31 mg/l." in page
    assert "2026-07-01 14:00" in page


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"value": "0.3", "taken_at": "2999-01-01T00:00"}, "This time is still to come."),
        ({"value": "0.3", "taken_at": "yesterday"}, "Write date and time, like 2026-03-01T14:30."),
        ({"value": "0.3"}, "Say when the value was taken."),
        ({"value": "7", "taken_at": "2026-07-01T14:00"}, "7 is beyond the range of this tag."),
        ({"value": "0.3", "taken_at": "2026-03-29T02:30"}, "couldn't be interpreted in time zone Europe/Stockholm"),
    ],
)
def test_an_entry_that_is_wrong_says_so(typed: dict[str, str], sentence: str, cast: Cast, chlorine: Tag) -> None:
    assert sentence in send(cast.omar, "/by-hand/enter/works/north/chlorine/", **typed)[1].replace("’", "'")
    assert not ManualValue.objects.exists()


def test_only_a_tag_that_is_kept_by_hand_has_a_form_to_enter_it(cast: Cast, works: Works, chlorine: Tag) -> None:
    assert "Enter a value" in html(cast.omar, "/tag/works/north/chlorine/")
    assert "Enter a value" not in html(cast.vera, "/tag/works/north/chlorine/")
    assert "Enter a value" not in html(cast.omar, "/tag/works/north/level/")
    assert visit(cast.omar).post("/by-hand/enter/works/north/level/").status_code == 404


def test_a_total_is_preset(cast: Cast, works: Works, maria: User) -> None:
    total = Tag.objects.create(
        area=works.north, name="total", title="Volume", kind="derived", data_type="float64", function="total",
        expression="x", unit="m³",
    )  # fmt: skip
    TagInput.objects.create(derived=total, name="x", source=works.level)
    typed = {"value": "1200", "reason": "The meter was changed"}
    page = send(maria, "/by-hand/preset/works/north/total/", **typed)[1]
    assert "The total of Volume goes on from 1200.0 m³." in page
    assert TotaliserState.objects.get(tag=total).total == 1200
    assert visit(maria).post("/by-hand/preset/works/north/level/", typed).status_code == 404


# -- a device out of use


def test_a_device_is_taken_out_of_use_and_put_back(cast: Cast, works: Works, maria: User) -> None:
    page = send(maria, "/by-hand/out-of-use/plc1/", reason="New program", ends_at="30")[1]
    assert "Out of use, by maria" in page
    row = OutOfUse.objects.get()
    assert timedelta(minutes=29) < row.ends_at - timezone.now() <= timedelta(minutes=30)
    assert f"/by-hand/into-use/{row.uuid}/" not in html(cast.omar, "/devices/plc1/")
    page = send(maria, f"/by-hand/into-use/{row.uuid}/")[1]
    assert "plc1 is in use again." in page
    assert "Out of use, by" not in page


def test_a_device_stays_out_of_use_for_a_day_at_most(works: Works, maria: User) -> None:
    assert "7 days" not in html(maria, "/devices/plc1/")
    assert "Choose one of these." in send(maria, "/by-hand/out-of-use/plc1/", reason="Holidays", ends_at="10080")[1]
    assert not OutOfUse.objects.exists()


# -- the list


def lasting(**fields: Any) -> dict[str, Any]:
    return {"author": "ada", "reason": "Cleaned", "ends_at": timezone.now() + timedelta(hours=2, seconds=30), **fields}


def test_the_list_has_everything_that_is_set_by_hand(cast: Cast, works: Works, chlorine: Tag, maria: User) -> None:
    Substitution.objects.create(tag=works.level, value=1.5, **lasting())
    OutOfUse.objects.create(device=works.plc1, **lasting(reason="New program"))
    ManualValue.objects.create(tag=chlorine, value=0.3, taken_at=timezone.now(), author="omar", comment="Bottle 7")
    page = text(html(maria, "/by-hand/"))
    for words in ("Tank level North 1.50 m Cleaned ada", "2 h", "plc1 North New program ada", "0.30 mg/l", "Bottle 7"):
        assert words in page, words
    assert page.count("End now") == 1
    assert page.count("Back into use") == 1


def test_the_list_stays_short_and_counts_what_it_leaves_out(
    cast: Cast, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page asks again every two seconds: with thousands of entered tags it would take a processor for itself."""
    monkeypatch.setattr("hmi.screens.by_hand.SHOWN_AT_MOST", 3)
    Tag.objects.bulk_create(
        Tag(area=works.north, name=f"sample{n}", kind="manual", data_type="float64") for n in range(5)
    )
    end = timezone.now() + timedelta(hours=1)
    for tag in (works.level, works.run, *Tag.objects.filter(name__in=["sample0", "sample1"])):
        Substitution.objects.create(tag=tag, value=1, reason="a test", author="maria", ends_at=end)
    page = text(html(cast.omar, "/by-hand/"))
    assert "sample2" in page
    assert "sample3" not in page
    assert "2 more do not fit here; each stands on the page of its tag." in page
    assert "1 more, begun earlier, do not fit here" in page


def test_buttons_to_end_are_for_those_who_may(cast: Cast, works: Works) -> None:
    Substitution.objects.create(tag=works.level, value=1.5, **lasting())
    OutOfUse.objects.create(device=works.plc1, **lasting())
    page = html(cast.omar, "/by-hand/")
    assert "End now" not in page
    assert "Back into use" not in page


def test_a_stranger_sees_nothing_of_what_is_set_elsewhere(cast: Cast, works: Works, chlorine: Tag) -> None:
    Substitution.objects.create(tag=works.level, value=1.5, **lasting())
    Substitution.objects.create(tag=works.run, value=True, **lasting(ended_at=timezone.now(), ended_by="ada"))
    OutOfUse.objects.create(device=works.plc1, **lasting())
    page = html(cast.sam, "/by-hand/")
    assert not [word for word in ("Cleaned", "Tank level", "plc1", "Chlorine", "Pump runs") if word in page]


def test_what_has_ended_stays_for_a_week_with_how_it_ended(cast: Cast, works: Works) -> None:
    now = timezone.now()
    past = {"begun_at": now - timedelta(days=3), "ends_at": now - timedelta(hours=1)}
    Substitution.objects.create(tag=works.level, value=1.5, **lasting(**past))
    ended = {**past, "ended_at": now - timedelta(days=1), "ended_by": "maria"}
    OutOfUse.objects.create(device=works.plc1, **lasting(**ended, reason="New program"))
    long_ago = {"begun_at": now - timedelta(days=9), "ends_at": now, "ended_at": now - timedelta(days=8)}
    Substitution.objects.create(tag=works.run, value=True, **lasting(**long_ago))
    page = text(html(cast.vera, "/by-hand/"))
    assert "Tank level was 1.50 m North" in page
    assert "its time ran out" in page
    assert "plc1 was out of use North New program ada" in page
    assert "ended by maria" in page
    assert "Pump runs was" not in page


def test_ending_from_the_list_leads_back_to_the_list(works: Works, maria: User) -> None:
    row = Substitution.objects.create(tag=works.level, value=1.5, **lasting())
    response = visit(maria).post(f"/by-hand/end/{row.uuid}/", {"back": "by_hand"})
    assert (response.status_code, response["Location"]) == (302, "/by-hand/")


def test_a_device_of_another_area_is_a_name_in_the_list_not_a_link(cast: Cast, works: Works) -> None:
    device = Device.objects.create(name="plc9", area=works.south, host="10.9.9.9")
    OutOfUse.objects.create(device=device, **lasting())
    page = html(cast.vera, "/by-hand/")
    assert "plc9" in page
    assert "/devices/plc9/" not in page, "a viewer does not diagnose"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"), (40, "40 s"), (119, "119 s"), (120, "2 min"), (3600, "1 h"), (5400, "1 h 30 min"),
        (86_400, "1 d"), (100_000, "1 d 3 h"),
    ],
)  # fmt: skip
def test_how_long_it_lasts_is_written_for_people(seconds: int, words: str) -> None:
    assert left_text(timedelta(seconds=seconds)) == words
