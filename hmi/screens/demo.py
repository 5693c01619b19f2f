"""The faults of the demo plant as its page shows them, and whether there is a demo plant at all."""

import time
from dataclasses import dataclass
from typing import Final

import redis
from django.urls import reverse

from accounts.permissions import Action
from bus.presence import PROCESS_SILENT_MS, Heard, ProcessState, hear_processes_blocking
from bus.roles import SIMULATOR
from devices.live_bus import live_bus
from devices.simulator.desk import read_orders_blocking
from devices.simulator.faults import CARDS, Card, Fault, Kind, Order
from hmi.screens.scope import Scope

PLANT: Final = "northgate"


@dataclass(frozen=True, slots=True)
class Place:
    """A tag at which a fault shows."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class FaultRow:
    """`left`: how long it still lasts, in words; empty while it is not there. `acts`: the plant has taken it up."""

    card: Card
    left: str
    author: str
    acts: bool
    look_at: list[Place]

    @property
    def limit(self) -> str:
        return in_words(self.card.limit_s)


@dataclass(frozen=True, slots=True)
class FaultGroup:
    title: str
    rows: list[FaultRow]


def may_see_demo(scope: Scope) -> bool:
    """Who may change the whole site may break its demo."""
    return scope.allowed[Action.CONFIGURE].everywhere


def heard_simulator() -> ProcessState | None:
    """What the simulator said of itself in the last seconds; None when it is not there, or nobody knows."""
    said = live_bus.ask(hear_processes_blocking)
    return _recent(said.get(SIMULATOR)) if said else None


def _recent(heard: Heard[ProcessState] | None) -> ProcessState | None:
    return heard.state if heard is not None and heard.age_ms <= PROCESS_SILENT_MS else None


def fault_groups(scope: Scope) -> list[FaultGroup] | None:
    """Every fault by its kind; None when there is no demo plant to break."""
    found = live_bus.ask(_look)
    if found is None or found[0] is None:
        return None
    acting = set(found[0].detail.get("faults", ()))
    now_ms = time.time_ns() // 1_000_000
    ordered = {order.fault: order for order in found[1] if order.left_s(now_ms) > 0}
    rows = [_row(scope, card, ordered.get(fault), fault in acting, now_ms) for fault, card in CARDS.items()]
    return [FaultGroup(kind.value, [row for row in rows if row.card.kind is kind]) for kind in Kind]


def _look(client: redis.Redis) -> tuple[ProcessState | None, list[Order]]:
    return _recent(hear_processes_blocking(client).get(SIMULATOR)), read_orders_blocking(client)


def _row(scope: Scope, card: Card, order: Order | None, acts: bool, now_ms: int) -> FaultRow:
    left = in_words(order.left_s(now_ms)) if order else ""
    return FaultRow(card, left, order.author if order else "", acts, _places(scope, card))


def _places(scope: Scope, card: Card) -> list[Place]:
    """Those that the configuration still has: an engineer may have renamed them."""
    tags = [scope.layout.snapshot.tag(f"{PLANT}/{path}") for path in card.look_at]
    return [Place(_title(scope, tag.area_id, tag.label), reverse("tag", args=[tag.path])) for tag in tags if tag]


def _title(scope: Scope, area_id: int, label: str) -> str:
    return f"{scope.layout.snapshot.areas[area_id].label}: {label}"


def in_words(seconds: float) -> str:
    """45 s, 9 min 30 s."""
    whole = max(1, round(seconds))
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def fault_named(name: str) -> Fault | None:
    return Fault(name) if name in Fault.__members__.values() else None
