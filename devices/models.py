"""The OT side as engineers describe it: devices, and tags that are read from them."""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from devices.points import DataType, Order, Table
from plant.models import SEGMENT, Area


def _choices(kind: type[DataType] | type[Order] | type[Table]) -> list[tuple[str, str]]:
    return [(member.value, member.label) for member in kind]


class Device(models.Model):
    """One addressable device: a Modbus unit behind a host and port. The same host and port means the same link."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True)
    area = models.ForeignKey(Area, models.PROTECT, related_name="devices", help_text="Where the device stands.")
    driver = models.CharField(max_length=32, default="modbus_tcp")
    host = models.CharField(max_length=253, help_text="Address or host name, without port.")
    port = models.PositiveIntegerField(default=502, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    unit = models.PositiveSmallIntegerField(
        default=1,
        validators=[MaxValueValidator(255)],
        help_text="Unit id: 1-247 behind a gateway; 0, 1 or 255 for a device with its own network port.",
    )
    timeout_ms = models.PositiveIntegerField(
        default=1000, validators=[MinValueValidator(50), MaxValueValidator(60_000)]
    )
    max_registers = models.PositiveSmallIntegerField(
        default=100, validators=[MinValueValidator(1), MaxValueValidator(125)], help_text="Most registers in one read."
    )
    max_gap = models.PositiveSmallIntegerField(
        default=8, validators=[MaxValueValidator(100)], help_text="Unused registers worth reading to save a request."
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(Lower("name"), name="device_name_unique_ci")]

    def __str__(self) -> str:
        return self.title or self.name


class Tag(models.Model):
    """One value of the plant. The area says who may see it; the device says where it comes from."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    area = models.ForeignKey(Area, models.PROTECT, related_name="tags")
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True)
    device = models.ForeignKey(Device, models.PROTECT, related_name="tags")
    table = models.CharField(max_length=16, choices=_choices(Table), default=Table.HOLDING.value)
    address = models.PositiveIntegerField(
        validators=[MaxValueValidator(65535)], help_text="0-based, as on the wire: 40001 is holding register 0."
    )
    data_type = models.CharField(max_length=16, choices=_choices(DataType), default=DataType.UINT16.value)
    order = models.CharField(
        max_length=8,
        choices=_choices(Order),
        default=Order.ABCD.value,
        help_text="Order of the bytes of a 32-bit value.",
    )
    scale = models.FloatField(default=1.0)
    offset = models.FloatField(default=0.0)
    unit = models.CharField(max_length=16, blank=True, help_text="Engineering unit, as shown beside the value.")
    eu_min = models.FloatField(null=True, blank=True, help_text="Below this the value is Uncertain.")
    eu_max = models.FloatField(null=True, blank=True, help_text="Above this the value is Uncertain.")
    decimals = models.PositiveSmallIntegerField(default=1, validators=[MaxValueValidator(9)])
    state_labels = models.JSONField(
        default=dict, blank=True, help_text='Words for states, as {"0": "stopped", "1": "running"}.'
    )
    scan_ms = models.PositiveIntegerField(
        default=1000, validators=[MinValueValidator(100), MaxValueValidator(3_600_000)], help_text="Scan period in ms."
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint("area", Lower("name"), name="tag_name_unique_ci")]

    def __str__(self) -> str:
        return self.title or self.name
