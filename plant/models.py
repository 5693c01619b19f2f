"""What there is: plants and their areas. What people call things by is the path; what is stored is the uuid."""

import uuid
import zoneinfo
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

SEGMENT: Final = RegexValidator(
    r"\A[A-Za-z0-9_-]{1,32}\Z",
    "A name is 1 to 32 letters, digits, '-' or '_': it becomes part of the tag path. The title takes everything else.",
)
"""One segment of a path (ISA-95 style, MES-03). Names are unique without regard to case."""


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            f"'{name}' is not a time zone of the IANA database. Write it like 'Europe/Stockholm' or 'UTC'."
        )


class Plant(models.Model):
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    production_mode = models.BooleanField(
        default=False, help_text="Stricter checks. Switch it on when the plant is real and people depend on it."
    )

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(Lower("name"), name="plant_name_unique_ci")]

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class Area(models.Model):
    """A node of the area tree. Rights granted at an area cover everything below it."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    plant = models.ForeignKey(Plant, models.PROTECT, related_name="areas")
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="Order among its siblings on screens.")

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint("plant", "parent", Lower("name"), name="area_name_unique_ci"),
            models.UniqueConstraint(
                "plant", Lower("name"), condition=models.Q(parent=None), name="area_root_name_unique_ci"
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.name


class ConfigRevision(models.Model):
    """One number for the state of the whole configuration, rights included. Written by plant.revisions.bump() only."""

    number = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    author = models.CharField(max_length=150)
    summary = models.CharField(max_length=400)

    class Meta:
        ordering = ["-number"]
        get_latest_by = "number"

    def __str__(self) -> str:
        return f"Revision {self.number}"
