"""How tags are recorded, and for how long history is kept. History itself lies in tables of its own (storage/)."""

import uuid
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from devices.models import Tag
from plant.models import SEGMENT, validate_one_line

LONGEST_DAYS: Final = 36_500


class RetentionClass(models.Model):
    """How long the history of its tags is kept (HIS-10). Minutes stay at least as long as samples, hours as minutes."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True, validators=[validate_one_line])
    samples_days = models.PositiveIntegerField(
        "samples (days)", default=90, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)]
    )
    minutes_days = models.PositiveIntegerField(
        "minutes (days)", default=730, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)]
    )
    hours_days = models.PositiveIntegerField(
        "hours (days)", default=3650, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)]
    )

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "retention classes"
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="retention_class_name_unique_ci",
                violation_error_message="Another class has this name; case does not count.",
            )
        ]

    def __str__(self) -> str:
        return self.title or self.name

    def clean(self) -> None:
        self.clean_values()

    def clean_values(self) -> None:
        """What is asked of the row's own values; the plant document asks the same. Raises ValidationError."""
        problems = {}
        if None not in (self.samples_days, self.minutes_days) and self.minutes_days < self.samples_days:
            problems["minutes_days"] = (
                f"Minutes would go after {self.minutes_days} days, before the samples ({self.samples_days} days). "
                "Keep them at least as long."
            )
        if None not in (self.minutes_days, self.hours_days) and self.hours_days < self.minutes_days:
            problems["hours_days"] = (
                f"Hours would go after {self.hours_days} days, before the minutes ({self.minutes_days} days). "
                "Keep them at least as long."
            )
        if problems:
            raise ValidationError(problems)


class TagRecording(models.Model):
    """How one tag is recorded, where that differs from the default: every change, class `standard`.

    Deviations are in engineering units of the tag (HIS-02). A tag without a row here is recorded by the default.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tag = models.OneToOneField(Tag, models.CASCADE, related_name="recording")
    enabled = models.BooleanField("recorded", default=True, help_text="Off: no history of this tag is written.")
    retention = models.ForeignKey(
        RetentionClass, models.PROTECT, null=True, blank=True, help_text="Empty: the class 'standard'."
    )
    stepped = models.BooleanField(
        default=False, help_text="Between two samples the former value holds. Always so for states and texts."
    )
    exc_dev = models.FloatField(
        "exception deviation", default=0.0, help_text="Changes up to this are left out, in engineering units. 0: none."
    )
    exc_min_s = models.FloatField("exception minimum (s)", default=0.0, help_text="No sample sooner than this.")
    exc_max_s = models.FloatField(
        "exception maximum (s)", default=600.0, help_text="A sample at the latest after this, changed or not. 0: never."
    )
    comp_dev = models.FloatField(
        "compression deviation",
        default=0.0,
        help_text="A straight line between stored samples misses no sample by more than this. 0: by nothing.",
    )
    comp_min_s = models.FloatField("compression minimum (s)", default=0.0)
    comp_max_s = models.FloatField("compression maximum (s)", default=8 * 3600.0)

    class Meta:
        ordering = ["tag"]
        verbose_name = "recording of a tag"
        verbose_name_plural = "recordings of tags"

    def __str__(self) -> str:
        return self.path

    @property
    def path(self) -> str:
        return self.tag.path

    def clean(self) -> None:
        self.clean_values()

    def clean_values(self) -> None:
        """What is asked of the row's own values; the plant document asks the same. Raises ValidationError."""
        from historian.recording_rules import recording_problems

        if problems := recording_problems(self):
            raise ValidationError(problems)


class SavedTrend(models.Model):
    """A trend somebody gave a name. `state` is the query string of the trends page: the URL holds all there is.

    `area`-less on purpose: whoever opens it sees the pens whose areas they may see.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey("accounts.User", models.CASCADE, related_name="saved_trends")
    name = models.CharField(max_length=80, validators=[validate_one_line])
    is_shared = models.BooleanField(
        "shared", default=False, help_text="Others see it in their list, and cannot change it."
    )
    state = models.CharField(max_length=4000)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="saved_trend_name_unique_ci",
                violation_error_message="Another trend of yours has this name; case does not count.",
            )
        ]

    def __str__(self) -> str:
        return self.name
