"""People, the audit, the plant and its document hold on PostgreSQL as on SQLite: the same tests, once more, there."""

import os
import subprocess
import sys

import pytest

from tests.postgres import postgres_url

__all__ = ["postgres_url"]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "tests",
    [
        "tests/audit",
        "tests/accounts",
        "tests/plant",
        "tests/devices/test_admin.py tests/devices/test_tag_rules.py tests/devices/test_snapshot.py",
        "tests/devices/test_interventions.py tests/devices/test_held_values.py tests/hmi/test_by_hand.py "
        "tests/devices/test_totals_in_the_database.py tests/devices/test_document_of_computed_tags.py "
        "tests/devices/test_admin_of_computed_tags.py",
        "tests/alarms/test_transitions.py tests/alarms/test_actions.py tests/alarms/test_lists.py "
        "tests/alarms/test_journal.py tests/alarms/test_journal_guard.py tests/alarms/test_at_once.py "
        "tests/exchange/test_alarms.py",
        "tests/alarms/test_engine.py tests/alarms/test_timers_of_alarms.py tests/alarms/test_alarm_process.py",
        "tests/road/test_backup.py",
    ],
)
def test_the_same_tests_pass_on_postgresql(tests: str, postgres_url: str) -> None:
    command = [sys.executable, "-m", "pytest", *tests.split(), "-q", "-m", "not slow and not browser"]
    env = {**os.environ, "DATABASE_URL": postgres_url}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"], env=env, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
