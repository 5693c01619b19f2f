"""Revision numbers become visible in their order: nobody who has loaded a higher one misses a lower one."""

import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from plant import revisions


@pytest.mark.django_db(transaction=True)
def test_a_higher_number_is_never_visible_before_a_lower_one(bus_url: str) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite writes one transaction after the other; tests/road/test_on_postgresql.py runs this")
    first_has_a_number, first_may_commit = threading.Event(), threading.Event()
    numbers: dict[str, int] = {}

    def first() -> None:
        with transaction.atomic():
            numbers["first"] = revisions.bump("first", "slow")
            first_has_a_number.set()
            first_may_commit.wait(10)
        connection.close()

    def second() -> None:
        with transaction.atomic():
            numbers["second"] = revisions.bump("second", "quick")
        connection.close()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert first_has_a_number.wait(10)
    threads[1].start()
    _until_somebody_waits_for_the_lock()
    assert revisions.current() < numbers["first"]
    first_may_commit.set()
    for thread in threads:
        thread.join(10)
    assert numbers["first"] < numbers["second"] == revisions.current()


def _until_somebody_waits_for_the_lock(timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    waiting: Any = None
    while not waiting:
        assert time.monotonic() < deadline, "the second did not wait for the first"
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
            waiting = cursor.fetchone()
        time.sleep(0.01)
