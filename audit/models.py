"""What was done. Rows are only ever added, by audit.actions.record(); the sealer numbers and chains them afterwards."""

import uuid

from django.db import models
from django.utils import timezone


class AuditRecord(models.Model):
    """One thing that somebody did or tried. Names and texts are copies: they outlive what they name.

    `sequence`, `previous_hash` and `hash` are empty until the sealer (audit/sealer.py) has taken the row in.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    at = models.DateTimeField("time", db_index=True)
    category = models.CharField(max_length=32)
    event = models.CharField(max_length=64)
    result = models.CharField(max_length=16)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=150)
    session = models.CharField(max_length=64, blank=True)
    ip = models.CharField("IP address", max_length=64, blank=True)
    station = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_text = models.CharField(max_length=300, blank=True)
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)
    reason = models.TextField(blank=True)

    sequence = models.BigIntegerField(null=True, unique=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{timezone.localtime(self.at):%Y-%m-%d %H:%M:%S} {self.actor_name}: {self.event}"
