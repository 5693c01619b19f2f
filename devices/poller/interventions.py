"""What people do in operation, as the poller follows it: values entered or substituted, devices out of use, totals.

The database is asked about once a second, in the thread of the configuration. What has an end ends here by the
monotonic clock, also while the database is away. A database that is away takes nothing back: what held goes on to hold.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bus.messages import Value
from devices.interventions import Entered, Interventions
from devices.poller.computing import Computing, Stored
from devices.poller.overlay import Overlay
from plant.watching import Ask

TOTALS_S: Final = 10.0
"""So often totals are written; the bus knows newer ones, until it loses its data."""


@dataclass(frozen=True, slots=True)
class Store:
    """What the watch asks, in a thread. `keep_totals(wanted, known)` writes `wanted`, each tag only if the database has
    still what `known` says, and returns all that it has then."""

    active: Callable[[], Interventions]
    keep_totals: Callable[[Mapping[int, Stored], Mapping[int, Stored]], dict[int, Stored]]


class InterventionWatch:
    """Keeps `overlay` and the computing up to date. `on_overlay(tags)`: something lies over these now, or no more."""

    def __init__(
        self,
        store: Store,
        overlay: Overlay,
        computing: Computing,
        on_overlay: Callable[[Iterable[int]], None],
        on_out_of_use: Callable[[dict[int, str]], None],
        now_ms: Callable[[], int],
    ) -> None:
        self.out_of_use: dict[int, str] = {}
        """Device -> why, in a sentence."""
        self.manual: Mapping[int, Entered] = {}
        self.stored: dict[int, Stored] = {}
        """Totals as the database has them."""
        self._store = store
        self._overlay = overlay
        self._computing = computing
        self._on_overlay = on_overlay
        self._on_out_of_use = on_out_of_use
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._substituted: dict[int, tuple[Value, float]] = {}
        self._left_alone: dict[int, tuple[str, float]] = {}
        self._written_at = self._loop.time()

    # -- what holds

    async def look(self, ask: Ask) -> None:
        """Ask the database for everything. Raises its error when it is away."""
        wanted = self._due_totals(self._loop.time())
        known = self.stored
        found, rows = await ask(lambda: (self._store.active(), self._store.keep_totals(wanted, known)))
        self._take_totals(rows, wanted)
        self._take(found)

    def _take(self, found: Interventions) -> None:
        now, now_ms = self._loop.time(), self._now_ms()

        def ends(at_ms: int) -> float:
            return now + (at_ms - now_ms) / 1000

        self._substituted = {tag: (p.value, ends(p.ends_ms)) for tag, p in found.substitutions.items()}
        self._left_alone = {device: (left.sentence, ends(left.ends_ms)) for device, left in found.out_of_use.items()}
        self.expire(now)
        if found.manual != self.manual:
            self.manual = found.manual
            self._computing.enter(self.manual)

    def expire(self, now: float) -> None:
        """Let go what has ended. Called several times a second."""
        values = {tag: value for tag, (value, end) in self._substituted.items() if end > now}
        if values != self._overlay.values:
            before, self._overlay.values = self._overlay.values, values
            tags = before.keys() | values.keys()
            self._on_overlay([t for t in tags if t not in before or t not in values or before[t] != values[t]])
        out = {device: sentence for device, (sentence, end) in self._left_alone.items() if end > now}
        if out != self.out_of_use:
            self.out_of_use = out
            self._on_out_of_use(out)

    # -- totals

    async def last_words(self, ask: Ask) -> None:
        """Write every total that has moved."""
        wanted, known = self._due_totals(self._loop.time() + TOTALS_S), self.stored
        if wanted:
            await ask(lambda: (Interventions(), self._store.keep_totals(wanted, known)))

    def _due_totals(self, now: float) -> dict[int, Stored]:
        """Those to write now: all that moved, every TOTALS_S; at once those that the bus could not tell."""
        totals, hidden = self._computing.totals()
        is_time = now - self._written_at >= TOTALS_S
        due = {}
        for tag, (total, at_ms) in totals.items():
            known = self.stored.get(tag)
            if (is_time or tag in hidden) and (known is None or known[0] != total):
                due[tag] = (total, at_ms if known is None else max(at_ms, known[1] + 1))
        return due

    def _take_totals(self, rows: dict[int, Stored], wanted: Mapping[int, Stored]) -> None:
        """What the database has otherwise than we knew and wrote, somebody else has set."""
        for tag, row in rows.items():
            if row not in (self.stored.get(tag), wanted.get(tag)):
                self._computing.preset(tag, row[0])
        self.stored = rows
        now = self._loop.time()
        if now - self._written_at >= TOTALS_S:
            self._written_at = now
