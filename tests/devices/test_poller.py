"""From a register to the bus, with a Modbus server we did not write; and what is said when it stops answering."""

import asyncio
import time
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Any

import pytest
from pyModbusTCP.server import DataBank
from redis.asyncio import Redis

from bus import keys
from bus.messages import FULL, Block, decode
from bus.presence import hear_processes
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    BAD_NOT_CONNECTED,
    BAD_OUT_OF_SERVICE,
    BAD_TIMEOUT,
    GOOD,
    UNCERTAIN_LAST_USABLE,
    UNCERTAIN_NO_COMMUNICATION,
    Severity,
    severity,
)
from devices.drivers.modbus import ModbusTcp
from devices.plan import Read
from devices.points import DataType, Point, Table
from tests.devices.faulty import HONEST, POISON, Request, a_faulty_server, honest, never
from tests.devices.rig import (
    Plant,
    a_device,
    a_modbus_server,
    a_tag,
    latest,
    polling,
    row,
    switched_off,
    until,
    until_row,
)
from tests.devices.test_modbus_replies import WRONG, answering
from tests.devices.waiting import slowness
from tests.ports import free_port

LEVEL = Point(1, Table.HOLDING, 0, DataType.FLOAT32)
RUN = Point(2, Table.COIL, 0, DataType.BOOL)
FLOW = Point(3, Table.HOLDING, 2, DataType.UINT16, scale=0.5)
COUNT = Point(4, Table.HOLDING, 0, DataType.UINT16)


def is_good(found: tuple[Any, int]) -> bool:
    return found[1] == GOOD


def is_kept(found: tuple[Any, int]) -> bool:
    return found[1] == UNCERTAIN_NO_COMMUNICATION


async def stream(bus: Redis) -> list[Block]:
    entries: Any = await bus.xrange(keys.SAMPLES)
    return [decode(fields[b"b"]) for _, fields in entries]


async def test_a_register_reaches_the_bus(bus: Redis, bus_url: str) -> None:
    bank = DataBank()
    bank.set_holding_registers(0, [0x47F1, 0x2000, 123])
    bank.set_coils(0, [True])
    with a_modbus_server(bank) as port:
        device = a_device(1, port)
        async with polling(bus_url, Plant({device: [a_tag(device, p) for p in (LEVEL, RUN, FLOW)]})):
            await until_row(bus, "1:200", 1, is_good)
            assert [await row(bus, "1:200", tag) for tag in (1, 2, 3)] == [(123456.0, GOOD), (True, GOOD), (61.5, GOOD)]
            bank.set_holding_registers(2, [200])
            await until_row(bus, "1:200", 3, lambda found: found[0] == 100.0, 1.0)
            blocks = await stream(bus)
    assert blocks[0].is_full
    assert all(after.seq == before.seq + 1 for before, after in pairwise(blocks))
    first = next(i for i, b in enumerate(blocks) if b.statuses and all(status == GOOD for status in b.statuses))
    changes = [(list(b.ids), list(b.values)) for b in blocks[first + 1 :] if b.ids and not b.is_full]
    assert changes == [([3], [100.0])], "an entry carries only what changed"


async def test_a_scan_without_change_is_published_too(bus: Redis, bus_url: str) -> None:
    """The entry is the proof of freshness; its times lie one period apart."""
    with a_modbus_server(DataBank()) as port:
        device = a_device(1, port)
        async with slowness() as slow, polling(bus_url, Plant({device: [a_tag(device, COUNT, scan_ms=100)]})):
            blocks: list[Block] = []
            deadline = time.monotonic() + 10
            while len(blocks) < 10 and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
                blocks = await stream(bus)
    gaps = [b.read_at_ms - a.read_at_ms for a, b in pairwise(blocks[1:])]
    assert len(blocks) >= 10
    assert abs(median(gaps) - 100) < 10 + slow.ms
    assert max(gaps) < 150 + 2 * slow.ms


async def test_a_stopped_device_is_marked_and_comes_back_by_itself(bus: Redis, bus_url: str) -> None:
    """UA-03: the last value stays, Uncertain, with the time it was taken; back within 2 s."""
    bank, port = DataBank(), free_port()
    bank.set_holding_registers(0, [7])
    device = a_device(1, port)
    async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]})):
        with a_modbus_server(bank, port):
            await until_row(bus, "1:200", 4, is_good)
        stopped_ms = time.time_ns() // 1_000_000
        assert (await until_row(bus, "1:200", 4, is_kept, 2.0))[0] == 7
        block = await latest(bus, "1:200")
        assert block.source_ms is not None
        assert block.source_ms[0] <= stopped_ms + 50
        before = block.seq
        await asyncio.sleep(0.5)
        assert (await latest(bus, "1:200")).seq >= before + 2, "a failed scan is published like any other"
        bank.set_holding_registers(0, [8])
        with a_modbus_server(bank, port):
            began = time.monotonic()
            assert (await until_row(bus, "1:200", 4, is_good))[0] == 8
            assert time.monotonic() - began < 2
            assert (await latest(bus, "1:200")).source_ms is None


async def test_a_device_that_never_answered_has_no_value(bus: Redis, bus_url: str) -> None:
    device = a_device(1, free_port())
    async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]})) as poller:
        assert (await until_row(bus, "1:200", 4, lambda f: f[1] == BAD_NOT_CONNECTED))[0] is None
        (link,) = poller.links.values()
        health = link.health()
    assert health.state == "disconnected"
    assert health.reason.startswith(f"No answer from 127.0.0.1:{device.port} for ")
    assert "connection refused" in health.reason


async def test_a_device_that_accepts_and_is_silent_has_timed_out(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server(never) as server:
        device = a_device(1, server.port, timeout_ms=100)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]})) as poller:
            assert (await until_row(bus, "1:200", 4, lambda f: f[1] == BAD_TIMEOUT))[0] is None
            assert "check power and cable" in next(iter(poller.links.values())).health().reason


async def test_a_hung_device_is_marked_in_time_though_its_time_out_is_long(bus: Redis, bus_url: str) -> None:
    """UA-05: within max(3 scans, 2 s), and within 2 s after it answers again."""
    async with a_faulty_server() as server:
        device = a_device(1, server.port, timeout_ms=20_000)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]})):
            await until_row(bus, "1:200", 4, is_good)
            server.answer = never
            began = time.monotonic()
            assert (await until_row(bus, "1:200", 4, is_kept))[0] == HONEST
            assert time.monotonic() - began < 2.1


async def test_a_hung_device_is_back_soon_after_it_answers(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]})):
            await until_row(bus, "1:200", 4, is_good)
            server.answer = never
            await until_row(bus, "1:200", 4, is_kept)
            await asyncio.sleep(1.5)
            server.answer = honest
            began = time.monotonic()
            await until_row(bus, "1:200", 4, is_good)
            assert time.monotonic() - began < 2


async def test_a_silent_unit_does_not_silence_the_others_on_its_link(bus: Redis, bus_url: str) -> None:
    async def only_unit_2(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.unit == 2:
            await honest(request, writer)

    async with a_faulty_server(only_unit_2) as server:
        silent = a_device(1, server.port, unit=1, timeout_ms=150)
        speaking = a_device(2, server.port, unit=2, timeout_ms=150)
        other = Point(5, Table.HOLDING, 0, DataType.UINT16)
        plant = Plant({silent: [a_tag(silent, COUNT, 100)], speaking: [a_tag(speaking, other, 100)]})
        async with slowness() as slow, polling(bus_url, plant) as poller:
            await until_row(bus, "2:100", 5, is_good)
            await asyncio.sleep(2.0)
            blocks = [b for b in await stream(bus) if b.group == "2:100"]
            (link,) = poller.links.values()
            assert "no answer from plc1" in link.health().reason
    gaps = [b.read_at_ms - a.read_at_ms for a, b in pairwise(blocks)]
    assert max(gaps) < 150 + 150 + 2 * slow.ms, "one time-out now and then is all it costs"
    assert server.connections == 1
    assert await row(bus, "1:100", 4) == (None, BAD_TIMEOUT)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (2, BAD_CONFIGURATION_ERROR),
        (3, BAD_CONFIGURATION_ERROR),
        (4, BAD_DEVICE_FAILURE),
        (6, UNCERTAIN_LAST_USABLE),
        (7, BAD_DEVICE_FAILURE),
        (8, BAD_DEVICE_FAILURE),
        (9, BAD_DEVICE_FAILURE),
        (0x0A, BAD_NO_COMMUNICATION),
        (0x0B, UNCERTAIN_NO_COMMUNICATION),
    ],
)
async def test_an_exception_concerns_only_the_tags_of_its_request(
    bus: Redis, bus_url: str, code: int, status: int
) -> None:
    """UA-03."""
    refusing = asyncio.Event()

    async def refuse_high(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.address >= 1000 and refusing.is_set():
            writer.write(request.exception(code))
        else:
            await honest(request, writer)

    far = Point(5, Table.HOLDING, 1000, DataType.UINT16)
    async with a_faulty_server(refuse_high) as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, 100), a_tag(device, far, 100)]})) as poller:
            await until_row(bus, "1:100", 5, is_good)
            refusing.set()
            value, _ = await until_row(bus, "1:100", 5, lambda found: found[1] == status, 2.0)
            assert value == (HONEST if severity(status) is Severity.UNCERTAIN else None)
            assert await row(bus, "1:100", 4) == (HONEST, GOOD)
            (link,) = poller.links.values()
            assert link.health().detail["exceptions"][f"{code:02X}"] >= 1
            refusing.clear()
            await until_row(bus, "1:100", 5, is_good, 5.5 if code == 0x0A else 1.5)


async def test_no_wrong_reply_ever_becomes_a_value_and_every_link_recovers(bus: Redis, bus_url: str) -> None:
    """MB-01 through the whole poller: all kinds of wrong answers at once, one device each."""
    names = list(WRONG)
    servers = [a_faulty_server() for _ in names]
    running = [await server.__aenter__() for server in servers]
    devices = [a_device(i + 1, server.port, timeout_ms=100) for i, server in enumerate(running)]
    plant = Plant(
        {d: [a_tag(d, Point(d.id, Table.HOLDING, 0, DataType.UINT16), 100)] for d in devices},
    )
    try:
        async with polling(bus_url, plant) as poller:
            for device in devices:
                await until_row(bus, f"{device.id}:100", device.id, is_good)
            for name, server in zip(names, running, strict=True):
                server.answer = answering(WRONG[name])
            for device in devices:
                await until_row(bus, f"{device.id}:100", device.id, is_kept)
            counted = [link.health().detail["bad_replies"] for link in poller.links.values()]
            assert min(counted) >= 1, dict(zip(names, counted, strict=True))
            for server in running:
                server.answer = honest
            for device in devices:
                await until_row(bus, f"{device.id}:100", device.id, is_good, 3.0)
            values = {value for block in await stream(bus) for value in block.values}
            assert values - {None} == {HONEST}
            assert POISON not in values
    finally:
        for manager in servers:
            await manager.__aexit__(None, None, None)


async def test_a_device_that_hangs_up_after_each_answer_is_not_stormed(bus: Redis, bus_url: str) -> None:
    async def hang_up(request: Request, writer: asyncio.StreamWriter) -> None:
        await honest(request, writer)
        await writer.drain()
        writer.close()

    async with a_faulty_server(hang_up) as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, 100)]})):
            await asyncio.sleep(1.5)
            assert server.connections <= 4


async def test_a_read_that_breaks_the_connection_does_not_take_the_others_along(bus: Redis, bus_url: str) -> None:
    async def hang_up_high(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.address >= 1000:
            writer.close()
        else:
            await honest(request, writer)

    far = Point(5, Table.HOLDING, 1000, DataType.UINT16)
    async with a_faulty_server(hang_up_high) as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT, 100), a_tag(device, far, 100)]})):
            await until_row(bus, "1:100", 4, is_good)
            await asyncio.sleep(1.5)
            assert await row(bus, "1:100", 4) == (HONEST, GOOD)
            assert (await row(bus, "1:100", 5) or (0, 0))[1] != GOOD
            assert server.connections <= 6


async def test_a_change_of_one_link_leaves_the_other_alone(bus: Redis, bus_url: str) -> None:
    """Picked up within 2 s; the socket of the other link stays the same; everything is told once in full."""
    async with a_faulty_server() as one, a_faulty_server() as two:
        first, second = a_device(1, one.port), a_device(2, two.port)
        other = Point(5, Table.HOLDING, 0, DataType.UINT16)
        plant = Plant({first: [a_tag(first, COUNT)], second: [a_tag(second, other)]})
        async with polling(bus_url, plant) as poller:
            await until_row(bus, "1:200", 4, is_good)
            await until_row(bus, "2:200", 5, is_good)
            added = Point(6, Table.HOLDING, 9, DataType.UINT16)
            plant.change({first: [a_tag(first, COUNT), a_tag(first, added)], second: [a_tag(second, other)]})
            began = time.monotonic()
            await until_row(bus, "1:200", 6, is_good)
            assert time.monotonic() - began < 2
            await until(lambda: poller.links[second.link].revision == 2)
            await asyncio.sleep(0.3)
            told = [b for b in await stream(bus) if b.group == "2:200" and b.revision == 2]
            assert told[0].flags & FULL
            assert not told[-1].flags & FULL
            assert (one.connections, two.connections) == (2, 1)


async def test_a_device_that_takes_one_connection_is_never_asked_for_a_second(bus: Redis, bus_url: str) -> None:
    """MB-10: a link that starts anew because of its configuration waits for the end of the one before."""
    open_at_once: list[int] = []

    async def counting(request: Request, writer: asyncio.StreamWriter) -> None:
        open_at_once.append(len(server.writers))
        await honest(request, writer)

    async with a_faulty_server(counting) as server:
        device = a_device(1, server.port)
        plant = Plant({device: [a_tag(device, COUNT, 100)]})
        async with polling(bus_url, plant):
            await until_row(bus, "1:100", 4, is_good)
            for tag in (50, 51):
                more = a_tag(device, Point(tag, Table.HOLDING, 0, DataType.UINT16), 100)
                plant.change({device: [a_tag(device, COUNT, 100), more]})
                await until_row(bus, "1:100", tag, is_good)
    assert set(open_at_once) == {1}
    assert server.connections == 3


async def test_a_removed_device_leaves_the_bus(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        plant = Plant({device: [a_tag(device, COUNT)]})
        async with polling(bus_url, plant):
            await until_row(bus, "1:200", 4, is_good)
            plant.change({})
            deadline = time.monotonic() + 2
            while await bus.hlen(keys.LATEST) or await bus.hlen(keys.LINKS):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)


async def test_a_switched_off_tag_is_out_of_service_and_not_read(bus: Redis, bus_url: str) -> None:
    far = Point(5, Table.HOLDING, 1000, DataType.UINT16)
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        plant = Plant({device: [a_tag(device, COUNT), switched_off(a_tag(device, far))]})
        async with polling(bus_url, plant):
            await until_row(bus, "1:200", 4, is_good)
            assert await row(bus, "1:200", 5) == (None, BAD_OUT_OF_SERVICE)
            assert {request.address for request in server.requests} == {0}


async def test_a_switched_off_device_is_not_connected(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = switched_off(a_device(1, server.port))
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]})) as poller:
            await until_row(bus, "1:200", 4, lambda f: f == (None, BAD_OUT_OF_SERVICE))
            assert next(iter(poller.links.values())).health().state == "disabled"
            assert server.connections == 0


async def test_a_device_without_tags_is_said_to_be_idle(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: []})) as poller:
            await until(lambda: len(poller.links) == 1)
            health = next(iter(poller.links.values())).health()
            assert (health.state, health.reason) == ("idle", "No tags: nothing is read from this device.")
            assert server.connections == 0


async def test_a_new_poller_keeps_the_last_value_of_a_dead_device(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        plant = Plant({device: [a_tag(device, COUNT)]})
        async with polling(bus_url, plant):
            await until_row(bus, "1:200", 4, is_good)
    async with polling(bus_url, plant):
        assert await until_row(bus, "1:200", 4, is_kept) == (HONEST, UNCERTAIN_NO_COMMUNICATION)


async def test_the_poller_says_what_it_does(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT), a_tag(device, FLOW, 1000)]})) as poller:
            await until_row(bus, "1:200", 4, is_good)
            await until(lambda: poller.figures()["tags"] == 2)
            deadline = time.monotonic() + 3
            while (said := (await hear_processes(bus)).get("poller")) is None or said.state.detail["tags"] != 2:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            assert said.state.revision == 1
            (link,) = poller.links.values()
            health = link.health()
            assert health.state == "connected"
            assert health.detail["rtt_p99_ms"] > 0
            assert health.detail["groups"]["1:200"]["scan_ms"] == 200


async def test_it_ends_at_once(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server(never) as server:
        device = a_device(1, server.port, timeout_ms=20_000)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]})):
            await until(lambda: bool(server.requests))
            began = time.monotonic()
        assert time.monotonic() - began < 1
        assert await bus.get(keys.POLLER_LEASE) is None, "the next one need not wait for the lease to expire"


async def test_without_its_database_it_goes_on_with_what_it_has(bus: Redis, bus_url: str) -> None:
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        plant = Plant({device: [a_tag(device, COUNT, 100)]})
        async with polling(bus_url, plant) as poller:
            await until_row(bus, "1:100", 4, is_good)
            plant.is_away = True
            asked = plant.asked
            await until(lambda: plant.asked >= asked + 2)
            before = (await latest(bus, "1:100")).seq
            await asyncio.sleep(0.3)
            assert (await latest(bus, "1:100")).seq >= before + 2
            plant.is_away = False
            plant.touch()
            await until(lambda: poller.links[device.link].revision == 2)
            assert server.connections == 1


class Broken(ModbusTcp):
    """A driver with a fault of its own, twice."""

    faults = 2

    async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:
        if Broken.faults:
            Broken.faults -= 1
            raise ZeroDivisionError("a fault in the driver")
        return await super().read(unit, read, timeout_s)


async def test_a_fault_of_our_own_in_one_link_is_survived(bus: Redis, bus_url: str) -> None:
    Broken.faults = 2
    async with a_faulty_server() as server:
        device = a_device(1, server.port)
        async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]}), lambda _, *where: Broken(*where)):
            await until_row(bus, "1:200", 4, is_good)
            assert server.connections == 3


async def test_an_unknown_driver_says_which_there_are(bus: Redis, bus_url: str) -> None:
    device = replace(a_device(1, 502), driver="semaphore")
    async with polling(bus_url, Plant({device: [a_tag(device, COUNT)]})) as poller:
        await until_row(bus, "1:200", 4, lambda f: f == (None, BAD_NOT_CONNECTED))
        assert (
            "there is no driver 'semaphore'; known drivers: modbus_rtu, modbus_rtu_tcp, modbus_tcp"
            in next(iter(poller.links.values())).health().reason
        )
