"""Questions to a device from a page: they reach the poller once, and the answer is shown as it came."""

import re
import struct
import time
from dataclasses import asdict
from typing import Any

import msgpack
import pytest
from django.test import Client

from accounts.models import User
from audit.models import AuditRecord
from bus import keys
from bus.client import connect_blocking
from bus.probes import ProbeAnswer
from devices.models import Device, Tag
from devices.points import Table
from hmi.screens.raw_words import bit_rows, word_rows
from tests.cast import Cast, Works
from tests.hmi.test_pages import html, text, visit


def questions(url: str) -> list[dict[str, Any]]:
    """What stands in the stream for the poller."""
    client = connect_blocking(url, "test")
    entries: Any = client.xrange(keys.PROBES)
    client.close()
    return [msgpack.unpackb(fields[b"b"]) for _, fields in entries]


def answer(url: str, device: Device, kind: str, *, is_ok: bool = True, sentence: str = "", **result: Any) -> str:
    """Lets the poller have answered a question; returns the question's id."""
    given = ProbeAnswer("a1b2", kind, device.pk, is_ok, sentence, "", time.time_ns() // 1_000_000, result)
    client = connect_blocking(url, "test")
    client.set(keys.PROBE_ANSWERS + given.id, msgpack.packb(asdict(given)))
    client.close()
    return given.id


def part(person: User, address: str, *, data: dict[str, Any] | None = None, status: int = 200) -> str:
    """What the part of a page says, asked for as htmx does."""
    client = Client(headers={"HX-Request": "true"})
    client.force_login(person)
    response = client.get(address) if data is None else client.post(address, data)
    assert response.status_code == status
    return response.content.decode()


def test_reading_a_tag_now_asks_for_its_registers_and_no_more(
    cast: Cast, works: Works, bus_url: str, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        said = part(cast.omar, "/read-now/works/north/level/", data={})
    (asked,) = questions(bus_url)
    assert (asked["kind"], asked["device"], asked["asked_by"]) == ("read", works.plc1.pk, "omar")
    assert asked["arguments"] == {"table": "holding", "address": 0, "count": 2, "tag": works.level.pk}
    assert "The device is asked." in said
    assert f'hx-get="/devices/plc1/answer/{asked["id"]}/?asked=' in said
    assert AuditRecord.objects.filter(event="probe.read", actor_name="omar").count() == 1


def test_the_answer_shows_each_step_from_registers_to_value(cast: Cast, works: Works, bus_url: str) -> None:
    words = list(struct.unpack(">HH", struct.pack(">f", 2.5)))
    probe = answer(
        bus_url, works.plc1, "read", sentence="2 registers.", table="holding", address=0, count=2, words=words,
        tag=works.level.pk,
    )  # fmt: skip
    page = text(part(cast.omar, f"/devices/plc1/answer/{probe}/"))
    assert "Registers holding 0" in page
    assert re.search(r"4020.0000", page)
    assert re.search(r"Result 2\.50 m Good", page)
    assert "hx-get" not in part(cast.omar, f"/devices/plc1/answer/{probe}/"), "it has come"


def test_a_result_that_is_not_good_is_marked_like_everywhere(cast: Cast, works: Works, bus_url: str) -> None:
    probe = answer(
        bus_url, works.plc1, "read", table="holding", address=0, count=2, words=[0x7FC0, 0], tag=works.level.pk
    )
    shown = part(cast.omar, f"/devices/plc1/answer/{probe}/")
    assert 'data-q="bad"' in shown
    assert "Sensor fault" in shown


def test_steps_are_for_those_who_see_the_tag(cast: Cast, works: Works, bus_url: str) -> None:
    """The words alone are for those who may read any register."""
    probe = answer(bus_url, works.plc1, "read", table="holding", address=2, count=1, words=[7], tag=works.flow.pk)
    part(cast.omar, f"/devices/plc1/answer/{probe}/", status=404)
    assert "Result" in part(cast.ada, f"/devices/plc1/answer/{probe}/")


def test_registers_that_were_read_freely_are_shown_in_every_reading(cast: Cast, works: Works, bus_url: str) -> None:
    probe = answer(bus_url, works.plc1, "read", table="input", address=9, count=2, words=[0xFFFE, 0x0001])
    page = text(part(cast.ada, f"/devices/plc1/answer/{probe}/"))
    assert "9 30010 FFFE 65534 -2 11111111 11111110" in page
    part(cast.omar, f"/devices/plc1/answer/{probe}/", status=404)


def test_bits_that_were_read_are_shown_with_their_addresses(cast: Cast, works: Works, bus_url: str) -> None:
    probe = answer(bus_url, works.plc1, "read", table="coil", address=4, count=3, bits=[True, False, True])
    assert "4 1 5 0 6 1" in text(part(cast.ada, f"/devices/plc1/answer/{probe}/"))


def test_any_register_is_for_engineers_only(
    cast: Cast, works: Works, bus_url: str, django_capture_on_commit_callbacks: Any
) -> None:
    typed = {"table": "holding", "address": "100", "count": "4"}
    assert "Read registers" not in html(cast.omar, "/devices/plc1/")
    response = visit(cast.omar).post("/devices/plc1/ask/read/", typed)
    assert response.status_code == 403
    assert questions(bus_url) == []
    assert "Read registers" in html(cast.ada, "/devices/plc1/")
    with django_capture_on_commit_callbacks(execute=True):
        part(cast.ada, "/devices/plc1/ask/read/", data=typed)
    assert questions(bus_url)[0]["arguments"] == {"table": "holding", "address": 100, "count": 4}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"table": "holding", "address": "x", "count": "4"}, "Write a whole number."),
        ({"table": "holding", "address": "70000", "count": "4"}, "is no address: a whole number from 0 to 65535"),
        ({"table": "holding", "address": "0", "count": "126"}, "from 1 to 125 registers"),
        ({"table": "coil", "address": "0", "count": "2001"}, "from 1 to 2000 bits"),
        ({"table": "drawer", "address": "0", "count": "1"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_read_is_said_beside_the_field_and_what_was_typed_stays(
    typed: dict[str, str], sentence: str, cast: Cast, works: Works, bus_url: str
) -> None:
    shown = part(cast.ada, "/devices/plc1/ask/read/", data=typed)
    assert sentence in shown
    assert f'value="{typed["address"]}"' in shown
    assert questions(bus_url) == []


def test_a_device_that_refuses_says_so_with_what_to_try(cast: Cast, works: Works, bus_url: str) -> None:
    sentence = "The device refused: exception 02, illegal address."
    probe = answer(bus_url, works.plc1, "connect", is_ok=False, sentence=sentence)
    shown = part(cast.omar, f"/devices/plc1/answer/{probe}/")
    assert sentence in shown
    assert "quality-bad" in shown


def test_what_a_device_says_of_itself_is_listed(cast: Cast, works: Works, bus_url: str) -> None:
    probe = answer(bus_url, works.plc1, "identify", objects=[[0, "Vendor", "<Acme>"], [1, "Product code", "X1"]])
    shown = part(cast.omar, f"/devices/plc1/answer/{probe}/")
    assert "&lt;Acme&gt;" in shown
    assert "Product code object 1 X1" in text(shown)


def test_a_long_wait_is_explained_and_an_endless_one_ends(cast: Cast, works: Works, bus_url: str) -> None:
    def after(seconds: int) -> str:
        return part(cast.omar, f"/devices/plc1/answer/none/?asked={time.time_ns() // 1_000_000 - seconds * 1000}")

    assert "The device is asked." in after(1)
    assert "Still no answer after 20 s. The line may be busy, or the poller does not run." in after(20)
    assert "Nobody has answered" in after(600)
    assert "hx-get" not in after(600)


def test_without_scripts_the_answer_has_a_page_of_its_own(cast: Cast, works: Works, bus_url: str) -> None:
    response = visit(cast.omar).post("/devices/plc1/ask/connect/")
    assert response.status_code == 302
    page = html(cast.omar, response["Location"])
    assert "Look for the answer" in page
    probe = answer(bus_url, works.plc1, "connect", sentence="Connected to 127.0.0.1:15020 within 3 ms.")
    assert "Connected to 127.0.0.1:15020 within 3 ms." in html(cast.omar, f"/devices/plc1/answer/{probe}/")


def test_an_answer_of_another_device_is_not_given_away(cast: Cast, works: Works, bus_url: str) -> None:
    Device.objects.create(name="plc9", area=works.south, host="10.9.9.9")
    probe = answer(bus_url, works.plc1, "connect", sentence="Connected.")
    part(cast.ada, f"/devices/plc9/answer/{probe}/", status=404)
    part(cast.sam, f"/devices/plc9/answer/{probe}/", status=404)
    part(cast.sam, f"/devices/plc1/answer/{probe}/", status=404)


def test_without_the_bus_nobody_is_asked_and_the_page_says_so(cast: Cast, works: Works, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    assert "The device was not asked" in part(cast.omar, "/devices/plc1/ask/connect/", data={})
    assert "The device was not asked" in visit(cast.omar).post("/devices/plc1/ask/connect/").content.decode()


def test_a_tag_without_a_register_has_no_such_button(cast: Cast, works: Works, bus_url: str) -> None:
    Tag.objects.create(area=works.north, name="ph", kind="manual", data_type="float64")
    assert "Read now" not in html(cast.ada, "/tag/works/north/ph/")
    assert visit(cast.ada).post("/read-now/works/north/ph/").status_code == 404
    assert "Read now" not in html(cast.vera, "/tag/works/north/level/"), "a viewer does not ask devices"
    assert "Read now" in html(cast.omar, "/tag/works/north/level/")


def test_words_are_read_in_every_usual_way() -> None:
    first, second = word_rows(Table.HOLDING, 10, [0x47F1, 0x2000])
    assert (first.address, first.reference, first.hexadecimal) == (10, "40011", "47F1")
    assert (first.unsigned, first.signed, second.signed) == (0x47F1, 0x47F1, 0x2000)
    assert (first.abcd, first.bits) == ("123456", "01000111 11110001")
    assert (second.abcd, second.cdab) == ("–", "–"), "there is no next one"
    assert word_rows(Table.INPUT, 0, [0x2000, 0x47F1])[0].cdab == "123456"
    assert word_rows(Table.INPUT, 0, [0x7FC0, 0])[0].abcd == "no number"
    assert [row.reference for row in bit_rows(Table.DISCRETE, 3, [True, False])] == ["10004", "10005"]
