"""The bus as synchronous code asks it: one client per process, one wait for a bus that is away, an answer or None."""

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

import redis

from bus.client import BusError, connect_blocking, redacted

BACK_OFF_S: Final = 1.0
"""After a failed question nobody waits for the bus again for so long."""

Answer = TypeVar("Answer")


class Asking:
    """Only idempotent questions: a reply that was lost is asked for once more."""

    def __init__(self, name: str, url: Callable[[], str]) -> None:
        self._name = name
        self._address = url
        self._lock = threading.Lock()
        self._client: redis.Redis | None = None
        self._url = ""
        self._not_before = float("-inf")
        self.reason = ""
        """Why the last question found no answer."""

    def ask(self, question: Callable[[redis.Redis], Answer]) -> Answer | None:
        """What the bus answers; None when it does not answer."""
        client = self._connected(self._address())
        if time.monotonic() < self._not_before:
            return None
        try:
            return question(client)
        except BusError as error:
            self.reason = f"{redacted(self._url)} does not answer ({type(error).__name__})"
            self._not_before = time.monotonic() + BACK_OFF_S
            return None

    def _connected(self, url: str) -> redis.Redis:
        with self._lock:
            if self._client is None or self._url != url:
                if self._client is not None:
                    self._client.close()
                self._client, self._url = connect_blocking(url, self._name, retries=1), url
                self._not_before = float("-inf")
            return self._client
