from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        post_migrate.connect(_seed_emptied_roles, sender=self, dispatch_uid="accounts.seed_emptied_roles")


def _seed_emptied_roles(using: str, **kwargs: Any) -> None:
    """After a flush the standard roles come back. A role that a site has deleted does not."""
    from accounts.models import Role
    from accounts.standard_roles import STANDARD_ROLES

    roles = Role.objects.using(using)
    if not roles.exists():
        roles.bulk_create([Role(name=name, title=title, actions=actions) for name, title, actions in STANDARD_ROLES])
