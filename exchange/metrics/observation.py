"""One look at the site for /metrics: what the bus knows, what the database knows. Blocking."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import redis

from accounts.permissions import AreaSet
from alarms.lists import Counts, counts
from audit.models import AuditRecord
from bus import keys
from bus.presence import (
    Heard,
    LinkState,
    ProcessState,
    hear_links_blocking,
    hear_processes_blocking,
    starts_blocking,
)
from devices.current import current_snapshot
from devices.live_bus import live_bus
from devices.readings import Reading, is_switched_off, read
from exchange.rest.statuses import WORDS, word_of


@dataclass(frozen=True, slots=True)
class BusFigures:
    """Sizes in bytes; `memory_limit` 0: none."""

    processes: dict[str, Heard[ProcessState]]
    starts: dict[str, int]
    links: dict[str, Heard[LinkState]]
    memory_used: int
    memory_limit: int
    samples: int


@dataclass(frozen=True, slots=True)
class Observation:
    """`bus` None: Redis does not answer."""

    bus: BusFigures | None
    tags: dict[str, int]
    revision: int
    audit_unsealed: int
    alarms: Counts


def observe() -> Observation:
    """Raises DatabaseError."""
    snapshot = current_snapshot()
    tags = [t for t in snapshot.tags.values() if not is_switched_off(t, snapshot)]
    counted = Counter(word_of(r.status) for r in read(tags, snapshot, Reading))
    return Observation(
        bus=live_bus.ask(_ask),
        tags={word: counted[word] for word in WORDS.values()},
        revision=snapshot.revision,
        audit_unsealed=AuditRecord.objects.filter(sequence=None).count(),
        alarms=counts(AreaSet(everywhere=True), sees_system=True),
    )


def _ask(client: redis.Redis) -> BusFigures:
    memory: Any = client.info("memory")
    samples: Any = client.xlen(keys.SAMPLES)
    return BusFigures(
        processes=hear_processes_blocking(client),
        starts=starts_blocking(client),
        links=hear_links_blocking(client),
        memory_used=int(memory["used_memory"]),
        memory_limit=int(memory.get("maxmemory", 0)),
        samples=int(samples),
    )
