"""Everything about people and the audit holds on PostgreSQL as on SQLite: the same tests, once more, there."""

import os
import subprocess
import sys

import pytest

from tests.postgres import postgres_url

__all__ = ["postgres_url"]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "tests", ["tests/audit", "tests/accounts", "tests/road/test_backup.py", "tests/plant/test_revision_order.py"]
)
def test_the_same_tests_pass_on_postgresql(tests: str, postgres_url: str) -> None:
    command = [sys.executable, "-m", "pytest", tests, "-q", "-m", "not slow and not browser", "-p", "no:cacheprovider"]
    env = {**os.environ, "DATABASE_URL": postgres_url}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
