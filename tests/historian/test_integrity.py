"""`manage.py history verify` says what is wrong; `repair` mends it and deletes nothing (HIS-10, HIS-11)."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bus.roles import HISTORIAN, hold_role
from historian import chunks, integrity
from historian.integrity import Report, repair, verify
from historian.samples import of_rows
from historian.storage.base import HOUR_MS, Storage
from historian.storage.opening import open_storage
from tests.historian.rows import T0, a_series, everything, row
from tests.historian.storages import history_url, postgres_url, storage
from tests.historian.test_sealing import keep, second_by_second

__all__ = ["history_url", "postgres_url", "storage"]

LATER = T0 + 100 * HOUR_MS


@pytest.fixture
def one(storage: Storage) -> int:
    """A series with a sealed hour that has minutes, one that has none, and an hour that is not sealed."""
    (one,) = a_series(storage, "level")
    storage.write([*second_by_second(one, 1500), *second_by_second(one, 20, T0 + HOUR_MS)], None)
    keep(storage, T0 + 3 * HOUR_MS)
    storage.write(second_by_second(one, 20, T0 + 3 * HOUR_MS), None)
    keep(storage, T0 + 4 * HOUR_MS + 60_000)
    return one


def spoil(storage: Any, sql: str, *values: Any) -> None:
    with storage.writing():
        storage.rows(sql, *values)


def texts(report: Report) -> str:
    return "\n".join(finding.text for finding in report.findings)


def test_what_was_sealed_is_whole(storage: Storage, one: int) -> None:
    report = verify(storage)

    assert report.ok, texts(report)
    assert (report.series, report.hours, report.chunks, report.samples) == (1, 3, 3, 1540)


SPOILT: list[tuple[str, str, bool]] = [
    ("UPDATE chunk SET encoded = substr(encoded, 1, 40) WHERE hour_ms = {hour}", "cannot be read. The checksum", True),
    ("UPDATE chunk SET count = count + 1 WHERE hour_ms = {hour}", "its row says 1501", False),
    ("UPDATE chunk SET end_ms = end_ms + 1 WHERE hour_ms = {hour}", "holds 1500 samples from", False),
    ("UPDATE minute SET encoded = substr(encoded, 2) WHERE hour_ms = {hour}", "minutes cannot be read", False),
    ("DELETE FROM minute", "has 1500 samples and no summaries of its minutes", False),
    ("DELETE FROM hour WHERE hour_ms = {hour}", "is sealed and has no summary", False),
]


@pytest.mark.parametrize(("sql", "says", "is_lost"), SPOILT, ids=[says for _, says, _ in SPOILT])
def test_damage_is_found_said_and_mended(storage: Storage, one: int, sql: str, says: str, is_lost: bool) -> None:
    before = everything(storage, [one])[one]
    hours = storage.hours([one], T0, T0 + 1)[one].rows.tobytes()
    spoil(storage, sql.replace("{hour}", str(T0)))

    report = verify(storage)
    assert says in texts(report)
    assert texts(report).startswith("plant/level, hour 20")

    done = repair(storage, LATER)
    assert len(done.findings if is_lost else done.repaired) >= 1
    assert verify(storage).ok, texts(verify(storage))
    assert storage.hours([one], T0, T0 + 1)[one].rows.tobytes() == hours
    assert everything(storage, [one])[one] == (before[1500:] if is_lost else before)
    assert len(storage.aside()) == (1 if is_lost else 0)


def test_a_summary_that_its_samples_do_not_say_is_reckoned_again(storage: Storage, one: int) -> None:
    """The samples are changed under it, as nobody does; the chunk is whole."""
    (chunk,) = storage.chunks(one, T0)
    samples = chunks.decode(chunk.encoded)
    samples.numbers[7] = 4444.0
    spoil(storage, "UPDATE chunk SET encoded = ? WHERE series = ? AND hour_ms = ?", chunks.encode(samples), one, T0)

    assert "its summary differs from its samples in max." in texts(verify(storage))
    assert "the summaries of its minutes differ from its samples in max." in texts(verify(storage))
    repair(storage, LATER)

    assert verify(storage).ok
    assert storage.hours([one], T0, T0 + 1)[one].rows["max"].tolist() == [4444.0]


def test_a_chunk_in_the_wrong_hour_is_recorded_again_in_its_own(storage: Storage, one: int) -> None:
    stray = of_rows([row(one, T0 + 9 * HOUR_MS + 5, 5.0)])
    spoil(
        storage, "UPDATE chunk SET encoded = ? WHERE series = ? AND hour_ms = ?",
        chunks.encode(stray), one, T0 + 3 * HOUR_MS,
    )  # fmt: skip
    assert "is in the wrong place" in texts(verify(storage))

    repair(storage, LATER)
    keep(storage, LATER)

    assert verify(storage).ok
    assert storage.read([one], T0 + 9 * HOUR_MS, T0 + 10 * HOUR_MS)[one].numbers.tolist() == [5.0]
    assert len(storage.aside()) == 1


def test_rows_of_no_series_are_said(storage: Any, one: int) -> None:
    with storage.writing():
        storage.rows("DELETE FROM series")

    assert "under the number" in texts(verify(storage))


def test_only_the_hours_that_were_asked_for_are_read(storage: Storage, one: int) -> None:
    spoil(storage, "UPDATE chunk SET count = 7 WHERE hour_ms = ?", T0)

    assert not verify(storage, T0, T0 + 1).ok
    assert verify(storage, T0 + 1).ok


def test_verifying_writes_nothing(storage: Storage, one: int, history_url: str) -> None:
    spoil(storage, "UPDATE chunk SET count = 7")
    reader = open_storage(history_url, read_only=True)

    assert len(verify(reader).findings) == 3
    reader.close()


def test_of_expired_samples_minutes_and_hour_must_agree(storage: Storage, one: int) -> None:
    spoil(storage, "DELETE FROM chunk WHERE hour_ms = ?", T0)
    assert verify(storage).ok

    spoil(storage, "UPDATE minute SET hour_ms = hour_ms + ?", HOUR_MS)
    assert not verify(storage).ok


@pytest.fixture
def site(settings: Any, tmp_path: Path) -> Callable[..., str]:
    """Runs the command on a history of its own."""
    settings.HISTORY_DATABASE_URL = f"sqlite:///{tmp_path / 'history.sqlite3'}"
    settings.DATA_DIR = tmp_path
    made = open_storage(settings.HISTORY_DATABASE_URL)
    made.prepare()
    (series,) = a_series(made, "level")
    made.write(second_by_second(series, 10), None)
    keep(made, LATER)
    made.close()

    def run(*arguments: str) -> str:
        out = StringIO()
        try:
            call_command("history", *arguments, stdout=out)
        except SystemExit as end:
            return f"{out.getvalue()}exit {end.code}"
        return out.getvalue()

    return run


def test_the_command_says_that_all_is_well(site: Callable[..., str]) -> None:
    assert site("verify").startswith("History is whole. Read: 10 samples in 1 chunks, 1 hours of 1 series.")
    assert "Read: 0 samples" in site("verify", "--from", "2100-01-01")


def test_the_command_ends_with_one_where_something_is_wrong_and_repair_mends_it(
    site: Callable[..., str], settings: Any
) -> None:
    spoil(open_storage(settings.HISTORY_DATABASE_URL), "UPDATE chunk SET count = 9")

    assert site("verify").endswith("exit 1")
    assert site("repair").startswith("repaired: plant/level")
    assert "History is whole" in site("verify")


def test_nothing_is_repaired_while_the_historian_runs(site: Callable[..., str], settings: Any) -> None:
    with hold_role(settings.DATA_DIR, HISTORIAN), pytest.raises(CommandError, match="history has one writer"):
        site("repair")


def test_a_time_that_is_none_is_refused(site: Callable[..., str]) -> None:
    with pytest.raises(CommandError, match="is no time like"):
        site("verify", "--from", "yesterday")


def test_an_hour_is_said_in_utc() -> None:
    assert integrity.said(T0).endswith(":00Z")
    assert integrity.said(2**62) == f"{2**62} ms"
