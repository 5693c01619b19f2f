from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db import connections
from django.db.models.signals import post_migrate


class AlarmsConfig(AppConfig):
    name = "alarms"
    verbose_name = "Alarms"

    def ready(self) -> None:
        from alarms.document.alarms import AlarmSection
        from alarms.document.classes import AlarmClassSection
        from alarms.journal_guard import check_guard
        from alarms.rules.neighbours import unfit_for_production
        from alarms.rules.tags import dependants_of
        from devices import dependants
        from plant import production
        from plant.document import sections

        dependants.register(dependants_of)
        production.register(unfit_for_production)
        sections.register(AlarmClassSection())
        sections.register(AlarmSection())
        post_migrate.connect(guard_journal, sender=self, dispatch_uid="alarms.guard_journal")
        checks.register(check_guard, checks.Tags.database)


def guard_journal(using: str, **_: Any) -> None:
    from alarms.journal_guard import JOURNAL

    JOURNAL.install(connections[using])
