"""A person asks a device something, and the poller asks it on the line it owns: once, now, or not at all."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from bus import keys, probes
from bus.client import connect_blocking
from bus.probes import Probe, ProbeAnswer
from devices.drivers.base import Driver, LinkDown
from devices.drivers.registry import open_driver
from devices.points import DataType, Point, Table
from devices.poller.probes import AT_ONCE, WAITING, ProbeDesk
from devices.poller.spec import GroupSpec, LinkSpec, UnitSpec
from devices.quirks import Quirks
from tests.devices.faulty import HONEST, Request, a_faulty_server, never
from tests.devices.rig import Plant, a_device, a_tag, polling, switched_off, until

LEVEL = Point(4, Table.HOLDING, 7, DataType.UINT16)


@pytest.fixture
def pages(bus_url: str) -> Any:
    client = connect_blocking(bus_url, "test-pages")
    yield client
    client.close()


def ask(pages: redis.Redis, kind: str = "read", device: int = 1, life_ms: int = 10_000, **arguments: Any) -> str:
    probe = Probe(uuid.uuid4().hex, kind, device, arguments, "ada", life_ms)
    probes.ask(pages, probe)
    return probe.id


async def answered(pages: redis.Redis, probe_id: str, timeout_s: float = 5) -> ProbeAnswer:
    found: list[ProbeAnswer] = []

    def look() -> bool:
        if (given := probes.answer(pages, probe_id)) is not None:
            found.append(given)
        return bool(found)

    await until(look, timeout_s)
    return found[0]


WORDS: dict[str, Any] = {"table": "holding", "address": 100, "count": 3}


async def test_registers_are_read_on_the_live_connection(bus: Redis, bus_url: str, pages: redis.Redis) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, LEVEL, 100)]})) as poller:
            await until(lambda: poller._is_polling and len(server.requests) > 2)
            given = await answered(pages, ask(pages, **WORDS, tag=4))
    assert given.is_ok, given
    assert server.connections == 1
    assert [(r.function, r.address, r.count) for r in server.requests if r.address == 100] == [(3, 100, 3)]
    result = given.result
    assert (result["table"], result["address"], result["count"], result["tag"]) == ("holding", 100, 3, 4)
    assert result["words"] == [HONEST] * 3
    assert 0 < result["rtt_ms"] < 1000
    assert abs(result["at_ms"] - time.time() * 1000) < 60_000
    assert given.sentence.startswith("3 registers of holding from 100 on, in ")


async def test_bits_come_lowest_first(bus: Redis, bus_url: str, pages: redis.Redis) -> None:
    async def mixed(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(request.frame(payload=b"\x05\x02"))

    async with a_faulty_server(mixed) as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: []})) as poller:
            await until(lambda: poller._is_polling)
            given = await answered(pages, ask(pages, table="coil", address=0, count=10))
    assert given.result["bits"] == [True, False, True, False, False, False, False, False, False, True]


async def test_a_device_that_is_switched_off_is_asked_on_a_connection_of_its_own(
    bus: Redis, bus_url: str, pages: redis.Redis
) -> None:
    async with a_faulty_server() as server:
        device = switched_off(a_device(1, server.port))
        async with polling(bus_url, Plant({device: [a_tag(device, LEVEL, 100)]})) as poller:
            await until(lambda: poller._is_polling)
            given = await answered(pages, ask(pages, "connect"))
            await until(lambda: not server.writers)
    assert given.is_ok
    assert (server.connections, len(server.requests)) == (1, 1)
    assert "answered in" in given.sentence
    assert given.result["connected_ms"] >= 0


async def test_an_exception_is_told_in_words_with_what_to_try(bus: Redis, bus_url: str, pages: redis.Redis) -> None:
    async def refuse(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(request.exception(2))

    async with a_faulty_server(refuse) as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: []})) as poller:
            await until(lambda: poller._is_polling)
            read = await answered(pages, ask(pages, **WORDS))
            connected = await answered(pages, ask(pages, "connect"))
    assert (read.is_ok, read.sentence) == (False, "The device refused: exception 02, illegal address.")
    assert "0-based" in read.try_this
    assert connected.is_ok, "it answers, which is what was asked"
    assert "exception 02" in connected.sentence


@pytest.mark.parametrize("kind", ["connect", "read", "identify"])
async def test_silence_and_a_closed_port_say_what_to_try(
    bus: Redis, bus_url: str, pages: redis.Redis, kind: str
) -> None:
    async with a_faulty_server(never) as server:
        silent = a_device(1, server.port)
        async with a_faulty_server() as gone:
            closed = a_device(2, gone.port)
        async with polling(bus_url, Plant({silent: [], closed: []})) as poller:
            await until(lambda: poller._is_polling)
            arguments = WORDS if kind == "read" else {}
            first = await answered(pages, ask(pages, kind, 1, **arguments))
            second = await answered(pages, ask(pages, kind, 2, **arguments))
    assert (first.is_ok, second.is_ok) == (False, False)
    assert "time-out after 200 ms" in first.sentence
    assert first.try_this.startswith("Check the unit number first")
    assert "connection refused" in second.sentence
    assert "port" in second.try_this


async def test_identification_names_what_the_standard_names(bus: Redis, bus_url: str, pages: redis.Redis) -> None:
    class Known(FakeDriver):
        async def identify(self, unit: int, timeout_s: float) -> dict[int, str]:
            return {0: "Acme", 1: "X1", 0x80: "own"}

    async with a_desk(bus, FakeLink(Known())):
        given = await answered(pages, ask(pages, "identify"))
    assert given.result["objects"] == [[0, "vendor", "Acme"], [1, "product code", "X1"], [128, "object 128", "own"]]


# -- when it is not asked ------------------------------------------------------------------------------------------


class FakeDriver:
    """Counts; answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = asyncio.Event()
        self.let.set()

    async def read(self, unit: int, read: Any, timeout_s: float) -> bytes:
        self.asked += 1
        await self.let.wait()
        return bytes(read.payload_bytes)


class FakeLink:
    def __init__(self, driver: Any, device: int = 1, name: str = "fake") -> None:
        self.driver = driver
        unit = UnitSpec(device, 9, 100, 100, 8, Quirks(), True, (GroupSpec("1:1000", 1000, (LEVEL,), ()),))
        self.spec = LinkSpec(name, "modbus_tcp", "plc", 502, "", "plc:502", (unit,))

    async def ask(self, unit_id: int, question: Callable[[Driver], Awaitable[Any]]) -> Any:
        assert unit_id == 9
        return await question(self.driver)


class a_desk:
    def __init__(self, bus: Redis, *links: FakeLink, is_polling: bool = True, out_of_use: str | None = None) -> None:
        self.desk = ProbeDesk(bus, links=lambda: links, is_polling=lambda: is_polling, out_of_use=lambda _: out_of_use)

    async def __aenter__(self) -> ProbeDesk:
        self.task = asyncio.create_task(self.desk.run())
        await until(lambda: bool(self.desk._entry))
        return self.desk

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_what_was_asked_before_the_start_is_never_executed(bus: Redis, pages: redis.Redis) -> None:
    driver = FakeDriver()
    old = ask(pages, **WORDS)
    async with a_desk(bus, FakeLink(driver)):
        assert (await answered(pages, ask(pages, **WORDS))).is_ok
    assert driver.asked == 1
    assert probes.answer(pages, old) is None


async def test_what_is_too_old_is_never_executed(bus: Redis, pages: redis.Redis) -> None:
    driver = FakeDriver()
    desk = ProbeDesk(bus, links=lambda: [FakeLink(driver)], is_polling=lambda: True)
    desk._entry = "0-1"
    ask(pages, life_ms=1, **WORDS)
    await asyncio.sleep(0.02)
    desk_task = asyncio.create_task(desk.run())
    assert (await answered(pages, ask(pages, **WORDS))).is_ok
    desk_task.cancel()
    await asyncio.gather(desk_task, return_exceptions=True)
    assert driver.asked == 1


async def test_what_arrives_twice_is_executed_once(bus: Redis, pages: redis.Redis) -> None:
    """The reply to the first sending was lost, so the page sent it again."""
    driver = FakeDriver()
    probe = Probe("same", "read", 1, WORDS, "ada")
    async with a_desk(bus, FakeLink(driver)):
        probes.ask(pages, probe)
        probes.ask(pages, probe)
        await answered(pages, "same")
        await answered(pages, ask(pages, **WORDS))
    assert driver.asked == 2


async def test_a_poller_without_the_lease_leaves_questions_alone(bus: Redis, pages: redis.Redis) -> None:
    driver = FakeDriver()
    asked = ask(pages, **WORDS)
    async with a_desk(bus, FakeLink(driver), is_polling=False) as desk:
        asked = ask(pages, **WORDS)
        newest = await probes.newest(bus)
        await until(lambda: desk._entry == newest)
    assert driver.asked == 0
    assert probes.answer(pages, asked) is None


async def test_a_device_out_of_use_is_left_alone(bus: Redis, pages: redis.Redis) -> None:
    driver = FakeDriver()
    async with a_desk(bus, FakeLink(driver), out_of_use="Out of use until 14:00: program download (Ada)."):
        given = await answered(pages, ask(pages, **WORDS))
    assert driver.asked == 0
    assert (given.is_ok, given.sentence) == (False, "Out of use until 14:00: program download (Ada).")


async def test_a_device_nobody_knows_and_a_question_nobody_understands_are_answered(
    bus: Redis, pages: redis.Redis
) -> None:
    driver = FakeDriver()
    async with a_desk(bus, FakeLink(driver)):
        unknown = await answered(pages, ask(pages, device=77, **WORDS))
        strange = await answered(pages, ask(pages, "dance"))
        wrong = await answered(pages, ask(pages, table="holding", address=65_530, count=100))
        pages.xadd(keys.PROBES, {b"b": b"\xc1"})
        pages.xadd(keys.PROBES, {b"x": b"y"})
        assert (await answered(pages, ask(pages, **WORDS))).is_ok, "and it goes on"
    assert "does not know this device" in unknown.sentence
    assert "cannot be understood" in strange.sentence
    assert "cannot be understood" in wrong.sentence
    assert driver.asked == 1


async def test_only_so_many_are_asked_at_once_and_the_rest_is_told(bus: Redis, pages: redis.Redis) -> None:
    driver = FakeDriver()
    driver.let.clear()
    links = [FakeLink(driver, number, f"link {number}") for number in range(1, WAITING + 2)]
    async with a_desk(bus, *links) as desk:
        ids = [ask(pages, device=number, **WORDS) for number in range(1, WAITING + 2)]
        turned_away = await answered(pages, ids[-1])
        await until(lambda: driver.asked == AT_ONCE)
        assert "Too many questions" in turned_away.sentence
        driver.let.set()
        for probe_id in ids[:-1]:
            await answered(pages, probe_id)
        await until(lambda: not desk._running)
    assert driver.asked == WAITING


async def test_on_one_line_one_question_waits_for_the_other_and_no_other_line_waits(
    bus: Redis, pages: redis.Redis
) -> None:
    """Whoever asks a silent device ten times delays each scan on its line by one time-out, not by ten."""
    silent, other = FakeDriver(), FakeDriver()
    silent.let.clear()
    async with a_desk(bus, FakeLink(silent, 1, "one"), FakeLink(other, 2, "two")):
        waiting = [ask(pages, **WORDS) for _ in range(AT_ONCE + 2)]
        assert (await answered(pages, ask(pages, device=2, **WORDS))).is_ok
        assert (silent.asked, other.asked) == (1, 1)
        silent.let.set()
        for probe_id in waiting:
            assert (await answered(pages, probe_id)).is_ok


async def test_a_device_that_never_ends_is_given_up(bus: Redis, pages: redis.Redis, monkeypatch: Any) -> None:
    monkeypatch.setattr("devices.poller.probes.PATIENCE_S", 0.05)
    driver = FakeDriver()
    driver.let.clear()
    async with a_desk(bus, FakeLink(driver)):
        given = await answered(pages, ask(pages, **WORDS))
    assert "the line was busy" in given.sentence


async def test_a_fault_of_our_own_is_answered_and_survived(bus: Redis, pages: redis.Redis) -> None:
    class Broken(FakeDriver):
        async def read(self, unit: int, read: Any, timeout_s: float) -> bytes:
            self.asked += 1
            if self.asked == 1:
                raise ZeroDivisionError("a fault in the driver")
            return bytes(read.payload_bytes)

    async with a_desk(bus, FakeLink(Broken())):
        first = await answered(pages, ask(pages, **WORDS))
        second = await answered(pages, ask(pages, **WORDS))
    assert (first.is_ok, second.is_ok) == (False, True)
    assert "Isthmus itself" in first.sentence


async def test_an_unknown_driver_says_so_to_a_question_too() -> None:
    driver = open_driver("semaphore", "plc", 502)
    with pytest.raises(LinkDown, match="there is no driver 'semaphore'"):
        await driver.identify(1, 1)


async def test_a_flushed_bus_does_not_end_it(bus: Redis, pages: redis.Redis) -> None:
    async with a_desk(bus, FakeLink(FakeDriver())):
        await answered(pages, ask(pages, **WORDS))
        pages.flushall()
        assert (await answered(pages, ask(pages, **WORDS))).is_ok


async def test_answers_are_forgotten_after_some_minutes(bus: Redis, pages: redis.Redis) -> None:
    given = ProbeAnswer("a", "connect", 1, True, "x", "", 5, {"rtt_ms": 1.5})
    await probes.give(bus, given)
    assert probes.answer(pages, "a") == given
    assert 0 < await bus.ttl(keys.PROBE_ANSWERS + "a") <= probes.ANSWER_KEPT_S
