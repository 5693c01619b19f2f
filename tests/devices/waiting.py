"""Waiting for what happens by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


async def until(is_true: Callable[[], bool], timeout_s: float = 5.0) -> float:
    """Returns how long it took in s."""
    began = time.monotonic()
    while not is_true():
        if time.monotonic() - began > timeout_s:
            raise AssertionError(f"not within {timeout_s} s")
        await asyncio.sleep(0.01)
    return time.monotonic() - began


@dataclass
class Slowness:
    ms: int = 0
    """By how much the latest of many short sleeps ended too late: what this machine, not Isthmus, may add to a time."""


@asynccontextmanager
async def slowness() -> AsyncIterator[Slowness]:
    """Measured all the while, in the event loop of the test."""
    seen = Slowness()

    async def measure() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            seen.ms = max(seen.ms, round(1000 * (time.monotonic() - began)) - 10)

    task = asyncio.create_task(measure())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
