"""What the jobs do by themselves besides sealing the audit."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from audit.actions import Actor
from audit.models import AuditRecord
from devices.interventions import substitute
from devices.models import Substitution
from hmi import jobs
from hmi.jobs import ENDINGS_EVERY_S, Endings
from tests.cast import Works


def test_a_substitution_whose_time_ran_out_gets_its_record_within_seconds(works: Works) -> None:
    row = substitute(Actor.system("test"), works.level, 2.5, "test run", timezone.now() + timedelta(hours=1))
    now = [0.0]
    endings = Endings(lambda: now[0])
    endings.turn()
    Substitution.objects.filter(pk=row.pk).update(ends_at=timezone.now())
    endings.turn()
    assert not AuditRecord.objects.filter(event="substitution.ended").exists()
    now[0] += ENDINGS_EVERY_S
    endings.turn()
    assert AuditRecord.objects.get(event="substitution.ended").reason == "its time ran out"


def test_a_database_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    now = [0.0]

    def away() -> Any:
        asked.append(now[0])
        raise OperationalError("the database is away")

    monkeypatch.setattr(jobs, "close_expired", away)
    monkeypatch.setattr("hmi.jobs.connections.close_all", lambda: None)
    endings = Endings(lambda: now[0])
    for _ in range(3):
        endings.turn()
        now[0] += ENDINGS_EVERY_S
    assert asked == [0.0, 2.0, 4.0]
