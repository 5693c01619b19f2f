"""The admin site by grants: area by area, recorded, announced, and nothing that goes around it."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.forms.models import model_to_dict
from django.test import Client
from django.urls import reverse

from accounts import tokens
from accounts.actions import LAST_ADMINISTRATOR
from accounts.models import ApiToken, Grant, Role, User
from accounts.permissions import Action, may
from audit.actions import Actor, record
from audit.models import AuditRecord
from devices.models import Device, Tag
from plant import revisions
from plant.models import Area
from tests.cast import PASSWORD, Cast, Works


@pytest.fixture
def north(cast: Cast, works: Works, client: Client) -> Client:
    """Omar as an engineer of North, at the admin site."""
    Grant.objects.create(user=cast.omar, role=Role.objects.get(name="engineer"), area=works.north)
    client.force_login(cast.omar)
    return client


@pytest.fixture
def boss(cast: Cast, works: Works, client: Client) -> Client:
    """The administrator and auditor of the site, at the admin site."""
    user = User.objects.create_user("boss", PASSWORD)
    for name in ("administrator", "auditor"):
        Grant.objects.create(user=user, role=Role.objects.get(name=name), area=None)
    client.force_login(user)
    return client


def form_of(obj: Any, **changes: Any) -> dict[str, Any]:
    values = {**model_to_dict(obj), **changes}
    return {k: "{}" if v == {} else v for k, v in values.items() if v is not None and v is not False}


def at(obj: Any, page: str = "change") -> str:
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_{page}", args=[obj.pk])


def page(model: Any, name: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}")


# -- area by area


def test_only_what_stands_in_the_own_areas_is_listed(north: Client, works: Works) -> None:
    listed = set(north.get(page(Tag, "changelist")).context["cl"].queryset)
    assert listed == {works.level, works.run}


def test_a_row_of_another_area_looks_as_if_it_were_not_there(north: Client, works: Works) -> None:
    for name in ("change", "delete", "history"):
        assert north.get(at(works.flow, name)).status_code in {302, 404}
        north.post(at(works.flow, name), form_of(works.flow, title="Mine"))
    works.flow.refresh_from_db()
    assert works.flow.title == "Outflow"


def test_a_change_is_recorded_with_what_differs_and_raises_the_revision(north: Client, works: Works) -> None:
    before = revisions.current()
    answer = north.post(at(works.level), form_of(works.level, title="Level of the tank"))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    change = AuditRecord.objects.get(event="tag.changed")
    assert (change.old, change.new) == ({"title": "Tank level"}, {"title": "Level of the tank"})
    assert (change.actor_name, change.object_id, change.ip) == ("omar", str(works.level.uuid), "127.0.0.1")
    assert revisions.current() > before


def test_saving_without_a_change_leaves_no_trace(north: Client, works: Works) -> None:
    before = revisions.current()
    assert north.post(at(works.level), form_of(works.level)).status_code == 302
    assert revisions.current() == before
    assert not AuditRecord.objects.filter(event="tag.changed").exists()


def test_a_grant_names_areas_by_their_path(boss: Client) -> None:
    """'Pump 1' may stand in many places."""
    form = boss.get(page(Grant, "add")).content.decode()
    areas = re.findall(r">(everywhere|works/[^<]*)</option>", form)
    assert areas[0] == "everywhere"
    assert "works/north/pumps" in areas
    assert areas[1:] == sorted(areas[1:]), "they are found by looking down the list"


def test_areas_of_others_cannot_be_chosen(north: Client, works: Works) -> None:
    form = north.get(page(Tag, "add")).context["adminform"].form
    assert set(form.fields["area"].queryset) == {works.north, works.pumps}


def test_a_tag_cannot_be_moved_to_another_area(north: Client, works: Works) -> None:
    answer = north.post(at(works.level), form_of(works.level, area=works.south.pk))
    assert answer.status_code == 200
    works.level.refresh_from_db()
    assert works.level.area == works.north


def test_a_tag_cannot_read_a_device_that_stands_elsewhere(north: Client, works: Works) -> None:
    """Whoever points a tag at a device reads its registers, wherever the tag itself stands."""
    foreign = Device.objects.create(name="plc2", area=works.south, host="127.0.0.1")
    answer = north.post(page(Tag, "add"), form_of(works.level, id="", name="spy", address=9, device=foreign.pk))
    assert answer.status_code == 200
    assert not Tag.objects.filter(name="spy").exists()


def test_an_area_is_made_below_the_own_ones_only(north: Client, works: Works) -> None:
    def add(parent: Any) -> None:
        north.post(
            page(Area, "add"),
            {"plant": works.plant.pk, "parent": parent, "name": "cellar", "title": "", "position": 0},
        )

    for elsewhere in ("", works.south.pk):
        add(elsewhere)
    assert not Area.objects.filter(name="cellar").exists()
    add(works.north.pk)
    assert Area.objects.get(name="cellar").parent == works.north
    assert AuditRecord.objects.filter(event="area.created").count() == 1


def test_an_area_cannot_be_moved_out_of_or_into_others(north: Client, works: Works) -> None:
    for parent in ("", works.south.pk):
        north.post(at(works.pumps), form_of(works.pumps, parent=parent))
    works.pumps.refresh_from_db()
    assert works.pumps.parent == works.north


def test_a_plant_is_for_those_who_configure_everything(north: Client, works: Works) -> None:
    assert north.get(page(type(works.plant), "changelist")).status_code == 403
    assert north.get(at(works.plant)).status_code in {302, 403}


def test_many_are_deleted_in_one_go_each_recorded(north: Client, works: Works) -> None:
    chosen = {
        "action": "delete_selected", "_selected_action": [works.level.pk, works.run.pk, works.flow.pk], "post": "yes"
    }  # fmt: skip
    north.post(page(Tag, "changelist"), chosen)
    assert list(Tag.objects.all()) == [works.flow]
    assert set(AuditRecord.objects.filter(event="tag.deleted").values_list("object_text", flat=True)) == {
        str(works.level),
        str(works.run),
    }


def test_what_stands_in_the_way_elsewhere_is_counted_and_not_named(north: Client, works: Works) -> None:
    shown = north.get(at(works.plc1, "delete")).content.decode()
    assert "works/north/level" in shown
    assert "1 outside of your areas" in shown
    assert "works/south" not in shown


def test_what_cannot_be_recorded_is_not_done(north: Client, works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts import admin_rights

    def broken(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(admin_rights, "record", broken)
    north.raise_request_exception = False
    assert north.post(at(works.level), form_of(works.level, title="Unseen")).status_code == 500
    works.level.refresh_from_db()
    assert works.level.title == "Tank level"


def test_the_history_of_a_row_is_the_audit(cast: Cast, works: Works, client: Client) -> None:
    Grant.objects.create(user=cast.ada, role=Role.objects.get(name="auditor"), area=None)
    client.force_login(cast.ada)
    client.post(at(works.level), form_of(works.level, title="Level of the tank"))
    answer = client.get(at(works.level, "history"), follow=True)
    assert [row.event for row in answer.context["cl"].result_list] == ["tag.changed"]


# -- people


def test_a_new_person_gets_a_link_and_no_password(boss: Client) -> None:
    answer = boss.post(page(User, "add"), {"username": "nils", "full_name": "Nils Ny", "email": ""}, follow=True)
    person = User.objects.get(username="nils")
    assert not person.has_usable_password()
    address = " ".join(map(str, answer.context["messages"])).partition("<code>")[2].partition("</code>")[0]
    assert f'<a href="{address}">'.encode() in answer.content
    assert Client().get("/" + address.split("/", 3)[3]).status_code == 200


def test_people_are_switched_off_and_not_deleted(boss: Client, cast: Cast) -> None:
    assert boss.post(at(cast.sam, "delete"), {"post": "yes"}).status_code == 403
    form = {"username": "sam", "full_name": "Sam Stranger", "email": ""}
    assert boss.post(at(cast.sam), form).status_code == 302
    cast.sam.refresh_from_db()
    assert not cast.sam.is_active
    assert AuditRecord.objects.filter(event="user.deactivated", actor_name="boss").exists()


def test_the_last_administrator_is_told_why_not(boss: Client) -> None:
    me = User.objects.get(username="boss")
    answer = boss.post(at(me), {"username": "boss", "full_name": "", "email": ""}, follow=True)
    assert LAST_ADMINISTRATOR in [str(m) for m in answer.context["messages"]]
    own = Grant.objects.get(user=me, role__name="administrator")
    answer = boss.post(at(own, "delete"), {"post": "yes"}, follow=True)
    assert LAST_ADMINISTRATOR in [str(m) for m in answer.context["messages"]]
    assert may(me, Action.ADMINISTER, None)


def test_an_administrator_of_an_area_cannot_rise_by_a_forged_form(cast: Cast, works: Works, client: Client) -> None:
    Grant.objects.create(user=cast.omar, role=Role.objects.get(name="administrator"), area=works.north)
    client.force_login(cast.omar)
    engineer, viewer = (Role.objects.get(name=name) for name in ("engineer", "viewer"))
    before = Grant.objects.count()
    for role, area in ((engineer, works.north.pk), (engineer, ""), (viewer, ""), (viewer, works.south.pk)):
        answer = client.post(page(Grant, "add"), {"user": cast.omar.pk, "role": role.pk, "area": area})
        assert answer.status_code == 200
    assert Grant.objects.count() == before
    answer = client.post(page(Grant, "add"), {"user": cast.sam.pk, "role": viewer.pk, "area": works.pumps.pk})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert may(cast.sam, Action.VIEW, works.pumps)
    for model in (User, Role, ApiToken):
        assert client.get(page(model, "changelist")).status_code == 403


def test_a_grant_is_not_changed_into_another(boss: Client, cast: Cast) -> None:
    grant = cast.sam.grants.get()
    boss.post(at(grant), {"user": cast.sam.pk, "role": grant.role.pk, "area": ""})
    grant.refresh_from_db()
    assert grant.area is not None


def test_what_a_role_allows_is_chosen_from_the_list(boss: Client) -> None:
    role = Role.objects.get(name="operator")
    form = {"name": "operator", "title": "Operator", "actions": ["view", "fly"]}
    assert boss.post(at(role), form).status_code == 200
    assert boss.post(at(role), {**form, "actions": ["view"]}).status_code == 302
    role.refresh_from_db()
    assert role.actions == ["view"]
    assert (AuditRecord.objects.get(event="role.changed").new or {})["actions"] == ["view"]


def test_a_role_in_use_is_kept_and_the_reason_said(boss: Client) -> None:
    role = Role.objects.get(name="operator")
    boss.post(at(role, "delete"), {"post": "yes"})
    assert Role.objects.filter(name="operator").exists()


def test_tokens_are_seen_without_secrets_and_revoked(boss: Client, cast: Cast) -> None:
    token, key = tokens.create_token(Actor.system("test"), cast.vera, "display", [Action.VIEW])
    shown = boss.get(at(token)).content.decode() + boss.get(page(ApiToken, "changelist")).content.decode()
    assert token.prefix in shown
    assert key.rpartition("_")[2] not in shown
    assert token.digest not in shown
    boss.post(page(ApiToken, "changelist"), {"action": "revoke", "_selected_action": [token.pk]})
    assert tokens.authenticate(key) is None


@pytest.mark.parametrize(("name", "event"), [("end_sessions", "user.sessions_ended"), ("unlock", "user.unlocked")])
def test_what_can_be_done_for_a_person_is_recorded(name: str, event: str, boss: Client, cast: Cast) -> None:
    boss.post(page(User, "changelist"), {"action": name, "_selected_action": [cast.sam.pk]})
    assert AuditRecord.objects.filter(event=event, object_id=cast.sam.uuid, actor_name="boss").exists()


# -- the audit


def test_the_audit_is_read_and_never_written(boss: Client) -> None:
    row = record("system", "test.event", Actor.system("test"), reason="because")
    assert boss.get(page(AuditRecord, "changelist") + "?q=test.event").status_code == 200
    assert "because" in boss.get(at(row)).content.decode()
    assert boss.get(page(AuditRecord, "add")).status_code == 403
    assert boss.post(at(row), {"reason": "x"}).status_code == 403
    assert boss.post(at(row, "delete"), {"post": "yes"}).status_code == 403
    row.refresh_from_db()
    assert row.reason == "because"


def test_times_are_those_of_the_plant_to_the_second(boss: Client, cast: Cast, works: Works) -> None:
    works.plant.time_zone = "Europe/Stockholm"
    works.plant.save()
    at_utc = datetime(2026, 11, 22, 16, 16, 35, tzinfo=UTC)
    row = AuditRecord.objects.create(at=at_utc, category="system", event="test", result="ok", actor_name="it")
    User.objects.filter(pk=cast.sam.pk).update(last_login=at_utc)
    for address in (page(AuditRecord, "changelist"), at(row), page(User, "changelist"), at(cast.sam)):
        shown = boss.get(address).content.decode()
        assert "2026-11-22 17:16:35" in shown, address
        assert "Times are those of Europe/Stockholm." in shown
    assert b"2026-11-22 17:16:35 it: test" in boss.get(at(row)).content
    answer = boss.post(page(AuditRecord, "changelist"), {"action": "export", "_selected_action": [row.pk]})
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]  # a streaming answer
    assert "2026-11-22T16:16:35+00:00" in text


@pytest.mark.django_db
def test_times_are_those_of_the_server_where_there_is_no_plant(client: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    user = User.objects.create_user("boss", PASSWORD)
    Grant.objects.create(user=user, role=Role.objects.get(name="administrator"), area=None)
    client.force_login(user)
    assert b"Times are those of Asia/Tokyo." in client.get(page(User, "changelist")).content


def test_the_export_is_csv_without_formulas_and_is_recorded(boss: Client) -> None:
    row = record("system", "test.event", Actor("user", "1", "=cmd|'/c calc'!A1"), reason='a,b\n"c"')
    answer = boss.post(page(AuditRecord, "changelist"), {"action": "export", "_selected_action": [row.pk]})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]  # a streaming answer
    assert "'=cmd" in text
    assert '"a,b\n""c"""' in text
    assert AuditRecord.objects.filter(event="audit.exported", actor_name="boss").exists()


def test_the_audit_is_closed_to_those_who_only_administer(cast: Cast, client: Client) -> None:
    Grant.objects.create(user=cast.sam, role=Role.objects.get(name="administrator"), area=None)
    client.force_login(cast.sam)
    assert client.get(page(AuditRecord, "changelist")).status_code == 403


# -- the door


def test_the_admin_site_has_no_login_of_its_own(cast: Cast, client: Client) -> None:
    answer = client.post(reverse("admin:login"), {"username": "ada", "password": PASSWORD})
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))
    assert "_auth_user_id" not in client.session


def test_who_has_nothing_to_do_there_is_told_so(cast: Cast, client: Client) -> None:
    client.force_login(cast.vera)
    assert client.get(reverse("admin:index"), follow=True).status_code == 403


def test_who_was_sent_to_log_in_arrives(cast: Cast, client: Client) -> None:
    asked = client.get(page(Tag, "changelist"), follow=True)
    login = asked.redirect_chain[-1][0]
    answer = client.post(login, {"login": "ada", "password": PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0] == page(Tag, "changelist")
