"""What makes a tag, a device or an area possible. The admin and the plant document ask the same rules."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from devices.models import Device, Tag
from devices.validation import validate_host
from plant.models import Area, Plant
from tests.cast import Works
from tests.plant.documents import HEAD, refused

TAGS = [
    ({"data_type": "bool"}, "type", "A bool is read from the tables 'coil' and 'discrete'; 'holding' holds 16-bit"),
    ({"table": "coil"}, "type", "The table 'coil' holds single bits: its type is bool, not uint16."),
    ({"data_type": "float32", "address": 65535}, "address", "A float32 at 65535 takes 2 registers; the last register"),
    ({"address": 65536}, "address", "65536 is above 65535, the most there can be."),
    ({"address": -1}, "address", "-1 is below 0, the least there can be."),
    ({"order": "CDAB"}, "order", "The order belongs to 32-bit values; uint16 takes one register. Leave it at ABCD."),
    ({"scale": 0.0}, "scale", "A scale of 0 makes every value the same. Write 1 for no scaling."),
    ({"eu_min": 5.0, "eu_max": 5.0}, "eu_max", "The range ends at 5, which is not above its beginning, 5."),
    ({"data_type": "int64"}, "type", "'int64' is not one of the choices. Did you mean"),
    ({"table": "holdings"}, "table", "'holdings' is not one of the choices. Did you mean 'holding'?"),
    ({"decimals": 10}, "decimals", "10 is above 9, the most there can be."),
    ({"scan_ms": 50}, "scan_ms", "50 is below 100, the least there can be."),
    ({"unit": "x" * 17}, "unit", "The text has 17 characters; the most is 16."),
    ({"state_labels": {"open": "x"}}, "states", "'open' is not a whole number: each state is named by its number"),
    ({"state_labels": {"01": "x"}}, "states", "'01' is not a whole number: each state is named by its number"),
    ({"state_labels": {"0": ""}}, "states", "The word for state 0 must be a text of 1 to 60 characters."),
]
NAMES = {"data_type": "type", "state_labels": "states"}


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
