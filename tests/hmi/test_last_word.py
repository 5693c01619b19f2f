"""How long ago a process spoke, whatever happens to the clock of Redis (SR 2.11)."""

from bus.presence import Heard, ProcessState
from hmi.live.oversight import LastWord, last_word

HOUR_MS = 3_600_000


def heard(age_ms: int, said_ms: int) -> Heard[ProcessState]:
    return Heard(ProcessState("poller", 1, "here", "0", 0), age_ms, said_ms)


def test_the_first_word_is_as_old_as_redis_says() -> None:
    assert last_word(None, heard(4000, 1), 100.0).at == 96.0


def test_a_clock_set_forward_makes_no_living_process_old() -> None:
    known = last_word(None, heard(100, 1000), 100.0)
    assert last_word(known, heard(HOUR_MS, 2000), 100.5).at >= 100.0


def test_a_clock_set_back_makes_no_dead_process_young() -> None:
    known = last_word(None, heard(5000, 1000), 100.0)
    for later in range(1, 10):
        known = last_word(known, heard(0, 1000), 100.0 + later)
    assert known == LastWord(1000, 95.0, 109.0)


def test_a_new_word_is_young() -> None:
    known = last_word(None, heard(5000, 1000), 100.0)
    assert last_word(known, heard(200, 6000), 100.5).at == 100.3
