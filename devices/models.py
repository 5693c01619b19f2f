"""The OT side as engineers describe it: devices, and tags that are read from them, derived from others or entered.

And what people do to it in operation: values entered or put in place of measured ones, devices taken out of use.
"""

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from devices.formula import Function
from devices.point_rules import span_problem
from devices.points import DataType, Order, Table
from devices.quirks import Quirks, RegistersBy
from devices.validation import device_problems, tag_problems, validate_driver
from plant import names, paths
from plant.models import SEGMENT, Area, validate_one_line


def _choices(kind: type[DataType | Order | Table | Function | RegistersBy]) -> list[tuple[str, str]]:
    return [(member.value, member.label) for member in kind]


class Kind(models.TextChoices):
    """Where the value of a tag comes from."""

    DEVICE = "device", "read from a device"
    DERIVED = "derived", "derived from other tags"
    MANUAL = "manual", "entered by hand"


class Device(models.Model):
    """One addressable device: a Modbus unit behind a host and port. The same host and port means the same link."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True, validators=[validate_one_line])
    area = models.ForeignKey(Area, models.PROTECT, related_name="devices", help_text="Where the device stands.")
    driver = models.CharField(max_length=32, default="modbus_tcp", validators=[validate_driver])
    host = models.CharField(
        "host or serial port",
        max_length=253,
        help_text="Address or host name without port; or a line, like /dev/ttyUSB0.",
    )
    line = models.CharField(
        "serial settings", max_length=16, blank=True, help_text="Of a serial line: speed and frame, like 19200 8E1."
    )
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
    delay_ms = models.PositiveIntegerField(
        "pause between requests (ms)",
        default=0,
        validators=[MaxValueValidator(5000)],
        help_text="For devices that miss a request which follows too soon; 5 to 50 where needed.",
    )
    registers_by = models.CharField(
        "function code",
        max_length=8,
        choices=_choices(RegistersBy),
        default=RegistersBy.TABLE.value,
        help_text="For devices that know only one way to read registers.",
    )
    any_unit = models.BooleanField(
        "any unit id in replies", default=False, help_text="For devices that answer with another unit id than asked."
    )
    idle_close_s = models.PositiveIntegerField(
        "closes when idle (s)",
        default=0,
        validators=[MaxValueValidator(86_400)],
        help_text="The device closes a silent connection after so long, and that is no fault. 0: it does not.",
    )
    connect_per_scan = models.BooleanField(
        default=False, help_text="Open a connection for each scan and close it after, to leave the device to others."
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

    @property
    def quirks(self) -> Quirks:
        return Quirks(
            self.delay_ms, RegistersBy(self.registers_by), self.any_unit, self.idle_close_s, self.connect_per_scan
        )

    def clean_values(self) -> None:
        """What is asked of the row's own values; the plant document asks the same."""
        problems = device_problems(self)
        if problems:
            raise ValidationError(problems)

    def clean(self) -> None:
        self.clean_values()
        too_long = [tag for tag in self.tags.all() if span_problem(tag, self)] if self.pk else []
        if too_long:
            text = f"The tag '{too_long[0].path}' needs more registers in one answer"
            others = f", and so do {len(too_long) - 1} others" if len(too_long) > 1 else ""
            raise ValidationError({"max_registers": f"{text}{others}. A value is never read in two."})


class Tag(models.Model):
    """One value of the plant. The area says who may see it; the kind says where it comes from.

    Read from a device: device, table, address and what follows. Derived: function, expression and inputs. Entered by
    hand: neither. `data_type` says what the value is in every case.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    area = models.ForeignKey(Area, models.PROTECT, related_name="tags")
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True, validators=[validate_one_line])
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.DEVICE, editable=False)
    device = models.ForeignKey(Device, models.PROTECT, related_name="tags", null=True)
    table = models.CharField(max_length=16, choices=_choices(Table), default=Table.HOLDING.value)
    address = models.PositiveIntegerField(
        null=True,
        validators=[MaxValueValidator(65535)],
        help_text="0-based, as on the wire: 40001 is holding register 0.",
    )
    data_type = models.CharField("type", max_length=16, choices=_choices(DataType), default=DataType.UINT16.value)
    order = models.CharField(
        "byte order",
        max_length=8,
        choices=_choices(Order),
        default=Order.ABCD.value,
        help_text="Order of the bytes of a value of several registers.",
    )
    bit = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(63)],
        help_text="First bit within the value, 0 is the lowest: of a bool in a register, a byte or a bit field.",
    )
    bit_count = models.PositiveSmallIntegerField(
        "bits",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(63)],
        help_text="Width of a bit field.",
    )
    length = models.PositiveSmallIntegerField(
        "length (bytes)", default=0, validators=[MaxValueValidator(250)], help_text="Of a string: two in a register."
    )
    raw_min = models.FloatField("raw low", null=True, blank=True, help_text="The raw number that means range low.")
    raw_max = models.FloatField("raw high", null=True, blank=True, help_text="The raw number that means range high.")
    clamp = models.BooleanField(default=False, help_text="Hold a value beyond the range at its end, and mark it.")
    scale_address = models.PositiveIntegerField(
        "scale factor at",
        null=True,
        blank=True,
        validators=[MaxValueValidator(65535)],
        help_text="Register of the same table whose int16 n multiplies the value by 10^n (SunSpec).",
    )
    not_implemented = models.CharField(
        max_length=20,
        blank=True,
        help_text="Raw value that means 'no such value': a number, like 0x8000, or 'sunspec' for the type's own.",
    )
    function = models.CharField(max_length=8, choices=_choices(Function), default=Function.VALUE.value)
    expression = models.CharField(max_length=500, blank=True)
    window_s = models.FloatField("window (s)", default=60.0, help_text="Of a rate or an average.")
    per_s = models.FloatField(
        "per (s)",
        default=1.0,
        help_text="Seconds in the time unit of a rate or of the flow that is totalled: 3600 for /h.",
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
        if self.device is not None and self.device.area.plant_id != self.area.plant_id:
            found["device"] = f"The device stands in the plant '{self.device.area.plant}'. Choose one of this plant."
        if self.device is not None and (problem := span_problem(self, self.device)):
            found[problem[0]] = problem[1]
        return found


def tag_named(plant_id: int, area_id: int | None, name: str) -> str | None:  # noqa: ARG001 (the area says the plant)
    """Answers plant.names: a tag has the name there. Tags stand in areas, never at the plant itself."""
    found = area_id is not None and Tag.objects.filter(area_id=area_id, name__iexact=name).exists()
    return "tag" if found else None


class TagInput(models.Model):
    """A tag that a derived tag is computed from, and its name in the expression. A tag in use cannot be deleted."""

    derived = models.ForeignKey(Tag, models.CASCADE, related_name="inputs")
    name = models.CharField(max_length=32)
    source = models.ForeignKey(Tag, models.PROTECT, related_name="used_by")

    class Meta:
        ordering = ["name"]
        verbose_name = "use in a derived tag"
        verbose_name_plural = "uses in derived tags"
        constraints = [models.UniqueConstraint("derived", "name", name="tag_input_name_unique")]

    def __str__(self) -> str:
        return f"{self.name}: {self.source}"

    @property
    def holder(self) -> Tag:
        """What people know the row by, where it holds its source back."""
        return self.derived


class DerivedTag(Tag):
    """Has a page of its own in the admin site."""

    class Meta:
        proxy = True
        verbose_name = "derived tag"


class ManualTag(Tag):
    """Has a page of its own in the admin site."""

    class Meta:
        proxy = True
        verbose_name = "manual tag"


class ManualValue(models.Model):
    """The value of a tag that is entered by hand, as it was entered last. The audit has the earlier ones."""

    tag = models.OneToOneField(Tag, models.CASCADE, related_name="manual_value")
    value = models.JSONField(help_text="A number, a text, true or false.")
    taken_at = models.DateTimeField(help_text="When the value was taken, by the person's own word.")
    entered_at = models.DateTimeField(default=timezone.now)
    author = models.CharField(max_length=150)
    comment = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.tag}: {self.value}"


class _Spell(models.Model):
    """Something a person began in operation that ends by itself, or earlier by hand."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reason = models.CharField(max_length=200)
    author = models.CharField(max_length=150)
    begun_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it was ended; empty while it lasts.")
    ended_by = models.CharField(max_length=150, blank=True)

    class Meta:
        abstract = True


class Substitution(_Spell):
    """A value in place of the measured, derived or entered one (forcing). Everybody sees that it is one."""

    tag = models.ForeignKey(Tag, models.CASCADE, related_name="substitutions")
    value = models.JSONField()

    class Meta:
        ordering = ["-begun_at"]
        constraints = [
            models.UniqueConstraint("tag", condition=models.Q(ended_at=None), name="one_substitution_of_a_tag")
        ]

    def __str__(self) -> str:
        return f"{self.tag} = {self.value}"


class OutOfUse(_Spell):
    """A device that is left alone for a while (a program is loaded, a cable moved): nothing is read, nothing alarms."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="out_of_use")

    class Meta:
        ordering = ["-begun_at"]
        verbose_name_plural = "out of use"
        constraints = [
            models.UniqueConstraint("device", condition=models.Q(ended_at=None), name="one_out_of_use_of_a_device")
        ]

    def __str__(self) -> str:
        return f"{self.device} out of use"


class TotaliserState(models.Model):
    """Where a totaliser stood. Written every few seconds; the bus often knows a newer state."""

    tag = models.OneToOneField(Tag, models.CASCADE, related_name="totaliser_state")
    total = models.FloatField()
    taken_ms = models.BigIntegerField(help_text="ms UTC")

    def __str__(self) -> str:
        return f"{self.tag}: {self.total}"
