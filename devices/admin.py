"""Devices and tags in the admin site."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.actors import actor_of
from accounts.admin_rights import holds
from accounts.placed_admin import NAMED, AreaFilter, PlacedAdmin
from devices import dependants
from devices.actions import set_enabled
from devices.admin_forms import DeviceForm, TagForm
from devices.drivers.registry import is_serial
from devices.interventions import let_go
from devices.line_advice import stored_overloads
from devices.models import Device, Kind, Tag


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

    def remove(self, request: HttpRequest, obj: Any) -> None:
        let_go(actor_of(request), [obj])
        super().remove(request, obj)

    def warn_of_overrun(self, request: HttpRequest, device: Device) -> None:
        """A serial line that now has more to do than it can (MB-09). The change stands: the next may put it right."""
        if is_serial(device.driver):
            members = Device.objects.filter(driver=device.driver, host=device.host)
            visible = {member.name for member in members if holds(self.allowed(request), [member.area_id])}
            for found in stored_overloads(members, visible):
                self.message_user(request, f"{found.text} {found.hint}", messages.WARNING)


@admin.register(Device)
class DeviceAdmin(SwitchedAdmin):
    form = DeviceForm
    columns = ("title", "driver", "host", "port", "unit", "enabled", "tag_count")
    list_filter = (AreaFilter, "enabled", "driver")
    search_fields = ("name", "title", "host")
    ordering = ("name",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "title", "area", "enabled")}),
        (
            "Connection",
            {
                "fields": ("driver", "host", "port", "line", "unit", "timeout_ms"),
                "description": "A network device has a host and a port. A device on a serial line of this machine "
                "(modbus_rtu) has the line in place of the host, and the line's settings in place of the port.",
            },
        ),
        (
            "Reading",
            {
                "fields": ("max_registers", "max_gap"),
                "description": "Tags whose registers lie close together are read in one request.",
            },
        ),
        (
            "Peculiarities",
            {
                "classes": ("collapse",),
                "fields": ("delay_ms", "registers_by", "any_unit", "idle_close_s", "connect_per_scan"),
                "description": "Leave these as they are, unless the device's manual asks for it or its page here "
                "shows time-outs and wrong replies.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(tag_total=Count("tags"))
        return rows

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self.warn_of_overrun(request, obj)

    @admin.display(description="tags", ordering="tag_total")
    def tag_count(self, device: Any) -> int:
        return int(device.tag_total)


class TagPageAdmin(SwitchedAdmin):
    """Of tags of any kind."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)  # a class made for this request
        form.allowed = self.allowed(request)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "unit" in form.changed_data:
            self._warn_of_unit(request, obj)

    def _warn_of_unit(self, request: HttpRequest, tag: Tag) -> None:
        """Nobody but a person knows whether the numbers are meant in the new unit."""
        if paths := dependants.with_limits(tag, self.allowed(request)):
            more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
            text = f"The unit is {tag.unit or 'none'} now; numbers stay as they are. Look at the limits of"
            self.message_user(request, f"{text} {', '.join(paths[:NAMED])}{more}.", messages.WARNING)


@admin.register(Tag)
class TagAdmin(TagPageAdmin):
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
                "description": "The tables coil and discrete hold single bits: their type is bool. Everything else "
                "stands in registers.",
            },
        ),
        (
            "Part of a register, or text",
            {
                "classes": ("collapse",),
                "fields": ("bit", "bit_count", "length"),
                "description": "A bool in a register needs its bit. A bit field of a uint16, uint32 or uint64 needs "
                "its first bit and how many bits it has. A string needs its length.",
            },
        ),
        (
            "Scaling",
            {
                "fields": ("scale", "offset", "raw_min", "raw_max", "scale_address", "not_implemented"),
                "description": "Value = raw × scale + offset. Or, in place of both: raw low and high stand for range "
                "low and high. Bools and strings have neither scaling nor a range.",
            },
        ),
        ("Value", {"fields": ("unit", "decimals", "eu_min", "eu_max", "clamp", "state_labels")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Tags of the other kinds have pages of their own."""
        return super().get_queryset(request).filter(kind=Kind.DEVICE).select_related("device")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self.warn_of_overrun(request, obj.device)

    def areas_of(self, obj: Any) -> list[int | None]:
        """Also the device's area: whoever may point a tag at a device can read every register of it."""
        return [obj.area_id, obj.device.area_id]


from devices import admin_computed  # noqa: E402, F401 (registers its pages, which build on SwitchedAdmin)
