"""Devices that say anything, at random from one seed: nothing false is ever Good, nothing of ours breaks or leaks."""

import asyncio
import gc
import os
import random
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from statistics import median

import pytest
from redis.asyncio import Redis

from devices.drivers.base import DriverError
from devices.drivers.registry import open_driver
from devices.plan import Read
from devices.points import Table
from devices.poller.service import Poller
from tests.fault_seed import seeded, times
from tests.interop.faulty import Device, Framing, a_device_of, checksum, now_ms
from tests.interop.fuzzing import ACTS_OF, Mutator
from tests.interop.sites import SCAN_MS, Site, a_site, achieved_ms, watched
from tests.interop.waiting import within
from tests.interop.witness import Witness

TIMEOUT_MS = 80
BACK_S = 33.0
"""The longest back-off and its jitter (docs/decisions/0005-polling.md): a read that has broken connections for a while
is held back. A device that was only silent is back within 2 s (tests/interop/test_faults.py)."""
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0) * 4
"""The share of requests that go wrong, device by device."""
DRIVERS = 8
PATIENCE_S = 0.02


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@asynccontextmanager
async def nothing_left_behind() -> AsyncIterator[None]:
    """No task, no socket more than before."""
    gc.collect()
    tasks, files = len(asyncio.all_tasks()), open_files()
    yield
    await within(3, lambda: len(asyncio.all_tasks()) <= tasks, lambda: f"tasks left: {asyncio.all_tasks()}")
    gc.collect()
    await within(3, lambda: open_files() <= files + 1, lambda: f"{open_files()} files open, {files} before")


def what_is_left(witness: Witness, poller: Poller, site: Site) -> str:
    said = {tag: witness.said[tag] for tag in site.tags}
    return f"device {site.entry.id} is back; {said}; {poller.links[site.entry.link].health()}"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("framing", list(Framing))
async def test_whatever_devices_say_nothing_false_is_good(
    bus: Redis, bus_url: str, framing: Framing, caplog: pytest.LogCaptureFixture
) -> None:
    """MB-01, MB-03, MB-08, UA-03."""
    chance = seeded(list(Framing).index(framing))
    async with nothing_left_behind(), AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(a_device_of(framing)) for _ in range(len(RATES) + 1)]
        mutators = [Mutator(random.Random(chance.random()), rate, TIMEOUT_MS / 1000) for rate in RATES]
        for device, mutator in zip(devices, mutators, strict=False):
            device.answer = mutator
        sites = [
            a_site(i, device, table=Table.HOLDING if i % 2 else Table.INPUT, timeout_ms=TIMEOUT_MS, max_gap=i)
            for i, device in enumerate(devices, 1)
        ]
        *faulty, healthy = sites
        witness, poller = await stack.enter_async_context(watched(bus, bus_url, sites))
        for site in sites:
            await within(10, partial(witness.are_good, site.tags), "every device is read")
        for mutator in mutators:
            mutator.is_on = True
        begun = now_ms()
        for _ in range(times(15, 900)):
            await asyncio.sleep(1)
            assert witness.false == []
            assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == [], "nothing of ours broke"
        gaps = witness.gaps_ms(healthy.group, begun)
        assert abs(median(gaps) - SCAN_MS) < 0.2 * SCAN_MS, "the healthy device keeps its period"
        assert achieved_ms(poller, healthy) < 2 * SCAN_MS, "a busy machine skips a scan; waiting for others costs many"
        for mutator in mutators:
            mutator.is_on = False
        ended = now_ms()
        for site in faulty:
            await within(
                BACK_S, partial(witness.are_good, site.tags, ended), partial(what_is_left, witness, poller, site)
            )
        done = {name for mutator in mutators for name in mutator.acts}
        assert done == {act.__name__ for act in ACTS_OF[framing]}, "everything was tried"
        print(f"{witness.good} Good values looked at, {sum(sum(m.acts.values()) for m in mutators)} mutations")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("framing", list(Framing))
async def test_whatever_comes_a_driver_returns_what_stood_there_or_an_error(framing: Framing) -> None:
    """Without the pauses of a link: some ten thousand replies, a third of them mutated."""
    chance = seeded(10 + list(Framing).index(framing))
    async with nothing_left_behind(), AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(a_device_of(framing)) for _ in range(DRIVERS)]
        mutators = [Mutator(random.Random(chance.random()), 0.3, PATIENCE_S) for _ in devices]
        for device, mutator in zip(devices, mutators, strict=True):
            device.answer = mutator
            mutator.is_on = True
        until = time.monotonic() + times(8, 600)
        told = await asyncio.gather(
            *(asked_without_end(device, random.Random(chance.random()), until) for device in devices)
        )
        for mutator in mutators:
            mutator.is_on = False
        counts = sum(told, Counter())
        print(dict(counts), sum((Counter(m.acts) for m in mutators), Counter()))
        assert counts["read"] > 100
        assert {act.__name__ for act in ACTS_OF[framing]} == {name for m in mutators for name in m.acts}


async def asked_without_end(device: Device, chance: random.Random, until: float) -> "Counter[str]":
    """How often each outcome was. Fails on a payload that was not in the registers that were asked for."""
    counts: Counter[str] = Counter()
    driver = open_driver(device.framing.value, "127.0.0.1", device.port)
    try:
        while time.monotonic() < until:
            table = chance.choice([Table.HOLDING, Table.INPUT])
            read = Read(table, 2 * chance.randrange(4), 2 * chance.randint(1, 3), ())
            unit = chance.randint(1, 2)
            asked_ms = now_ms()
            try:
                if not driver.is_connected:
                    await driver.connect(1)
                payload = await driver.read(unit, read, PATIENCE_S)
            except DriverError as error:
                counts[type(error).__name__] += 1
                if getattr(error, "is_out_of_step", False):
                    driver.close()
                continue
            counts["read"] += 1
            assert false_words(device, unit, read, payload, asked_ms) == [], f"after {dict(counts)}"
    finally:
        driver.close()
    return counts


def false_words(device: Device, unit: int, read: Read, payload: bytes, asked_ms: int) -> list[str]:
    """What in the payload is not of this place, or from before the request."""
    told = []
    for i, word in enumerate(struct.unpack(f">{read.count // 2}I", payload)):
        generation, check = word >> 16, word & 0xFFFF
        if checksum(unit, read.table.function_code, read.address + 2 * i, generation) != check:
            told.append(f"{word:#010x} at {read.address + 2 * i}")
        elif device.made_ms[generation] < asked_ms:
            told.append(f"{word:#010x} is {asked_ms - device.made_ms[generation]} ms older than the request")
    return told
