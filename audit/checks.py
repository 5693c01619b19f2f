"""Is the audit guarded? Asked by `manage.py check --database default`, which each start runs."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage

from audit import triggers
from audit.append_only import problems

HINT = "Run `manage.py migrate`, which makes them again, then `manage.py audit verify`."


def check_guard(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """audit.E001: a trigger that keeps the audit append-only is not there."""
    return problems(triggers.AUDIT, databases, "audit.E001", HINT)
