"""Who changes a tag in the admin site is told which alarms would not fit it any more, as in the plant document."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Grant, Role, User
from alarms.models import Alarm, AlarmInput
from devices.models import ManualTag, Tag
from tests.alarms.entries import make_alarm
from tests.cast import Cast, Works
from tests.devices.test_admin import enter, tag_form


@pytest.fixture
def ada(cast: Cast) -> Client:
    return enter(cast.ada)


def change(client: Client, tag: Tag, **fields: Any) -> str:
    """What is refused, or said on the page that follows."""
    address = reverse("admin:devices_tag_change", args=[tag.pk])
    return said(client.post(address, tag_form(tag, **fields), follow=True))


def said(page: Any) -> str:
    found = re.findall(r'<ul class="(?:errorlist|messagelist)[^>]*>.*?</ul>', page.content.decode(), re.DOTALL)
    return " ".join(found)


def is_stored(tag: Tag, **fields: Any) -> bool:
    return Tag.objects.filter(pk=tag.pk, **fields).exists()


def test_a_range_that_leaves_a_setpoint_outside_is_refused_and_the_alarm_named(ada: Client, works: Works) -> None:
    make_alarm(works.level)
    page = change(ada, works.level, eu_min="0", eu_max="8")
    assert "The alarm works/north/level:hi would no longer fit this tag. 10 lies outside of the range" in page
    assert not is_stored(works.level, eu_max=8)
    change(ada, works.level, eu_min="0", eu_max="12")
    assert is_stored(works.level, eu_max=12)


def test_a_type_that_has_no_number_is_refused(ada: Client, works: Works) -> None:
    make_alarm(works.level)
    page = change(ada, works.level, data_type="bool", bit="0")
    assert "level:hi would no longer fit" in page
    assert not is_stored(works.level, data_type="bool")


def test_slower_scans_leave_the_window_of_a_rate_too_short(ada: Client, works: Works) -> None:
    make_alarm(works.level, "rise", kind="rate", setpoint=1.0, deadband=0.0, window_s=2.0)
    page = change(ada, works.level, scan_ms="5000")
    assert "level:rise would no longer fit this tag. The window is 10 s (two scan periods)" in page


def test_alarms_that_look_at_the_tag_from_elsewhere_are_asked_too(ada: Client, works: Works) -> None:
    make_alarm(works.flow, "dev", kind="deviation", setpoint=1.0, deadband=0.0, reference=works.level)
    other = make_alarm(works.flow)
    AlarmInput.objects.create(alarm=other, name="x", source=works.level)
    Alarm.objects.filter(pk=other.pk).update(suppress_when="x > 1")
    page = change(ada, works.level, data_type="string", length="4")
    assert "The alarm works/south/flow:dev would no longer fit" in page
    assert "The alarm works/south/flow:hi would no longer fit" in page


def test_an_alarm_outside_of_ones_areas_has_no_name(works: Works, cast: Cast) -> None:
    user = User.objects.create_user("nora", None, full_name="Nora North")
    Grant.objects.create(user=user, role=Role.objects.get(name="engineer"), area=works.north)
    make_alarm(works.flow, "dev", kind="deviation", setpoint=1.0, deadband=0.0, reference=works.level)
    works.plc1.area = works.north
    works.plc1.save()
    page = change(enter(user), works.level, data_type="string", length="4")
    assert "An alarm outside of your areas would no longer fit" in page
    assert "flow" not in page


def test_what_was_wrong_before_does_not_keep_a_tag_from_being_changed(ada: Client, works: Works) -> None:
    make_alarm(works.level)
    Tag.objects.filter(pk=works.level.pk).update(eu_min=0, eu_max=8)
    change(ada, works.level, eu_min="0", eu_max="8", title="Another")
    assert is_stored(works.level, title="Another")


def test_another_unit_is_taken_and_the_limits_are_named(ada: Client, works: Works) -> None:
    make_alarm(works.level)
    make_alarm(works.level, "comm", kind="comm", setpoint=None, deadband=0.0)
    page = change(ada, works.level, unit="cm")
    assert is_stored(works.level, unit="cm")
    assert "The unit is cm now; numbers stay as they are. Look at the limits of works/north/level:hi." in page


def test_a_tag_that_is_kept_by_hand_is_asked_the_same(ada: Client, works: Works) -> None:
    tag = Tag.objects.create(area=works.north, name="dose", kind="manual", data_type="float64", scan_ms=1000)
    make_alarm(tag)
    address = reverse("admin:devices_manualtag_change", args=[tag.pk])
    form = {
        "area": tag.area_id, "name": "dose", "data_type": "float64", "decimals": "1", "eu_min": "0", "eu_max": "5",
        "state_labels": "{}", "scan_ms": "1000", "enabled": "on",
    }  # fmt: skip
    page = said(ada.post(address, form, follow=True))
    assert "The alarm works/north/dose:hi would no longer fit" in page
    assert ManualTag.objects.get(pk=tag.pk).eu_max is None
