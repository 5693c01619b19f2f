"""Derived and manual tags in the admin site: inputs by path, rights in the areas of the inputs, loops, deletions."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Grant, Role, User
from audit.actions import Actor
from audit.models import AuditRecord
from devices.interventions import substitute
from devices.models import DerivedTag, Kind, ManualTag, Tag, TagInput, TotaliserState
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


def form(works: Works, **changes: Any) -> dict[str, Any]:
    filled = {
        "area": works.north.pk, "name": "volume", "title": "Volume", "enabled": "on", "expression": "level * 12.5",
        "inputs": "level = works/north/level", "function": "value", "window_s": "60", "per_s": "1",
        "data_type": "float64", "unit": "m³", "decimals": "1", "eu_min": "", "eu_max": "", "state_labels": "{}",
        "scan_ms": "1000",
    }  # fmt: skip
    return filled | changes


ADD = "admin:devices_derivedtag_add"


def problems(page: Any) -> str:
    assert page.status_code == 200
    return " ".join(re.findall(r'<ul class="errorlist[^>]*>.*?</ul>', page.content.decode(), re.DOTALL))


def test_a_derived_tag_is_made_with_its_inputs_in_one_revision_each_recorded(ada: Client, works: Works) -> None:
    assert ada.post(reverse(ADD), form(works)).status_code == 302
    tag = DerivedTag.objects.get(name="volume")
    assert (tag.kind, tag.device, tag.address) == (Kind.DERIVED, None, None)
    assert [(row.name, row.source.pk) for row in tag.inputs.all()] == [("level", works.level.pk)]
    found = AuditRecord.objects.filter(object_id=str(tag.uuid), event="derivedtag.computed otherwise").get()
    assert found.new == {"inputs": {"level": "works/north/level"}}
    page = ada.get(reverse("admin:devices_derivedtag_change", args=[tag.pk])).content.decode()
    assert "level = works/north/level" in page
    assert "volume" not in ada.get(reverse("admin:devices_tag_changelist")).content.decode()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"expression": "level * lvl"}, "is neither an input nor a function"),
        ({"inputs": ""}, "There are no inputs"),
        ({"inputs": "level works/north/level"}, "has no"),
        ({"inputs": "level = works/north/nothing"}, "there is no tag"),
        ({"inputs": "level = works/north/level\nlevel = works/south/flow"}, "Two inputs are named"),
        ({"inputs": "level = works/north/level\nflow = works/south/flow"}, "is not used"),
        ({"function": "rate", "window_s": "1"}, "two scan periods"),
        ({"function": "total", "data_type": "bool"}, "its type is float64"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(ada: Client, works: Works, changes: dict[str, Any], says: str) -> None:
    assert says in problems(ada.post(reverse(ADD), form(works, **changes)))
    assert not DerivedTag.objects.filter(kind=Kind.DERIVED).exists()


def test_whoever_may_not_configure_an_area_cannot_compute_with_its_tags(nora: Client, works: Works) -> None:
    """Otherwise a formula would show values of areas that are none of one's business."""
    other = form(works, expression="x", inputs="x = works/south/flow")
    assert "there is no tag" in problems(nora.post(reverse(ADD), other))
    assert nora.post(reverse(ADD), form(works)).status_code == 302
    tag = DerivedTag.objects.get(name="volume")
    TagInput.objects.filter(derived=tag).update(source=works.flow)
    page = reverse("admin:devices_derivedtag_change", args=[tag.pk])
    assert nora.post(page, form(works, inputs="level = works/south/flow")).status_code == 403


def test_a_tag_with_a_foreign_input_can_be_read_without_a_word_of_that_input(nora: Client, works: Works) -> None:
    tag = Tag.objects.create(area=works.north, name="balance", kind=Kind.DERIVED, data_type="float64", expression="a-b")
    TagInput.objects.create(derived=tag, name="a", source=works.level)
    TagInput.objects.create(derived=tag, name="b", source=works.flow)
    page = nora.get(reverse("admin:devices_derivedtag_change", args=[tag.pk]))
    assert page.status_code == 200
    text = page.content.decode()
    assert "a = works/north/level" in text
    assert "b = a tag outside of your areas" in text
    assert "south" not in text
    assert "Outflow" not in text


def test_a_loop_is_refused_path_by_path(ada: Client, works: Works) -> None:
    assert ada.post(reverse(ADD), form(works)).status_code == 302
    second = form(works, name="half", expression="v / 2", inputs="v = works/north/volume")
    assert ada.post(reverse(ADD), second).status_code == 302
    first = DerivedTag.objects.get(name="volume")
    page = reverse("admin:devices_derivedtag_change", args=[first.pk])
    said = problems(ada.post(page, form(works, inputs="level = works/north/half")))
    assert re.search(r"works/north/volume\S* from \S*works/north/half\S* from \S*works/north/volume", said)


def test_a_tag_in_use_is_not_deleted_and_its_users_are_named(ada: Client, works: Works) -> None:
    ada.post(reverse(ADD), form(works))
    page = ada.get(reverse("admin:devices_tag_delete", args=[works.level.pk])).content.decode()
    assert "works/north/volume" in page
    ada.post(reverse("admin:devices_tag_delete", args=[works.level.pk]), {"post": "yes"})
    assert Tag.objects.filter(pk=works.level.pk).exists()


def test_a_manual_tag_has_a_type_and_nothing_of_a_device(ada: Client, works: Works) -> None:
    filled = {k: v for k, v in form(works, name="chlorine").items() if k not in ("expression", "inputs", "function")}
    assert ada.post(reverse("admin:devices_manualtag_add"), filled | {"data_type": "string"}).status_code == 302
    tag = ManualTag.objects.get(kind=Kind.MANUAL)
    assert (tag.data_type, tag.device, tag.kind) == ("string", None, Kind.MANUAL)


def test_a_deleted_total_and_a_forced_value_stay_in_the_records(ada: Client, works: Works) -> None:
    total = Tag.objects.create(area=works.north, name="sum", kind=Kind.DERIVED, function="total", data_type="float64")
    TotaliserState.objects.create(tag=total, total=1234.5, taken_ms=1)
    substitute(Actor.system("test"), works.level, 3, "test run", timezone.now() + timedelta(hours=1))
    ada.post(reverse("admin:devices_derivedtag_delete", args=[total.pk]), {"post": "yes"})
    ada.post(reverse("admin:devices_tag_delete", args=[works.level.pk]), {"post": "yes"})
    gone = AuditRecord.objects.get(event="total.deleted")
    assert (gone.actor_name, gone.object_text, gone.old) == ("ada", "works/north/sum", {"total": 1234.5})
    assert AuditRecord.objects.get(event="substitution.ended").reason == "the tag is deleted"
    assert not Tag.objects.filter(pk__in=[total.pk, works.level.pk]).exists()
