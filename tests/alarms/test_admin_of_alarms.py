"""Alarms and alarm classes in the admin site: what is named by path, rights, records with reasons, deletions."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Grant, Role, User
from alarms.models import Alarm, AlarmClass, AlarmInput
from audit.models import AuditRecord
from plant import revisions
from tests.alarms.entries import make_alarm
from tests.alarms.test_alarms_among_others import COMPLETE
from tests.cast import Cast, Works

ADD = "admin:alarms_alarm_add"


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


def form(**changes: Any) -> dict[str, Any]:
    filled = {
        "why": "Asked for by the shift", "tag_path": "works/north/level", "name": "hi", "message": "Level high",
        "kind": "hi", "enabled": "on", "setpoint": "10", "deadband": "1", "reference_path": "", "target": "",
        "window_s": "60", "states": "[]", "expression": "", "inputs": "", "on_delay_s": "0", "off_delay_s": "0",
        "ack_required": "on", "realarm_min": "0", "realarm_limit": "3", "first_out": "", "suppress_when": "",
        "causes": "", "shelvable": "on", "max_shelve_min": "", "limit": "", "rate": "", "margin": "1.5",
        "alarm_class": AlarmClass.objects.get(name="process").pk, "severity": "2", "time_to_respond_min": "10",
        "cause": "Valve\r\nstuck", "consequence": "", "operator_action": "", "basis": "", "related_trip": "",
        "owner": "", "approved_by": "", "approved_on": "", "review_on": "",
    }  # fmt: skip
    return filled | changes


def change(alarm: Alarm) -> str:
    return reverse("admin:alarms_alarm_change", args=[alarm.pk])


def problems(page: Any) -> str:
    assert page.status_code == 200
    return " ".join(re.findall(r'<ul class="errorlist[^>]*>.*?</ul>', page.content.decode(), re.DOTALL))


def test_an_alarm_is_made_with_what_it_refers_to_and_the_reason_is_recorded(ada: Client, works: Works) -> None:
    """ALM-25."""
    make_alarm(works.run, "trip", kind="discrete", setpoint=None, deadband=0.0, states=[0])
    sent = form(
        suppress_when="run == 0", inputs="run = works/north/pumps/run", causes="works/north/pumps/run:trip",
        severity="3", time_to_respond_min="2",
    )  # fmt: skip
    before = revisions.current()
    answer = ada.post(reverse(ADD), sent, follow=True)
    assert problems(answer) == ""
    alarm = Alarm.objects.get(name="hi")
    assert (alarm.tag, alarm.priority, alarm.cause) == (works.level, 1, "Valve\nstuck")
    assert [(row.name, row.source) for row in alarm.inputs.all()] == [("run", works.run)]
    assert [cause.name for cause in alarm.suppressed_by.all()] == ["trip"]
    records = AuditRecord.objects.filter(object_id=str(alarm.uuid))
    assert {row.event for row in records} == {"alarm.created", "alarm.connected"}
    assert {row.reason for row in records} == {"Asked for by the shift"}
    assert {row.object_text for row in records} == {"works/north/level:hi"}
    assert revisions.current() > before
    assert "this should be automatic" in answer.content.decode()
    page = ada.get(change(alarm)).content.decode()
    assert "run = works/north/pumps/run" in page
    assert "works/north/pumps/run:trip" in page


def test_a_change_is_recorded_with_old_new_who_and_why(ada: Client, works: Works) -> None:
    """ALM-25."""
    alarm = make_alarm(works.level, cause="Valve\nstuck")
    before = revisions.current()
    assert (
        ada.post(
            change(alarm), form(message="level high", setpoint="9.5", cause="Valve\r\nstuck", why="Overflow seen")
        ).status_code
        == 302
    )
    found = AuditRecord.objects.get(event="alarm.changed")
    assert (found.old, found.new) == ({"setpoint": 10.0}, {"setpoint": 9.5})
    assert (found.actor_name, found.reason) == ("ada", "Overflow seen")
    assert revisions.current() == before + 1
    assert "Say why" not in problems(ada.get(change(alarm)))
    assert problems(ada.post(change(alarm), form(why="")))
    assert Alarm.objects.get().setpoint == 9.5


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tag_path": ""}, "An alarm watches a tag"),
        ({"tag_path": "works/north/nothing"}, "There is no tag"),
        ({"setpoint": ""}, "needs a setpoint, a number in m"),
        ({"kind": "rate", "window_s": "1"}, "two scan periods"),
        ({"kind": "system"}, "Select a valid choice"),
        ({"kind": "deviation"}, "write one of them"),
        ({"kind": "deviation", "reference_path": "works/north/level"}, "never deviates from itself"),
        ({"inputs": "run works/north/pumps/run"}, "has no"),
        ({"inputs": "run = works/north/pumps/run"}, "is not used"),
        ({"causes": "works/north/level:lo"}, "There is no alarm"),
        ({"states": "2"}, "means nothing to a high alarm"),
        ({"states": "x"}, "Write whole numbers in brackets"),
        ({"name": "HIHI"}, "Another alarm of this tag has this name"),
        ({"setpoint": "12"}, "must lie below the high-high limit 11"),
        ({"message": "m" * 81}, "at most 80 characters"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(ada: Client, works: Works, changes: dict[str, Any], says: str) -> None:
    make_alarm(works.level, "hihi", kind="hihi", setpoint=11.0)
    said = problems(ada.post(reverse(ADD), form(**changes)))
    expected = "must lie above the high limit 12" if "below the high-high" in says else says
    assert expected in said or says in said, said
    assert Alarm.objects.count() == 1


def test_a_loop_of_suppression_is_refused_with_its_way(ada: Client, works: Works) -> None:
    """ALM-15."""
    first, second = make_alarm(works.level), make_alarm(works.flow)
    second.suppressed_by.add(first)
    said = problems(ada.post(change(first), form(causes="works/south/flow:hi")))
    assert re.search("level:hi.* by .*flow:hi.* by .*level:hi", said)


def test_whoever_may_not_configure_alarms_of_an_area_can_use_none_of_its_tags(nora: Client, works: Works) -> None:
    other = make_alarm(works.flow)
    assert nora.get(change(other)).status_code in (302, 404)
    for field in ("tag_path", "reference_path"):
        assert "There is no tag" in problems(nora.post(reverse(ADD), form(**{field: "works/south/flow"})))
    rule = {"suppress_when": "q > 1", "inputs": "q = works/south/flow"}
    assert "There is no tag" in problems(nora.post(reverse(ADD), form(**rule)))
    assert "There is no alarm" in problems(nora.post(reverse(ADD), form(causes="works/south/flow:hi")))
    assert nora.post(reverse(ADD), form()).status_code == 302
    page = nora.get(reverse("admin:alarms_alarm_changelist")).content.decode()
    assert "works/north/level:hi" in page
    assert "flow" not in page


def test_an_alarm_with_a_foreign_input_can_be_read_without_a_word_of_it(nora: Client, works: Works) -> None:
    alarm = make_alarm(works.level, suppress_when="q > 1")
    AlarmInput.objects.create(alarm=alarm, name="q", source=works.flow)
    page = nora.get(change(alarm))
    assert page.status_code == 200
    text = page.content.decode()
    assert "q = a tag outside of your areas" in text
    assert "works/north/level" in text
    assert "south" not in text
    rule = form(suppress_when="q > 1", inputs="q = works/south/flow")
    assert nora.post(change(alarm), rule).status_code == 403


def test_the_setpoint_is_checked_against_the_time_to_respond(ada: Client, works: Works) -> None:
    """ALM-12."""
    sent = form(setpoint="9", limit="9.5", rate="3", time_to_respond_min="12")
    said = ada.post(reverse(ADD), sent, follow=True).content.decode()
    assert "The setpoint 9 comes too late: it should be at most 8.6 m" in said
    sent = form(setpoint="8.5", limit="9.5", rate="3", time_to_respond_min="12", why="Checked")
    said = ada.post(change(Alarm.objects.get()), sent, follow=True).content.decode()
    assert "The setpoint 8.5 leaves the time to respond" in said


def test_starting_values_are_shown(ada: Client, works: Works) -> None:
    """ALM-13."""
    page = ada.get(change(make_alarm(works.level))).content.decode()
    assert "Usual to begin with for a level: a deadband of 5 % of the span and delays of 60 s." in page
    assert "Setpoint and deadband are in m." in page, "no number without its unit"


def act(client: Client, action: str, alarms: list[Alarm], why: str) -> str:
    sent = {"action": action, "_selected_action": [alarm.pk for alarm in alarms], "why": why}
    answer = client.post(reverse("admin:alarms_alarm_changelist"), sent, follow=True)
    return str(answer.content.decode())


def test_alarms_are_switched_by_the_list_with_a_reason(ada: Client, works: Works) -> None:
    """ALM-25."""
    alarms = [make_alarm(works.level), make_alarm(works.flow)]
    assert "Say why" in act(ada, "disable", alarms, "")
    assert Alarm.objects.filter(enabled=True).count() == 2
    assert "2 alarms disabled." in act(ada, "disable", alarms, "Winter")
    assert not Alarm.objects.filter(enabled=True).exists()
    found = AuditRecord.objects.filter(event="alarm.changed")
    assert [(row.reason, row.old, row.new) for row in found] == [("Winter", {"enabled": True}, {"enabled": False})] * 2


def test_in_production_the_list_enables_all_or_none(ada: Client, works: Works) -> None:
    """ALM-10."""
    works.plant.production_mode = True
    works.plant.save()
    full = make_alarm(works.level, enabled=False, **COMPLETE)
    bare = make_alarm(works.flow, enabled=False)
    said = act(ada, "enable", [full, bare], "Commissioned")
    assert (
        "The alarm works/south/flow:hi: In production mode only rationalised alarms can be enabled. Missing: cause"
        in said
    )
    assert not Alarm.objects.filter(enabled=True).exists()
    assert "1 alarm enabled." in act(ada, "enable", [full], "Commissioned")
    plant = reverse("admin:plant_plant_change", args=[works.plant.pk])
    Alarm.objects.update(enabled=True)
    sent = {"name": "works", "title": "", "time_zone": "UTC", "production_mode": "on"}
    assert "1 enabled alarm is not rationalised: flow:hi" in problems(ada.post(plant, sent))


def test_what_is_enabled_or_suppresses_another_is_not_deleted(ada: Client, works: Works) -> None:
    first, second = make_alarm(works.level), make_alarm(works.flow, enabled=False)
    second.suppressed_by.add(first)
    page = reverse("admin:alarms_alarm_delete", args=[first.pk])
    said = ada.post(page, {"post": "yes"}).content.decode()
    assert "level:hi is enabled: switch it off first" in said
    assert "level:hi suppresses flow:hi" in said
    page = reverse("admin:alarms_alarm_delete", args=[second.pk])
    assert ada.post(page, {"post": "yes"}).status_code == 302
    assert AuditRecord.objects.get(event="alarm.deleted").object_text == "works/south/flow:hi"


def test_a_tag_with_alarms_cannot_be_deleted_and_its_users_are_named(ada: Client, works: Works) -> None:
    make_alarm(works.level)
    alarm = make_alarm(works.flow, suppress_when="run == 0")
    AlarmInput.objects.create(alarm=alarm, name="run", source=works.run)
    said = ada.post(reverse("admin:devices_tag_delete", args=[works.level.pk]), {"post": "yes"}).content.decode()
    assert "1 alarm: works/north/level:hi" in said
    said = ada.post(reverse("admin:devices_tag_delete", args=[works.run.pk]), {"post": "yes"}).content.decode()
    assert "1 use in an alarm: works/south/flow:hi" in said
    assert Alarm.objects.count() == 2


def test_the_list_is_searched_by_path_and_filtered_by_area(ada: Client, works: Works) -> None:
    make_alarm(works.level)
    make_alarm(works.flow)
    for query in ({"q": "north/level:h"}, {"q": "works/north"}, {"in": str(works.north.pk)}, {"q": "lev"}):
        page = ada.get(reverse("admin:alarms_alarm_changelist"), query).content.decode()
        assert "works/north/level:hi" in page
        assert "works/south/flow:hi" not in page


def test_a_class_is_changed_with_a_reason_and_kept_while_alarms_have_it(ada: Client, works: Works) -> None:
    """ALM-25."""
    make_alarm(works.level)
    group = AlarmClass.objects.get(name="process")
    page = reverse("admin:alarms_alarmclass_change", args=[group.pk])
    sent = {"name": "process", "title": "Process", "max_shelve_min": "60", "shelvable": "on", "why": "Shifts of 8 h"}
    assert ada.post(page, sent).status_code == 302
    found = AuditRecord.objects.get(event="alarmclass.changed")
    assert (found.old, found.new, found.reason) == ({"max_shelve_min": 480}, {"max_shelve_min": 60}, "Shifts of 8 h")
    assert ada.post(reverse("admin:alarms_alarmclass_delete", args=[group.pk]), {"post": "yes"}).status_code == 200
    assert AlarmClass.objects.filter(name="process").exists()


def test_a_new_site_has_the_standard_classes(db: None) -> None:
    found = {group.name: (group.shelvable, group.ack_comment) for group in AlarmClass.objects.all()}
    assert found == {
        "process": (True, False), "safety": (False, True), "environmental": (True, False), "diagnostic": (True, False),
    }  # fmt: skip


def sheet(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("alarms.csv", text.encode(), content_type="text/csv")


def test_ticked_alarms_are_exported_and_the_file_is_imported_after_a_look(ada: Client, works: Works) -> None:
    """ALM-10, ALM-25."""
    alarms = [make_alarm(works.level), make_alarm(works.flow)]
    sent = {"action": "export", "_selected_action": [alarms[0].pk]}
    answer = ada.post(reverse("admin:alarms_alarm_changelist"), sent)
    assert answer["Content-Disposition"] == 'attachment; filename="works-alarms.csv"'
    text = answer.content.decode()
    assert "north/level:hi" in text
    assert "south" not in text
    assert "Import CSV" in ada.get(reverse("admin:alarms_alarm_changelist")).content.decode()
    page, changed = reverse("admin:alarms_alarm_import"), text.replace("level high", "Level too high")
    said = ada.post(page, {"plant": works.plant.pk, "file": sheet(changed), "look": "1"}).content.decode()
    assert "It would be: 1 alarm changed. Nothing was changed." in said
    assert "message: level high -&gt; Level too high" in said
    assert "Say why" in problems(ada.post(page, {"plant": works.plant.pk, "file": sheet(changed), "import": "1"}))
    bad = changed.replace(",hi,Level", ",high,Level")
    said = problems(ada.post(page, {"plant": works.plant.pk, "file": sheet(bad), "import": "1", "why": "Clearer"}))
    assert "line 2, column 2, alarms[0].kind" in said
    assert not Alarm.objects.filter(message="Level too high").exists()
    sent_file = {"plant": works.plant.pk, "file": sheet(changed), "import": "1", "why": "Clearer"}
    assert ada.post(page, sent_file).status_code == 302
    assert Alarm.objects.filter(message="Level too high").count() == 1
    found = AuditRecord.objects.get(event="alarm.changed")
    assert (found.actor_name, found.reason) == ("ada", "Clearer")


def test_whoever_configures_alarms_of_one_area_exports_them_and_imports_nothing(nora: Client, works: Works) -> None:
    alarm, other = make_alarm(works.level), make_alarm(works.flow)
    sent = {"action": "export", "_selected_action": [alarm.pk, other.pk]}
    text = nora.post(reverse("admin:alarms_alarm_changelist"), sent).content.decode()
    assert "north/level:hi" in text
    assert "south" not in text
    Alarm.objects.filter(pk=alarm.pk).update(suppress_when="q > 1")
    AlarmInput.objects.create(alarm=alarm, name="q", source=works.flow)
    said = nora.post(reverse("admin:alarms_alarm_changelist"), sent, follow=True).content.decode()
    assert "Some of these look at tags outside of your areas" in said
    assert "works/south" not in said
    assert nora.get(reverse("admin:alarms_alarm_import")).status_code == 403
    assert "Import CSV" not in nora.get(reverse("admin:alarms_alarm_changelist")).content.decode()
