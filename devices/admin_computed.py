"""Derived tags, and tags that are kept by hand, in the admin site."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.placed_admin import AreaFilter, paths_of_request
from devices.admin import TagPageAdmin
from devices.admin_forms import TagForm
from devices.derived_rules import DERIVED_TYPES, MANUAL_TYPES, input_problem, loop_problem, source_problem
from devices.models import DerivedTag, Kind, ManualTag, Tag, TagInput
from plant.tree import area_paths


class _KindForm(TagForm):
    """Of a tag of one kind; the kind is no question."""

    kind: ClassVar[Kind]
    types: ClassVar[tuple[str, ...]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = self.kind
        if "data_type" in self.fields:  # not when the page is only to be read
            self.fields["data_type"] = forms.ChoiceField(label="Type", choices=[(t, t) for t in self.types])
            if self.instance.pk is None:
                self.initial["data_type"] = self.types[0]


class ManualTagForm(_KindForm):
    kind = Kind.MANUAL
    types = MANUAL_TYPES


class DerivedTagForm(_KindForm):
    """`inputs` is written into rows of TagInput by the page (DerivedTagAdmin.store). Tags of the areas `allowed` may be
    computed with; to others than those already used the form is blind."""

    kind = Kind.DERIVED
    types = DERIVED_TYPES
    inputs = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "cols": 80}),
        help_text="One on each line: its name in the expression, = and the path of the tag, like level = works/level.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            paths = area_paths()
            rows = self.instance.inputs.select_related("source")
            lines = [f"{r.name} = {paths[r.source.area_id]}/{r.source.name}" for r in rows]
            self.initial["inputs"] = "\n".join(lines)

    def clean_inputs(self) -> dict[str, Tag]:
        """Name -> tag. Sets what the model's own check of the expression asks for."""
        paths = {path.lower(): pk for pk, path in area_paths().items()}
        found: list[tuple[str, Tag]] = []
        for line in filter(None, map(str.strip, self.cleaned_data["inputs"].splitlines())):
            name, equals, path = (part.strip() for part in line.partition("="))
            if not equals:
                raise ValidationError(f"'{line[:80]}' has no '='. Write it like: level = works/level.")
            above, _, last = path.rpartition("/")
            source = Tag.objects.filter(area=paths.get(above.lower()), name__iexact=last).first()
            if source is None or not self._may_use(source):
                raise ValidationError(f"The input '{name}': there is no tag '{path}'. Write its whole path.")
            if problem := source_problem(source.data_type, path):
                raise ValidationError(problem)
            found.append((name, source))
        if problem := input_problem([name for name, _ in found]):
            raise ValidationError(problem)
        self.instance.input_names = [name for name, _ in found]
        self.instance.input_sources = [source for _, source in found]
        return dict(found)

    def _may_use(self, source: Tag) -> bool:
        if source.area_id in self.allowed:
            return True
        return self.instance.pk is not None and self.instance.inputs.filter(source=source).exists()

    def clean(self) -> Any:
        cleaned = super().clean()
        inputs: Mapping[str, Tag] | None = self.cleaned_data.get("inputs")
        area = self.cleaned_data.get("area")
        if inputs and area is not None:
            self._check_plant(inputs, area)
        if inputs and self.instance.pk is not None:
            self._check_loop(inputs)
        return cleaned

    def _check_plant(self, inputs: Mapping[str, Tag], area: Any) -> None:
        for name, source in inputs.items():
            if source.area.plant_id != area.plant_id:
                self.add_error("inputs", f"The input '{name}' belongs to another plant. Choose a tag of this plant.")

    def _check_loop(self, inputs: Mapping[str, Tag]) -> None:
        needs: dict[int, list[int]] = {}
        for derived, source in TagInput.objects.values_list("derived_id", "source_id"):
            needs.setdefault(derived, []).append(source)
        needs[self.instance.pk] = [source.pk for source in inputs.values()]
        paths = area_paths()
        rows = Tag.objects.filter(kind=Kind.DERIVED).values_list("pk", "area_id", "name")
        if problem := loop_problem(self.instance.pk, needs, {pk: f"{paths[area]}/{name}" for pk, area, name in rows}):
            self.add_error("inputs", problem)


class _KindAdmin(TagPageAdmin):
    kind: ClassVar[Kind]
    list_filter: ClassVar[tuple[Any, ...]] = (AreaFilter, "enabled", "data_type")
    search_fields: ClassVar[tuple[str, ...]] = ("name", "title")
    ordering = ("area", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).filter(kind=self.kind)
        return rows


_PLACE = (None, {"fields": ("area", "name", "title", "enabled")})
_VALUE = ("Value", {"fields": ("data_type", "unit", "decimals", "eu_min", "eu_max", "state_labels", "scan_ms")})


@admin.register(ManualTag)
class ManualTagAdmin(_KindAdmin):
    kind = Kind.MANUAL
    form = ManualTagForm
    columns = ("title", "data_type", "unit", "enabled")
    fieldsets: ClassVar[Any] = (_PLACE, _VALUE)


@admin.register(DerivedTag)
class DerivedTagAdmin(_KindAdmin):
    kind = Kind.DERIVED
    form = DerivedTagForm
    columns = ("title", "function", "expression", "unit", "scan_ms", "enabled")
    list_filter = (AreaFilter, "enabled", "function")
    search_fields = ("name", "title", "expression")
    fieldsets: ClassVar[Any] = (
        _PLACE,
        (
            "Source",
            {
                "fields": ("expression", "inputs", "function", "window_s", "per_s"),
                "description": "Known are + - * / % **, comparisons, and, or, not, a if c else b, and the functions "
                "abs, min, max, sqrt, exp, log, log10, round, floor, ceil, clamp(x, low, high).",
            },
        ),
        _VALUE,
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Inputs are a field of the form; whoever may only read the page has no form."""
        found = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return found
        inputs = self._inputs_to_read(request)
        return [
            (title, {**parts, "fields": [inputs if name == "inputs" else name for name in parts["fields"]]})
            for title, parts in found
        ]

    def _inputs_to_read(self, request: HttpRequest) -> Callable[[Any], str]:
        allowed, paths = self.allowed(request), paths_of_request(request)

        @admin.display(description="inputs")
        def inputs(obj: Any) -> str:
            rows = obj.inputs.select_related("source")
            return "\n".join(
                f"{row.name} = {paths[row.source.area_id]}/{row.source.name}"
                if row.source.area_id in allowed
                else f"{row.name} = a tag outside of your areas"
                for row in rows
            )

        return inputs

    def areas_of(self, obj: Any) -> list[int | None]:
        """Also the areas of the inputs: whoever may compute with a tag can read it."""
        sources = getattr(obj, "input_sources", None)
        if sources is None:
            sources = [row.source for row in obj.inputs.select_related("source")] if obj.pk else []
        return [obj.area_id, *(source.area_id for source in sources)]

    def store(self, request: HttpRequest, obj: Any, stored: Any) -> None:
        super().store(request, obj, stored)
        before = {row.name: row.source_id for row in obj.inputs.all()}
        names, sources = getattr(obj, "input_names", None), getattr(obj, "input_sources", None)
        if names is None or sources is None:
            return
        after = {name: source.pk for name, source in zip(names, sources, strict=True)}
        if after == before:
            return
        obj.inputs.all().delete()
        TagInput.objects.bulk_create(
            TagInput(derived=obj, name=n, source=s) for n, s in zip(names, sources, strict=True)
        )
        paths = area_paths()
        rows = {
            s.pk: f"{paths[s.area_id]}/{s.name}" for s in Tag.objects.filter(pk__in={*before.values(), *after.values()})
        }
        self.note(
            request, obj, "computed otherwise",
            {"inputs": {name: rows[pk] for name, pk in before.items()}},
            {"inputs": {name: rows[pk] for name, pk in after.items()}},
        )  # fmt: skip
