"""Waiting for what happens by itself."""

import asyncio
import time
from collections.abc import Callable


async def until(is_true: Callable[[], bool], timeout_s: float = 5.0) -> float:
    """Returns how long it took in s."""
    began = time.monotonic()
    while not is_true():
        if time.monotonic() - began > timeout_s:
            raise AssertionError(f"not within {timeout_s} s")
        await asyncio.sleep(0.01)
    return time.monotonic() - began
