"""Ports that nobody uses."""

import socket
from contextlib import ExitStack


def free_in_a_row(count: int) -> int:
    """A port that is free, and so are those after it: `count` of them."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        try:
            with ExitStack() as stack:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        return first
