"""The month before the first start of the demo plant, played once for all who make a history of it.

The same month at every site and every time: it depends on its end alone. Steps of a minute, and of a few seconds
where things change.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from bus.messages import Block
from devices.simulator.faults import Fault
from devices.simulator.month import MONTH_S, Episode, episodes
from devices.simulator.month_values import QUIET_STEP_S, Sources
from devices.simulator.process import Waterworks
from devices.snapshot import Snapshot

ZONE: Final = ZoneInfo("Europe/Stockholm")
SEED: Final = 1442
FINE_STEP_S: Final = 4.0
LONGEST_STEP_S: Final = 30.0
"""Of the process within a step: its controls stay steady."""
FINE_S: Final = 900.0
"""So long after the beginning of an episode the steps are fine, and AFTERMATH_S after its end: things change."""
AFTERMATH_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Moment:
    """`at_s`: seconds since the beginning of the month. `block`: what changed."""

    at_s: float
    block: Block


class Past:
    """`ends_ms`: where the month ends. Move on by go_on() until it is over; `pct` says how far it is. `script`: what
    goes wrong; None: what the month of the demo has. `wanted`: ids of tags; None: all."""

    def __init__(
        self, plant: Snapshot, ends_ms: int, month_s: float = MONTH_S, script: Sequence[Episode] | None = None,
        wanted: Collection[int] | None = None,
    ) -> None:  # fmt: skip
        self.began_ms = ends_ms - round(month_s * 1000)
        self.ends_ms = ends_ms
        self._month_s = month_s
        self._at_s = 0.0
        self._seq = 0
        began = datetime.fromtimestamp(self.began_ms / 1000, ZONE)
        self._works = Waterworks.in_operation(SEED, began.hour * 3600.0 + began.minute * 60)
        random = Random(SEED)  # noqa: S311  # a script, not a secret
        self._open = episodes(random) if script is None else list(script)
        self._acting: list[Episode] = []
        self._fine_until_s = 0.0
        self._sources = Sources(plant, wanted)

    @property
    def tags(self) -> list[int]:
        """Of which it tells."""
        return self._sources.ids

    @property
    def pct(self) -> int:
        return min(100, int(100 * self._at_s / self._month_s))

    @property
    def is_over(self) -> bool:
        return self._at_s >= self._month_s

    def go_on(self) -> Moment:
        """One step."""
        step = min(self._step(), self._month_s - self._at_s)
        self._at_s += step
        self._follow_script()
        self._works.step(step, LONGEST_STEP_S)
        self._seq += 1
        now_ms = self.began_ms + round(self._at_s * 1000)
        return Moment(self._at_s, self._sources.block(self._works, self._at_s, now_ms, self._seq, self._acting))

    def _step(self) -> float:
        """Fine while things change, and never past the beginning of the next episode."""
        if self._at_s < self._fine_until_s:
            return FINE_STEP_S
        changes = [*(episode.ends_s for episode in self._acting), *(episode.begins_s for episode in self._open[:1])]
        return max(FINE_STEP_S, min([QUIET_STEP_S, *(at_s - self._at_s for at_s in changes)]))

    def _follow_script(self) -> None:
        ended = [episode for episode in self._acting if episode.ends_s <= self._at_s]
        for episode in ended:
            self._acting.remove(episode)
            self._stay_fine(AFTERMATH_S)
        while self._open and self._open[0].begins_s <= self._at_s:
            self._acting.append(self._open.pop(0))
            self._stay_fine(min(self._acting[-1].lasts_s, FINE_S))
        faults: frozenset[Fault] = frozenset().union(*(episode.faults for episode in self._acting))
        self._works.set_faults(faults)
        tripped = frozenset().union(*(episode.tripped for episode in self._acting))
        for number, pump in enumerate(self._works.intake.station.pumps):
            pump.is_tripped = number in tripped

    def _stay_fine(self, seconds: float) -> None:
        self._fine_until_s = max(self._fine_until_s, self._at_s + seconds)
