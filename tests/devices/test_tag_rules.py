"""What makes a tag, a device or an area possible. The admin and the plant document ask the same rules."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from devices import snapshot
from devices.decode import Decoder
from devices.models import Device, Tag
from devices.not_implemented import not_implemented_bits
from devices.plan import is_readable, plan
from devices.points import DataType, Order, Point, Table
from devices.validation import tag_problems, validate_host
from plant.models import Area, Plant
from tests.cast import Works
from tests.plant.documents import HEAD, load, refused

TAGS = [
    ({"data_type": "bool"}, "bit", "A bool in a register needs the number of its bit: 0, the lowest, to 15."),
    ({"data_type": "bool", "bit": 16}, "bit", "A register has the bits 0 to 15; 16 is none of them. Is it one registe"),
    ({"data_type": "bool", "bit": 3, "bit_count": 1}, "bits", "A bool is one bit. For several take uint16 with bit an"),
    ({"table": "coil"}, "type", "The table 'coil' holds single bits: its type is bool, not uint16."),
    ({"table": "coil", "data_type": "bool", "bit": 0}, "bit", "The table holds single bits: the address alone says"),
    ({"table": "input", "data_type": "bool", "bit": 1, "scale": 2.0}, "scale", "A bool is 0 or 1: it has neither"),
    ({"data_type": "float32", "address": 65535}, "address", "A float32 at 65535 takes 2 registers; the last register"),
    ({"data_type": "int64", "address": 65533}, "address", "An int64 at 65533 takes 4 registers; the last register"),
    ({"data_type": "string", "length": 4, "address": 65535}, "address", "A string at 65535 takes 2 registers; the las"),
    ({"address": 65536}, "address", "65536 is above 65535, the most there can be."),
    ({"address": -1}, "address", "-1 is below 0, the least there can be."),
    ({"order": "CDAB"}, "order", "A uint16 cannot have the order CDAB. Its orders: ABCD, BADC."),
    ({"data_type": "uint8", "order": "BADC"}, "order", "A uint8 takes one byte or bit, which has no order."),
    ({"data_type": "float32", "order": "EFGHABCD"}, "order", "A float32 cannot have the order EFGHABCD. Its orders:"),
    ({"data_type": "string", "length": 2, "order": "DCBA"}, "order", "A string cannot have the order DCBA. Its orders"),
    ({"data_type": "uint8", "bit": 4}, "bit", "A uint8 begins at bit 0 (the low byte) or 8 (the high byte), not at 4."),
    ({"data_type": "int16", "bit": 4}, "bit", "Only uint16, uint32 and uint64 can be cut into bits; this is int16."),
    ({"bit": 4}, "bits", "A bit field needs its width: how many bits from 'bit' on. For a single one take the type bo"),
    ({"bit_count": 4}, "bit", "A bit field needs the number of its first bit; 0 is the lowest."),
    ({"bit": 14, "bit_count": 3}, "bits", "The bits 14 to 16 are asked for; a uint16 has 0 to 15."),
    ({"bit": 64, "bit_count": 1, "data_type": "uint64"}, "bit", "64 is above 63, the most there can be."),
    ({"data_type": "string"}, "length", "A string needs its length in bytes: two in each register, 1 to 250."),
    ({"length": 4}, "length", "Only a string has a length; this is uint16. Leave this out."),
    ({"data_type": "string", "length": 4, "eu_max": 4.0}, "eu_max", "A string is text: it has neither scaling nor a r"),
    ({"data_type": "string", "length": 4, "state_labels": {"0": "x"}}, "states", "A string is text already: it has no"),
    ({"scale": 0.0}, "scale", "A scale of 0 makes every value the same. Write 1 for no scaling."),
    ({"eu_min": 5.0, "eu_max": 5.0}, "eu_max", "The range ends at 5, which is not above its beginning, 5."),
    ({"raw_min": 0.0, "eu_min": 0.0, "eu_max": 5.0}, "raw_max", "A raw range stands for a range: it needs raw low and"),
    ({"raw_min": 0.0, "raw_max": 9.0, "eu_min": 0.0}, "eu_max", "A raw range stands for a range: it needs raw low and"),
    (
        {"raw_min": 4.0, "raw_max": 4.0, "eu_min": 0.0, "eu_max": 5.0}, "raw_max",
        "The raw range ends where it begins, at 4. Its ends must differ.",
    ),
    (
        {"raw_min": 0.0, "raw_max": 9.0, "eu_min": 0.0, "eu_max": 5.0, "scale": 0.1}, "scale",
        "The raw range scales the value already. Leave this out, or the raw range.",
    ),
    (
        {"raw_min": 0.0, "raw_max": 9.0, "eu_min": 0.0, "eu_max": 5.0, "scale_address": 3}, "scale_address",
        "The raw range scales the value already. Leave this out, or the raw range.",
    ),
    (
        {"raw_min": 0.0, "raw_max": 9.0, "eu_min": -1.7e308, "eu_max": 1.7e308}, "raw_max",
        "The range is too wide to compute with.",
    ),
    ({"clamp": True}, "clamp", "There is no range to hold the value in. Give range low or high, or leave this out."),
    ({"scale_address": 0}, "scale_address", "At 0 stands the value itself; its scale factor is another register."),
    ({"scale_address": 125}, "scale_address", "The value at 0 and its scale factor at 125 must come in one answer, wh"),
    ({"scale_address": 100}, "scale_address", "The value at 0 and its scale factor are 101 registers apart, and d giv"),
    ({"not_implemented": "nil"}, "not_implemented", "'nil' is neither a raw value, like 0x8000 or -32768, nor 'sunspe"),
    ({"not_implemented": "0x10000"}, "not_implemented", "0x10000 does not fit into the 16 bits of a uint16."),
    ({"not_implemented": "-1"}, "not_implemented", "-1 does not fit into the 16 bits of a uint16."),
    ({"data_type": "bcd16", "not_implemented": "sunspec"}, "not_implemented", "SunSpec has no bcd16. Write the raw va"),
    ({"data_type": "int128"}, "type", "'int128' is not one of the choices. Did you mean"),
    ({"table": "holdings"}, "table", "'holdings' is not one of the choices. Did you mean 'holding'?"),
    ({"decimals": 10}, "decimals", "10 is above 9, the most there can be."),
    ({"scan_ms": 50}, "scan_ms", "50 is below 100, the least there can be."),
    ({"unit": "x" * 17}, "unit", "The text has 17 characters; the most is 16."),
    ({"state_labels": {"open": "x"}}, "states", "'open' is not a whole number: each state is named by its number"),
    ({"state_labels": {"01": "x"}}, "states", "'01' is not a whole number: each state is named by its number"),
    ({"state_labels": {"0": ""}}, "states", "The word for state 0 must be a text of 1 to 60 characters."),
]  # fmt: skip
NAMES = {"data_type": "type", "state_labels": "states", "bit_count": "bits"}

POSSIBLE = [
    {"data_type": "bool", "bit": 15},
    {"data_type": "int8", "bit": 8},
    {"data_type": "uint8"},
    {"order": "BADC"},
    {"data_type": "float64", "order": "DCBAHGFE", "address": 65532},
    {"data_type": "uint32", "bit": 31, "bit_count": 1, "order": "CDAB"},
    {"data_type": "uint64", "bit": 1, "bit_count": 63},
    {"data_type": "string", "length": 199, "order": "BADC", "not_implemented": "sunspec"},
    {"raw_min": 20.0, "raw_max": 4.0, "eu_min": 0.0, "eu_max": 5.0, "clamp": True},
    {"eu_max": 5.0, "clamp": True},
    {"address": 90, "scale_address": 0, "not_implemented": "0xFFFF", "scale": 0.001},
    {"data_type": "int16", "not_implemented": "-32768"},
    {"data_type": "float32", "not_implemented": "-9999.9"},
    {"data_type": "bool", "bit": 2, "not_implemented": "sunspec"},
]


@pytest.mark.parametrize("fields", POSSIBLE)
def test_a_tag_that_can_be_is_read(works: Works, fields: dict[str, Any]) -> None:
    """What the rules let pass, the planner reads: the two never disagree."""
    tag = Tag(area=works.north, device=works.plc1, name="t", **({"address": 0} | fields))
    tag.full_clean()
    tag.save()
    point = snapshot.load().tags[tag.pk].point
    assert point is not None
    assert is_readable(point)


ROUGH = st.fixed_dictionaries(
    {
        "data_type": st.sampled_from([str(kind) for kind in DataType]),
        "table": st.sampled_from(["holding", "holding", "coil"]),
        "address": st.sampled_from([0, 7, 65533]),
    },
    optional={
        "order": st.sampled_from([str(order) for order in Order]),
        "bit": st.sampled_from([0, 3, 8, 15, 20, 63]),
        "bit_count": st.sampled_from([1, 8, 40]),
        "length": st.sampled_from([1, 8]),
        "raw_min": st.sampled_from([0.0, 4.0]),
        "raw_max": st.sampled_from([4.0, 20.0]),
        "eu_min": st.just(0.0),
        "eu_max": st.just(9.0),
        "clamp": st.booleans(),
        "scale_address": st.sampled_from([1, 30, 65535]),
        "not_implemented": st.sampled_from(["sunspec", "0x80", "255", "-1", "x"]),
    },
)


@given(ROUGH)
def test_what_the_rules_let_pass_has_a_point_that_can_be_read(fields: dict[str, Any]) -> None:
    tag = Tag(name="t", **fields)
    problems = tag_problems(tag)
    kind = DataType(tag.data_type)
    missing = None
    if not problems and tag.not_implemented:
        missing = not_implemented_bits(tag.not_implemented, kind)
    point = Point(
        1, Table(tag.table), tag.address or 0, kind, Order(tag.order), tag.scale, tag.offset, tag.eu_min, tag.eu_max,
        tag.bit, tag.bit_count, tag.length, tag.raw_min, tag.raw_max, tag.clamp, tag.scale_address, missing,
    )  # fmt: skip
    if not problems:
        (read,) = plan([point], 125, 8).reads
        Decoder(read).decode(bytes(read.payload_bytes))
    if not is_readable(point):
        assert problems


BITS = [
    ("0x8000", DataType.INT16, 0x8000),
    ("-32768", DataType.INT16, 0x8000),
    ("-1", DataType.INT64, 0xFFFF_FFFF_FFFF_FFFF),
    ("255", DataType.UINT8, 0xFF),
    ("-5", DataType.SIGN16, 0x8005),
    ("9999", DataType.BCD16, 0x9999),
    ("123456", DataType.FLOAT32, 0x47F12000),
    ("0x47F12000", DataType.FLOAT32, 0x47F12000),
    ("sunspec", DataType.INT32, 0x80000000),
    ("SunSpec", DataType.FLOAT32, 0x7FC00000),
    ("sunspec", DataType.STRING, 0),
]


@pytest.mark.parametrize(("text", "kind", "bits"), BITS)
def test_a_value_that_means_none_is_written_as_the_device_writes_it(text: str, kind: DataType, bits: int) -> None:
    assert not_implemented_bits(text, kind) == bits


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-129", DataType.INT8), ("1.5", DataType.INT16), ("-1", DataType.BCD16), ("12345", DataType.BCD16),
        ("1e300", DataType.FLOAT32), ("-32768", DataType.SIGN16), ("1_0", DataType.INT16), ("nan", DataType.FLOAT32),
        ("sunspec", DataType.FLOAT16), ("0", DataType.STRING), ("", DataType.INT16),
    ],
)  # fmt: skip
def test_a_value_that_the_type_does_not_have_is_refused(text: str, kind: DataType) -> None:
    with pytest.raises(ValueError, match=r"fit|neither|SunSpec|sunspec"):
        not_implemented_bits(text, kind)


@pytest.mark.django_db
@pytest.mark.parametrize(("fields", "name", "sentence"), TAGS)
def test_a_tag_that_cannot_be_is_refused_by_the_document(fields: dict[str, Any], name: str, sentence: str) -> None:
    values = {"path": "a/t", "device": "d", "address": 0} | {NAMES.get(key, key): v for key, v in fields.items()}
    row = ", ".join(f"{key}: {_written(value)}" for key, value in values.items())
    text = f"{HEAD}areas: [{{path: a}}]\ndevices: [{{name: d, area: a, host: h}}]\ntags:\n  - {{{row}}}\n"
    problems = refused(text)
    assert len(problems) == 1
    assert f"tags[0].{name} (a/t): {sentence}" in problems[0]


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {word!r}" for key, word in value.items()) + "}"
    return str(value)


@pytest.mark.parametrize(("fields", "name", "sentence"), TAGS)
def test_the_same_tag_is_refused_by_the_model(works: Works, fields: dict[str, Any], name: str, sentence: str) -> None:
    values = {"address": 0} | fields
    tag = Tag(area=works.north, device=works.plc1, name="t", **values)
    with pytest.raises(ValidationError) as caught:
        tag.full_clean()
    field = {word: key for key, word in NAMES.items()}.get(name, name)
    assert list(caught.value.message_dict) == [field]


def test_a_bool_has_neither_scaling_nor_range(works: Works) -> None:
    tag = Tag(
        area=works.north, device=works.plc1, name="t", table="coil", data_type="bool", address=0, scale=2.0, eu_max=1
    )
    with pytest.raises(ValidationError) as caught:
        tag.full_clean()
    assert set(caught.value.message_dict) == {"scale", "eu_max"}


def test_numbers_are_finite(works: Works) -> None:
    tag = Tag(area=works.north, device=works.plc1, name="t", address=0, offset=float("nan"), eu_min=float("inf"))
    with pytest.raises(ValidationError) as caught:
        tag.full_clean()
    assert set(caught.value.message_dict) == {"offset", "eu_min"}


HOSTS = ["127.0.0.1", "fd00::5", "::1", "plc1", "plc1.example", "plc_1.example.", "10.0.0.255"]
NO_HOSTS = ["http://plc1", "plc1:502", "[::1]", "10.0.0", "10.0.0.256", "10.0.0.5/24", "plc 1", "-plc", "", "a..b", "ä"]


@pytest.mark.parametrize("host", HOSTS)
def test_an_address_or_a_name_is_a_host(host: str) -> None:
    validate_host(host)


@pytest.mark.parametrize("host", NO_HOSTS)
def test_anything_else_is_no_host(host: str) -> None:
    with pytest.raises(ValidationError, match="'"):
        validate_host(host)


DEVICES = [
    ({"driver": "modbus_rtu"}, "host", "'h' is not a serial line of this machine. Write its path, like /dev/ttyUSB0."),
    ({"driver": "modbus_rtu", "host": "/dev/../etc/passwd"}, "host", "'/dev/../etc/passwd' is not a serial line of"),
    ({"host": "/dev/ttyUSB0"}, "host", "'/dev/ttyUSB0' is a URL. Write the host alone"),
    ({"line": "9600 8N1"}, "line", "The driver modbus_tcp speaks over the network, where there are no serial settings"),
    ({"driver": "modbus_rtu", "host": "/dev/ttyS0", "line": "9600"}, "line", "'9600' are no settings of a serial line"),
    ({"driver": "modbus_rtu", "host": "/dev/ttyS0", "line": "9601 8N1"}, "line", "9601 is no speed of a serial line;"),
    ({"driver": "modbus_rtu", "host": "/dev/ttyS0", "line": "9600 7E1"}, "line", "RTU needs 8 data bits; '9600 7E1' h"),
    ({"driver": "modbus_rtu", "host": "/dev/ttyS0", "port": 503}, "port", "A serial line has no port. Leave it at 502"),
    ({"driver": "modbus_rtu", "host": "/dev/ttyS0", "idle_close_s": 9}, "idle_close_s", "A serial line is not closed"),
    ({"driver": "modbus_rtu", "host": "/dev/ttyS0", "unit": 0}, "unit", "On a serial line a device has a unit id from"),
    ({"driver": "modbus_rtu_tcp", "unit": 248}, "unit", "On a serial line a device has a unit id from 1 to 247; 0 mea"),
    ({"unit": 256}, "unit", "256 is above 255, the most there can be."),
    ({"delay_ms": 5001}, "delay_ms", "5001 is above 5000, the most there can be."),
    ({"registers_by": "fc5"}, "registers_by", "'fc5' is not one of the choices. Did you mean"),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("fields", "name", "sentence"), DEVICES)
def test_a_device_that_cannot_be_is_refused(fields: dict[str, Any], name: str, sentence: str) -> None:
    """MB-10. By the document, and with the same words by the model."""
    row = ", ".join(f"{key}: {value}" for key, value in ({"name": "d", "area": "a", "host": "h"} | fields).items())
    (problem,) = refused(f"{HEAD}areas: [{{path: a}}]\ndevices: [{{{row}}}]\n")
    assert f"devices[0].{name} (d): {sentence}" in problem
    with pytest.raises(ValidationError) as caught:
        Device(**({"name": "d", "host": "h"} | fields)).full_clean(exclude=["area"])
    assert list(caught.value.message_dict) == [name]


@pytest.mark.django_db
@pytest.mark.parametrize("line", ["", "19200 8E1", "115200 8N1", "1200 8O2"])
@pytest.mark.parametrize("host", ["/dev/ttyUSB0", "/dev/serial/by-id/usb-FTDI_RS485-if00-port0"])
def test_a_serial_line_of_this_machine_is_a_device(host: str, line: str) -> None:
    Device(name="d", host=host, line=line, driver="modbus_rtu", unit=247).full_clean(exclude=["area"])


def test_a_value_that_is_longer_than_an_answer_of_its_device_is_refused(works: Works) -> None:
    """MB-06. The device's largest read is another row; the admin and the document both look at it."""
    works.plc1.max_registers = 2
    tag = Tag(area=works.north, device=works.plc1, name="t", data_type="float64", address=0)
    with pytest.raises(ValidationError, match="The value takes 4 registers, and plc1 gives at most 2 in one answer"):
        tag.full_clean()
    head = f"{HEAD}areas: [{{path: a}}]\ndevices: [{{name: d, area: a, host: h, max_registers: 2}}]\n"
    (problem,) = refused(head + "tags: [{path: a/t, device: d, address: 0, type: float64}]\n")
    assert "tags[0].type (a/t): The value takes 4 registers, and d gives at most 2 in one answer" in problem


def test_a_driver_must_be_one_that_is_there(works: Works) -> None:
    works.plc1.driver = "modbus_tpc"
    with pytest.raises(ValidationError, match="Did you mean 'modbus_tcp'"):
        works.plc1.full_clean()


def test_a_tag_does_not_take_the_name_of_an_area_beside_it(works: Works) -> None:
    tag = Tag(area=works.north, device=works.plc1, name="Pumps", address=0)
    with pytest.raises(ValidationError, match="An area here has the name 'Pumps' already"):
        tag.full_clean()


def test_an_area_does_not_take_the_name_of_a_tag_beside_it(works: Works) -> None:
    with pytest.raises(ValidationError, match="A tag here has the name 'LEVEL' already"):
        Area(plant=works.plant, parent=works.north, name="LEVEL").full_clean()


def test_two_areas_in_one_place_differ_by_more_than_case(works: Works) -> None:
    for parent, name in ((None, "NORTH"), (works.north, "Pumps")):
        with pytest.raises(ValidationError, match="Another area in the same place has this name"):
            Area(plant=works.plant, parent=parent, name=name).full_clean()


def test_an_area_cannot_lie_within_itself(works: Works) -> None:
    works.north.parent = works.pumps
    with pytest.raises(ValidationError, match="An area cannot lie within itself"):
        works.north.full_clean()


def test_an_area_lies_in_its_parents_plant(works: Works) -> None:
    other = Plant.objects.create(name="other")
    with pytest.raises(ValidationError, match="belongs to another plant"):
        Area(plant=other, parent=works.north, name="x").full_clean()


def test_a_tag_is_read_from_a_device_of_its_own_plant(works: Works) -> None:
    other = Plant.objects.create(name="other")
    device = Device.objects.create(name="far", area=Area.objects.create(plant=other, name="x"), host="h")
    with pytest.raises(ValidationError, match="Choose one of this plant"):
        Tag(area=works.north, device=device, name="t", address=0).full_clean()


def test_a_path_has_at_most_255_characters(works: Works) -> None:
    """MES-03."""
    area = works.north
    for letter in "abcdefg":
        area = Area.objects.create(plant=works.plant, parent=area, name=letter * 32)
    with pytest.raises(ValidationError, match="The path has 263 characters"):
        Tag(area=area, device=works.plc1, name="t" * 20, address=0).full_clean()
    with pytest.raises(ValidationError, match="The path has 263 characters"):
        Area(plant=works.plant, parent=area, name="t" * 20).full_clean()


def test_everything_of_the_cast_is_in_order(works: Works) -> None:
    for row in (works.plant, works.north, works.pumps, works.plc1, works.level, works.run, works.flow):
        row.full_clean()


def test_a_device_does_not_give_less_than_one_of_its_tags_needs(works: Works) -> None:
    """MB-06. The same rule from the other side, also where the document names the device alone."""
    works.plc1.max_registers = 1
    with pytest.raises(
        ValidationError, match="The tag 'works/north/level' needs more registers in one answer"
    ) as caught:
        works.plc1.full_clean()
    assert list(caught.value.message_dict) == ["max_registers"]
    head = f"{HEAD}areas: [{{path: a}}]\ndevices: [{{name: d, area: a, host: h%s}}]\n"
    load(f"{head % ''}tags: [{{path: a/t, device: d, address: 0, type: float32}}]\n")
    (problem,) = refused(head % ", max_registers: 1")
    assert "tags (a/t): The value takes 2 registers, and d gives at most 1 in one answer" in problem


@pytest.mark.django_db
def test_an_import_that_would_overrun_a_serial_line_is_refused_with_the_numbers() -> None:
    """MB-09."""
    head = f"{HEAD}areas: [{{path: a}}]\ndevices:\n"
    line = "driver: modbus_rtu, host: /dev/ttyS0, line: 9600 8E1, max_registers: 125"
    devices = f"  - {{name: d, area: a, {line}}}\n  - {{name: e, area: a, unit: 2, {line}}}\ntags:\n"
    tag = "  - {path: a/%s, device: %s, address: %s, type: string, length: 250, scan_ms: %s}\n"
    rows = [tag % ("x", "d", 0, 1000), tag % ("y", "d", 200, 1000), tag % ("z", "e", 0, 1000)]
    (problem,) = refused(head + devices + "".join(rows))
    assert "The serial line /dev/ttyS0 (9600 8E1) would be busy 93 % of its time (d 62 %, e 31 %); the most" in problem
    rows[2] = tag % ("z", "e", 0, 5000)
    assert load(head + devices + "".join(rows)).revision is not None
