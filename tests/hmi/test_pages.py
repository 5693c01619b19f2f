"""What a person sees on the pages of the plant."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from django.utils import timezone

from accounts.models import Grant, Role, User
from bus import quality
from devices import current
from devices.models import OutOfUse, Substitution, Tag
from hmi.screens import counts, standing
from plant.models import Area, Plant
from tests.cast import PASSWORD, Cast, Works
from tests.hmi.latest import put

PAGES = ("/", "/area/works/north/", "/tag/works/north/level/", "/system/")


def visit(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def html(person: User, path: str) -> str:
    response = visit(person).get(path)
    assert response.status_code == 200, response
    return response.content.decode()


def text(markup: str) -> str:
    """What the first paint shows."""
    shown = re.sub(r'<script.*?</script>|<span class="when-lost.*?unknown</span>', "", markup, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown))


@pytest.fixture
def values(works: Works, bus_url: str) -> Works:
    put(bus_url, {works.level: (2.5, 0), works.run: (True, 0), works.flow: (12.5, quality.BAD_SENSOR_FAILURE)})
    return works


@pytest.mark.parametrize("path", [*PAGES, "/clock/"])
def test_nobody_sees_a_page_without_logging_in(path: str, works: Works, client: Client) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next={path}"


def test_a_viewer_sees_every_area_with_its_values(cast: Cast, values: Works) -> None:
    page = html(cast.vera, "/")
    assert 'data-live="works/north/level"' in page
    assert 'data-live="works/south/flow"' in page
    assert "2.50" in text(page)
    assert "all 2 good" in text(page)
    assert "1 bad" in text(page)


def test_a_stranger_sees_nothing_of_north(cast: Cast, values: Works) -> None:
    page = html(cast.sam, "/")
    assert "works/south/flow" in page
    assert "north" not in page.lower()
    assert "pump" not in page.lower()


@pytest.mark.parametrize(
    "foreign",
    ["/area/works/north/", "/area/works/north/pumps/", "/tag/works/north/level/", "/tag/works/north/pumps/run/"],
)
def test_a_foreign_page_looks_like_one_that_does_not_exist(foreign: str, cast: Cast, values: Works) -> None:
    client = visit(cast.sam)
    unknown = client.get(foreign.replace("north", "nowhere"))
    refused = client.get(foreign)
    assert (refused.status_code, unknown.status_code) == (404, 404)
    assert refused.content == unknown.content


def test_a_path_is_found_whatever_its_case(cast: Cast, values: Works) -> None:
    assert visit(cast.vera).get("/tag/WORKS/North/LEVEL/").status_code == 200


def test_an_area_without_a_right_is_only_a_name_on_the_path(cast: Cast, values: Works) -> None:
    guest = User.objects.create_user("guest", PASSWORD)
    Grant.objects.create(user=guest, role=Role.objects.get(name="viewer"), area=values.pumps)
    overview = html(guest, "/")
    assert "North / Pumps" in text(overview)
    assert 'href="/area/works/north/"' not in overview
    tag = html(guest, "/tag/works/north/pumps/run/")
    assert 'href="/area/works/north/"' not in tag
    assert 'href="/area/works/north/pumps/"' in tag


def test_an_area_page_lists_its_tags_with_value_unit_quality_and_age(cast: Cast, values: Works) -> None:
    page = text(html(cast.vera, "/area/works/south/"))
    assert "Outflow" in page
    assert "Sensor fault" in page
    assert "12.5" not in page, "a bad value is not shown"
    north = text(html(cast.vera, "/area/works/north/"))
    assert re.search(r"Tank level level 2\.50 m Good < 1 s", north.replace("&lt;", "<"))


def test_an_area_page_shows_the_areas_below_as_cards(cast: Cast, values: Works) -> None:
    page = html(cast.omar, "/area/works/north/")
    assert 'href="/area/works/north/pumps/"' in page
    assert "running" in text(page)


def test_a_value_that_is_too_old_says_so_on_the_first_paint(cast: Cast, works: Works, bus_url: str) -> None:
    """UA-05"""
    put(bus_url, {works.level: (2.5, 0)}, age_ms=60_000)
    page = html(cast.vera, "/area/works/north/")
    assert re.search(r'data-live="works/north/level"\s+data-q="stale"', page)
    assert "Out of date" in page


def test_a_tag_page_says_where_the_value_comes_from(cast: Cast, values: Works) -> None:
    page = text(html(cast.omar, "/tag/works/north/level/"))
    assert "works/north/level" in page
    assert "holding 0 counted from 0" in page
    assert "40001 counted from 1" in page
    assert "float32, ABCD" in page
    assert "127.0.0.1:15020 , unit 1" in page


def test_addresses_of_devices_are_for_those_who_may_diagnose(cast: Cast, values: Works) -> None:
    for path in ("/", "/area/works/north/", "/tag/works/north/level/"):
        assert "15020" not in html(cast.vera, path)


def test_a_range_bar_has_a_pointer_only_where_the_tag_has_a_range(cast: Cast, values: Works, bus_url: str) -> None:
    """HMI-14"""
    assert "data-range=" not in html(cast.vera, "/area/works/north/")
    Tag.objects.filter(pk=values.level.pk).update(eu_min=0, eu_max=5)
    current.forget()
    page = html(cast.vera, "/area/works/north/")
    assert 'data-range="works/north/level"' in page
    assert re.search(r'data-width="150".*?transform="translate\(75\.0 0\)"', page, re.DOTALL)


def test_the_refresh_is_the_same_partial_without_the_frame(cast: Cast, values: Works) -> None:
    client = visit(cast.vera)
    for path in ("/", "/area/works/north/"):
        page, part = client.get(path), client.get(path, headers={"HX-Request": "true"})
        assert b"<html" not in part.content
        ids = re.findall(r'id="((?:health|links)-\d+)"', part.content.decode())
        assert ids
        assert all(f'id="{name}"' in page.content.decode() for name in ids)
        assert part.content.decode().count('hx-swap-oob="true"') == len(ids)


def test_the_counts_follow_the_values(cast: Cast, values: Works, bus_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "KEEP_S", 0)
    assert "all 2 good" in text(html(cast.omar, "/"))
    put(bus_url, {values.level: (2.5, quality.UNCERTAIN_NO_COMMUNICATION), values.run: (True, 0), values.flow: (1, 0)})
    assert "1 uncertain 1 good" in text(html(cast.omar, "/"))


def test_a_value_set_by_hand_is_marked_and_counted_apart(cast: Cast, works: Works, bus_url: str) -> None:
    """HMI-11, HMI-19: by glyph and word on each page, and never among those that are good."""
    put(bus_url, {works.level: (2.5, quality.GOOD_LOCAL_OVERRIDE), works.run: (True, 0), works.flow: (1, 0)})
    assert "☞ 1 set by hand 1 good" in text(html(cast.omar, "/"))
    for path in ("/", "/area/works/north/", "/tag/works/north/level/"):
        assert re.search(r'data-live="works/north/level"\s+data-q="forced"', html(cast.omar, path)), path
    assert "☞ 2.50 m Set by hand" in text(html(cast.omar, "/area/works/north/"))


def test_what_is_switched_off_is_not_counted_as_bad(cast: Cast, values: Works) -> None:
    Tag.objects.filter(pk=values.flow.pk).update(enabled=False)
    page = text(html(cast.sam, "/"))
    assert "no tags" in page
    assert "bad" not in page
    assert "Out of service" in text(html(cast.sam, "/area/works/south/"))


# --- nothing there yet ---------------------------------------------------------------------------------------------


def test_without_a_plant_the_overview_says_how_to_get_one(db: None, bus_url: str) -> None:
    ada = User.objects.create_user("ada", PASSWORD)
    Grant.objects.create(user=ada, role=Role.objects.get(name="engineer"))
    assert "plant import" in html(ada, "/")
    vera = User.objects.create_user("vera", PASSWORD)
    Grant.objects.create(user=vera, role=Role.objects.get(name="viewer"))
    assert "An engineer of this site has to add it" in html(vera, "/")


def test_without_a_role_the_overview_says_whom_to_ask(cast: Cast, works: Works) -> None:
    page = html(User.objects.create_user("nils", PASSWORD), "/")
    assert "Ask an administrator" in page
    assert "Test works" not in text(page)


def test_an_area_without_tags_says_so(cast: Cast, works: Works) -> None:
    Area.objects.create(plant=works.plant, name="energy", title="Energy")
    assert "This area has no tags yet" in html(cast.vera, "/area/works/energy/")


# --- around the page -----------------------------------------------------------------------------------------------


def test_every_page_names_the_person_the_role_and_the_time_zone(cast: Cast, values: Works) -> None:
    for path in PAGES:
        page = html(cast.omar, path)
        assert "Omar Operator" in page
        assert "operator, North" in text(page)
        assert 'data-zone="Europe/Stockholm"' in page
        assert "data-live-banner" in page


def test_several_plants_are_groups_of_the_navigation(cast: Cast, works: Works) -> None:
    other = Plant.objects.create(name="mill", title="Old mill", time_zone="UTC")
    Area.objects.create(plant=other, name="wheel", title="Wheel")
    page = html(cast.vera, "/")
    assert page.index("nav-group") < page.index("Wheel")
    assert "Time zone Europe/Stockholm" in text(page)
    assert "nav-group" not in html(cast.omar, "/"), "one plant needs no group"
    assert 'data-zone="UTC"' in html(cast.vera, "/area/mill/wheel/")


def test_the_navigation_counts_what_is_set_by_hand_where_one_may_look(
    cast: Cast, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "KEEP_S", 0)
    assert 'class="count"' not in html(cast.omar, "/")
    until = timezone.now() + timedelta(hours=1)
    over = timezone.now() - timedelta(hours=1)
    for tag, ends_at in ((works.level, until), (works.run, over), (works.flow, until)):
        Substitution.objects.create(tag=tag, value=1, reason="test", author="ada", ends_at=ends_at)
    OutOfUse.objects.create(device=works.plc1, reason="test", author="ada", ends_at=until)
    assert "Set by hand 2 " in text(html(cast.omar, "/")), "the level, and the device that stands in north"
    assert "Set by hand 1 " in text(html(cast.sam, "/"))
    assert "Set by hand 3 " in text(html(cast.vera, "/"))


@pytest.mark.parametrize(("cookie", "theme"), [("dark", "dark"), ("light", "light"), ("", None), ('"><script>', None)])
def test_the_theme_is_painted_by_the_server(cookie: str, theme: str | None, cast: Cast) -> None:
    client = visit(cast.vera)
    client.cookies["theme"] = cookie
    opening = re.search(r"<html[^>]*>", client.get("/").content.decode())
    assert opening
    expected = '<html lang="en">' if theme is None else f'<html lang="en" data-theme="{theme}">'
    assert opening.group() == expected


def test_only_those_who_manage_something_see_the_way_there(cast: Cast, works: Works) -> None:
    assert 'href="/admin/"' in html(cast.ada, "/")
    assert 'href="/admin/"' not in html(cast.omar, "/")


def test_nothing_in_a_page_needs_inline_script_or_style(cast: Cast, values: Works, client: Client) -> None:
    pages = [html(cast.ada, path) for path in (*PAGES, "/accounts/password/change/", "/admin/")]
    pages.append(client.get("/accounts/login/").content.decode())
    pages.append(visit(cast.ada).get("/area/none/").content.decode())
    for page in pages:
        assert not re.search(r"<[^>]+\sstyle=", page)
        assert not re.search(r"<[^>]+\son[a-z]+=", page)
        assert "<style" not in page
        for script in re.findall(r"<script[^>]*>", page):
            assert "src=" in script or 'type="application/json"' in script
        assert "hx-on" not in page
        assert "js:" not in page


def test_the_admin_site_has_a_way_back_to_the_plant(cast: Cast, works: Works) -> None:
    page = html(cast.ada, "/admin/")
    assert 'href="/area/works/north/"' in page
    assert "css/palette.css" in page


# --- what it costs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "most"),
    [("/", 10), ("/area/works/north/", 10), ("/tag/works/north/level/", 11), ("/system/", 11), ("/clock/", 2)],
)
def test_a_page_stays_within_its_queries(
    path: str, most: int, cast: Cast, values: Works, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client = visit(cast.omar)
    client.get(path)  # loads the configuration, once per revision
    with django_assert_max_num_queries(most):  # type: ignore[attr-defined]  # a context manager
        assert client.get(path).status_code == 200


def queries(client: Client, path: str, **headers: str) -> int:
    """Of one request, without what is asked of the database once a second for everybody."""
    found = []
    client.get(path)  # loads the configuration, once per revision
    for _ in range(4):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path, headers=headers).status_code == 200
        found.append(len(captured))
    return min(found)


@pytest.mark.parametrize("path", ["/", "/area/works/north/", "/area/works/north/?sort=quality&q=t"])
def test_more_tags_need_no_more_queries(path: str, cast: Cast, values: Works) -> None:
    client = visit(cast.omar)
    before = queries(client, path)
    refresh = queries(client, path, **{"HX-Request": "true"})
    Tag.objects.bulk_create(
        Tag(area=values.north, device=values.plc1, name=f"t{n}", address=n * 2, data_type="float32") for n in range(300)
    )
    current.forget()
    assert queries(client, path) == before
    assert queries(client, path, **{"HX-Request": "true"}) == refresh


# --- when something is wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_without_a_bus_every_page_still_stands(path: str, cast: Cast, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    page = html(cast.ada, path)
    if path != "/system/":
        assert 'data-q="bad"' in page
        assert "unknown" in text(page)


def test_a_page_that_fails_says_so_without_the_database(
    cast: Cast, django_assert_num_queries: Callable[..., object]
) -> None:
    handler = get_resolver().resolve_error_handler(500)
    with django_assert_num_queries(0):  # type: ignore[attr-defined]  # a context manager
        response = handler(RequestFactory().get("/"))
    assert response.status_code == 500
    assert b"polling and the other pages go on" in response.content


def test_a_page_that_may_not_be_seen_says_what_is_needed(cast: Cast) -> None:
    response = visit(cast.vera).get("/system/")
    assert response.status_code == 403
    assert "a role that may diagnose" in response.content.decode()


# --- which values stand on a card ------------------------------------------------------------------------------------


def card_of_north(person: User) -> list[str]:
    return re.findall(r'data-live="works/north/([\w/]+)"', html(person, "/"))


def test_a_card_shows_measurements_first_then_states_then_the_rest(cast: Cast, works: Works) -> None:
    def tag(name: str, **fields: object) -> None:
        Tag.objects.create(area=works.north, device=works.plc1, name=name, address=100, **fields)

    for name in ("a", "b", "c", "d", "e"):
        tag(name, eu_min=0, eu_max=1, data_type="float32")
    tag("fast", eu_min=0, eu_max=1, data_type="float32", scan_ms=200)
    tag("counter")
    assert card_of_north(cast.omar) == ["fast", "a", "b", "c", "d", "pumps/run"]


def test_a_card_does_not_say_one_state_twice(cast: Cast, works: Works) -> None:
    """The feedback of a pump beside its state: stopped and running stand among the words of the state."""
    words = {"0": "stopped", "1": "starting", "2": "running"}
    Tag.objects.create(
        area=works.pumps, device=works.plc1, name="state", address=9, data_type="uint16", state_labels=words
    )
    Tag.objects.create(
        area=works.pumps, device=works.plc1, name="mode", address=8, state_labels={"0": "off", "1": "on", "2": "auto"}
    )
    shown = re.findall(r'data-live="works/north/pumps/(\w+)"', html(cast.omar, "/"))
    assert shown == ["mode", "state", "run"], "what repeats comes last, where there is room"


def test_a_card_without_measurements_shows_what_there_is(cast: Cast, works: Works) -> None:
    assert card_of_north(cast.omar) == ["level", "pumps/run"], "its own come first"


def test_what_is_entered_by_hand_comes_after_what_is_measured(cast: Cast, works: Works) -> None:
    Tag.objects.create(area=works.north, kind="manual", name="a_sample", eu_min=0, eu_max=1, data_type="float32")
    Tag.objects.create(area=works.north, device=works.plc1, name="flow", address=100, eu_min=0, eu_max=1)
    found = card_of_north(cast.omar)
    assert found.index("flow") < found.index("a_sample")


def test_of_the_states_of_a_pump_the_one_with_most_words_comes_first(cast: Cast, works: Works) -> None:
    def state(name: str, *words: str) -> None:
        labels = {str(number): word for number, word in enumerate(words)}
        Tag.objects.create(area=works.pumps, device=works.plc1, name=name, address=9, state_labels=labels)

    state("fault", "none", "fault")
    state("state", "at rest", "starting", "on duty", "tripped")
    shown = re.findall(r'data-live="works/north/pumps/(\w+)"', html(cast.omar, "/"))
    assert shown[0] == "state"
