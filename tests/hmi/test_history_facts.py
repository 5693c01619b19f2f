"""What the system page says of history."""

from typing import Any

from hmi.screens.history_facts import history_facts

WELL: dict[str, Any] = {
    "tags": 181, "rows": 12_345, "behind_ms": 400, "waiting": 20, "spooled_bytes": 0, "why_away": "", "missed_ms": 0,
    "used_bytes": 3_000_000, "free_bytes": 90_000_000_000, "growth_bytes_per_day": None,
}  # fmt: skip


def said(**other: Any) -> dict[str, tuple[str, str, str]]:
    return {fact.title: (fact.value, fact.quality, fact.note) for fact in history_facts(WELL | other)}


def test_a_history_that_is_well_says_what_it_takes() -> None:
    facts = said()
    assert facts["Recording"] == ("12,345 samples since its start", "good", "")
    assert facts["Tags"][0] == "181 recorded"
    assert facts["Room"][0] == "3.0 MB used, 90.0 GB free"
    assert facts["Growth"][0] == "known after an hour"
    assert {quality for _, quality, _ in facts.values()} == {"good"}
    assert "Missed" not in facts


def test_a_silent_historian_is_bad_and_says_how_long_samples_wait() -> None:
    (fact,) = history_facts(None)
    assert fact.quality == "bad"
    assert "15 minutes" in fact.note


def test_what_keeps_it_from_writing_is_said_in_its_own_words() -> None:
    value, quality, note = said(why_away="The disk is full.", waiting=9000, spooled_bytes=2_000_000)["Recording"]
    assert (quality, note) == ("bad", "The disk is full.")
    assert value == "9,000 samples wait, 2.0 MB on the disk"


def test_a_history_that_is_behind_catches_up() -> None:
    assert said(behind_ms=42_000)["Recording"][:2] == ("42 s behind", "uncertain")


def test_a_disk_that_fills_within_a_month_is_a_warning() -> None:
    growth = said(growth_bytes_per_day=1_000_000_000)["Growth"]
    assert growth == ("1.0 GB a day; full in 90 days", "good", "")
    value, quality, note = said(growth_bytes_per_day=5_000_000_000)["Growth"]
    assert (value, quality) == ("5.0 GB a day; full in 18 days", "uncertain")
    assert "make room" in note
    assert "ten years" in said(growth_bytes_per_day=1000)["Growth"][0]
    assert said(growth_bytes_per_day=-5)["Growth"][0] == "none: as much goes as comes"
    assert said(growth_bytes_per_day=5000, free_bytes=None)["Growth"][0] == "5.0 kB a day"


def test_what_was_missed_is_told_as_long_as_the_process_lives() -> None:
    assert said(missed_ms=61_000)["Missed"][:2] == ("61 s since its start", "uncertain")
