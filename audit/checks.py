"""Is the audit guarded? Asked by `manage.py check --database default`, which each start runs."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import Error as DatabaseError
from django.db import connections

from audit import triggers


def check_guard(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """audit.E001: a trigger that keeps the audit append-only is not there."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        try:
            gone = triggers.missing(connections[alias])
        except DatabaseError:
            continue  # the database is away: that is said elsewhere
        if gone:
            found.append(
                Error(
                    f"The database '{alias}' would let audit records be changed: {', '.join(gone)} missing.",
                    hint="Run `manage.py migrate`, which makes them again, then `manage.py audit verify`.",
                    id="audit.E001",
                )
            )
    return found
