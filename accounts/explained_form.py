"""A form of the admin site that says of a number which ones are possible, not only that this one is not."""

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class ExplainedForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if isinstance(field, forms.FloatField):
                field.error_messages["invalid"] = "Write a number, with a point before its decimals, like 0.5."
            elif isinstance(field, forms.IntegerField):
                text = _limits(self._meta.model._meta.get_field(name))
                field.error_messages |= dict.fromkeys(("invalid", "min_value", "max_value"), text)


def _limits(field: "models.Field[Any, Any]") -> str:
    """Like 'Write a whole number from 50 to 60000.', from the validators of the model's field."""
    low = max((v.limit_value for v in field.validators if isinstance(v, MinValueValidator)), default=0)
    high = min((v.limit_value for v in field.validators if isinstance(v, MaxValueValidator)), default=2**31 - 1)
    return f"Write a whole number from {low} to {high}."
