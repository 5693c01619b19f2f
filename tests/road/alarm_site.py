"""What tests of the alarm engine run inside a site's environment, by `manage.py shell`; each prints one line."""

import json
import random
import sys
import threading
import time

from django.db import OperationalError, close_old_connections, transaction
from django.db.models import QuerySet

from alarms.kinds import Event, Kind
from alarms.models import AlarmState, Checkpoint, EngineMemory, JournalEntry
from alarms.process.checkpoint import pack_known
from alarms.process.configuration import load
from alarms.snapshot import AlarmEntry
from alarms.transitions import When, Who, writing
from audit.actions import Actor
from devices.models import Tag
from plant.revisions import bump
from tests.alarms.entries import make_alarm

COLUMNS = (
    "alarm_uuid", "seq", "occurrence", "event", "from_state", "to_state", "source_ms", "value", "actor_name",
    "is_first_out",
)  # fmt: skip


def define() -> None:
    """Levels, a delay, a latch, a suppression and a first-out group on two tags of two scan groups."""
    level, flow = Tag.objects.get(name="level"), Tag.objects.get(name="flow")
    with transaction.atomic():
        flow.scan_ms = 2000
        flow.save()
        cause = make_alarm(level, "hi", on_delay_s=0.2, first_out="trip")
        make_alarm(level, "hihi", kind="hihi", setpoint=20.0, latching=True, first_out="trip")
        make_alarm(level, "lo", kind="lo", setpoint=2.0, off_delay_s=0.3)
        make_alarm(flow, "hi", off_delay_s=0.1).suppressed_by.add(cause)
        make_alarm(flow, "bad", kind="bad_quality", setpoint=None, deadband=0.0)
        bump("test", "alarms")
    known = load().known
    ids = {d.id: uuid for uuid, _, d in known.alarms.values()}
    tags = {tag.name: [tag.pk, known.groups[tag.pk][0]] for tag in (level, flow)}
    print(json.dumps({"known": pack_known(known).hex(), "ids": ids, "tags": tags}))


def tell() -> None:
    """The journal in the order of its writing, and how far it is. Without the alarms of Isthmus itself, which is killed
    here."""
    of_plant = JournalEntry.objects.exclude(kind=Kind.SYSTEM.value).order_by("pk")
    rows = [list(row) for row in of_plant.values_list(*COLUMNS)]
    states = list(_of_plant().values_list("alarm__uuid", "base", "seq"))
    memory = EngineMemory.objects.filter(part="state").values_list("epoch", flat=True).first()
    applied = Checkpoint.objects.values_list("epoch", "applied_id").first()
    said = {"journal": rows, "states": states, "memory_epoch": memory or 0, "applied": applied}
    print(json.dumps(said, default=str))


def _of_plant() -> QuerySet[AlarmState]:
    return AlarmState.objects.exclude(alarm__kind=Kind.SYSTEM.value)


def acknowledge_by_chance(seed: str) -> None:
    """As a person would, beside the engine, until the standard input is closed; prints how often it was done."""
    is_over = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        is_over.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    chance, omar, done = random.Random(seed), Who(Actor("user", "omar", "omar")), 0
    alarms = load().alarms.alarms
    while not is_over.wait(chance.uniform(0.02, 0.3)):
        close_old_connections()
        try:
            done += _acknowledge_one(chance, alarms, omar)
        except OperationalError:
            continue
    print(done)


def _acknowledge_one(chance: random.Random, alarms: dict[int, AlarmEntry], omar: Who) -> int:
    found = list(_of_plant().filter(acked=False).values_list("pk", "occurrence"))
    if not found:
        return 0
    pk, occurrence = chance.choice(found)
    now_ms = time.time_ns() // 1_000_000
    with writing() as writer:
        writer.happen(alarms[pk], Event.ACK, omar, When(now_ms, now_ms), seen=occurrence)
        return len(writer.entries)
