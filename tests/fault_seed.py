"""Chance in fault tests: from one seed that is printed, so that a failure can be had again, and how long to go on.

ISTHMUS_SEED=123 gives the same chances again (`make test-slow SEED=123`); ISTHMUS_TORTURE=1 asks for the full counts.
"""

import os
import random
from typing import Final

SEED: Final = int(os.environ.get("ISTHMUS_SEED") or random.randrange(10**9))
IS_TORTURE: Final = os.environ.get("ISTHMUS_TORTURE", "0") == "1"


def times(normal: int, full: int) -> int:
    """How often, or for how many seconds: `normal` in `make test-slow`, `full` in `make torture`."""
    return full if IS_TORTURE else normal


def seeded(turn: int = 0) -> random.Random:
    """The chances of one test, or of one turn of it. What is printed is shown where the test fails."""
    print(f"seed {SEED}, turn {turn}")
    return random.Random(f"{SEED} {turn}")
