"""How tags are recorded, and for how long their history is kept, in the admin site."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.admin_rights import GrantAdmin
from accounts.explained_form import ExplainedForm
from accounts.permissions import NOWHERE, AreaSet
from accounts.placed_admin import AreaFilter, PlacedAdmin, areas_below, paths_of_request
from audit.actions import Subject
from devices.models import Tag
from historian.models import RetentionClass, TagRecording
from historian.standard_classes import STANDARD
from plant.tree import area_paths


@admin.register(RetentionClass)
class RetentionClassAdmin(GrantAdmin):
    """Classes are the site's: for those who may configure everywhere."""

    area_lookup = None
    form = ExplainedForm
    list_display = ("name", "title", "samples_days", "minutes_days", "hours_days")
    fields = ("name", "title", "samples_days", "minutes_days", "hours_days")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The class of every tag that names none stays."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.name != STANDARD)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name",) if obj is not None and obj.name == STANDARD else ()


class RecordingForm(ExplainedForm):
    """The tag is named by path. `allowed`: areas whose tags the person may describe."""

    allowed: ClassVar[AreaSet] = NOWHERE
    tag_path = forms.CharField(label="Tag", widget=forms.TextInput(attrs={"size": 80}), help_text="Its whole path.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._paths = area_paths()
        if self.instance.pk is not None:
            tag = self.instance.tag
            self.initial = {**self.initial, "tag_path": f"{self._paths[tag.area_id]}/{tag.name}"}

    def clean_tag_path(self) -> str:
        """In the same words for what is not there and what the person may not see."""
        path: str = self.cleaned_data["tag_path"].strip()
        above, _, name = path.rpartition("/")
        area = next((pk for pk, at in self._paths.items() if at.lower() == above.lower()), None)
        tag = Tag.objects.filter(area=area, name__iexact=name).select_related("area").first() if area else None
        if tag is None or tag.area_id not in self.allowed:
            raise ValidationError(f"There is no tag '{path[:300]}'. Write its whole path.")
        if TagRecording.objects.filter(tag=tag).exclude(pk=self.instance.pk).exists():
            raise ValidationError(f"How '{path[:300]}' is recorded stands already: change that.")
        self.instance.tag = tag
        return path


class RecordingAreaFilter(AreaFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen, paths = self.value(), paths_of_request(request)
        if not chosen:
            return queryset
        if not chosen.isdigit() or int(chosen) not in paths:
            return queryset.none()
        return queryset.filter(tag__area__in=areas_below(paths, int(chosen)))


@admin.register(TagRecording)
class TagRecordingAdmin(PlacedAdmin):
    """Only tags that are recorded otherwise than by the default have a row."""

    area_lookup = "tag__area"
    form = RecordingForm
    columns = ("enabled", "retention", "stepped", "exc_dev", "exc_max_s", "comp_dev")
    list_filter = (RecordingAreaFilter, "enabled", "retention")
    list_select_related = ("tag", "retention")
    search_fields = ("tag__name",)
    ordering = ("tag__area", "tag__name")
    fieldsets = (
        (None, {"fields": ("tag_path", "enabled", "retention", "stepped")}),
        (
            "What is left out",
            {
                "fields": ("exc_dev", "exc_min_s", "exc_max_s", "comp_dev", "comp_min_s", "comp_max_s"),
                "description": "Deviations in the unit of the tag. With 0 every change is kept.",
            },
        ),
    )

    def path_of(self, obj: Any, paths: dict[int, str]) -> str:
        return f"{paths[obj.tag.area_id]}/{obj.tag.name}"

    def subject_of(self, obj: Any) -> Subject:
        return Subject(obj._meta.label_lower, str(obj.uuid), obj.path)

    def areas_of(self, obj: Any) -> list[int | None]:
        return [obj.tag.area_id]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).select_related("tag", "retention")
        return rows

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)  # a class made for this request
        form.allowed = self.allowed(request)
        return form

    def formfield_for_foreignkey(
        self, db_field: "models.ForeignKey[Any]", request: HttpRequest, **kwargs: Any
    ) -> "forms.ModelChoiceField[Any] | None":
        """Classes are the site's: everybody who configures tags chooses among all of them."""
        if db_field.related_model is RetentionClass:
            kwargs["queryset"] = RetentionClass.objects.all()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _matches(self, word: str, paths: dict[int, str]) -> Q:
        above, slash, name = word.lower().rpartition("/")
        found = Q(tag__area__in=[pk for pk, path in paths.items() if word.lower() in path.lower()])
        if slash:
            places = [pk for pk, path in paths.items() if path.lower().endswith(above)]
            return found | Q(tag__area__in=places, tag__name__istartswith=name)
        return found | Q(tag__name__icontains=word)
