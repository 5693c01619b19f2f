"""The forms of devices and tags in the admin site, where they need more than their models say."""

from typing import Any, Final

from django import forms

from accounts.explained_form import ExplainedForm
from devices.drivers.registry import DRIVERS

_STATES: Final = (
    'Write a number and a word for each state, in double quotes and between braces: {"0": "stopped", "1": "running"}. '
    "Leave it empty for none."
)


class DeviceForm(ExplainedForm):
    driver = forms.ChoiceField(choices=[(name, name) for name in sorted(DRIVERS)])


class TagForm(ExplainedForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "state_labels" in self.fields:  # not when the page is only to be read
            self.fields["state_labels"].error_messages["invalid"] = _STATES

    def clean_state_labels(self) -> Any:
        """An emptied field is None for Django, and means that no state has a word."""
        labels = self.cleaned_data["state_labels"]
        return {} if labels is None else labels
