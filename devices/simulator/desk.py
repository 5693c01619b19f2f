"""Faults of the demo plant as they travel: asked for by people on a page, read by the simulator from the bus."""

import json
import time
from collections.abc import Mapping
from typing import Any

import redis
from django.db import transaction
from redis.asyncio import Redis

from audit.actions import Actor, Result, Subject, record
from bus import keys
from devices.live_bus import live_bus
from devices.simulator.faults import CARDS, Fault, Order, order_for, orders


class NotOrdered(Exception):
    """The bus did not take the order. `str()` is a sentence for people."""


def start_fault(actor: Actor, fault: Fault) -> None:
    """Let it go wrong, from now until its limit. Started again, it begins anew. Raises NotOrdered."""
    order = order_for(fault, time.time_ns() // 1_000_000, actor.name)
    _do(actor, fault, "simulator.fault_started", {"limit_s": CARDS[fault].limit_s}, json.dumps(order.document()))


def stop_fault(actor: Actor, fault: Fault) -> None:
    """End it before its time. Raises NotOrdered."""
    _do(actor, fault, "simulator.fault_stopped", {}, None)


def _do(actor: Actor, fault: Fault, event: str, new: Mapping[str, Any], document: str | None) -> None:
    """Recorded first, ordered after the commit; an order that the bus did not take is recorded too."""
    subject = Subject("simulator.fault", fault.value, CARDS[fault].title)
    with transaction.atomic():
        record("system", event, actor, subject=subject, new=new)
        taken: list[bool] = []
        transaction.on_commit(lambda: taken.append(_publish_after_commit(fault, document)))
    if taken == [False]:
        record("system", event, actor, result=Result.FAILED, subject=subject, reason=live_bus.reason)
        raise NotOrdered(f"The bus did not take it: Redis at {live_bus.reason}. Nothing has changed; try again.")


def _publish_after_commit(fault: Fault, document: str | None) -> bool:
    def order(client: redis.Redis) -> bool:
        if document is None:
            client.hdel(keys.SIMULATOR, fault.value)
        else:
            client.hset(keys.SIMULATOR, fault.value, document)
        return True

    return bool(live_bus.ask(order))


def read_orders_blocking(client: redis.Redis) -> list[Order]:
    raw: Any = client.hgetall(keys.SIMULATOR)
    return orders(_documents(raw))


async def read_orders(client: Redis) -> list[Order]:
    raw: Any = await client.hgetall(keys.SIMULATOR)
    return orders(_documents(raw))


def _documents(raw: Mapping[bytes, bytes]) -> dict[str, Any]:
    """What is no JSON becomes None, which is no order."""
    found: dict[str, Any] = {}
    for name, text in raw.items():
        try:
            found[name.decode(errors="replace")] = json.loads(text)
        except ValueError:
            found[name.decode(errors="replace")] = None
    return found
