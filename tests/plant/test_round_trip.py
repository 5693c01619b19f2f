"""Export, import, export: the same text, whatever the plant. And any second import of it changes nothing."""

from typing import Any

import pytest
import yaml
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.models import Device, Tag
from devices.points import DataType, Order, Table
from devices.quirks import RegistersBy
from plant.document import source, transfer, writer
from plant.document.nodes import Mapping, Scalar
from plant.models import Area, Plant, validate_one_line
from tests.fault_seed import times
from tests.plant.documents import ADA, SMALL, exported, load
from tests.properties import SHARED_FIXTURE

pytestmark = pytest.mark.django_db

names = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12).filter(
    lambda text: not any(0x202A <= ord(c) <= 0x202E or 0x2066 <= ord(c) <= 0x2069 for c in text)
)
finite = st.floats(allow_nan=False, allow_infinity=False)
few = settings(max_examples=10, suppress_health_check=SHARED_FIXTURE)
many = settings(max_examples=times(100, 1000), suppress_health_check=SHARED_FIXTURE)


@st.composite
def points(draw: st.DrawFn) -> dict[str, Any]:
    """The fields of a tag that go together."""
    table = draw(st.sampled_from(Table))
    data_type = DataType.BOOL if table.is_bits else draw(st.sampled_from(DataType))
    found: dict[str, Any] = {"table": table, "data_type": data_type, "address": draw(st.integers(0, 65400))}
    if table.is_bits:
        return found
    if data_type is DataType.BOOL:
        return found | {"bit": draw(st.integers(0, 15))}
    if data_type is DataType.STRING:
        order = draw(st.sampled_from([Order.ABCD, Order.BADC]))
        return found | {"length": draw(st.integers(1, 200)), "order": order}
    if data_type.registers > 1:
        found["order"] = draw(st.sampled_from([o for o in Order if data_type.registers == 4 or not o.is_long]))
    if data_type.is_unsigned and draw(st.booleans()):
        found["bit"] = draw(st.integers(0, 15))
        found["bit_count"] = draw(st.integers(1, 16 * data_type.registers - found["bit"]).filter(lambda n: n < 64))
    return found | draw(scaling(found["address"])) | {"not_implemented": draw(st.sampled_from(["", "0x80", "0x00"]))}


@st.composite
def scaling(draw: st.DrawFn, address: int) -> dict[str, Any]:
    bounds = sorted(draw(st.lists(finite, min_size=2, max_size=2, unique=True)))
    if draw(st.booleans()):
        ends = {"eu_min": draw(st.integers(-9, 0)), "eu_max": draw(st.floats(0.5, 99))}
        return ends | {"raw_min": draw(st.integers(0, 9)), "raw_max": draw(st.floats(10, 99)), "clamp": True}
    return {
        "scale": draw(finite.filter(bool)),
        "offset": draw(finite),
        "eu_min": draw(st.sampled_from([None, bounds[0]])),
        "eu_max": draw(st.sampled_from([None, bounds[1]])),
        "scale_address": draw(st.sampled_from([None, address + 50])),
    }


@st.composite
def devices(draw: st.DrawFn, name: str, areas: list[Area]) -> Device:
    fields: dict[str, Any] = {"host": "fd00::1", "idle_close_s": draw(st.integers(0, 86400))}
    if draw(st.booleans()):
        line = draw(st.sampled_from(["", "9600 8N1", "115200 8E1"]))
        fields = {"driver": "modbus_rtu", "host": "/dev/ttyUSB0", "line": line, "delay_ms": draw(st.integers(0, 99))}
    return Device.objects.create(
        name=name,
        area=draw(st.sampled_from(areas)),
        enabled=draw(st.booleans()),
        registers_by=draw(st.sampled_from(RegistersBy)),
        any_unit=draw(st.booleans()),
        connect_per_scan=draw(st.booleans()),
        **fields,
    )


@st.composite
def plants(draw: st.DrawFn) -> None:
    """Builds a plant in the database, through the models."""
    plant = Plant.objects.create(
        name=draw(names), title=draw(texts), time_zone=draw(st.sampled_from(["UTC", "Asia/Tokyo"]))
    )
    areas: list[Area] = []
    for name in draw(st.lists(names, min_size=1, max_size=5, unique_by=str.lower)):
        parent = draw(st.sampled_from([None, *areas]))
        areas.append(
            Area.objects.create(
                plant=plant, parent=parent, name=name, title=draw(texts), position=draw(st.integers(0, 9))
            )
        )
    chosen = [draw(devices(name, areas)) for name in draw(st.lists(names, min_size=1, max_size=3, unique_by=str.lower))]
    taken = {area.name.lower() for area in areas}
    for name in draw(st.lists(names.filter(lambda n: n.lower() not in taken), max_size=6, unique_by=str.lower)):
        point = draw(points())
        is_text = point["data_type"] is DataType.STRING
        keys = st.sampled_from("01") if point["data_type"] is DataType.BOOL else st.integers(-99, 99999).map(str)
        Tag.objects.create(
            area=draw(st.sampled_from(areas)),
            device=draw(st.sampled_from(chosen)),
            name=name,
            title=draw(texts),
            unit=draw(texts)[:16],
            state_labels={} if is_text else draw(st.dictionaries(keys, texts.filter(str.strip), max_size=3)),
            scan_ms=3_600_000,  # no serial line is overrun
            decimals=draw(st.integers(0, 9)),
            **point,
        )


class _Undo(Exception):
    pass


@few
@given(data=st.data())
def test_what_is_exported_can_be_imported_and_is_exported_again_as_the_same_text(data: st.DataObject) -> None:
    round_trip(data)


@pytest.mark.slow
@pytest.mark.timeout(times(300, 1800))
@many
@given(data=st.data())
def test_many_plants_make_the_round_trip(data: st.DataObject) -> None:
    round_trip(data)


def round_trip(data: st.DataObject) -> None:
    try:
        with transaction.atomic():
            data.draw(plants())
            name = Plant.objects.get().name
            first = exported(name)
            assert load(first, prune=True).is_same
            for model in (Tag, Device):
                model.objects.all().delete()
            while Area.objects.exists():
                Area.objects.filter(children=None).delete()
            Plant.objects.all().delete()
            load(first)
            assert exported(name) == first
            assert load(first, prune=True).is_same
            raise _Undo
    except _Undo:
        pass


@settings(few, max_examples=200)
@given(value=texts)
def test_every_text_is_read_back_as_it_was_written(value: str) -> None:
    validate_one_line(value)
    written = writer.section("a", {"b": value})
    node = source.read(written.encode(), "text").get("a")
    assert isinstance(node, Mapping)
    read = node.get("b")
    assert isinstance(read, Scalar)
    assert (read.text, read.is_null) == (value, False)
    assert yaml.safe_load(written) == {"a": {"b": value}}


@settings(few, max_examples=200)
@given(value=finite)
def test_every_number_is_read_back_as_it_was_written(value: float) -> None:
    written = writer.scalar(value)
    assert float(written) == value
    assert yaml.safe_load(written) == value


WORDS = [
    "no",
    "Yes",
    "null",
    "~",
    "",
    "1",
    "1.5",
    "0x10",
    "1e3",
    "12:30",
    "2026-01-01",
    "- a",
    "a: b",
    "a #b",
    "{a}",
    "=",
    "<<",
]


@pytest.mark.parametrize("word", WORDS)
def test_words_that_yaml_takes_for_something_else_are_quoted(word: str) -> None:
    assert yaml.safe_load(writer.section("a", {"b": word})) == {"a": {"b": word}}


def test_the_order_of_an_export_does_not_depend_on_the_order_of_making() -> None:
    load(SMALL)
    lines = exported().splitlines()
    paths = [line.split("path: ")[1].split(",")[0] for line in lines if "path: " in line]
    assert paths == ["intake", "intake/pumps", "intake/level", "intake/pumps/run"]
    assert len([line for line in lines if line.startswith("  - ")]) == 5


def test_defaults_are_not_written() -> None:
    """A default is not written: who reads a diff sees what somebody chose."""
    load(SMALL)
    run = next(line for line in exported().splitlines() if "path: intake/pumps/run" in line)
    written = "device: plc1, table: coil, address: 0, type: bool, states: {0: stopped, 1: running}, uuid: "
    assert run.startswith(f"  - {{path: intake/pumps/run, {written}")


def test_a_plan_for_the_export_reads_only_its_own_plant() -> None:
    load(SMALL)
    other = SMALL.replace("northgate", "southgate").replace("plc1", "plc9")
    transfer.import_document(other.encode(), "other.yaml", ADA)
    assert "plc9" not in exported("northgate")
    assert "plc1" not in exported("southgate")
