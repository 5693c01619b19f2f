"""Plants, areas and configuration revisions in the admin site. They stand here because plant/ knows no rights."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.admin_rights import GrantAdmin, OnlyToRead
from accounts.placed_admin import AreaFilter, PlacedAdmin, only_plant


class PlantAdmin(GrantAdmin):
    """For those who may configure the whole site."""

    area_lookup = None
    list_display = ("name", "title", "time_zone", "production_mode")
    search_fields = ("name", "title")
    fields = ("name", "title", "time_zone", "production_mode")


class AreaAdmin(PlacedAdmin):
    area_lookup = "pk"
    columns = ("title", "position", "tag_count")
    list_filter = (AreaFilter,)
    search_fields = ("name", "title")
    ordering = ("plant", "parent", "position", "name")
    fields = ("plant", "parent", "name", "title", "position")

    def path_of(self, obj: Any, paths: dict[int, str]) -> str:
        return paths[obj.pk]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(tag_total=Count("tags"))
        return rows

    @admin.display(description="tags", ordering="tag_total")
    def tag_count(self, area: Any) -> int:
        return int(area.tag_total)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return only_plant() | dict(super().get_changeform_initial_data(request))


class RevisionAdmin(OnlyToRead, GrantAdmin):
    """Who changed the configuration when, to read. Revisions are written by what changes something."""

    area_lookup: ClassVar[str | None] = None
    list_display = ("number", "at", "author", "summary")
    search_fields = ("author", "summary")
    date_hierarchy = "at"
    show_full_result_count = False
    fields = list_display
