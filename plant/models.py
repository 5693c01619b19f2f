"""What there is: plants and their areas. What people call things by is the path; what is stored is the uuid."""

import unicodedata
import uuid
import zoneinfo
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

from plant import names, paths, production

SEGMENT: Final = RegexValidator(
    r"\A[A-Za-z0-9_-]{1,32}\Z",
    "A name is 1 to 32 letters, digits, '-' or '_': it becomes part of the tag path. The title takes everything else.",
)
"""One segment of a path (ISA-95 style, MES-03). Names are unique without regard to case."""


_UNSEEN: Final = {"Cc", "Cs", "Zl", "Zp"}
_TURNERS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def validate_one_line(text: str) -> None:
    """A text that people read on screens: no line breaks, control characters or marks that turn the reading order."""
    for position, character in enumerate(text, 1):
        if unicodedata.category(character) in _UNSEEN or character in _TURNERS:
            raise ValidationError(
                f"Character {position} is U+{ord(character):04X}, which cannot be seen. Write the text on one line."
            )


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            f"'{name}' is not a time zone of the IANA database. Write it like 'Europe/Stockholm' or 'UTC'."
        )


class Plant(models.Model):
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True, validators=[validate_one_line])
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    production_mode = models.BooleanField(
        default=False,
        help_text="This plant is real and people depend on it: only alarms that are fully described can be enabled.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="plant_name_unique_ci",
                violation_error_message="Another plant has this name; case does not count.",
            )
        ]

    def __str__(self) -> str:
        return self.title or self.name

    def clean_values(self) -> None:
        """What is asked of the row's own values; the plant document asks the same."""

    def clean(self) -> None:
        """Is the plant as it stands fit for production? The document asks it of the plant as it will be."""
        problem = production.problem(self.pk) if self.production_mode and self.pk is not None else None
        if problem:
            raise ValidationError({"production_mode": problem})

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


_AREA_NAMED: Final = "Another area in the same place has this name; case does not count."


class Area(models.Model):
    """A node of the area tree. Rights granted at an area cover everything below it."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    plant = models.ForeignKey(Plant, models.PROTECT, related_name="areas")
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True, validators=[validate_one_line])
    position = models.PositiveSmallIntegerField(default=0, help_text="Order among its siblings on screens.")

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint(
                "plant", "parent", Lower("name"), name="area_name_unique_ci", violation_error_message=_AREA_NAMED
            ),
            models.UniqueConstraint(
                "plant",
                Lower("name"),
                condition=models.Q(parent=None),
                name="area_root_name_unique_ci",
                violation_error_message=_AREA_NAMED,
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.name

    def ancestors(self) -> "list[Area]":
        """The areas above, the nearest first. One query a level."""
        found: list[Area] = []
        above = self.parent
        while above is not None and above not in found:
            found.append(above)
            above = above.parent
        return found

    @property
    def path(self) -> str:
        """The path with the plant's name. One query a level: for one object, not for lists."""
        return "/".join([self.plant.name, *(area.name for area in reversed(self.ancestors())), self.name])

    def clean_values(self) -> None:
        """What is asked of the row's own values; the plant document asks the same."""

    def clean(self) -> None:
        """What is asked of the place in the tree. The document answers it for the whole plant at once."""
        if not self.plant_id:
            return
        if self.parent is not None:
            self._clean_parent(self.parent)
        taken = names.taken(self.plant_id, self.parent_id, self.name)
        if taken:
            raise ValidationError({"name": taken})
        too_long = paths.too_long(self.path)
        if too_long:
            raise ValidationError({"name": too_long})

    def _clean_parent(self, parent: "Area") -> None:
        if parent.plant_id != self.plant_id:
            raise ValidationError({"parent": f"{parent.path} belongs to another plant. Choose an area of this one."})
        if self.pk is not None and (parent.pk == self.pk or self in parent.ancestors()):
            raise ValidationError({"parent": f"{parent.path} lies in this area. An area cannot lie within itself."})


class ConfigRevision(models.Model):
    """One number for the state of the whole configuration, rights included. Written by plant.revisions.bump() only."""

    number = models.BigAutoField(primary_key=True)
    at = models.DateTimeField("time", auto_now_add=True)
    author = models.CharField(max_length=150)
    summary = models.CharField(max_length=400)

    class Meta:
        ordering = ["-number"]
        get_latest_by = "number"

    def __str__(self) -> str:
        return f"Revision {self.number}"
