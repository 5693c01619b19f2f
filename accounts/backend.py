"""Logs people in by username and password, and answers Django's own questions about permissions from the grants."""

from typing import Any, Final

from allauth.account.auth_backends import AuthenticationBackend

from accounts.models import User
from accounts.permissions import Action, areas_by_action

_ASKS_FOR: Final = {
    "plant": Action.CONFIGURE,
    "devices": Action.CONFIGURE,
    "alarms": Action.CONFIGURE_ALARMS,
    "historian": Action.CONFIGURE,
    "accounts": Action.ADMINISTER,
    "audit": Action.AUDIT,
}
"""App -> what one must be granted to work with its models. An app that is not here is closed."""


class GrantBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Django's permission "app.verb_model", for some area. Which area is asked by GrantAdmin."""
        return self.has_module_perms(user_obj, perm.partition(".")[0])

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        action = _ASKS_FOR.get(app_label)
        return action is not None and isinstance(user_obj, User) and bool(areas_by_action(user_obj)[action])

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set()

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set()

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set()
