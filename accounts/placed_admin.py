"""Admin pages of things that stand in areas: named, filtered and searched by their path."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Q, QuerySet
from django.forms.models import ModelChoiceIterator
from django.http import HttpRequest

from accounts.admin_rights import GrantAdmin
from accounts.explained_form import ExplainedForm
from accounts.permissions import AreaSet
from plant.models import Area, Plant
from plant.tree import area_paths

NAMED: int = 5
"""How many of the things that hold an object back are named; the rest is counted."""

_paths: WeakKeyDictionary[HttpRequest, dict[int, str]] = WeakKeyDictionary()


def paths_of_request(request: HttpRequest) -> dict[int, str]:
    """Area key -> path, read once per request: a list page names an area in each row."""
    if request not in _paths:
        _paths[request] = area_paths()
    return _paths[request]


class _InOrderOfPath(ModelChoiceIterator):  # type: ignore[type-arg]  # generic in its stubs alone
    """The empty choice first, then by what is read: the database knows no paths."""

    def __iter__(self) -> Iterator[Any]:
        yield from sorted(super().__iter__(), key=lambda choice: (choice[0] != "", str(choice[1]).lower()))


def name_by_path(field: "forms.ModelChoiceField[Any]", request: HttpRequest) -> None:
    """Areas to choose from are named by their path, in the order of the paths."""
    paths = paths_of_request(request)
    field.label_from_instance = lambda obj: paths[obj.pk]  # type: ignore[method-assign]  # Django's own hook
    field.iterator = _InOrderOfPath
    field.widget.choices = field.choices


def areas_below(paths: dict[int, str], root: int) -> set[int]:
    """The area and everything below it."""
    above = f"{paths[root]}/"
    return {root} | {pk for pk, path in paths.items() if path.startswith(above)}


class AreaFilter(admin.SimpleListFilter):
    """Narrows a list to an area and everything below it."""

    title = "area"
    parameter_name = "in"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        allowed = model_admin.allowed(request)
        return [(str(pk), path) for pk, path in paths_of_request(request).items() if pk in allowed]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen, paths = self.value(), paths_of_request(request)
        if not chosen:
            return queryset
        if not chosen.isdigit() or int(chosen) not in paths:
            return queryset.none()
        lookup = "pk" if queryset.model is Area else "area"
        return queryset.filter(**{f"{lookup}__in": areas_below(paths, int(chosen))})


class PlacedAdmin(GrantAdmin):
    """Of a model with a field `area` and a `name`. `columns`: list_display after the path."""

    form = ExplainedForm
    columns: ClassVar[Sequence[str]] = ()
    list_per_page = 100
    show_full_result_count = False
    save_on_top = True

    def path_of(self, obj: Any, paths: dict[int, str]) -> str:
        return f"{paths[obj.area_id]}/{obj.name}"

    def get_list_display(self, request: HttpRequest) -> tuple[str | Callable[[Any], str | bool], ...]:
        @admin.display(description="path", ordering="name")
        def path(obj: Any) -> str:
            return self.path_of(obj, paths_of_request(request))

        return (path, *self.columns)

    def formfield_for_foreignkey(
        self, db_field: "models.ForeignKey[Any]", request: HttpRequest, **kwargs: Any
    ) -> "forms.ModelChoiceField[Any] | None":
        """Areas are chosen by path: 'Pump 1' may stand in many places."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.related_model is Area:
            name_by_path(field, request)
        return field

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Each word is looked for in the path and in search_fields; a word with '/' in the path alone."""
        for word in search_term.split():
            queryset = queryset.filter(self._matches(word, paths_of_request(request)))
        return queryset, False

    def _matches(self, word: str, paths: dict[int, str]) -> Q:
        lookup = "pk" if self.model is Area else "area"
        found = Q(**{f"{lookup}__in": [pk for pk, path in paths.items() if word.lower() in path.lower()]})
        above, slash, name = word.lower().rpartition("/")
        if slash and self.model is not Area:
            places = [pk for pk, path in paths.items() if path.lower().endswith(above)]
            found |= Q(area__in=places, name__istartswith=name)
        if not slash:
            for field in self.search_fields:
                found |= Q(**{f"{field}__icontains": word})
        return found

    # -- deleting: what stands in the way is said in a few words, also when it is ten thousand tags

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        rows = list(objs)
        paths = paths_of_request(request)
        refused = {str(self.opts.verbose_name) for obj in rows if not self.has_delete_permission(request, obj)}
        names = [f"{self.opts.verbose_name} {self.path_of(obj, paths)}" for obj in rows]
        return (
            names,
            {str(self.opts.verbose_name_plural): len(rows)},
            refused,
            holders(rows, paths, self.allowed(request)),
        )


def holders(rows: Sequence[models.Model], paths: dict[int, str], allowed: AreaSet) -> list[str]:
    """What refers to the rows and must go or move first, like '3 tags: works/north/level, ...'.

    Everything is counted; only what stands in the allowed areas is named.
    """
    found = []
    for relation in rows[0]._meta.related_objects if rows else ():
        if relation.on_delete is not models.PROTECT:
            continue
        model = relation.related_model
        holding = model._default_manager.filter(**{f"{relation.field.name}__in": rows})
        count = holding.count()
        if count:
            noun = model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural
            who = [getattr(row, "holder", row) for row in holding]
            named = [_name(row, paths) for row in who if _place(row) is None or _place(row) in allowed]
            hidden = f", and {count - len(named)} outside of your areas" if count > len(named) else ""
            found.append(f"{count:,} {noun}: {', '.join(named[:NAMED])}{', ...' if len(named) > NAMED else ''}{hidden}")
    return found


def _place(row: Any) -> int | None:
    place: int | None = row.pk if isinstance(row, Area) else getattr(row, "area_id", None)
    return place


def _name(row: Any, paths: dict[int, str]) -> str:
    if isinstance(row, Area):
        return paths[row.pk]
    area, name = getattr(row, "area_id", None), getattr(row, "placed_name", getattr(row, "name", None))
    return f"{paths[area]}/{name}" if area is not None and name is not None else str(row)


def only_plant() -> dict[str, Any]:
    """Initial values for a form with a field `plant`: the plant, where there is one only."""
    plants = list(Plant.objects.values_list("pk", flat=True)[:2])
    return {"plant": plants[0]} if len(plants) == 1 else {}
