"""The alarms of the demo plant: each is rationalised, they are few that are urgent, and a quiet plant is quiet."""

from collections import Counter

import pytest

from alarms.kinds import Kind, Priority
from alarms.models import Alarm
from alarms.rules.advice import advice
from alarms.rules.rationalisation import rationalised
from audit.actions import Actor
from plant.document.transfer import import_document
from tests.devices.demo_plant import FILE

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo() -> list[Alarm]:
    import_document(FILE.read_bytes(), FILE.name, Actor.system("test"))
    return list(Alarm.objects.filter(tag__isnull=False).select_related("tag"))


def test_every_alarm_of_the_demo_is_rationalised(demo: list[Alarm]) -> None:
    """ALM-10."""
    assert 40 <= len(demo) <= 60
    missing = {str(alarm): fields for alarm in demo if (fields := rationalised(alarm))}
    assert missing == {}


def test_they_could_be_enabled_in_production_mode_and_raise_no_doubts(demo: list[Alarm]) -> None:
    """ALM-11, ALM-13: deadbands, and time enough for a person."""
    doubts = {str(alarm): said for alarm in demo if (said := advice(alarm, alarm.tag))}
    assert doubts == {}


def test_few_of_them_are_urgent(demo: list[Alarm]) -> None:
    """The priorities divide near 80, 15 and 5 % (1.5)."""
    count = Counter(Priority(alarm.priority) for alarm in demo)
    share = {priority: 100 * count[priority] / len(demo) for priority in Priority}
    assert 3 <= share[Priority.HIGH] <= 8
    assert 10 <= share[Priority.MEDIUM] <= 20
    assert 74 <= share[Priority.LOW] + share[Priority.DIAGNOSTIC] <= 86


def test_they_show_every_kind_of_alarm_but_those_of_isthmus_itself(demo: list[Alarm]) -> None:
    assert {Kind(alarm.kind) for alarm in demo} == set(Kind) - {Kind.SYSTEM}
