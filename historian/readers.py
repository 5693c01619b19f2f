"""Reading history from a process that has other things to do: a few threads, each with a storage of its own.

A question never waits longer than PATIENCE_S; a history that is away costs a sentence, not a page.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import Any, Final, TypeVar, cast

from historian.place import history_url
from historian.storage.base import Storage, StorageAway, StorageDamaged
from historian.storage.opening import open_storage

THREADS: Final = 4
PATIENCE_S: Final = 15.0

Answer = TypeVar("Answer")

_pool: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="history-reader")


class _Mine(threading.local):
    """What one thread of the pool holds."""

    url: str = ""
    storage: Storage | None = None


_mine: Final = _Mine()


def ask_history(question: Callable[[Storage], Answer]) -> Answer:
    """The answer of a question to a storage that only reads. `question` runs in another thread: it must not use the
    database of the configuration. Raises StorageAway and StorageDamaged with a sentence for people.
    """
    asked = _pool.submit(_ask, history_url(), question)
    try:
        return asked.result(PATIENCE_S)
    except TooLate:
        asked.cancel()
        raise StorageAway(f"History did not answer within {PATIENCE_S:.0f} s.") from None


class _Apart:
    """A storage of which each question is one of ask_history: a long answer holds no thread between its portions."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *asked: ask_history(lambda storage: getattr(storage, name)(*asked))


def shared_storage() -> Storage:
    """For reading, from any thread."""
    return cast(Storage, _Apart())


def _ask(url: str, question: Callable[[Storage], Answer]) -> Answer:
    if _mine.url != url:
        _forget()
    if _mine.storage is None:
        _mine.storage, _mine.url = open_storage(url, read_only=True), url
    try:
        return question(_mine.storage)
    except (StorageAway, StorageDamaged):
        _forget()  # the next question begins with a fresh connection
        raise


def _forget() -> None:
    if _mine.storage is not None:
        _mine.storage.close()
        _mine.storage = None
