"""Areas, devices and tags in the admin site: by path, by grants, checked, recorded, and quick with many tags."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Grant, Role, User
from audit.models import AuditRecord
from devices import current
from devices.drivers.registry import DRIVERS
from devices.models import Device, Tag
from devices.quirks import Quirks, RegistersBy
from plant.models import Area, ConfigRevision
from tests.cast import Cast, Works


def enter(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def ada(cast: Cast) -> Client:
    return enter(cast.ada)


@pytest.fixture
def nora(cast: Cast, works: Works) -> Client:
    """An engineer of North alone."""
    user = User.objects.create_user("nora", None, full_name="Nora North")
    Grant.objects.create(user=user, role=Role.objects.get(name="engineer"), area=works.north)
    return enter(user)


def tag_form(tag: Tag, **changes: Any) -> dict[str, Any]:
    """What the change page of a tag posts."""
    names = (
        "name", "title", "table", "address", "data_type", "order", "scan_ms", "scale", "offset", "unit", "decimals",
    )  # fmt: skip
    form = {name: getattr(tag, name) for name in names}
    form |= {"area": tag.area_id, "device": tag.device_id, "eu_min": "", "eu_max": "", "state_labels": "{}"}
    return form | {"enabled": "on"} | changes


def listed(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_names_tags_by_their_path(ada: Client) -> None:
    page = listed(ada, reverse("admin:devices_tag_changelist"))
    for path in ("works/north/level", "works/north/pumps/run", "works/south/flow"):
        assert path in page


SEARCHES = [
    ("level", {"works/north/level"}),
    ("north/pu", {"works/north/pumps/run"}),
    ("NORTH", {"works/north/level", "works/north/pumps/run"}),
    ("works/south/flow", {"works/south/flow"}),
    ("works/south/flo", {"works/south/flow"}),
    ("outflow", {"works/south/flow"}),
    ("plc1 north", {"works/north/level", "works/north/pumps/run"}),
    ("nothing", set()),
]


@pytest.mark.parametrize(("words", "paths"), SEARCHES)
def test_tags_are_found_by_path_title_and_device(ada: Client, words: str, paths: set[str]) -> None:
    page = listed(ada, f"{reverse('admin:devices_tag_changelist')}?q={words}")
    everything = ("works/north/level", "works/north/pumps/run", "works/south/flow")
    assert {path for path in everything if f">{path}<" in page} == paths


def test_the_area_filter_covers_what_lies_below(ada: Client, works: Works) -> None:
    page = listed(ada, f"{reverse('admin:devices_tag_changelist')}?in={works.north.pk}")
    assert ">works/north/pumps/run<" in page
    assert ">works/south/flow<" not in page
    assert ">works/north/level<" not in listed(ada, f"{reverse('admin:devices_tag_changelist')}?in=nonsense")


def test_an_engineer_of_north_sees_and_chooses_north_alone(nora: Client, works: Works) -> None:
    page = listed(nora, reverse("admin:devices_tag_changelist"))
    assert "works/north/level" in page
    assert "south" not in page
    assert "south" not in listed(nora, reverse("admin:plant_area_changelist"))
    form = listed(nora, reverse("admin:devices_tag_add"))
    assert "works/north/pumps" in form
    assert "works/south" not in form


def test_an_engineer_of_north_changes_nothing_in_south(nora: Client, works: Works) -> None:
    address = reverse("admin:devices_tag_change", args=[works.flow.pk])
    assert nora.get(address).status_code in (302, 403, 404)
    nora.post(address, tag_form(works.flow, title="mine"))
    nora.post(reverse("admin:devices_tag_add"), tag_form(works.level, name="spy", area=works.south.pk))
    nora.post(
        reverse("admin:plant_area_add"), {"plant": works.plant.pk, "parent": works.south.pk, "name": "x", "position": 0}
    )
    nora.post(reverse("admin:plant_area_add"), {"plant": works.plant.pk, "parent": "", "name": "top", "position": 0})
    works.flow.refresh_from_db()
    assert works.flow.title == "Outflow"
    assert not Tag.objects.filter(name="spy").exists()
    assert Area.objects.count() == 3


def test_a_tag_is_not_pointed_at_a_device_of_somewhere_else(nora: Client, works: Works) -> None:
    """Whoever could do that would read any register of any device."""
    far = Device.objects.create(name="plc2", area=works.south, host="10.0.0.9")
    nora.post(reverse("admin:devices_tag_change", args=[works.level.pk]), tag_form(works.level, device=far.pk))
    works.level.refresh_from_db()
    assert works.level.device_id == works.plc1.pk


def test_an_engineer_of_north_works_in_north(nora: Client, works: Works) -> None:
    answer = nora.post(reverse("admin:devices_tag_change", args=[works.level.pk]), tag_form(works.level, title="Tank"))
    assert answer.status_code == 302
    works.level.refresh_from_db()
    assert works.level.title == "Tank"
    new = {"plant": works.plant.pk, "parent": works.north.pk, "name": "basin", "title": "", "position": 0}
    assert nora.post(reverse("admin:plant_area_add"), new).status_code == 302
    assert Area.objects.get(name="basin").parent == works.north


def test_a_change_is_one_revision_and_one_record_with_old_and_new(ada: Client, works: Works) -> None:
    before = ConfigRevision.objects.count()
    ada.post(reverse("admin:devices_tag_change", args=[works.level.pk]), tag_form(works.level, unit="cm"))
    assert ConfigRevision.objects.count() == before + 1
    record = AuditRecord.objects.get(event="tag.changed")
    assert (record.actor_name, record.object_id) == ("ada", str(works.level.uuid))
    assert record.old is not None
    assert record.new is not None
    assert (record.old["unit"], record.new["unit"]) == ("m", "cm")


def test_the_form_says_what_is_wrong_at_the_field(ada: Client, works: Works) -> None:
    form = tag_form(works.level, table="coil", scale="0", eu_min="5", eu_max="1")
    answer = ada.post(reverse("admin:devices_tag_change", args=[works.level.pk]), form)
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert set(errors) == {"data_type", "scale", "eu_max"}
    assert "holds single bits" in errors["data_type"][0]


def test_a_tag_is_copied_by_save_as_new(ada: Client, works: Works) -> None:
    form = tag_form(works.level, name="level2", address="10", _saveasnew="1")
    ada.post(reverse("admin:devices_tag_change", args=[works.level.pk]), form)
    copy = Tag.objects.get(name="level2")
    assert (copy.data_type, copy.address) == ("float32", 10)
    assert copy.uuid != works.level.uuid


def bulk(client: Client, model: str, action: str, rows: list[Any]) -> int:
    form = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(reverse(f"admin:devices_{model}_changelist"), form).status_code


def test_many_tags_are_switched_off_in_one_revision(ada: Client, works: Works) -> None:
    before = ConfigRevision.objects.count()
    assert bulk(ada, "tag", "disable", [works.level, works.run]) == 302
    assert set(Tag.objects.filter(enabled=False)) == {works.level, works.run}
    assert ConfigRevision.objects.count() == before + 1
    record = AuditRecord.objects.get(event="tag.disabled")
    assert record.new is not None
    assert [row["name"] for row in record.new["rows"]] == ["level", "run"]
    bulk(ada, "tag", "disable", [works.level, works.run])
    assert ConfigRevision.objects.count() == before + 1
    bulk(ada, "tag", "enable", [works.level])
    assert set(Tag.objects.filter(enabled=False)) == {works.run}


def test_a_device_is_switched_off_by_the_list(ada: Client, works: Works) -> None:
    bulk(ada, "device", "disable", [works.plc1])
    works.plc1.refresh_from_db()
    assert not works.plc1.enabled


def test_nobody_switches_what_is_not_theirs(nora: Client, works: Works) -> None:
    bulk(nora, "tag", "disable", [works.flow])
    works.flow.refresh_from_db()
    assert works.flow.enabled


def test_an_area_with_content_is_not_deleted_and_the_page_says_what_is_in_it(ada: Client, works: Works) -> None:
    address = reverse("admin:plant_area_delete", args=[works.north.pk])
    page = listed(ada, address)
    assert "1 area: works/north/pumps" in page
    assert "1 device: works/north/plc1" in page
    assert "1 tag: works/north/level" in page
    ada.post(address, {"post": "yes"})
    assert Area.objects.filter(pk=works.north.pk).exists()


def test_what_nothing_refers_to_is_deleted_and_recorded(ada: Client, works: Works) -> None:
    ada.post(reverse("admin:devices_tag_delete", args=[works.flow.pk]), {"post": "yes"})
    assert not Tag.objects.filter(pk=works.flow.pk).exists()
    assert AuditRecord.objects.get(event="tag.deleted").object_id == str(works.flow.uuid)


def test_revisions_are_read_and_never_written(ada: Client, works: Works) -> None:
    ada.post(reverse("admin:devices_tag_change", args=[works.level.pk]), tag_form(works.level, unit="cm"))
    page = listed(ada, reverse("admin:plant_configrevision_changelist"))
    assert "changed tag Tank level" in page
    number = ConfigRevision.objects.latest().number
    assert ada.get(reverse("admin:plant_configrevision_change", args=[number])).status_code == 200
    assert ada.post(reverse("admin:plant_configrevision_change", args=[number]), {"author": "x"}).status_code == 403
    assert ada.get(reverse("admin:plant_configrevision_add")).status_code == 403


def test_the_new_area_stands_in_the_only_plant(ada: Client, works: Works) -> None:
    answer = ada.get(reverse("admin:plant_area_add"))
    assert answer.context["adminform"].form.initial["plant"] == works.plant.pk


@pytest.mark.parametrize("page", ["tag", "device"])
def test_a_list_takes_as_many_queries_for_three_tags_as_for_a_thousand(
    ada: Client, works: Works, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "CHECK_S", 3600)  # on a busy machine a page takes longer than a snapshot is believed
    address = reverse(f"admin:devices_{page}_changelist")
    current.forget()  # the page's header reads the snapshot once
    with CaptureQueriesContext(connection) as few:
        listed(ada, address)
    areas = Area.objects.bulk_create(Area(plant=works.plant, name=f"a{i}") for i in range(30))
    devices = Device.objects.bulk_create(Device(name=f"d{i}", area=areas[i], host="10.0.0.1") for i in range(30))
    Tag.objects.bulk_create(
        Tag(area=areas[i % 30], device=devices[i % 30], name=f"t{i}", address=i) for i in range(1000)
    )
    current.forget()
    with CaptureQueriesContext(connection) as many:
        listed(ada, address)
    assert len(many) == len(few) < 24


def test_deleting_a_full_area_does_not_list_a_thousand_tags(
    ada: Client, works: Works, django_assert_max_num_queries: Any
) -> None:
    Tag.objects.bulk_create(Tag(area=works.south, device=works.plc1, name=f"t{i}", address=i) for i in range(1000))
    with django_assert_max_num_queries(30):
        page = listed(ada, reverse("admin:plant_area_delete", args=[works.south.pk]))
    assert "1,001 tags: works/south/flow, works/south/t0" in page
    assert "works/south/t999" not in page


@pytest.mark.parametrize("emptied", ["", "{}", "null"])
def test_an_emptied_field_of_states_means_none(ada: Client, works: Works, emptied: str) -> None:
    Tag.objects.filter(pk=works.run.pk).update(state_labels={"0": "off", "1": "on"})
    form = tag_form(works.run, state_labels=emptied)
    assert ada.post(reverse("admin:devices_tag_change", args=[works.run.pk]), form).status_code == 302
    works.run.refresh_from_db()
    assert works.run.state_labels == {}


REFUSED_VALUES = [
    ("state_labels", "0: off", "Leave it empty for none."),
    ("scan_ms", "50", "Write a whole number from 100 to 3600000."),
    ("scan_ms", "fast", "Write a whole number from 100 to 3600000."),
    ("address", "-1", "Write a whole number from 0 to 65535."),
    ("address", "65536", "Write a whole number from 0 to 65535."),
    ("scale", "0,5 m", "Write a number, with a point before its decimals, like 0.5."),
]


@pytest.mark.parametrize(("field", "value", "said"), REFUSED_VALUES)
def test_a_refused_value_is_answered_with_what_to_write(
    ada: Client, works: Works, field: str, value: str, said: str
) -> None:
    form = tag_form(works.level, **{field: value})
    page = ada.post(reverse("admin:devices_tag_change", args=[works.level.pk]), form)
    assert page.status_code == 200
    [error] = page.context["adminform"].form.errors[field]
    assert error.endswith(said)


def test_drivers_are_chosen_from_those_there_are(ada: Client) -> None:
    page = listed(ada, reverse("admin:devices_device_add"))
    chosen = re.search(r'<select name="driver".*?</select>', page, re.DOTALL)
    assert chosen is not None
    assert re.findall(r"<option[^>]*>([^<]*)", chosen.group()) == sorted(DRIVERS)
    assert "modbus_tcp" in chosen.group()


def test_labels_are_the_words_of_the_field(ada: Client) -> None:
    page = listed(ada, reverse("admin:devices_tag_add"))
    for label in ("Range low:", "Range high:", "Scan period (ms):"):
        assert label in page


def device_form(device: Device, **changes: Any) -> dict[str, Any]:
    """What the change page of a device posts."""
    names = (
        "name", "title", "driver", "host", "port", "line", "unit", "timeout_ms", "max_registers", "max_gap",
        "registers_by",
    )  # fmt: skip
    form = {name: getattr(device, name) for name in names} | {"area": device.area_id, "enabled": "on"}
    return form | {"delay_ms": "", "idle_close_s": ""} | changes


def test_what_is_peculiar_to_a_device_is_set_in_its_form(ada: Client, works: Works) -> None:
    """MB-10. An emptied number means that there is none."""
    address = reverse("admin:devices_device_change", args=[works.plc1.pk])
    assert "Peculiarities" in listed(ada, address)
    form = device_form(works.plc1, delay_ms="20", registers_by="fc3", any_unit="on", idle_close_s="")
    assert ada.post(address, form).status_code == 302
    works.plc1.refresh_from_db()
    assert works.plc1.quirks == Quirks(20, RegistersBy.FC3, True, 0, False)


def test_a_bit_of_a_register_is_a_tag_by_the_form(ada: Client, works: Works) -> None:
    form = tag_form(works.level, data_type="bool", bit="", length="")
    address = reverse("admin:devices_tag_change", args=[works.level.pk])
    assert set(ada.post(address, form).context["adminform"].form.errors) == {"bit"}
    assert ada.post(address, form | {"bit": "5"}).status_code == 302
    works.level.refresh_from_db()
    assert (works.level.data_type, works.level.bit, works.level.length) == ("bool", 5, 0)


def test_tags_that_no_device_has_are_not_among_those_of_devices(ada: Client, works: Works) -> None:
    entered = Tag.objects.create(area=works.north, name="lab", kind="manual", data_type="float64")
    assert "works/north/lab" not in listed(ada, reverse("admin:devices_tag_changelist"))
    assert ada.get(reverse("admin:devices_tag_change", args=[entered.pk])).status_code == 302


def test_who_overruns_a_serial_line_is_told_and_of_strange_devices_only_their_share(nora: Client, works: Works) -> None:
    """MB-09."""
    fields = {"driver": "modbus_rtu", "host": "/dev/ttyS0", "line": "1200 8N1"}
    ours = Device.objects.create(name="meter", area=works.north, **fields)
    theirs = Device.objects.create(name="secret", area=works.south, unit=2, **fields)
    Tag.objects.create(area=works.north, device=ours, name="a", address=0, data_type="float64")
    Tag.objects.create(area=works.south, device=theirs, name="b", address=0, data_type="string", length=200)
    address = reverse("admin:devices_device_change", args=[ours.pk])
    page = nora.post(address, device_form(ours, title="Meter"), follow=True).content.decode()
    told = re.search(r"The serial line /dev/ttyS0 \(1200 8N1\) would be busy (\d+) % .*?others", page)
    assert told is not None
    assert int(told[1]) > 200
    assert "secret" not in page
