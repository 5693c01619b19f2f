"""The OT side as engineers describe it: devices, and tags that are read from them."""

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from devices.points import DataType, Order, Table
from devices.validation import tag_problems, validate_driver, validate_host
from plant import names, paths
from plant.models import SEGMENT, Area, validate_one_line


def _choices(kind: type[DataType] | type[Order] | type[Table]) -> list[tuple[str, str]]:
    return [(member.value, member.label) for member in kind]


class Device(models.Model):
    """One addressable device: a Modbus unit behind a host and port. The same host and port means the same link."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True, validators=[validate_one_line])
    area = models.ForeignKey(Area, models.PROTECT, related_name="devices", help_text="Where the device stands.")
    driver = models.CharField(max_length=32, default="modbus_tcp", validators=[validate_driver])
    host = models.CharField(max_length=253, validators=[validate_host], help_text="Address or host name, without port.")
    port = models.PositiveIntegerField(default=502, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    unit = models.PositiveSmallIntegerField(
        "unit id",
        default=1,
        validators=[MaxValueValidator(255)],
        help_text="1-247 behind a gateway; 0, 1 or 255 for a device with its own network port.",
    )
    timeout_ms = models.PositiveIntegerField(
        "time-out (ms)", default=1000, validators=[MinValueValidator(50), MaxValueValidator(60_000)]
    )
    max_registers = models.PositiveSmallIntegerField(
        "largest read (registers)",
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(125)],
        help_text="Most registers in one read.",
    )
    max_gap = models.PositiveSmallIntegerField(
        "largest gap (registers)",
        default=8,
        validators=[MaxValueValidator(100)],
        help_text="Unused registers worth reading to save a request.",
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="device_name_unique_ci",
                violation_error_message="Another device has this name; case does not count.",
            )
        ]

    def __str__(self) -> str:
        return self.title or self.name

    def clean_values(self) -> None:
        """What is asked of the row's own values; the plant document asks the same."""


class Tag(models.Model):
    """One value of the plant. The area says who may see it; the device says where it comes from."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    area = models.ForeignKey(Area, models.PROTECT, related_name="tags")
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True, validators=[validate_one_line])
    device = models.ForeignKey(Device, models.PROTECT, related_name="tags")
    table = models.CharField(max_length=16, choices=_choices(Table), default=Table.HOLDING.value)
    address = models.PositiveIntegerField(
        validators=[MaxValueValidator(65535)], help_text="0-based, as on the wire: 40001 is holding register 0."
    )
    data_type = models.CharField("type", max_length=16, choices=_choices(DataType), default=DataType.UINT16.value)
    order = models.CharField(
        "byte order",
        max_length=8,
        choices=_choices(Order),
        default=Order.ABCD.value,
        help_text="Order of the bytes of a 32-bit value.",
    )
    scale = models.FloatField(default=1.0)
    offset = models.FloatField(default=0.0)
    unit = models.CharField(
        max_length=16,
        blank=True,
        validators=[validate_one_line],
        help_text="Engineering unit, as shown beside the value.",
    )
    eu_min = models.FloatField(
        "range low", null=True, blank=True, help_text="In engineering units. Below this the value is Uncertain."
    )
    eu_max = models.FloatField(
        "range high", null=True, blank=True, help_text="In engineering units. Above this the value is Uncertain."
    )
    decimals = models.PositiveSmallIntegerField(default=1, validators=[MaxValueValidator(9)])
    state_labels = models.JSONField(
        default=dict,
        blank=True,
        help_text='Words for states, like {"0": "stopped", "1": "running"}. Empty: none.',
    )
    scan_ms = models.PositiveIntegerField(
        "scan period (ms)", default=1000, validators=[MinValueValidator(100), MaxValueValidator(3_600_000)]
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "area",
                Lower("name"),
                name="tag_name_unique_ci",
                violation_error_message="Another tag in the same area has this name; case does not count.",
            )
        ]

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def path(self) -> str:
        """The full path. One query a level of areas: for one object, not for lists."""
        return f"{self.area.path}/{self.name}"

    def clean_values(self) -> None:
        """What is asked of the row's own values; the plant document asks the same."""
        problems = tag_problems(self)
        if problems:
            raise ValidationError(problems)

    def clean(self) -> None:
        problems = tag_problems(self)
        if self.area_id is not None:
            problems |= self._place_problems()
        if problems:
            raise ValidationError(problems)

    def _place_problems(self) -> dict[str, str]:
        """What is asked of the place in the plant. The document answers it for the whole plant at once."""
        found = {}
        if Area.objects.filter(parent_id=self.area_id, name__iexact=self.name).exists():
            found["name"] = names.clash("area", self.name)
        elif too_long := paths.too_long(self.path):
            found["name"] = too_long
        if self.device_id is not None and self.device.area.plant_id != self.area.plant_id:
            found["device"] = f"The device stands in the plant '{self.device.area.plant}'. Choose one of this plant."
        return found


def tag_named(plant_id: int, area_id: int | None, name: str) -> str | None:  # noqa: ARG001 (the area says the plant)
    """Answers plant.names: a tag has the name there. Tags stand in areas, never at the plant itself."""
    found = area_id is not None and Tag.objects.filter(area_id=area_id, name__iexact=name).exists()
    return "tag" if found else None
