"""What people type to enter or substitute a value, to preset a total, to take a device out of use.

The forms only parse; whether a value fits its tag is asked by the action (devices/interventions.py), whose sentences
come back to the same fields.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from devices.points import DataType
from devices.snapshot import TagEntry
from hmi.presentation import labels_of

NUMBER: Final = "Write a number, with a point before its decimals, like 12.5."
LONGEST_TEXT: Final = 250
MINUTES: Final = (
    (10, "10 minutes"),
    (30, "30 minutes"),
    (60, "1 hour"),
    (120, "2 hours"),
    (480, "8 hours"),
    (1440, "24 hours"),
    (4320, "3 days"),
    (10080, "7 days"),
)
_A_DAY: Final = 1440
_USUAL: Final = 60


class NumberField(forms.CharField):
    """A number as it was typed: a whole one stays whole, however large."""

    def __init__(self, *, unit: str) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "spellcheck": "false"})
        missing = {"required": NUMBER}
        super().__init__(label=f"Value ({unit})" if unit else "Value", max_length=40, widget=widget)
        self.error_messages |= missing

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return text
        for kind in () if "_" in text else (int, float):  # Python reads 1_5 as 15
            try:
                return kind(text)
            except ValueError:
                continue
        raise forms.ValidationError(NUMBER)

    def run_validators(self, value: Any) -> None:
        """Those of a text do not apply."""


def value_field(tag: TagEntry) -> forms.Field:
    """A choice where the tag has words for its states, else a number or a text."""
    labels = labels_of(tag)
    if labels and not tag.data_type.is_float:
        choices = sorted(((state, f"{word} ({state})") for state, word in labels.items()), key=lambda c: int(c[0]))
        words = {"required": "Choose one.", "invalid_choice": "Choose one of these."}
        return forms.TypedChoiceField(
            label="Value", choices=[("", "choose"), *choices], coerce=int, error_messages=words
        )
    if tag.data_type is DataType.STRING:
        return forms.CharField(label="Value", max_length=LONGEST_TEXT, error_messages={"required": "Write a text."})
    return NumberField(unit=tag.unit)


def _reason() -> forms.CharField:
    return forms.CharField(
        label="Reason", max_length=200, error_messages={"required": "Say why: others must be able to judge it."}
    )


def _end(longest_min: int) -> forms.TypedChoiceField:
    """How long it lasts. Named like the action's argument, so that its sentence finds the field."""
    choices = [(str(minutes), text) for minutes, text in MINUTES if minutes <= longest_min]
    return forms.TypedChoiceField(
        label="Ends after",
        choices=choices,
        coerce=lambda minutes: timedelta(minutes=int(minutes)),
        initial=str(_USUAL),
        error_messages={"required": "Choose when it shall end.", "invalid_choice": "Choose one of these."},
    )


class _OfTag(forms.Form):
    def __init__(self, tag: TagEntry, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"{self.prefix_of_ids}-%s")
        super().__init__(*args, **kwargs)
        self.fields = {"value": value_field(tag), **self.fields}

    prefix_of_ids = "value"


class SubstituteForm(_OfTag):
    prefix_of_ids = "substitute"
    reason = _reason()
    ends_at = _end(MINUTES[-1][0])


class PresetForm(_OfTag):
    prefix_of_ids = "preset"
    reason = _reason()


class EnterForm(_OfTag):
    """`zone`: of the plant; the time is typed in it."""

    prefix_of_ids = "enter"
    taken_at = forms.DateTimeField(
        label="Taken at",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        error_messages={
            "required": "Say when the value was taken.",
            "invalid": "Write date and time, like 2026-03-01T14:30.",
        },
    )
    comment = forms.CharField(label="Comment", max_length=200, required=False)

    def __init__(self, tag: TagEntry, zone: str, *args: Any, **kwargs: Any) -> None:
        self._zone = ZoneInfo(zone)
        super().__init__(tag, *args, **kwargs)
        self.fields["taken_at"].label = f"Taken at ({zone})"
        self.fields["taken_at"].initial = f"{timezone.localtime(timezone=self._zone):%Y-%m-%dT%H:%M}"

    def full_clean(self) -> None:
        with timezone.override(self._zone):
            super().full_clean()


class OutOfUseForm(forms.Form):
    reason = _reason()
    ends_at = _end(_A_DAY)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "out-of-use-%s")
        super().__init__(*args, **kwargs)


def ends_at(form: forms.Form) -> datetime:
    """When what was asked for by a checked form ends."""
    lasting: timedelta = form.cleaned_data["ends_at"]
    return timezone.now() + lasting
