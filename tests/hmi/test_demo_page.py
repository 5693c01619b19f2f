"""The page on which the demo plant is broken: there while the demo is, for who may, and every act on record."""

import json
import re
import time
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from accounts.models import User
from audit.models import AuditRecord
from bus import keys
from bus.client import connect_blocking
from bus.presence import ProcessState
from devices.live_bus import live_bus
from devices.models import Device, Tag
from devices.simulator.desk import read_orders_blocking
from devices.simulator.faults import CARDS, Fault
from plant.models import Area, Plant
from tests.cast import Cast
from tests.hmi.test_system_page import say

pytestmark = pytest.mark.django_db(transaction=True)

NOW_MS = time.time_ns() // 1_000_000


def simulator(*faults: str) -> ProcessState:
    return ProcessState("simulator", 7, "plant-pc", "0.1.0", NOW_MS, detail={"port": 15020, "faults": list(faults)})


@pytest.fixture
def demo(bus_url: str) -> str:
    say(bus_url, keys.PROCESSES, "simulator", simulator())
    return bus_url


def client_of(person: User, *, refresh: bool = False) -> Client:
    client = Client(headers={"HX-Request": "true"} if refresh else {})
    client.force_login(person)
    return client


def page(person: User, *, refresh: bool = False) -> str:
    answer = client_of(person, refresh=refresh).get("/demo/faults/")
    assert answer.status_code == 200
    return answer.content.decode()


def orders(url: str) -> dict[bytes, bytes]:
    client = connect_blocking(url, "test")
    found: Any = client.hgetall(keys.SIMULATOR)
    client.close()
    return dict(found)


def test_every_fault_is_listed_with_what_will_be_seen_and_a_button(cast: Cast, demo: str) -> None:
    shown = page(cast.ada)
    for fault, card in CARDS.items():
        assert f'action="/demo/faults/{fault}/"' in shown
        assert card.title in shown
        assert escape(card.description) in shown
    assert shown.count('value="start"') == len(CARDS)
    assert 'value="stop"' not in shown
    assert "Ends by itself after 10 min" in shown
    assert "Ends by itself after 30 s" in shown


def test_tags_to_look_at_are_linked_where_the_site_has_them(cast: Cast, demo: str) -> None:
    plant = Plant.objects.create(name="northgate", title="Northgate")
    area = Area.objects.create(plant=plant, name="intake", title="Intake")
    device = Device.objects.create(name="other", area=area, host="127.0.0.1")
    Tag.objects.create(area=area, device=device, name="rain", title="Rain", address=1)
    shown = page(cast.ada)
    assert shown.count('href="/tag/northgate/intake/rain/"') == 1
    assert "Intake: Rain" in shown


def test_start_orders_the_fault_and_is_on_record(cast: Cast, demo: str) -> None:
    answer = client_of(cast.ada).post("/demo/faults/storm/", {"do": "start"})
    assert (answer.status_code, answer["Location"]) == (302, "/demo/faults/")
    (said,) = orders(demo).items()
    document = json.loads(said[1])
    assert said[0] == b"storm"
    assert document["ends_ms"] - document["started_ms"] == CARDS[Fault.STORM].limit_s * 1000
    assert abs(document["started_ms"] - time.time() * 1000) < 5000
    record = AuditRecord.objects.get(event="simulator.fault_started")
    assert (record.object_id, record.object_text, record.result) == ("storm", "Heavy rain", "ok")
    assert record.actor_name == document["author"]


def test_the_page_says_asked_for_until_the_plant_has_taken_it_up(cast: Cast, demo: str) -> None:
    shown = client_of(cast.ada, refresh=True).post("/demo/faults/pipe_burst/", {"do": "start"}).content.decode()
    assert "<html" not in shown
    assert re.search(r"<strong>Asked for</strong>, still (10 min|9 min 59 s)", shown)
    say(demo, keys.PROCESSES, "simulator", simulator("pipe_burst"))
    shown = page(cast.ada, refresh=True)
    assert "<strong>There</strong>, still" in shown
    assert "Asked for" not in shown
    assert shown.count('value="stop"') == 1


def test_stop_takes_the_order_back_and_is_on_record(cast: Cast, demo: str) -> None:
    client = client_of(cast.ada)
    client.post("/demo/faults/plc_busy/", {"do": "start"})
    client.post("/demo/faults/plc_busy/", {"do": "stop"})
    assert orders(demo) == {}
    assert AuditRecord.objects.filter(event="simulator.fault_stopped", object_id="plc_busy").count() == 1
    say(demo, keys.PROCESSES, "simulator", simulator("plc_busy"))
    assert "Ends<" in page(cast.ada, refresh=True), "the plant has not let go of it yet"


def test_an_order_whose_time_is_over_is_over(cast: Cast, demo: str) -> None:
    client = connect_blocking(demo, "test")
    client.hset(keys.SIMULATOR, "storm", json.dumps({"started_ms": 0, "ends_ms": 1, "author": "ada"}))
    client.hset(keys.SIMULATOR, "unheard_of", "{}")
    client.hset(keys.SIMULATOR, "plc_busy", b"\xff{")
    assert [order.fault for order in read_orders_blocking(client)] == [Fault.STORM]
    client.close()
    assert 'value="stop"' not in page(cast.ada)


@pytest.mark.parametrize("data", [{}, {"do": "explode"}])
def test_a_form_that_asks_for_nothing_known_changes_nothing(cast: Cast, demo: str, data: dict[str, str]) -> None:
    assert client_of(cast.ada).post("/demo/faults/storm/", data).status_code == 302
    assert orders(demo) == {}
    assert not AuditRecord.objects.filter(event__startswith="simulator.").exists()


def test_an_address_that_is_opened_leads_to_the_list_and_an_unknown_fault_nowhere(cast: Cast, demo: str) -> None:
    client = client_of(cast.ada)
    assert client.get("/demo/faults/storm/")["Location"] == "/demo/faults/"
    assert client.post("/demo/faults/earthquake/", {"do": "start"}).status_code == 404


def test_only_who_may_configure_everything_breaks_the_demo(cast: Cast, demo: str) -> None:
    for person in (cast.omar, cast.vera, cast.sam):
        client = client_of(person)
        assert client.get("/demo/faults/").status_code == 403
        assert client.post("/demo/faults/storm/", {"do": "start"}).status_code == 403
        assert "/demo/faults/" not in client.get("/").content.decode()
    assert orders(demo) == {}


def test_the_navigation_leads_there_while_the_demo_is_heard(cast: Cast, demo: str) -> None:
    client = client_of(cast.ada)
    assert 'href="/demo/faults/"' in client.get("/").content.decode()
    say(demo, keys.PROCESSES, "simulator", simulator(), ago_ms=9_000)
    assert 'href="/demo/faults/"' not in client.get("/").content.decode()


def test_without_a_simulator_the_page_is_not_there_and_says_why(cast: Cast, bus_url: str) -> None:
    for answer in (
        client_of(cast.ada).get("/demo/faults/"),
        client_of(cast.ada).post("/demo/faults/storm/", {"do": "start"}),
    ):
        assert answer.status_code == 404
        assert "No simulator has been heard in the last seconds" in answer.content.decode()
    assert orders(bus_url) == {}


def test_an_order_that_the_bus_does_not_take_is_said_and_on_record(
    cast: Cast, demo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the page and the order the bus goes away."""
    ask = live_bus.ask

    def refuse(question: Any) -> Any:
        if question.__qualname__.startswith("_publish_after_commit"):
            live_bus.reason = "unix:///gone does not answer (ConnectionError)"
            return None
        return ask(question)

    monkeypatch.setattr(live_bus, "ask", refuse)
    shown = client_of(cast.ada, refresh=True).post("/demo/faults/storm/", {"do": "start"}).content.decode()
    assert "The bus did not take it: Redis at unix:///gone does not answer" in shown
    assert orders(demo) == {}
    results = list(AuditRecord.objects.filter(event="simulator.fault_started").values_list("result", flat=True))
    assert sorted(results) == ["failed", "ok"]
