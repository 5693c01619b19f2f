"""Waiting for what happens by itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def within(limit_s: float, is_true: Callable[[], bool | Awaitable[bool]], what: str | Callable[[], str]) -> float:
    """How long it took in s. `what` should become true; asked late, it can say what was so far."""
    began = time.monotonic()
    while True:
        answer = is_true()
        if answer if isinstance(answer, bool) else await answer:
            return time.monotonic() - began
        if time.monotonic() - began > limit_s:
            raise AssertionError(f"not within {limit_s} s: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(0.02)
