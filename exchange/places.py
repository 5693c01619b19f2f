"""How many long answers are made at once: each holds a thread and reads history for as long as somebody fetches it."""

from threading import Lock
from typing import Final
from weakref import WeakSet

from exchange import problems

MOST: Final = 6
"""Files that one web process makes at once."""
MOST_OF_PERSON: Final = 2
"""Of them for one person, with all their browsers and tokens."""
RETRY_S: Final = 10


class Place:
    """Held from before the first read until the answer is sent, or forgotten: a lost one frees its place by itself."""

    __slots__ = ("__weakref__", "person")

    def __init__(self, person: int) -> None:
        self.person = person


class Places:
    """Safe for threads."""

    def __init__(self, most: int, most_of_person: int) -> None:
        self.most = most
        self.most_of_person = most_of_person
        self._held: WeakSet[Place] = WeakSet()
        self._lock = Lock()

    def take(self, person: int) -> Place:
        """Raises Problem: 429 where this person holds as many as one may, 503 where the process makes no more."""
        with self._lock:
            held = list(self._held)
            if sum(place.person == person for place in held) >= self.most_of_person:
                raise problems.too_many_files(self.most_of_person, RETRY_S)
            if len(held) >= self.most:
                raise problems.files_busy(self.most, RETRY_S)
            place = Place(person)
            self._held.add(place)
            return place

    def leave(self, place: Place) -> None:
        """Any number of times."""
        with self._lock:
            self._held.discard(place)

    def forget(self) -> None:
        with self._lock:
            self._held.clear()

    def __contains__(self, place: Place) -> bool:
        return place in self._held

    def __len__(self) -> int:
        return len(self._held)


places: Final = Places(MOST, MOST_OF_PERSON)
