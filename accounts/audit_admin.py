"""The audit to read: a list with filters and a CSV export. There is nothing to add, change or delete."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from accounts.actors import actor_of
from accounts.admin_rights import GrantAdmin, OnlyToRead
from accounts.permissions import Action
from audit.actions import record
from audit.models import AuditRecord

COLUMNS: Final = (
    "sequence", "at", "category", "event", "result", "actor_kind", "actor_name", "actor_id", "ip", "session",
    "station", "request_id", "object_type", "object_id", "object_text", "old", "new", "reason", "previous_hash", "hash",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class AuditAdmin(OnlyToRead, GrantAdmin):
    action = Action.AUDIT
    area_lookup = None
    list_display = ("at", "actor_name", "ip", "event", "result", "object_text", "sequence")
    list_filter = ("category", "result", "at", "event", "actor_kind")
    search_fields = ("actor_name", "event", "object_text", "object_id", "ip", "request_id")
    date_hierarchy = "at"
    ordering = ("-pk",)
    show_full_result_count = False
    list_per_page = 100
    fields = COLUMNS
    actions = ("export",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """The history of a row comes here with the row in the address."""
        return lookup in {"object_type", "object_id"} or super().lookup_allowed(lookup, value, request)

    @admin.action(description="Export as CSV", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> StreamingHttpResponse:
        rows = queryset.order_by("pk")
        record("audit", "audit.exported", actor_of(request), new={"records": rows.count()})
        name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.csv"
        return StreamingHttpResponse(
            csv_lines(rows.values_list(*COLUMNS).iterator(chunk_size=500)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


class _Line:
    """What csv.writer writes to; write() hands the line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow([_cell(value) for value in row])


def _cell(value: Any) -> str:
    """As text. What a spreadsheet would take for a formula gets an apostrophe: names are written by anybody."""
    text = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
