"""The admin site by grants: what a person may see and change there is what the person is granted, area by area.

How to put a model into the admin: subclass GrantAdmin in an app that may import accounts (models of plant and audit,
which stand below, are registered from above). Each add, change and delete is checked, recorded and raises the
revision, in one transaction. Inlines are not covered: each kind of row has a page of its own.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from accounts.actors import actor_of
from accounts.permissions import Action, AreaSet
from accounts.request_rights import rights_of
from audit.actions import Subject, record
from audit.rows import as_row, changed
from plant import revisions
from plant.models import Area, Plant

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin  # not generic at run time


def areas_of_request(request: HttpRequest, action: Action) -> AreaSet:
    """Where the request's user may do it, asked once per request: a list page asks for each row."""
    return rights_of(request).areas[action]


def holds(allowed: AreaSet, areas: Iterable[int | None]) -> bool:
    """Is it allowed in every one of these areas? None among them is the whole site."""
    return all(allowed.everywhere if area is None else area in allowed for area in areas)


def subject_of(obj: models.Model) -> Subject:
    return Subject(obj._meta.label_lower, str(getattr(obj, "uuid", obj.pk)), str(obj))


class GrantAdmin(Base):
    """Set `action` to what one must be granted, and say where a row stands: `area_lookup` and areas_of()."""

    action: ClassVar[Action] = Action.CONFIGURE
    category: ClassVar[str] = "configuration"
    """Of the audit records: configuration or access."""
    area_lookup: ClassVar[str | None] = "area"
    """Lookup from the row to its area ("pk" for areas themselves). None: only for those granted everywhere."""
    view_on_site = False

    def areas_of(self, obj: Any) -> list[int | None]:
        """Areas in all of which the user must hold the action to change the row. None: the whole site.

        Asked of the row as it stands and as it would be. Areas named by foreign keys that change are checked anyway.
        A row that reaches into another area (a tag on a device that stands elsewhere) names that area here too.
        """
        if self.area_lookup is None:
            return [None]
        return [obj.pk if self.area_lookup == "pk" else getattr(obj, f"{self.area_lookup}_id")]

    # -- what may be seen and done

    def allowed(self, request: HttpRequest) -> AreaSet:
        found = areas_of_request(request, self.action)
        return found if self.area_lookup or found.everywhere else AreaSet()

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        allowed = self.allowed(request)
        if allowed.everywhere:
            return rows
        return rows.filter(**{f"{self.area_lookup}__in": allowed.ids}) if allowed else rows.none()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(self.allowed(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.allowed(request)) and (obj is None or self.get_queryset(request).filter(pk=obj.pk).exists())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self.allowed(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = self.allowed(request)
        return bool(allowed) and (obj is None or holds(allowed, self.areas_of(obj)))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    # -- what may be chosen

    def formfield_for_foreignkey(
        self, db_field: "models.ForeignKey[Any]", request: HttpRequest, **kwargs: Any
    ) -> "forms.ModelChoiceField[Any] | None":
        """Choices are the rows the user may change, and what the row names already."""
        rows = self._choices(db_field.related_model, request)
        if rows is not None and "queryset" not in kwargs:
            kwargs["queryset"] = rows | self._named_already(db_field, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _choices(self, model: Any, request: HttpRequest) -> models.QuerySet[Any] | None:
        allowed = areas_of_request(request, self.action)
        owner = self.admin_site.get_model_admin(model) if self.admin_site.is_registered(model) else None
        rows: models.QuerySet[Any] = model._default_manager.all()
        if model is Area:
            return rows if allowed.everywhere else rows.filter(pk__in=allowed.ids)
        if model is Plant:
            return (
                rows
                if allowed.everywhere
                else rows.filter(pk__in=Area.objects.filter(pk__in=allowed.ids).values("plant"))
            )
        if isinstance(owner, GrantAdmin):
            return rows.filter(pk__in=owner.get_queryset(request).order_by().values("pk"))
        return None

    def _named_already(self, db_field: "models.ForeignKey[Any]", request: HttpRequest) -> models.QuerySet[Any]:
        match = request.resolver_match
        pk = match.kwargs.get("object_id", "") if match else ""
        rows: models.QuerySet[Any] = db_field.related_model._default_manager.all()
        if not str(pk).isdigit():
            return rows.none()
        return rows.filter(pk__in=self.get_queryset(request).filter(pk=pk).values(db_field.name))

    # -- what is done: checked, recorded, announced

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with transaction.atomic():
            revisions.lock()
            stored = self.model._default_manager.select_for_update().get(pk=obj.pk) if change else None
            self._check(request, obj, stored)
            before = as_row(stored) if stored is not None else {}
            self.store(request, obj, stored)
            old, new = changed(before, as_row(obj))
            if old or new:
                self.note(request, obj, "changed" if change else "created", old if change else None, new)

    def store(self, request: HttpRequest, obj: Any, stored: Any) -> None:
        """Write the row. `stored`: as it is in the database, None for a new one. Runs inside the transaction."""
        obj.save()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_queryset(request, self.model._default_manager.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        with transaction.atomic():
            revisions.lock()
            for obj in self.model._default_manager.filter(pk__in=[row.pk for row in queryset]):
                if not self.has_delete_permission(request, obj):
                    raise PermissionDenied
                self.remove(request, obj)

    def remove(self, request: HttpRequest, obj: Any) -> None:
        """Delete one row. Runs inside the transaction."""
        self.note(request, obj, "deleted", as_row(obj), None)
        obj.delete()

    def note(
        self, request: HttpRequest, obj: Any, verb: str, old: dict[str, Any] | None, new: dict[str, Any] | None
    ) -> None:
        actor = actor_of(request)
        event = f"{self.opts.model_name}.{verb}"
        record(self.category, event, actor, subject=subject_of(obj), old=old, new=new)
        revisions.bump(actor.name, f"{verb} {self.opts.verbose_name} {obj}")

    def _check(self, request: HttpRequest, obj: Any, stored: Any) -> None:
        """Both the row as it stands and as it would be must be the user's to change, and each area it moves between."""
        allowed = areas_of_request(request, self.action)
        is_new_area = stored is None and self.area_lookup == "pk"  # has no place of its own yet: its parent decides
        places = [] if is_new_area else self.areas_of(obj)
        places += self.areas_of(stored) if stored is not None else []
        for field in self.opts.concrete_fields:
            if isinstance(field, models.ForeignKey) and field.related_model is Area:
                after = getattr(obj, field.attname)
                before = getattr(stored, field.attname) if stored is not None else after
                places += [after] if stored is None else [before, after] if before != after else []
        if not holds(allowed, places):
            raise PermissionDenied

    # -- what was done

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The history of a row is the audit; the admin keeps no second one."""
        obj = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not areas_of_request(request, Action.AUDIT).everywhere:
            raise PermissionDenied
        what = subject_of(obj)
        address = reverse("admin:audit_auditrecord_changelist")
        return HttpResponseRedirect(f"{address}?object_type={what.type}&object_id={what.id}")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Recorded by note()."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Recorded by note()."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Recorded by note()."""


class OnlyToRead:
    """Put before GrantAdmin: there is nothing to add, change or delete."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
