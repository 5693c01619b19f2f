"""The plant, its document, its admin and its snapshot hold on PostgreSQL as on SQLite: the same tests, there."""

import os
import subprocess
import sys

import pytest

from tests.postgres import postgres_url

__all__ = ["postgres_url"]

TESTS = [
    "tests/plant",
    "tests/devices/test_admin.py",
    "tests/devices/test_tag_rules.py",
    "tests/devices/test_snapshot.py",
]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_same_tests_pass_on_postgresql(postgres_url: str) -> None:
    command = [sys.executable, "-m", "pytest", *TESTS, "-q", "-m", "not slow and not browser", "-p", "no:cacheprovider"]
    env = {**os.environ, "DATABASE_URL": postgres_url}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
