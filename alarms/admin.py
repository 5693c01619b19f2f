"""Alarms and alarm classes in the admin site. Every change asks why, and is recorded with old and new (ALM-25)."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.actors import actor_of
from accounts.admin_rights import GrantAdmin, subject_of
from accounts.permissions import Action
from accounts.placed_admin import AreaFilter, PlacedAdmin, areas_below, paths_of_request
from alarms.admin_csv import CsvAdmin
from alarms.admin_fields import FIELDSETS
from alarms.admin_forms import LONGEST_WHY, AlarmForm, PlainText, WhyForm
from alarms.definitions import set_enabled
from alarms.kinds import Kind
from alarms.models import Alarm, AlarmClass, AlarmInput, AlarmTarget
from alarms.muting import SHORTEST_REASON
from alarms.rules.advice import MARGIN, advice, setpoint_sentence, suggestion_for
from alarms.rules.rationalisation import rationalised
from audit.actions import Subject, record
from plant import revisions


class _RecordedAdmin(GrantAdmin):
    """Records carry the reason that the form asked for."""

    action = Action.CONFIGURE_ALARMS

    def subject_of(self, obj: Any) -> Subject:
        return subject_of(obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.why = form.cleaned_data["why"]
        super().save_model(request, obj, form, change)

    def note(
        self, request: HttpRequest, obj: Any, verb: str, old: dict[str, Any] | None, new: dict[str, Any] | None
    ) -> None:
        actor, subject = actor_of(request), self.subject_of(obj)
        event = f"{self.opts.model_name}.{verb}"
        record(self.category, event, actor, subject=subject, old=old, new=new, reason=getattr(obj, "why", ""))
        revisions.bump(actor.name, f"{verb} {self.opts.verbose_name} {subject.text}")


@admin.register(AlarmClass)
class AlarmClassAdmin(_RecordedAdmin):
    """Classes are the site's: for those who may configure alarms everywhere."""

    area_lookup = None
    form = WhyForm
    list_display = ("name", "title", "shelvable", "max_shelve_min", "ack_comment")
    fields = ("name", "title", "shelvable", "max_shelve_min", "ack_comment", "why")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if self.has_change_permission(request, obj) else self.fields[:-1]


@admin.register(AlarmTarget)
class AlarmTargetAdmin(_RecordedAdmin):
    """Only figures for which the site asks something else than the standards have a row."""

    area_lookup = None
    form = WhyForm
    list_display = ("__str__", "goal", "manageable")
    fields = ("figure", "goal", "manageable", "why")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if self.has_change_permission(request, obj) else self.fields[:-1]


class WhyAction(ActionForm):
    why = forms.CharField(required=False, max_length=LONGEST_WHY, label="Why:")


class AlarmAreaFilter(AreaFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen, paths = self.value(), paths_of_request(request)
        if not chosen:
            return queryset
        if not chosen.isdigit() or int(chosen) not in paths:
            return queryset.none()
        return queryset.filter(tag__area__in=areas_below(paths, int(chosen)))


_BY_PATH = ("tag_path", "reference_path", "inputs", "causes", "why", "limit", "rate", "margin")
"""Fields of the form that are none of the model."""


@admin.register(Alarm)
class AlarmAdmin(CsvAdmin, _RecordedAdmin, PlacedAdmin):
    area_lookup = "tag__area"
    form = AlarmForm
    action_form = WhyAction
    actions = ("enable", "disable", "export")
    save_as = True
    columns = ("message", "kind", "setpoint", "priority", "alarm_class", "enabled", "is_rationalised")
    list_filter = (AlarmAreaFilter, "enabled", "priority", "kind", "alarm_class")
    list_select_related = ("tag", "alarm_class")
    search_fields = ("name", "message", "tag__name")
    ordering = ("tag__area", "tag__name", "name")
    readonly_fields = ("priority_and_advice",)
    formfield_overrides: ClassVar[Any] = {models.TextField: {"form_class": PlainText}}
    fieldsets = FIELDSETS

    # -- what is shown

    def path_of(self, obj: Any, paths: dict[int, str]) -> str:
        return f"{paths[obj.tag.area_id]}/{obj.placed_name}" if obj.tag is not None else str(obj.placed_name)

    def subject_of(self, obj: Any) -> Subject:
        return Subject(obj._meta.label_lower, str(obj.uuid), obj.path)

    @admin.display(boolean=True, description="rationalised")
    def is_rationalised(self, alarm: Any) -> bool:
        return not rationalised(alarm)

    @admin.display(description="priority, and advice")
    def priority_and_advice(self, alarm: Any) -> str:
        if alarm is None or alarm.pk is None:
            return "The priority follows from severity and time to respond, when the alarm is saved."
        usual = suggestion_for(alarm.tag) if alarm.tag is not None and Kind(alarm.kind).has_setpoint else None
        found = advice(alarm, alarm.tag)
        said = [alarm.get_priority_display() + ".", *_unit_sentence(alarm), *found]
        return "\n".join([*said, *([usual] if usual and not found else [])])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).select_related("tag", "alarm_class")
        return rows

    def _matches(self, word: str, paths: dict[int, str]) -> Q:
        above, slash, name = word.lower().rpartition("/")
        found = Q(tag__area__in=[pk for pk, path in paths.items() if word.lower() in path.lower()])
        if slash:
            tag, _, own = name.partition(":")
            places = [pk for pk, path in paths.items() if path.lower().endswith(above)]
            return found | Q(tag__area__in=places, tag__name__istartswith=tag, name__istartswith=own)
        for field in self.search_fields:
            found |= Q(**{f"{field}__icontains": word})
        return found

    # -- the form

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)  # a class made for this request
        form.allowed = self.allowed(request)
        return form

    def formfield_for_foreignkey(
        self, db_field: "models.ForeignKey[Any]", request: HttpRequest, **kwargs: Any
    ) -> "forms.ModelChoiceField[Any] | None":
        """Classes are the site's: everybody who configures alarms chooses among all of them."""
        if db_field.related_model is AlarmClass:
            kwargs["queryset"] = AlarmClass.objects.all()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is named by path is a field of the form; whoever may only read the page has no form."""
        found = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return found
        shown = self._to_read(request)
        read: list[Any] = []
        for title, parts in found:
            names = [str(name) for name in parts["fields"]]
            fields = [shown.get(name, name) for name in names if name in shown or name not in _BY_PATH]
            if fields:
                read.append((title, {**parts, "fields": fields}))
        return read

    def _to_read(self, request: HttpRequest) -> dict[str, Callable[[Any], str]]:
        allowed, paths = self.allowed(request), paths_of_request(request)

        def named(tag: Any) -> str:
            return f"{paths[tag.area_id]}/{tag.name}" if tag.area_id in allowed else "a tag outside of your areas"

        @admin.display(description="tag")
        def tag(obj: Any) -> str:
            return named(obj.tag) if obj.tag is not None else "Isthmus itself"

        @admin.display(description="reference")
        def reference(obj: Any) -> str:
            return named(obj.reference) if obj.reference is not None else ""

        @admin.display(description="inputs")
        def inputs(obj: Any) -> str:
            return "\n".join(f"{row.name} = {named(row.source)}" for row in obj.inputs.select_related("source"))

        @admin.display(description="suppressed by")
        def causes(obj: Any) -> str:
            rows = obj.suppressed_by.select_related("tag")
            return "\n".join(f"{named(r.tag)}: {r.name if r.tag.area_id in allowed else 'an alarm'}" for r in rows)

        return {"tag_path": tag, "reference_path": reference, "inputs": inputs, "causes": causes}

    # -- what is done

    def areas_of(self, obj: Any) -> list[int | None]:
        """Also the areas of what it looks at: whoever may put an alarm on a tag learns of its value."""
        if obj.tag is None:
            return [None]
        sources, causes = getattr(obj, "input_sources", None), getattr(obj, "causes", None)
        if sources is None:
            sources = [row.source for row in obj.inputs.select_related("source")] if obj.pk else []
        if causes is None:
            causes = list(obj.suppressed_by.select_related("tag")) if obj.pk else []
        tags = [obj.tag, obj.reference, *sources, *(cause.tag for cause in causes)]
        return list(dict.fromkeys(tag.area_id for tag in tags if tag is not None))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for sentence in advice(obj, obj.tag):
            self.message_user(request, sentence, messages.WARNING)
        limit, rate = form.cleaned_data.get("limit"), form.cleaned_data.get("rate")
        if limit is not None and rate is not None and Kind(obj.kind).is_level:
            margin = form.cleaned_data.get("margin") or MARGIN
            is_early, sentence = setpoint_sentence(obj, obj.tag.unit, limit, rate, margin)
            self.message_user(request, sentence, messages.INFO if is_early else messages.WARNING)

    def store(self, request: HttpRequest, obj: Any, stored: Any) -> None:
        super().store(request, obj, stored)
        before, after = _relations(obj), _relations_to_be(obj)
        if before == after:
            return
        obj.inputs.all().delete()
        AlarmInput.objects.bulk_create(
            AlarmInput(alarm=obj, name=name, source=source)
            for name, source in zip(obj.input_names, obj.input_sources, strict=True)
        )
        obj.suppressed_by.set(obj.causes)
        old, new = _in_words(before), _in_words(after)
        self.note(request, obj, "connected", old, new)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is enabled or suppresses another is not deleted: switching it off says why, and ends it openly."""
        rows = list(objs)
        names, counts, refused, held = super().get_deleted_objects(rows, request)
        held += [f"{row.placed_name} is enabled: switch it off first, and say why" for row in rows if row.enabled]
        own = {row.pk for row in rows}
        for row in rows:
            held += [
                f"{row.placed_name} suppresses {child.placed_name}"
                for child in row.suppresses.exclude(pk__in=own).select_related("tag")
            ]
        held += [f"{row.placed_name} is an alarm of Isthmus itself: switch it off" for row in rows if row.tag is None]
        return names, counts, refused, held

    @admin.action(description="Enable (say why)", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._switch(request, queryset, True)

    @admin.action(description="Disable (say why)", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._switch(request, queryset, False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], enabled: bool) -> None:
        rows = list(queryset)
        if not all(self.has_change_permission(request, row) for row in rows):
            raise PermissionDenied
        why = request.POST.get("why", "").strip()[:LONGEST_WHY]
        if len(why) < SHORTEST_REASON:
            self.message_user(request, "Say why, in the field beside the action. Nothing was changed.", messages.ERROR)
            return
        try:
            count = set_enabled(actor_of(request), rows, enabled, why)
        except ValidationError as error:
            for sentence in error.messages[:20]:
                self.message_user(request, f"{sentence} Nothing was changed.", messages.ERROR)
            return
        verb = "enabled" if enabled else "disabled"
        self.message_user(request, f"{count:,} alarm{'s' if count != 1 else ''} {verb}.")


def _relations(alarm: Any) -> tuple[dict[str, Any], list[Any]]:
    """As they are stored: input name -> tag, and the alarms that suppress this one."""
    inputs = {row.name: row.source for row in alarm.inputs.select_related("source")}
    return inputs, sorted(alarm.suppressed_by.all(), key=lambda row: row.pk)


def _relations_to_be(alarm: Any) -> tuple[dict[str, Any], list[Any]]:
    inputs = dict(zip(alarm.input_names, alarm.input_sources, strict=True))
    return dict(sorted(inputs.items())), sorted(alarm.causes, key=lambda row: row.pk)


def _unit_sentence(alarm: Any) -> list[str]:
    """The form has bare numbers: what they are measured in."""
    kind = Kind(alarm.kind)
    if alarm.tag is None or not alarm.tag.unit or not kind.has_setpoint:
        return []
    per_second = "/s" if kind is Kind.RATE else ""
    return [f"Setpoint and deadband are in {alarm.tag.unit}{per_second}."]


def _in_words(relations: tuple[dict[str, Any], list[Any]]) -> dict[str, Any]:
    inputs, causes = relations
    return {
        "inputs": {name: source.path for name, source in inputs.items()},
        "suppressed_by": [cause.path for cause in causes],
    }
