"""Fixtures every test may use: a real Valkey of its own, a clean bus, the cast."""

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import redis
from django.apps import apps
from django.db import connection
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from redis.asyncio import Redis

from alarms import standing
from alarms.journal_guard import JOURNAL
from audit import triggers
from bus import embedded
from bus.client import connect, connect_blocking
from devices import current
from tests.cast import Cast, Works, build_cast, build_works
from tests.chromium import chromium, running_chromium
from tests.properties import load_profile

__all__ = ["chromium", "running_chromium"]

load_profile()

DEAR: Final = ("served", "prepared", "postgres_url", "running_chromium", "servers")
"""Fixtures of a session or a file that take seconds to make: a site of processes, a database server, a browser."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For --dist loadgroup: tests that share a dear fixture stay in one process; all others go to whoever is free.

    The files of tests/browser share a site, and are still divided: they are the longest piece of a run, and
    test_pages.py takes nearly as long as the others together.
    """
    for item in items:
        dear = next((name for name in DEAR if name in getattr(item, "fixturenames", ())), None)
        if dear == "served":
            item.add_marker(pytest.mark.xdist_group("pages" if item.path.stem == "test_pages" else "browser"))
        elif dear is not None:
            shares_file = dear in {"running_chromium", "servers"}
            item.add_marker(pytest.mark.xdist_group(item.path.stem if shares_file else dear))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Without the guards of audit and journal, which would refuse to empty the tables after a test. Tests of the
    guards put them back.
    """
    post_migrate.disconnect(dispatch_uid="audit.install_guard", sender=apps.get_app_config("audit"))
    post_migrate.disconnect(dispatch_uid="alarms.guard_journal", sender=apps.get_app_config("alarms"))
    with django_db_blocker.unblock():
        triggers.drop(connection)
        JOURNAL.drop(connection)


@receiver(connection_created)
def _read_past_locks(connection: Any, **_: Any) -> None:
    """A database in memory locks whole tables, which the file of a site does not: reading then fails at once."""
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA read_uncommitted = 1")


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Argon2 takes 100 ms on purpose; tests of passwords themselves choose it again."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A Valkey for this test process, on a socket."""
    with tempfile.TemporaryDirectory(prefix="isthmus-valkey-") as folder:
        url = embedded.socket_url(Path(folder))
        server = subprocess.Popen(embedded.command(Path(folder), persist=False), stdout=subprocess.DEVNULL)
        try:
            wait_for_redis(url)
            yield url
        finally:
            server.terminate()
            server.wait(10)


def wait_for_redis(url: str, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        client = connect_blocking(url, "test-wait")
        try:
            client.ping()
            return
        except (redis.ConnectionError, redis.TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        finally:
            client.close()


@pytest.fixture
def bus_url(valkey_url: str, settings: Any) -> str:
    """The address of an empty bus; settings.REDIS_URL names it too."""
    client = connect_blocking(valkey_url, "test-flush")
    client.flushall()
    client.close()
    settings.REDIS_URL = valkey_url
    return valkey_url


@pytest.fixture
async def bus(bus_url: str) -> AsyncIterator[Redis]:
    client = connect(bus_url, "test")
    yield client
    await client.aclose()


@pytest.fixture(autouse=True)
def _no_configuration_of_another_test() -> None:
    """Every test has a database of its own, so a revision number does not say what is in it."""
    current.forget()
    standing.forget()


@pytest.fixture
def works(db: None, bus_url: str) -> Works:
    return build_works()


@pytest.fixture
def cast(works: Works) -> Cast:
    return build_cast(works)
