"""Devices as pages show them: the worst first, what is wrong in words, which registers are asked for."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from bus import keys
from bus.presence import LinkState
from devices import current
from devices.models import Device, OutOfUse, Tag
from hmi.screens.device_health import figures_of
from hmi.screens.device_page import refusals, scans
from tests.cast import Cast, Works
from tests.hmi.latest import put
from tests.hmi.test_pages import html, text, visit
from tests.hmi.test_system_page import say


def say_link(url: str, units: dict[Device, dict[str, Any]], *, ago_ms: int = 0, reason: str = "") -> None:
    """What the poller said of the units of one link."""
    device = next(iter(units))
    link = f"{device.driver}://{device.host}:{device.port}"
    now_ms = time.time_ns() // 1_000_000
    said = {str(d.pk): {"state": "answering", "reason": "", "since_ms": now_ms, **unit} for d, unit in units.items()}
    detail = {"units": said, "load_pct": 31.0, "reconnects": 2}
    say(url, keys.LINKS, link, LinkState(link, "connected", reason, now_ms, detail), ago_ms=ago_ms)


def part(person: User, address: str) -> str:
    client = Client(headers={"HX-Request": "true"})
    client.force_login(person)
    return text(client.get(address).content.decode())


@pytest.fixture
def gateway(works: Works) -> list[Device]:
    """Three units behind one gateway, in north."""
    return [
        Device.objects.create(name=f"gw{n}", area=works.north, host="10.0.0.9", unit=n, max_registers=20, max_gap=2)
        for n in (1, 2, 3)
    ]


FULL = {
    "requests": 400, "timeouts": 3, "bad_replies": 1, "late_replies": 2, "overruns": 0, "rtt_p50_ms": 4.2,
    "rtt_p99_ms": 31.0, "load_pct": 12.5, "exceptions": {"02": 5},
    "holes": [{"table": "holding", "address": 4, "count": 2}],
    "learned_max_registers": 10, "unsupported": ["input"], "recent_errors": 2, "recent_s": 60,
    "groups": {"1:1000": {"scan_ms": 1000, "achieved_ms": 1001.0, "reads": 3}},
}  # fmt: skip


# -- the list


def test_the_worst_device_stands_first_and_the_switched_off_last(
    cast: Cast, gateway: list[Device], bus_url: str
) -> None:
    good, silent, waiting = gateway
    say_link(bus_url, {good: {}, silent: {"state": "silent", "reason": "No answer."}, waiting: {"state": "waiting"}})
    Device.objects.create(name="aa", area=good.area, host="10.0.0.8", enabled=False)
    page = text(html(cast.omar, "/devices/"))
    order = ("gw2 North × silent", "gw3 North ? waiting", "gw1 North answers", "aa North ? switched off")
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert "No answer." in page


def test_the_list_has_the_figures_of_each_device(cast: Cast, gateway: list[Device], bus_url: str) -> None:
    say_link(bus_url, {gateway[0]: FULL})
    page = part(cast.omar, "/devices/")
    assert "4.2 / 31 ms" in page
    assert "1.00 s / 1 s" in page
    assert "12 %" in page or "13 %" in page
    assert "2 in 60 s 9 of 400" in page, "now; and time-outs, wrong replies and exceptions since the start"


def test_what_the_poller_does_not_say_is_a_dash_not_a_nought(cast: Cast, gateway: list[Device], bus_url: str) -> None:
    say_link(bus_url, {gateway[0]: {}})
    assert "10.0.0.9:502 unit 1 0 – – – –" in part(cast.omar, "/devices/")


def test_the_last_word_of_a_dead_poller_is_not_believed(cast: Cast, gateway: list[Device], bus_url: str) -> None:
    say_link(bus_url, {gateway[0]: FULL}, ago_ms=60_000)
    page = part(cast.omar, "/devices/")
    assert "gw1 North ? unknown" in page
    assert "9 of 400" not in page


def test_devices_of_foreign_areas_are_neither_listed_nor_opened(cast: Cast, works: Works, bus_url: str) -> None:
    Device.objects.create(name="plc9", area=works.south, host="10.9.9.9")
    assert "plc1" not in html(cast.sam, "/devices/")
    assert "plc9" in html(cast.sam, "/devices/")
    assert visit(cast.sam).get("/devices/plc1/").content == visit(cast.sam).get("/devices/none/").content
    assert visit(cast.vera).get("/devices/").status_code == 403
    assert visit(cast.vera).get("/devices/plc1/").status_code == 404


def test_a_device_is_found_whatever_the_case_of_its_name(cast: Cast, works: Works) -> None:
    assert visit(cast.omar).get("/devices/PLC1/").status_code == 200


@pytest.mark.parametrize("path", ["/devices/", "/devices/plc1/", "/by-hand/"])
def test_the_pages_stand_without_a_bus(path: str, cast: Cast, works: Works, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    page = text(html(cast.ada, path))
    if path != "/by-hand/":
        assert "? unknown" in page


@pytest.mark.parametrize(("path", "most"), [("/devices/", 7), ("/devices/plc1/", 8), ("/by-hand/", 8)])
def test_a_page_stays_within_its_queries_however_much_there_is(
    path: str, most: int, cast: Cast, works: Works, django_assert_max_num_queries: Callable[..., object]
) -> None:
    Tag.objects.bulk_create(
        Tag(area=works.north, device=works.plc1, name=f"t{n}", address=n * 2, data_type="float32") for n in range(150)
    )
    Tag.objects.bulk_create(
        Tag(area=works.north, name=f"m{n}", kind="manual", data_type="float64") for n in range(50)
    )  # fmt: skip
    client = visit(cast.ada)
    client.get(path)
    with django_assert_max_num_queries(most):  # type: ignore[attr-defined]  # a context manager
        assert client.get(path).status_code == 200


# -- one device


def test_the_page_says_what_the_device_refuses_in_words(cast: Cast, gateway: list[Device], bus_url: str) -> None:
    say_link(bus_url, {gateway[0]: FULL})
    page = part(cast.omar, "/devices/gw1/")
    assert "Exception 02, illegal address 5" in page
    assert "holding 4 to 5 ? not given" in page
    assert "Table input ? not there" in page
    assert "Most registers it gives at once 10" in page


def test_the_link_names_those_who_share_it_as_far_as_one_may_know(
    cast: Cast, gateway: list[Device], works: Works, bus_url: str
) -> None:
    Device.objects.filter(pk=gateway[2].pk).update(area=works.south, title="Secret pump")
    say_link(bus_url, {gateway[0]: {}}, reason="Connected; no answer from gw3 (time-out).")
    page = part(cast.omar, "/devices/gw1/")
    assert "Shared with gw2 unit 2 1 device of other areas" in page
    assert "Secret" not in page
    assert "gw3" not in page
    assert "Busy 31 % of the time" in page


def test_the_registers_are_shown_as_they_are_asked_for(cast: Cast, gateway: list[Device], works: Works) -> None:
    for name, table, address in (("a", "holding", 0), ("b", "holding", 3), ("c", "holding", 40), ("d", "coil", 7)):
        kind = "bool" if table == "coil" else "uint16"
        Tag.objects.create(
            area=works.north, device=gateway[0], name=name, table=table, address=address, data_type=kind
        )  # fmt: skip
    page = html(cast.omar, "/devices/gw1/")
    assert "1 s 1 coil 7 00008 1 1" in text(page)
    assert "1 s 3 holding 0 – 3 40001 – 40004 4 2" in text(page)
    assert "1 s 3 holding 40 40041 1 1" in text(page)
    assert 'aria-label="2 of 4 not used"' in page


def test_the_registers_follow_what_was_learned_and_the_function_the_device_knows(
    cast: Cast, gateway: list[Device], works: Works, bus_url: str
) -> None:
    Device.objects.filter(pk=gateway[0].pk).update(registers_by="fc4")
    for address in (0, 2, 3, 4, 6):
        Tag.objects.create(area=works.north, device=gateway[0], name=f"r{address}", address=address)
    hole = {"table": "holding", "address": 3, "count": 1}
    say_link(bus_url, {gateway[0]: {"holes": [hole], "learned_max_registers": 2}})
    page = text(html(cast.omar, "/devices/gw1/"))
    assert "1 s 4 holding 4 40005 1 1" in page
    assert "In no request: r3" in page


def test_settings_say_what_is_unusual_and_why(cast: Cast, gateway: list[Device]) -> None:
    assert "Pause between requests" not in html(cast.omar, "/devices/gw1/")
    Device.objects.filter(pk=gateway[0].pk).update(delay_ms=20, any_unit=True, idle_close_s=30, connect_per_scan=True)
    current.forget()
    page = text(html(cast.omar, "/devices/gw1/"))
    for words in ("Pause between requests 20 ms", "Unit id in replies any", "after 30 s", "one for each scan"):
        assert words in page


def test_the_tags_of_a_device_are_live_and_those_of_foreign_areas_only_counted(
    cast: Cast, works: Works, bus_url: str
) -> None:
    put(bus_url, {works.level: (2.5, 0), works.run: (True, 0), works.flow: (12.5, 0)})
    page = html(cast.omar, "/devices/plc1/")
    assert 'data-live="works/north/level"' in page
    assert "south" not in page
    assert "1 more lie in areas you may not see." in text(page)


def test_many_tags_are_shown_a_page_at_a_time(cast: Cast, gateway: list[Device], works: Works) -> None:
    Tag.objects.bulk_create(
        Tag(area=works.north, device=gateway[0], name=f"t{n:03}", address=n, title=f"Tag {n}") for n in range(120)
    )
    assert "Page 1 of 3" in text(html(cast.omar, "/devices/gw1/"))
    assert 'data-live="works/north/t119"' in html(cast.omar, "/devices/gw1/?page=3")
    assert "Page 3 of 3" in text(html(cast.omar, "/devices/gw1/?page=999"))


def test_a_device_out_of_use_says_who_why_and_how_long(cast: Cast, works: Works, bus_url: str) -> None:
    say_link(bus_url, {works.plc1: {"state": "out_of_use", "reason": "Taken out of use by ada: New program"}})
    OutOfUse.objects.create(
        device=works.plc1, reason="New program", author="ada", ends_at=timezone.now() + timedelta(minutes=30, seconds=9)
    )
    page = part(cast.omar, "/devices/plc1/")
    assert "? out of use" in page
    assert "It comes back by itself in 30 min." in page
    assert "Reason: New program" in page


# -- figures as sentences


def test_answers_close_to_the_time_out_are_noticed(cast: Cast, works: Works, bus_url: str) -> None:
    say_link(bus_url, {works.plc1: {**FULL, "rtt_p99_ms": 950.0}})
    assert "close to the time-out of 1000 ms" in part(cast.omar, "/devices/plc1/")


def test_a_scan_that_falls_behind_is_noticed() -> None:
    said = {"groups": {"g": {"scan_ms": 500, "achieved_ms": 2100.0, "reads": 1}}}
    (fact,) = scans(figures_of(said))
    assert (fact.title, fact.value, fact.quality) == ("Every 500 ms, 1 request", "achieved 2.10 s", "uncertain")


def test_what_another_version_of_the_poller_says_breaks_nothing() -> None:
    odd: dict[str, Any] = {
        "requests": "many", "groups": [1], "exceptions": {"zz": 1, "02": "x"}, "holes": [{"table": "holding"}, 7],
        "rtt_p50_ms": None, "unsupported": None,
    }  # fmt: skip
    found = figures_of(odd)
    assert found.errors is None
    assert (found.groups, list(found.holes), refusals(found)) == ((), [], [])


def test_nothing_said_is_nothing_shown(cast: Cast, works: Works) -> None:
    assert "The poller says nothing of this device now." in part(cast.omar, "/devices/plc1/")


def test_a_device_whose_answers_are_never_data_is_not_said_to_answer(works: Works, cast: Cast, bus_url: str) -> None:
    say_link(bus_url, {works.plc1: {**FULL, "state": "answering", "without_data": 3}})
    assert "gives no values" in part(cast.omar, "/devices/plc1/")
    say_link(bus_url, {works.plc1: {**FULL, "state": "answering", "without_data": 2}})
    assert "gives no values" not in part(cast.omar, "/devices/plc1/")


def test_a_few_old_errors_are_no_fault_of_now(works: Works, cast: Cast, bus_url: str) -> None:
    say_link(bus_url, {works.plc1: {**FULL, "requests": 100_000, "recent_errors": 0}})
    page = part(cast.omar, "/devices/plc1/")
    assert "Time-outs 3 Wrong" in page
    assert "Requests without an answer 0 in the last 60 s" in page


def test_devices_are_found_by_name_area_address_or_state(cast: Cast, gateway: list[Device], bus_url: str) -> None:
    say_link(bus_url, {gateway[0]: {"state": "silent"}, gateway[1]: {}, gateway[2]: {}})
    assert "gw1" in part(cast.omar, "/devices/?q=silent north")
    assert "gw2" not in part(cast.omar, "/devices/?q=silent north")
    assert "gw2" in part(cast.omar, "/devices/?q=GW2")
    assert "None of 4 devices has that" in part(cast.omar, "/devices/?q=nothing")


def test_the_page_says_what_is_wrong_and_what_to_try(cast: Cast, gateway: list[Device], bus_url: str) -> None:
    silent = {**FULL, "state": "silent", "reason": "time-out after 500 ms", "timeout_ms": 500}
    say_link(bus_url, {gateway[0]: silent})
    page = part(cast.omar, "/devices/gw1/")
    assert "gw1 is silent: time-out after 500 ms. 10.0.0.9:502 took the connection. Try: Check the unit number" in page
    assert "gw1 is silent: time-out after 500 ms" in part(cast.omar, "/devices/")
    say_link(bus_url, {gateway[0]: {}})
    assert "Nothing is wrong with it, as far as the poller sees." in part(cast.omar, "/devices/gw1/")


def test_nothing_is_said_to_be_right_while_nothing_is_known(cast: Cast, gateway: list[Device], bus_url: str) -> None:
    say_link(bus_url, {gateway[0]: {}}, ago_ms=60_000)
    assert "Nothing is wrong" not in part(cast.omar, "/devices/gw1/")


def test_what_is_wrong_carries_addresses_so_only_for_those_who_diagnose(cast: Cast, works: Works, bus_url: str) -> None:
    say_link(bus_url, {works.plc1: {"state": "silent", "reason": "connection refused"}})
    assert "takes no connection on this port" in part(cast.omar, "/tag/works/north/level/")
    assert "takes no connection" not in html(cast.sam, "/tag/works/south/flow/")
