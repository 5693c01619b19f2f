"""Derived and manual tags, substituted values and totals in the poller: on the bus, through restarts and outages."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from pyModbusTCP.server import DataBank
from redis.asyncio import Redis

from bus import keys
from bus.messages import Block, decode
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_NOT_CONNECTED,
    BAD_OUT_OF_SERVICE,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    GOOD_LOCAL_OVERRIDE,
    LIMIT_HIGH,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_SUBNORMAL,
)
from devices.formula import Formula, Function
from devices.interventions import Entered, Interventions, Placed
from devices.models import Kind
from devices.points import DataType, Point, Table
from devices.poller.computing import Stored
from devices.poller.interventions import Store
from devices.poller.link import now_ms
from devices.snapshot import TagEntry
from tests.devices.rig import Plant, a_device, a_modbus_server, a_tag, latest, polling, row, until, until_row
from tests.entries import tag_entry
from tests.ports import free_port

A, B = Point(1, Table.HOLDING, 0, DataType.UINT16), Point(2, Table.HOLDING, 1, DataType.UINT16)
DERIVED = "derived:100"
HOUR_MS = 3_600_000


def derived(tag: int, expression: str, *, function: Function = Function.VALUE, **given: Any) -> TagEntry:
    """A derived tag; its inputs are named a (tag 1), b (tag 2) and t<number> (any other)."""
    words = {"a": 1, "b": 2} | {f"t{number}": number for number in range(3, 40)}
    inputs = tuple((name, number) for name, number in sorted(words.items()) if name in expression.split())
    eu_min, eu_max = given.pop("eu_min", None), given.pop("eu_max", None)
    formula = Formula(tag, function, expression, inputs, 1.0, 1.0, eu_min, eu_max)
    fields: dict[str, Any] = {"scan_ms": 100, "data_type": DataType.FLOAT64, "eu_min": eu_min, "eu_max": eu_max} | given
    entry = tag_entry(Point(tag, Table.HOLDING, 0, DataType.FLOAT64), kind=Kind.DERIVED, device_id=None)
    return replace(entry, point=None, formula=formula, **fields)


def manual(tag: int, **given: Any) -> TagEntry:
    fields: dict[str, Any] = {"scan_ms": HOUR_MS, "data_type": DataType.FLOAT64} | given
    entry = tag_entry(Point(tag, Table.HOLDING, 0, DataType.FLOAT64), kind=Kind.MANUAL, device_id=None)
    return replace(entry, point=None, **fields)


class Desk:
    """The tables of operation, in memory. `is_away`: the database does not answer."""

    def __init__(self) -> None:
        self.found = Interventions()
        self.rows: dict[int, Stored] = {}
        self.is_away = False
        self.writes = 0

    def active(self) -> Interventions:
        if self.is_away:
            raise OperationalError("the database is away")
        return self.found

    def keep(self, wanted: Mapping[int, Stored], known: Mapping[int, Stored]) -> dict[int, Stored]:
        if self.is_away:
            raise OperationalError("the database is away")
        for tag, state in wanted.items():
            if self.rows.get(tag) == known.get(tag):
                self.rows[tag] = state
                self.writes += 1
        return dict(self.rows)

    @property
    def store(self) -> Store:
        return Store(self.active, self.keep)


@contextmanager
def a_plant(*computed: TagEntry, a: int = 30, b: int = 10, scan_ms: int = 100) -> Iterator[tuple[Plant, DataBank]]:
    """Two registers of a device, tags 1 and 2, and what is computed from them."""
    bank = DataBank()
    bank.set_holding_registers(0, [a, b])
    with a_modbus_server(bank) as port:
        device = a_device(1, port)
        plant = Plant({device: [a_tag(device, A, scan_ms), a_tag(device, B, scan_ms)]})
        add(plant, *computed)
        yield plant, bank


def add(plant: Plant, *computed: TagEntry) -> None:
    plant.snapshot = replace(plant.snapshot, tags={**plant.snapshot.tags, **{tag.id: tag for tag in computed}})


async def changes(bus: Redis, group: str) -> list[Block]:
    entries: Any = await bus.xrange(keys.SAMPLES)
    blocks = [decode(fields[b"b"]) for _, fields in entries]
    return [block for block in blocks if block.group == group]


def is_value(value: Any, status: int = GOOD) -> Callable[[tuple[Any, int]], bool]:
    return lambda found: found == (value, status)


# -- derived


async def test_a_derived_tag_is_computed_from_what_is_read(bus: Redis, bus_url: str) -> None:
    with a_plant(derived(10, "( a - b ) / 2"), derived(11, "a > b", data_type=DataType.BOOL)) as (plant, bank):
        async with polling(bus_url, plant):
            await until_row(bus, DERIVED, 10, is_value(10.0))
            assert await row(bus, DERIVED, 11) == (True, GOOD)
            bank.set_holding_registers(0, [5])
            await until_row(bus, DERIVED, 10, is_value(-2.5))
            assert await row(bus, DERIVED, 11) == (False, GOOD)


async def test_its_group_proves_every_period_that_it_is_fresh(bus: Redis, bus_url: str) -> None:
    """UA-05: a block without a change still says that the values were computed."""
    with a_plant(derived(10, "a + b")) as (plant, _):
        async with polling(bus_url, plant):
            await until_row(bus, DERIVED, 10, is_value(40.0))
            before = await latest(bus, DERIVED)
            await asyncio.sleep(0.55)
            blocks = [b for b in await changes(bus, DERIVED) if b.seq > before.seq]
    assert 4 <= len(blocks) <= 6
    assert all(list(block.ids) == [] for block in blocks)
    assert [b.seq for b in blocks] == list(range(before.seq + 1, before.seq + 1 + len(blocks)))


async def test_what_is_computed_from_computed_tags_belongs_to_the_same_moment(bus: Redis, bus_url: str) -> None:
    with a_plant(derived(10, "t11 * 2"), derived(11, "a + b")) as (plant, bank):
        async with polling(bus_url, plant):
            for step in range(5):
                bank.set_holding_registers(0, [step])
                await until_row(bus, DERIVED, 11, is_value(float(step + 10)))
                block = await latest(bus, DERIVED)
                found = dict(zip(block.ids, block.values, strict=True))
                assert found[10] == found[11] * 2  # type: ignore[operator]  # both are numbers here


async def test_its_quality_is_that_of_its_worst_input(bus: Redis, bus_url: str) -> None:
    """UA-03: last usable values make it Uncertain, a value that never came makes it Bad."""
    computed = [derived(10, "a + b"), derived(11, "a", eu_max=20.0), derived(12, "a + t30"), derived(13, "t31")]
    lost = a_device(2, free_port())
    with a_plant(*computed) as (plant, _):
        never = a_tag(lost, Point(30, Table.HOLDING, 0, DataType.UINT16), 100)
        off = replace(never, id=31, enabled=False, path="works/t31")
        plant.snapshot = replace(plant.snapshot, devices={**plant.snapshot.devices, 2: lost})
        add(plant, never, off)
        async with polling(bus_url, plant):
            await until_row(bus, DERIVED, 10, is_value(40.0))
            assert await row(bus, DERIVED, 11) == (30.0, UNCERTAIN_EU_EXCEEDED | LIMIT_HIGH)
            await until_row(bus, DERIVED, 12, is_value(None, BAD_NOT_CONNECTED))
            assert await row(bus, DERIVED, 13) == (None, BAD_OUT_OF_SERVICE)


async def test_a_lost_device_makes_it_uncertain_and_it_comes_back(bus: Redis, bus_url: str) -> None:
    bank = DataBank()
    bank.set_holding_registers(0, [30, 10])
    with a_modbus_server(bank) as port:
        device = a_device(1, port)
        plant = Plant({device: [a_tag(device, A, 100), a_tag(device, B, 100)]})
        add(plant, derived(10, "a + b"))
        async with polling(bus_url, plant):
            await until_row(bus, DERIVED, 10, is_value(40.0))
            plant.change({replace(device, port=free_port()): list(plant.snapshot.tags.values())[:2]})
            add(plant, derived(10, "a + b"))
            await until_row(bus, DERIVED, 10, is_value(40.0, UNCERTAIN_SUBNORMAL))


async def test_a_division_by_zero_is_bad_and_nothing_else_is(bus: Redis, bus_url: str) -> None:
    with a_plant(derived(10, "a / b"), derived(11, "a + b"), derived(12, "sqrt( b - 5 )")) as (plant, bank):
        async with polling(bus_url, plant):
            await until_row(bus, DERIVED, 10, is_value(3.0))
            bank.set_holding_registers(1, [0])
            await until_row(bus, DERIVED, 10, is_value(None, BAD_CONFIGURATION_ERROR))
            assert await row(bus, DERIVED, 11) == (30.0, GOOD)
            assert await row(bus, DERIVED, 12) == (None, BAD_CONFIGURATION_ERROR)
            bank.set_holding_registers(1, [15])
            await until_row(bus, DERIVED, 10, is_value(2.0))


async def test_a_loop_or_nonsense_written_past_the_checks_costs_only_itself(bus: Redis, bus_url: str) -> None:
    computed = [
        derived(10, "t11 + 1"),
        derived(11, "t10 + 1"),
        derived(12, "a.real"),
        derived(13, "t35"),
        derived(14, "a"),
    ]
    with a_plant(*computed) as (plant, _):
        async with polling(bus_url, plant):
            await until_row(bus, DERIVED, 14, is_value(30.0))
            for tag in (10, 11, 12, 13):
                assert await row(bus, DERIVED, tag) == (None, BAD_CONFIGURATION_ERROR)


async def test_a_slow_group_does_not_wait_an_hour_for_its_first_value(bus: Redis, bus_url: str) -> None:
    with a_plant(derived(10, "a", scan_ms=HOUR_MS), derived(11, "a", enabled=False)) as (plant, _):
        async with polling(bus_url, plant):
            await until_row(bus, f"derived:{HOUR_MS}", 10, is_value(30.0), timeout_s=4)
            assert await row(bus, DERIVED, 11) == (None, BAD_OUT_OF_SERVICE)


async def test_a_changed_plant_keeps_the_windows_of_what_stays_the_same(bus: Redis, bus_url: str) -> None:
    average = derived(10, "a", function=Function.AVERAGE)
    with a_plant(average, derived(11, "b")) as (plant, _):
        async with polling(bus_url, plant):
            await until_row(bus, DERIVED, 10, is_value(30.0))
            computed = [average, derived(11, "b * 2"), derived(12, "a + b")]
            device = plant.snapshot.devices[1]
            plant.change({device: [plant.snapshot.tags[1], plant.snapshot.tags[2]]})
            add(plant, *computed)
            await until_row(bus, DERIVED, 11, is_value(20.0))
            assert await row(bus, DERIVED, 10) == (30.0, GOOD)
            assert await row(bus, DERIVED, 12) == (40.0, GOOD)
            group = await latest(bus, DERIVED)
            assert list(group.ids) == [10, 11, 12]


# -- by hand


async def test_a_value_entered_by_hand_goes_out_at_once_with_the_time_it_was_taken(bus: Redis, bus_url: str) -> None:
    group, desk = f"manual:{HOUR_MS}", Desk()
    taken = now_ms() - 86_400_000
    with a_plant(manual(20, eu_max=5.0), derived(10, "t20 + a")) as (plant, _):
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, group, 20, is_value(None, BAD_WAITING_FOR_INITIAL_DATA))
            desk.found = Interventions(manual={20: Entered(1.5, taken)})
            await until_row(bus, group, 20, is_value(1.5), timeout_s=3)
            assert (await latest(bus, group)).source_ms == [taken]
            await until_row(bus, DERIVED, 10, is_value(31.5))
            desk.found = Interventions(manual={20: Entered(1.5, taken + 1000)})
            await until_source(bus, group, taken + 1000)
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, group, 20, is_value(1.5))


async def until_source(bus: Redis, group: str, source_ms: int) -> None:
    for _ in range(300):
        if (await latest(bus, group)).source_ms == [source_ms]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(await latest(bus, group))


# -- substituted


async def test_a_substituted_value_is_marked_and_so_is_what_is_computed_from_it(bus: Redis, bus_url: str) -> None:
    desk = Desk()
    with a_plant(derived(10, "a + b")) as (plant, bank):
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, "1:100", 1, is_value(30))
            desk.found = Interventions(substitutions={1: Placed(7, now_ms() + 60_000)})
            await until_row(bus, "1:100", 1, is_value(7, GOOD_LOCAL_OVERRIDE))
            await until_row(bus, DERIVED, 10, is_value(17.0, GOOD_LOCAL_OVERRIDE))
            bank.set_holding_registers(0, [31])
            desk.found = Interventions(substitutions={10: Placed(1.0, now_ms() + 60_000)})
            await until_row(bus, DERIVED, 10, is_value(1.0, GOOD_LOCAL_OVERRIDE))
            await until_row(bus, "1:100", 1, is_value(31))
            desk.found = Interventions()
            await until_row(bus, DERIVED, 10, is_value(41.0))


async def test_a_substitution_ends_by_the_pollers_own_clock_while_the_database_is_away(
    bus: Redis, bus_url: str
) -> None:
    desk = Desk()
    desk.found = Interventions(substitutions={1: Placed(7, now_ms() + 2000)})
    with a_plant() as (plant, _):
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, "1:100", 1, is_value(7, GOOD_LOCAL_OVERRIDE))
            desk.is_away = True
            assert await row(bus, "1:100", 1) == (7, GOOD_LOCAL_OVERRIDE)
            await until_row(bus, "1:100", 1, is_value(30), timeout_s=4)


async def test_a_slow_tag_says_at_once_that_it_is_substituted(bus: Redis, bus_url: str) -> None:
    desk = Desk()
    with a_plant(scan_ms=HOUR_MS) as (plant, _):
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, f"1:{HOUR_MS}", 1, is_value(30))
            desk.found = Interventions(substitutions={1: Placed(7, now_ms() + 60_000)})
            await until_row(bus, f"1:{HOUR_MS}", 1, is_value(7, GOOD_LOCAL_OVERRIDE), timeout_s=3)


async def test_after_a_restart_a_substituted_value_is_not_taken_for_one_that_was_read(bus: Redis, bus_url: str) -> None:
    desk = Desk()
    desk.found = Interventions(substitutions={1: Placed(7, now_ms() + 60_000)})
    with a_plant() as (plant, _):
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, "1:100", 1, is_value(7, GOOD_LOCAL_OVERRIDE))
    desk.found = Interventions()
    async with polling(bus_url, plant, store=desk.store):  # the device is away now
        found = await until_row(bus, "1:100", 1, lambda r: r[1] != GOOD_LOCAL_OVERRIDE)
        assert found[0] is None


# -- totals


def total_of(found: tuple[Any, int] | None) -> float:
    assert found is not None
    assert isinstance(found[0], float)
    return found[0]


TOTAL = derived(10, "a", function=Function.TOTAL)


async def test_a_total_goes_on_from_the_bus_after_a_kill(bus: Redis, bus_url: str) -> None:
    """The database is away all the time after the first look: nothing is lost but what was not measured."""
    desk = Desk()
    with a_plant(TOTAL, a=60) as (plant, _):
        async with polling(bus_url, plant, store=desk.store) as poller:
            await until_row(bus, DERIVED, 10, lambda r: r[1] == GOOD and total_of(r) > 20)
            desk.is_away = True
        before = total_of(await row(bus, DERIVED, 10))
        assert before > 20
        assert not desk.rows
        desk.is_away = False
        async with polling(bus_url, plant, store=desk.store) as poller:
            await until(lambda: poller.computing.totals()[0].get(10) is not None)
            first = poller.computing.totals()[0][10][0]
            assert before <= first < before + 60  # less than a second was measured since
            found = await until_row(bus, DERIVED, 10, lambda r: r[1] == GOOD)
            assert total_of(found) >= before


async def test_a_total_goes_on_from_the_database_when_the_bus_was_emptied(bus: Redis, bus_url: str) -> None:
    desk = Desk()
    with a_plant(TOTAL, a=60) as (plant, _):
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, DERIVED, 10, lambda r: r[1] == GOOD and total_of(r) > 20)
        before = total_of(await row(bus, DERIVED, 10))
        assert desk.rows[10][0] == pytest.approx(before, abs=12.0)  # written at the stop: one scan more at most
        written = desk.rows[10][0]
        await bus.flushall()
        async with polling(bus_url, plant, store=desk.store):
            found = await until_row(bus, DERIVED, 10, lambda r: isinstance(r[0], float))
            assert written <= total_of(found) < written + 60


async def test_a_total_that_somebody_sets_goes_on_from_there(bus: Redis, bus_url: str) -> None:
    desk = Desk()
    with a_plant(TOTAL, a=60) as (plant, _):
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, DERIVED, 10, lambda r: r[1] == GOOD and total_of(r) > 5)
            desk.rows[10] = (1000.0, now_ms())
            found = await until_row(bus, DERIVED, 10, lambda r: total_of(r) >= 1000)
            assert total_of(found) < 1200


async def test_a_total_that_was_set_while_nobody_polled_is_newer_than_the_bus(bus: Redis, bus_url: str) -> None:
    desk = Desk()
    with a_plant(TOTAL, a=60) as (plant, _):
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, DERIVED, 10, lambda r: r[1] == GOOD and total_of(r) > 5)
        desk.rows[10] = (1000.0, now_ms())
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, DERIVED, 10, lambda r: r[1] == GOOD and total_of(r) >= 1000)


async def test_the_total_under_a_substituted_value_goes_on_and_survives_a_kill(bus: Redis, bus_url: str) -> None:
    """What lies over it must never become the total."""
    desk = Desk()
    with a_plant(TOTAL, a=60) as (plant, _):
        async with polling(bus_url, plant, store=desk.store):
            await until_row(bus, DERIVED, 10, lambda r: r[1] == GOOD and total_of(r) > 5)
            desk.found = Interventions(substitutions={10: Placed(5e6, now_ms() + 60_000)})
            await until_row(bus, DERIVED, 10, is_value(5e6, GOOD_LOCAL_OVERRIDE))
            writes = desk.writes
            await until(lambda: desk.writes > writes)  # every second, for the bus cannot tell it
            desk.is_away = True
        desk.is_away, desk.found = False, Interventions()
        async with polling(bus_url, plant, store=desk.store):
            found = await until_row(bus, DERIVED, 10, lambda r: r[1] == GOOD)
            assert 5 < total_of(found) < 1000
