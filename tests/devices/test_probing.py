"""What the web side does with a question to a device: checked, recorded, then asked; what it says when it cannot."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audit.actions import Actor
from audit.models import AuditRecord
from bus import keys
from bus.asking import Asking
from bus.client import connect_blocking
from devices import probing
from devices.points import Table
from tests.cast import Works

ADA = Actor("user", "1", "ada")


@pytest.fixture(autouse=True)
def _pages_with_a_bus_of_their_own(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """What one test made of the bus (a pause after a failure) is nothing to the next."""
    monkeypatch.setattr(probing, "live_bus", Asking("test-pages", lambda: settings.REDIS_URL))


def waiting(url: str) -> int:
    client = connect_blocking(url, "test")
    try:
        return int(client.xlen(keys.PROBES))
    finally:
        client.close()


def test_a_question_is_recorded_and_asked_after_the_commit(
    works: Works, bus_url: str, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        probe_id = probing.start(ADA, works.plc1, "read", table=Table.HOLDING, address=0, count=2, tag=works.level.pk)
        assert waiting(bus_url) == 0
    assert waiting(bus_url) == 1
    assert probing.answer(probe_id) is None
    record = AuditRecord.objects.get(event="probe.read")
    assert (record.object_text, record.actor_name, record.category) == ("plc1", "ada", "operation")
    assert record.new == {"table": "holding", "address": 0, "count": 2, "tag": works.level.pk}


@pytest.mark.parametrize(
    ("kind", "arguments", "field", "says"),
    [
        ("dance", {}, "__all__", "There is no probe 'dance'; probes: connect, read, identify."),
        ("connect", {"address": 1}, "address", "takes no 'address'"),
        ("read", {"table": "registers", "address": 0, "count": 1}, "table", "coil, discrete, holding, input"),
        ("read", {"table": "holding", "address": 65536, "count": 1}, "address", "from 0 to 65535"),
        ("read", {"table": "holding", "address": "7", "count": 1}, "address", "whole number"),
        ("read", {"table": "holding", "address": 0, "count": 126}, "count", "1 to 125 registers"),
        ("read", {"table": "coil", "address": 0, "count": 2001}, "count", "1 to 2000 bits"),
        ("read", {"table": "coil", "address": 0, "count": True}, "count", "whole number"),
        ("read", {"table": "holding", "address": 65500, "count": 100}, "count", "after the last address"),
        ("read", {"table": "holding", "address": 0, "count": 1, "tag": "x"}, "tag", "no id of a tag"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(
    works: Works, bus_url: str, kind: str, arguments: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        probing.start(ADA, works.plc1, kind, **arguments)
    assert says in caught.value.message_dict[field][0]
    assert not AuditRecord.objects.filter(event__startswith="probe").exists()
    assert waiting(bus_url) == 0


def test_without_a_bus_nothing_is_recorded_and_nothing_hangs(works: Works, settings: Any, tmp_path: Any) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    with pytest.raises(probing.NotAsked, match="The device was not asked"):
        probing.start(ADA, works.plc1, "connect")
    assert not AuditRecord.objects.filter(event="probe.connect").exists()
    assert probing.answer("x") is None


@pytest.mark.django_db(transaction=True)
def test_a_bus_that_goes_at_the_last_moment_is_told(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr("bus.probes.ask", lost)
    with pytest.raises(probing.NotAsked, match="Nobody knows"):
        probing.start(ADA, works.plc1, "connect")


def test_whoever_asks_without_end_is_told_to_wait_and_no_other_is(
    works: Works, bus_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stuck key must fill neither the line nor the audit."""
    now = [100.0]
    monkeypatch.setattr(probing, "pace", probing.Pace(clock=lambda: now[0]))
    for _ in range(probing.MOST):
        probing.start(ADA, works.plc1, "connect")
    now[0] += 20.5
    with pytest.raises(ValidationError, match="Wait 40 s"):
        probing.start(ADA, works.plc1, "connect")
    assert AuditRecord.objects.filter(event="probe.connect").count() == probing.MOST
    probing.start(Actor("user", "2", "omar"), works.plc1, "connect")
    now[0] += 39.5
    probing.start(ADA, works.plc1, "connect")
