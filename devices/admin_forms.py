"""The forms of devices and tags in the admin site, where they need more than their models say."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django import forms

from accounts.explained_form import ExplainedForm
from accounts.permissions import NOWHERE, AreaSet
from devices import dependants
from devices.drivers.registry import DRIVERS
from devices.models import Tag

_STATES: Final = (
    'Write a number and a word for each state, in double quotes and between braces: {"0": "stopped", "1": "running"}. '
    "Leave it empty for none."
)


class _EmptyIsNone(ExplainedForm):
    """`none`: numbers whose 0 means that there is none; an emptied field says the same."""

    none: ClassVar[Sequence[str]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.none:
            if name in self.fields:  # not when the page is only to be read
                self.fields[name].required = False

    def clean(self) -> Any:
        cleaned = super().clean()
        for name in self.none:
            if name in self.cleaned_data and self.cleaned_data[name] is None:
                self.cleaned_data[name] = 0
        return cleaned


class DeviceForm(_EmptyIsNone):
    none = ("delay_ms", "idle_close_s")
    driver = forms.ChoiceField(choices=[(name, name) for name in sorted(DRIVERS)])


class TagForm(_EmptyIsNone):
    """`allowed`: areas the person may configure; what stands elsewhere has no name here. The page sets it."""

    none = ("length",)
    allowed: ClassVar[AreaSet] = NOWHERE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "state_labels" in self.fields:  # not when the page is only to be read
            self.fields["state_labels"].error_messages["invalid"] = _STATES

    def clean_state_labels(self) -> Any:
        """An emptied field is None for Django, and means that no state has a word."""
        labels = self.cleaned_data["state_labels"]
        return {} if labels is None else labels

    def _post_clean(self) -> None:
        """Last, when the tag is as it would be, and right in itself: does what refers to it still fit?"""
        super()._post_clean()  # type: ignore[misc]  # Django's own hook of model forms, unknown to its stubs
        if self.instance.pk is None or self.errors:
            return
        stored = Tag.objects.filter(pk=self.instance.pk).first()
        for text in dependants.misfits(stored, self.instance, self.allowed) if stored is not None else ():
            self.add_error(None, f"{text} Change that first.")
