"""Devices and tags in the admin site."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.actors import actor_of
from accounts.placed_admin import AreaFilter, PlacedAdmin
from devices.actions import set_enabled
from devices.admin_forms import DeviceForm, TagForm
from devices.models import Device, Tag


class SwitchedAdmin(PlacedAdmin):
    """Of something that can be switched off, and copied by "save as new"."""

    actions = ("enable", "disable")
    save_as = True

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._switch(request, queryset, True)

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._switch(request, queryset, False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], enabled: bool) -> None:
        rows = list(queryset)
        if not all(self.has_change_permission(request, row) for row in rows):
            raise PermissionDenied
        count = set_enabled(actor_of(request), rows, enabled)
        verb = "enabled" if enabled else "disabled"
        noun = self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural
        same = len(rows) - count
        self.message_user(request, f"{count:,} {noun} {verb}." + (f" {same:,} had been already." if same else ""))


@admin.register(Device)
class DeviceAdmin(SwitchedAdmin):
    form = DeviceForm
    columns = ("title", "driver", "host", "port", "unit", "enabled", "tag_count")
    list_filter = (AreaFilter, "enabled", "driver")
    search_fields = ("name", "title", "host")
    ordering = ("name",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "title", "area", "enabled")}),
        ("Connection", {"fields": ("driver", "host", "port", "unit", "timeout_ms")}),
        (
            "Reading",
            {
                "fields": ("max_registers", "max_gap"),
                "description": "Tags whose registers lie close together are read in one request.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(tag_total=Count("tags"))
        return rows

    @admin.display(description="tags", ordering="tag_total")
    def tag_count(self, device: Any) -> int:
        return int(device.tag_total)


@admin.register(Tag)
class TagAdmin(SwitchedAdmin):
    form = TagForm
    columns = ("title", "device", "table", "address", "data_type", "unit", "scan_ms", "enabled")
    list_filter = (AreaFilter, ("device", admin.RelatedOnlyFieldListFilter), "enabled", "table", "data_type")
    list_select_related = ("device",)
    search_fields = ("name", "title", "device__name")
    ordering = ("area", "name")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("area", "name", "title", "enabled")}),
        (
            "Source",
            {
                "fields": ("device", "table", "address", "data_type", "order", "scan_ms"),
                "description": "Bits (bool) stand in the tables coil and discrete, everything else in registers.",
            },
        ),
        (
            "Value",
            {
                "fields": ("scale", "offset", "unit", "decimals", "eu_min", "eu_max", "state_labels"),
                "description": "Value = raw × scale + offset. A bool has neither scaling nor a range.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("device")

    def areas_of(self, obj: Any) -> list[int | None]:
        """Also the device's area: whoever may point a tag at a device can read every register of it."""
        return [obj.area_id, obj.device.area_id]
