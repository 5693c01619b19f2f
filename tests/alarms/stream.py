"""A stream of a test's own: what a plant says, entry by entry, as the engine reads it."""

import time
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from alarms.models import JournalEntry
from alarms.process.checkpoint import Recalled, recall
from alarms.process.configuration import Configuration, load
from alarms.process.engine import Engine, Step
from alarms.process.judging import Judging
from bus.following import Anew, Entries, Mark
from bus.messages import FULL, LIVE, Block, Value
from tests.pretend_poller import PretendPoller

EPOCH = 7
START_MS = 1_800_000_000_000
STEP_MS = 1000


@dataclass
class Plant:
    """Scan group -> tag -> (value, status). Each say() is the next entry of that group, a second later."""

    seqs: dict[str, int] = field(default_factory=dict)
    ids: int = 0
    at_ms: int = START_MS

    def say(self, group: str, values: dict[int, Value], *, status: int = 0, flags: int = LIVE) -> tuple[str, Block]:
        self.ids += 1
        self.at_ms += STEP_MS
        seq = self.seqs[group] = self.seqs.get(group, 0) + 1
        ids = list(values)
        flags = flags | (FULL if seq == 1 else 0)
        block = Block(EPOCH, 1, group, seq, self.at_ms, flags, ids, list(values.values()), [status] * len(ids))
        return f"{self.ids}-0", block


def read(*entries: tuple[str, Block]) -> Entries:
    return Entries(list(entries), entries[-1][0])


@dataclass
class Process:
    """The engine without its process: begins as after a kill, with what the database has."""

    recalled: Recalled = field(default_factory=recall)
    configuration: Configuration = field(default_factory=load)

    def __post_init__(self) -> None:
        self.judging = Judging(self.recalled, self.configuration)
        self.engine = Engine(self.configuration.alarms)

    def begin(self, mark: Mark | None = None) -> "Process":
        """On a bus that says nothing yet."""
        self.write(self.judging.anew(Anew(mark or Mark(EPOCH, "0-0"), [], {}, "test")))
        return self

    def write(self, steps: list[Step]) -> None:
        if steps:
            self.engine.apply_steps(steps)

    def hear(self, *entries: tuple[str, Block]) -> None:
        self.write(self.judging.entries(read(*entries)))

    def keep(self) -> None:
        memory = self.judging.memory()
        assert memory is not None
        self.write([Step(self.judging.mark, memory=memory)])


def journal(*names: str) -> list[tuple[Any, ...]]:
    """The journal in the order of its writing: path's last word and event, or the columns named."""
    columns = names or ("path", "event")
    return [tuple(row) for row in JournalEntry.objects.order_by("pk").values_list(*columns)]


async def poller_of(client: Redis, values: dict[str, dict[int, Any]]) -> PretendPoller:
    return await PretendPoller(client, values, revision=1).start()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
