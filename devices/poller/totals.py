"""Totals in the database: read and written from the thread of the configuration."""

from collections.abc import Mapping

from django.db import transaction

from devices import interventions
from devices.formula import Function
from devices.models import Kind, Tag, TotaliserState
from devices.poller.computing import Stored
from devices.poller.interventions import Store


def keep_totals(wanted: Mapping[int, Stored], known: Mapping[int, Stored]) -> dict[int, Stored]:
    """Write what is wanted, each only where nobody else has written since `known`. Returns what stands then."""
    if wanted:
        with transaction.atomic():
            new = {tag: row for tag, row in wanted.items() if tag not in known}
            if new:
                rows = Tag.objects.filter(pk__in=new, kind=Kind.DERIVED, function=Function.TOTAL).values_list(
                    "pk", flat=True
                )
                states = [TotaliserState(tag_id=tag, total=new[tag][0], taken_ms=new[tag][1]) for tag in rows]
                TotaliserState.objects.bulk_create(states, ignore_conflicts=True)
            for tag, (total, taken_ms) in wanted.items():
                if tag in known:
                    mine = TotaliserState.objects.filter(tag_id=tag, taken_ms=known[tag][1])
                    mine.update(total=total, taken_ms=taken_ms)
    found = TotaliserState.objects.values_list("tag_id", "total", "taken_ms")
    return {tag: (total, taken_ms) for tag, total, taken_ms in found}


def database() -> Store:
    return Store(interventions.active, keep_totals)
