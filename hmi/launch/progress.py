"""What `make run` says while it works: one line a step, `Preparing the database ... done`."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

SLOW_S = 1.0


class Refused(Exception):
    """The start cannot go on. The text is one clear sentence: what, which, and what to do."""


@contextmanager
def step(title: str, out: IO[str] | None = None) -> Iterator[None]:
    """Print the title, and `done` after it; the time too where somebody had to wait."""
    stream = out or sys.stderr
    print(f"{title} ...", end=" ", file=stream, flush=True)
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        print("", file=stream, flush=True)
        raise
    took = time.monotonic() - begun
    print("done" if took < SLOW_S else f"done ({took:.1f} s)", file=stream, flush=True)


def say(text: str, out: IO[str] | None = None) -> None:
    print(text, file=out or sys.stderr, flush=True)
