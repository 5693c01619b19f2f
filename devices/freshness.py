"""How old a value may be, and what becomes of its status when it is older (UA-05). Pure; the reader calls it.

A dead poller writes nothing, so nobody but the reader can say that a value is stale.
"""

from bus.quality import UNCERTAIN_LAST_USABLE, is_good


def limit_ms(scan_ms: int) -> int:
    """The age at which a value leaves Good: three scans, but not less than 2 s."""
    return max(3 * scan_ms, 2000)


def age_at_arrival_ms(read_at_ms: int, now_ms: int, waited_ms: int) -> int:
    """How old a block is when it reaches a reader who has waited `waited_ms` (monotonic) since its last read.

    Both clocks bound it, so a step of the wall clock can make a block neither old nor young by more than one wait.
    """
    return min(waited_ms, max(0, now_ms - read_at_ms))


def effective_status(status: int, age_ms: int, stale_after_ms: int) -> int:
    """The status to show and to act on: Good that is too old becomes Uncertain_LastUsableValue."""
    if is_good(status) and age_ms > stale_after_ms:
        return UNCERTAIN_LAST_USABLE
    return status
