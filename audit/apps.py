from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db import connections
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit.checks import check_guard

        post_migrate.connect(install_guard, sender=self, dispatch_uid="audit.install_guard")
        checks.register(check_guard, checks.Tags.database)


def install_guard(using: str, **kwargs: Any) -> None:
    from audit import triggers

    triggers.install(connections[using])
