"""The forms of alarms and alarm classes in the admin site."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError

from accounts.explained_form import ExplainedForm
from accounts.permissions import NOWHERE, AreaSet
from alarms.kinds import Kind
from alarms.models import Alarm
from alarms.muting import SHORTEST_REASON
from alarms.rules.advice import MARGIN
from alarms.rules.neighbours import loop_problem, rule_sources
from devices.derived_rules import input_problem, source_problem
from devices.models import Tag
from plant.tree import area_paths

LONGEST_WHY: Final = 300
_WIDE: Final = {"size": 80}
_STATES: Final = "Write whole numbers in brackets, like [2, 3]. Leave it empty for none."


class PlainText(forms.CharField):
    """Lines end as everywhere else, not as browsers send them."""

    def to_python(self, value: Any) -> Any:
        return str(super().to_python(value)).replace("\r\n", "\n")


class WhyForm(ExplainedForm):
    """Asks why: the answer stands in the record of the change (ALM-25)."""

    why = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_WHY,
        widget=forms.TextInput(attrs=_WIDE),
        help_text="The reason for this change. It stands in the record beside old and new.",
    )


class AlarmForm(WhyForm):
    """Tags and alarms are named by path. `allowed`: areas whose tags the person may put alarms on; to others than
    those already used the form is blind. What it finds is written by the page (AlarmAdmin.store)."""

    allowed: ClassVar[AreaSet] = NOWHERE
    tag_path = forms.CharField(
        label="Tag", required=False, widget=forms.TextInput(attrs=_WIDE), help_text="Its whole path."
    )
    reference_path = forms.CharField(
        label="Reference", required=False, widget=forms.TextInput(attrs=_WIDE),
        help_text="Path of the tag that a deviation is measured from.",
    )  # fmt: skip
    inputs = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
        help_text="Of the expressions. One on each line: name = path of the tag, like run = works/pumps/run.",
    )
    causes = forms.CharField(
        label="Suppressed by",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
        help_text="Alarms that name the cause, one path on each line, like works/pumps/run:stopped.",
    )
    limit = forms.FloatField(required=False, help_text="Where the harm begins, like the level of the overflow.")
    rate = forms.FloatField(
        label="Fastest change per hour",
        required=False,
        min_value=0.0,
        help_text="Towards that limit, in units of the tag.",
    )
    margin = forms.FloatField(
        initial=MARGIN, required=False, min_value=1.0, help_text="Times the time to respond that is to be left."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        alarm, self._paths = self.instance, area_paths()
        if "states" in self.fields:  # not when the page is only to be read
            self.fields["states"].error_messages["invalid"] = _STATES
        if "kind" in self.fields:
            self.fields["kind"].choices = [  # type: ignore[attr-defined]  # a choice field
                (kind.value, kind.label)
                for kind in Kind
                if (kind is Kind.SYSTEM) == (alarm.pk is not None and alarm.kind == Kind.SYSTEM)
            ]
        if alarm.pk is not None:
            self.initial = {
                **self.initial,
                "tag_path": self._path(alarm.tag) if alarm.tag is not None else "",
                "reference_path": self._path(alarm.reference) if alarm.reference is not None else "",
                "inputs": "\n".join(f"{row.name} = {self._path(row.source)}" for row in _inputs(alarm)),
                "causes": "\n".join(self._path_of_alarm(row) for row in _causes(alarm)),
            }

    def _path(self, tag: Tag) -> str:
        return f"{self._paths[tag.area_id]}/{tag.name}"

    def _path_of_alarm(self, alarm: Alarm) -> str:
        return f"{self._path(alarm.tag)}:{alarm.name}" if alarm.tag is not None else alarm.path

    # -- what is named by path

    def _find(self, path: str, known: Iterable[Tag]) -> Tag:
        """Raises ValidationError, in the same words for what is not there and what the person may not see."""
        above, _, name = path.strip().rpartition("/")
        area = next((pk for pk, at in self._paths.items() if at.lower() == above.lower()), None)
        tag = Tag.objects.filter(area=area, name__iexact=name).select_related("area").first() if area else None
        if tag is None or not (tag.area_id in self.allowed or tag in known):
            raise ValidationError(f"There is no tag '{path[:300]}'. Write its whole path.")
        return tag

    def clean_tag_path(self) -> str:
        path: str = self.cleaned_data["tag_path"].strip()
        own = [self.instance.tag] if self.instance.tag is not None else []
        if path:
            self.instance.tag = self._find(path, own)
        elif self.instance.kind != Kind.SYSTEM:
            raise ValidationError("An alarm watches a tag. Write its whole path.")
        return path

    def clean_reference_path(self) -> str:
        path: str = self.cleaned_data["reference_path"].strip()
        own = [self.instance.reference] if self.instance.reference is not None else []
        self.instance.reference = self._find(path, own) if path else None
        return path

    def clean_inputs(self) -> dict[str, Tag]:
        known = [row.source for row in _inputs(self.instance)]
        found: list[tuple[str, Tag]] = []
        for line in _lines(self.cleaned_data["inputs"]):
            name, equals, path = (part.strip() for part in line.partition("="))
            if not equals:
                raise ValidationError(f"'{line[:80]}' has no '='. Write it like: run = works/pumps/run.")
            source = self._find(path, known)
            if problem := source_problem(source.data_type, path):
                raise ValidationError(problem)
            found.append((name, source))
        if problem := input_problem([name for name, _ in found]):
            raise ValidationError(problem)
        self.instance.input_names = [name for name, _ in found]
        self.instance.input_sources = [source for _, source in found]
        return dict(found)

    def clean_causes(self) -> list[Alarm]:
        known = _causes(self.instance)
        found: list[Alarm] = []
        for line in _lines(self.cleaned_data["causes"]):
            path, _, name = line.rpartition(":")
            try:
                tag = self._find(path, [row.tag for row in known if row.tag is not None])
            except ValidationError:
                tag = None
            alarm = tag.alarms.filter(name__iexact=name).first() if tag is not None else None
            if alarm is None:
                raise ValidationError(f"There is no alarm '{line[:300]}'. Write it like works/pumps/run:stopped.")
            if alarm not in found:
                found.append(alarm)
        self.instance.causes = found
        return found

    def clean_states(self) -> Any:
        states = self.cleaned_data["states"]
        return [] if states is None else states

    # -- what goes together

    def clean(self) -> Any:
        cleaned = super().clean()
        data, alarm = self.cleaned_data, self.instance
        alarm.name = data.get("name", alarm.name)  # what is said of loops names it
        if alarm.tag is not None and "tag_path" in data:
            self._check_plant(alarm)
            same = alarm.tag.alarms.filter(name__iexact=data.get("name", "")).exclude(pk=alarm.pk)
            if same.exists():
                self.add_error("name", "Another alarm of this tag has this name; case does not count.")
        if "causes" in data and "inputs" in data:
            looks_at = rule_sources(data.get("suppress_when", ""), [(n, t.pk) for n, t in data["inputs"].items()])
            if alarm.tag is not None and (problem := loop_problem(alarm, data["causes"], looks_at)):
                self.add_error("causes", problem)
        return cleaned

    def _check_plant(self, alarm: Any) -> None:
        plant = alarm.tag.area.plant_id
        named: dict[str, list[Tag | None]] = {
            "reference_path": [alarm.reference],
            "inputs": [*self.cleaned_data.get("inputs", {}).values()],
            "causes": [cause.tag for cause in self.cleaned_data.get("causes", [])],
        }
        for field, tags in named.items():
            if any(tag is not None and tag.area.plant_id != plant for tag in tags):
                self.add_error(field, "This belongs to another plant. Name one of the plant of the alarm's tag.")

    def add_error(self, field: str | None, error: Any) -> None:
        """The model knows fields that are named by path here."""
        named = {"tag": "tag_path", "reference": "reference_path"}
        if field is None and hasattr(error, "error_dict"):
            known = {named.get(name, name): found for name, found in error.error_dict.items()}
            error = ValidationError(
                {name if name in self.fields else "__all__": found for name, found in known.items()}
            )
        super().add_error(field, error)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _inputs(alarm: Any) -> list[Any]:
    return list(alarm.inputs.select_related("source")) if alarm.pk is not None else []


def _causes(alarm: Any) -> list[Alarm]:
    return list(alarm.suppressed_by.select_related("tag")) if alarm.pk is not None else []
