"""How a row of the configuration stands in the audit: its fields as JSON, without secrets."""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

SECRETS: Final = frozenset({"password", "digest"})
"""Fields whose content never enters the audit; that they changed does."""


def as_row(obj: models.Model) -> dict[str, Any]:
    """Field name -> JSON value of every stored field. A foreign key is the key and the text of what it names."""
    row = {field.name: _value(obj, field) for field in obj._meta.concrete_fields}
    plain: dict[str, Any] = json.loads(json.dumps(row, cls=DjangoJSONEncoder))
    return plain


def _value(obj: models.Model, field: "models.Field[Any, Any]") -> Any:
    value = field.value_from_object(obj)
    if field.name in SECRETS:
        return "(set)" if value else ""
    if isinstance(field, models.ForeignKey) and value is not None:
        return {"id": value, "text": str(getattr(obj, field.name))}
    return value


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what differs between two rows: (before, after)."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {n: old.get(n) for n in names}, {n: new.get(n) for n in names}
