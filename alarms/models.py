"""Alarms as they are described (Alarm: the master alarm database, ALM-10), as they stand (AlarmState) and as they
were (JournalEntry, append-only). Only alarms/transitions.py writes the last two.
"""

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from alarms.kinds import Base, Event, Kind, Priority, Severity
from alarms.kpi.targets import TARGETS, target_problems
from alarms.rules.neighbours import neighbour_problems
from alarms.rules.validation import alarm_problems
from devices.models import Tag
from plant.models import SEGMENT, Area, validate_one_line

LONGEST_SHELVING_MIN = 24 * 60
"""The cap of the site (ALM-24)."""


class AlarmClass(models.Model):
    """What alarms of one sort have in common (safety, environmental, process, diagnostic ...)."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=32, validators=[SEGMENT])
    title = models.CharField(max_length=120, blank=True, validators=[validate_one_line])
    shelvable = models.BooleanField(default=True, help_text="Off for safety and highly managed alarms.")
    max_shelve_min = models.PositiveIntegerField(
        "longest shelving (min)",
        default=8 * 60,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_SHELVING_MIN)],
    )
    ack_comment = models.BooleanField(
        "comment when acknowledged", default=False, help_text="An acknowledgement needs a comment."
    )

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "alarm classes"
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="alarm_class_name_unique_ci",
                violation_error_message="Another class has this name; case does not count.",
            )
        ]

    def __str__(self) -> str:
        return self.title or self.name

    def clean_values(self) -> None:
        """What is asked of the row's own values; the plant document asks the same."""


class Alarm(models.Model):
    """One alarm and its rationalisation record.

    Of a tag, and known as `<tag path>:<name>`; or of Isthmus itself (kind system, no tag, seeded).
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tag = models.ForeignKey(Tag, models.PROTECT, related_name="alarms", null=True)
    name = models.CharField(max_length=32, validators=[SEGMENT], help_text="Short, like 'hihi'; unique at its tag.")
    kind = models.CharField(max_length=16, choices=[(k.value, k.label) for k in Kind])
    message = models.CharField(
        max_length=80, validators=[validate_one_line], help_text="What the operator reads: what is wrong, where."
    )
    enabled = models.BooleanField(default=True)

    # when
    setpoint = models.FloatField(
        null=True, blank=True, help_text="The limit, the largest deviation, or the fastest change per second."
    )
    deadband = models.FloatField(default=0.0, validators=[MinValueValidator(0.0)])
    reference = models.ForeignKey(
        Tag, models.PROTECT, related_name="reference_of_alarms", null=True, blank=True,
        help_text="The tag a deviation is measured from.",
    )  # fmt: skip
    target = models.FloatField(null=True, blank=True, help_text="What a deviation is measured from without a tag.")
    window_s = models.FloatField("window (s)", default=60.0, help_text="Of a rate of change.")
    states = models.JSONField(default=list, blank=True, help_text="Numbers of the states that are alarms: [2, 3].")
    expression = models.CharField(max_length=500, blank=True)
    on_delay_s = models.FloatField("on-delay (s)", default=0.0, validators=[MinValueValidator(0.0)])
    off_delay_s = models.FloatField("off-delay (s)", default=0.0, validators=[MinValueValidator(0.0)])

    # life cycle
    latching = models.BooleanField(default=False)
    ack_required = models.BooleanField(default=True)
    ack_on_return = models.BooleanField("returning acknowledges", default=False)
    relatch_silently = models.BooleanField(default=False)
    realarm_min = models.PositiveIntegerField("alarm again after (min)", default=0, help_text="0: it does not.")
    realarm_limit = models.PositiveSmallIntegerField("alarm again at most", default=3, help_text="Times.")
    first_out = models.CharField(
        "first-out group", max_length=32, blank=True, help_text="Of such a group the first alarm is marked."
    )
    suppress_when = models.CharField(
        max_length=500, blank=True, help_text="An expression over inputs that suppresses the alarm by design."
    )
    suppressed_by = models.ManyToManyField(
        "self", symmetrical=False, blank=True, related_name="suppresses",
        help_text="Alarms that name the cause: while one of them is active, this one is suppressed by design.",
    )  # fmt: skip
    shelvable = models.BooleanField(default=True)
    max_shelve_min = models.PositiveIntegerField(
        "longest shelving (min)", null=True, blank=True, validators=[MaxValueValidator(LONGEST_SHELVING_MIN)],
        help_text="Less than the class allows; empty: as the class.",
    )  # fmt: skip

    # rationalisation
    alarm_class = models.ForeignKey(AlarmClass, models.PROTECT, related_name="alarms", verbose_name="class")
    severity = models.PositiveSmallIntegerField(
        "severity of the consequence", choices=[(s.value, s.label) for s in Severity], default=Severity.MINOR.value
    )
    time_to_respond_min = models.FloatField("time to respond (min)", default=30.0, validators=[MinValueValidator(0.0)])
    priority = models.PositiveSmallIntegerField(
        choices=[(p.value, p.label) for p in Priority], editable=False, help_text="From severity and time to respond."
    )
    cause = models.TextField(blank=True, max_length=500)
    consequence = models.TextField(blank=True, max_length=500, help_text="Of no action.")
    operator_action = models.TextField(blank=True, max_length=500)
    basis = models.CharField("basis of the setpoint", max_length=300, blank=True)
    related_trip = models.CharField(max_length=200, blank=True)
    owner = models.CharField(max_length=120, blank=True)
    approved_by = models.CharField(max_length=150, blank=True)
    approved_on = models.DateField(null=True, blank=True)
    review_on = models.DateField("review date", null=True, blank=True)

    class Meta:
        ordering = ["tag__name", "name"]
        constraints = [
            models.UniqueConstraint(
                "tag",
                Lower("name"),
                name="alarm_name_unique_ci",
                violation_error_message="Another alarm of this tag has this name; case does not count.",
            ),
            models.UniqueConstraint(Lower("name"), condition=models.Q(tag=None), name="system_alarm_name_unique_ci"),
        ]

    def __str__(self) -> str:
        return self.message

    @property
    def path(self) -> str:
        """What it is known as. One query a level of areas: for one object, not for lists."""
        return f"{self.tag.path}:{self.name}" if self.tag else f"isthmus:{self.name}"

    def clean_values(self) -> None:
        """What is asked of the row's own values; the plant document asks the same. Sets the priority."""
        problems = alarm_problems(self)
        if problems:
            raise ValidationError(problems)

    def clean(self) -> None:
        """Also what is asked of the place in the plant. The document answers it for the whole plant at once."""
        self.clean_values()
        problems = neighbour_problems(self)
        if problems:
            raise ValidationError(problems)

    # -- where it holds a tag, a class or another alarm back, it is named so

    @property
    def area_id(self) -> int | None:
        return self.tag.area_id if self.tag is not None else None

    @property
    def placed_name(self) -> str:
        return f"{self.tag.name}:{self.name}" if self.tag is not None else f"isthmus:{self.name}"


class AlarmInput(models.Model):
    """A tag in the expression of an alarm, and its name there."""

    alarm = models.ForeignKey(Alarm, models.CASCADE, related_name="inputs")
    name = models.CharField(max_length=32)
    source = models.ForeignKey(Tag, models.PROTECT, related_name="used_by_alarms")

    class Meta:
        ordering = ["name"]
        verbose_name = "use in an alarm"
        verbose_name_plural = "uses in alarms"
        constraints = [models.UniqueConstraint("alarm", "name", name="alarm_input_name_unique")]

    def __str__(self) -> str:
        return f"{self.name}: {self.source}"

    @property
    def holder(self) -> Alarm:
        """What people know the row by, where it holds its source back."""
        return self.alarm


class AlarmState(models.Model):
    """How an alarm stands: the truth, one row each. An alarm without a row is normal and was never active.

    Flags as in alarms/logic.py and alarms/muting.py. `seq` counts the journal entries of the alarm and guards every
    change; `changed_no` is the number of the writing that changed it last (alarms/transitions.py), for whoever
    follows. `is_listed`: it stands in the alarm list: not normal and not muted. Moments are ms UTC.
    """

    alarm = models.OneToOneField(Alarm, models.CASCADE, related_name="state", primary_key=True)
    active = models.BooleanField(default=False)
    acked = models.BooleanField(default=True)
    latched = models.BooleanField(default=False)
    occurrence = models.PositiveBigIntegerField(default=0)
    realarms = models.PositiveIntegerField(default=0)
    seq = models.PositiveBigIntegerField(default=0)
    changed_no = models.BigIntegerField(default=0, db_index=True)
    is_listed = models.BooleanField(default=False)
    is_first_out = models.BooleanField(default=False)

    base = models.CharField(max_length=16, default=Base.NORMAL.value, choices=[(b.value, b.value) for b in Base])
    active_at_ms = models.BigIntegerField(null=True, help_text="When the newest occurrence began, by its sample.")
    returned_at_ms = models.BigIntegerField(null=True, help_text="When it went inactive, by its sample.")
    annunciated_at_ms = models.BigIntegerField(null=True, help_text="When it last called for the operator.")
    annunciated_no = models.BigIntegerField(default=0, help_text="The number of the writing that did.")
    acked_at_ms = models.BigIntegerField(null=True)
    acked_by = models.CharField(max_length=150, blank=True)
    realarm_at_ms = models.BigIntegerField(null=True, db_index=True)
    value = models.JSONField(null=True, help_text="At the newest alarm or return.")
    status = models.PositiveBigIntegerField(default=0)
    setpoint = models.FloatField(null=True, help_text="At the newest alarm.")

    shelved_until_ms = models.BigIntegerField(null=True, db_index=True)
    shelved_once = models.BooleanField(default=False)
    shelved_by = models.CharField(max_length=150, blank=True)
    shelved_at_ms = models.BigIntegerField(null=True)
    shelved_reason = models.CharField(max_length=200, blank=True)
    suppressed_rule = models.CharField(max_length=200, blank=True)
    suppressed_at_ms = models.BigIntegerField(null=True)
    suppressed_by_causes = models.BooleanField(default=False, help_text="The rule rests on active alarms alone.")
    bared = models.CharField(
        max_length=300, blank=True, help_text="Why the rule is not in effect: nobody sees any of those alarms."
    )
    out_of_service = models.BooleanField(default=False)
    out_by = models.CharField(max_length=150, blank=True)
    out_at_ms = models.BigIntegerField(null=True)
    out_reason = models.CharField(max_length=200, blank=True)
    out_work_order = models.CharField(max_length=64, blank=True)
    out_review_on = models.DateField(null=True)

    class Meta:
        indexes = [models.Index(fields=["is_listed"], condition=models.Q(is_listed=True), name="alarm_listed")]

    def __str__(self) -> str:
        return f"{self.alarm_id}: {self.base}"


class JournalEntry(models.Model):
    """One transition (ALM-20). Names and texts are copies: they outlive what they name. Rows are only ever added."""

    event_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    alarm_uuid = models.UUIDField()
    seq = models.PositiveBigIntegerField()
    occurrence = models.PositiveBigIntegerField()
    path = models.CharField(max_length=290)
    area = models.ForeignKey(Area, models.SET_NULL, null=True, related_name="+")
    area_path = models.CharField(max_length=255, blank=True)
    message = models.CharField(max_length=80)
    kind = models.CharField(max_length=16)
    priority = models.PositiveSmallIntegerField()
    alarm_class = models.CharField("class", max_length=32)
    event = models.CharField(max_length=16, choices=[(e.value, e.label) for e in Event])
    from_state = models.CharField(max_length=16)
    to_state = models.CharField(max_length=16)
    mutes_before = models.CharField(max_length=48, blank=True)
    mutes_after = models.CharField(max_length=48, blank=True)
    annunciated = models.BooleanField(default=False, help_text="It called for the operator: what KPIs count.")
    is_first_out = models.BooleanField(default=False)
    realarms = models.PositiveIntegerField(default=0)
    value = models.JSONField(null=True)
    unit = models.CharField(max_length=16, blank=True)
    status = models.PositiveBigIntegerField(default=0)
    setpoint = models.FloatField(null=True)
    source_ms = models.BigIntegerField(help_text="When it happened in the plant, by the sample; ms UTC.")
    server_ms = models.BigIntegerField(help_text="When the server learned of it; ms UTC.")
    written_at = models.DateTimeField(default=timezone.now)
    writing_no = models.BigIntegerField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=150)
    session = models.CharField(max_length=64, blank=True)
    ip = models.CharField("IP address", max_length=64, blank=True)
    station = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict, blank=True, help_text="Minutes shelved, work order, old and new limits.")
    revision = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "journal entries"
        constraints = [models.UniqueConstraint("alarm_uuid", "seq", name="journal_entry_once")]
        indexes = [
            models.Index(fields=["server_ms"]),
            models.Index(fields=["alarm_uuid", "server_ms"]),
        ]

    def __str__(self) -> str:
        return f"{self.path} {self.event}"


class AlarmTarget(models.Model):
    """What the site asks of a key figure in place of what the standards ask (alarms/kpi/targets.py)."""

    figure = models.CharField(
        max_length=16,
        unique=True,
        choices=[(t.figure, f"{t.title} ({t.unit})" if t.unit else t.title) for t in TARGETS.values()],
    )
    goal = models.FloatField("target", null=True, blank=True, help_text="Empty: nothing is asked.")
    manageable = models.FloatField(
        "at most manageable", null=True, blank=True, help_text="More than the target, and still bearable; may be empty."
    )

    class Meta:
        ordering = ["figure"]
        verbose_name = "target of a key figure"
        verbose_name_plural = "targets of key figures"

    def __str__(self) -> str:
        return self.get_figure_display()

    def clean(self) -> None:
        problems = target_problems(self.figure, self.goal, self.manageable)
        if problems:
            raise ValidationError(problems)


class Writing(models.Model):
    """One row: the number of the newest writing. Whoever changes states or the journal locks it first."""

    no = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.no)


class Checkpoint(models.Model):
    """One row: the newest entry of the stream whose events are in the journal, saved in the transaction of those."""

    epoch = models.BigIntegerField(default=0)
    applied_id = models.CharField(max_length=40, default="0-0")
    saved_at_ms = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.epoch}/{self.applied_id}"


class EngineMemory(models.Model):
    """What the engine needs to go on where it stood (alarms/process/checkpoint.py); apart from Checkpoint, which is
    written with every event and must be small.

    "state": the evaluation after the entry `entry_id`; what follows it is evaluated again, and applied only
    beyond the checkpoint. "configuration": what it was evaluated by. Beside them, "system_watch": the starts of the
    processes (alarms/system/alarms.py), and "demo_history": that this site has its history or is to have none
    (alarms/demo/history.py).
    """

    part = models.CharField(max_length=16, primary_key=True)
    epoch = models.BigIntegerField(default=0)
    entry_id = models.CharField(max_length=40, default="0-0")
    revision = models.BigIntegerField(default=0)
    content = models.BinaryField(default=bytes)
    saved_at_ms = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.part}: {self.epoch}/{self.entry_id}"
