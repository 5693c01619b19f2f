"""The bus is away while devices go on: what the poller has read meanwhile stands in history as if nothing had been."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from historian.samples import Samples
from historian.storage.base import StorageAway
from historian.storage.opening import open_storage
from tests.fault_seed import IS_TORTURE, times
from tests.road.site import Site, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900 if IS_TORTURE else 120)]

LONGEST_LOST_MS = 3000
"""Without a value where a bus was killed: a reading or two of what is read each 500 ms."""
LONGEST_MS = 1500
"""Between two reads of what is read each 500 ms, on a machine with other work."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    try:
        site.prepare()
        site.start("valkey")
        wait_until(site.bus_answers, 10, "the bus answers")
        site.start("historian", "poller")
        wait_until(lambda: counted(site) is not None, 40, "the counter is recorded", step_s=0.5)
        yield site
    finally:
        site.stop()


def counted(site: Site) -> Samples | None:
    """What history has of the counter."""
    storage = open_storage(f"sqlite:///{site.folder / 'history.sqlite3'}", read_only=True)
    try:
        numbers = [number for key, number in storage.series().items() if key.unit == "pcs"]
        return storage.read(numbers, 0, 2**52).get(numbers[0]) if numbers else None
    except StorageAway:
        return None
    finally:
        storage.close()


def without_bus(site: Site, seconds: float, *, is_emptied: bool) -> None:
    """It stands still and comes back with all it had, or is killed and comes back with nothing."""
    if is_emptied:
        site.kill("valkey")
        for path in (site.folder / "valkey").rglob("*"):
            if path.is_file() or path.is_socket():
                path.unlink()
        time.sleep(seconds)
        site.start("valkey")
        return
    valkey = site.processes["valkey"].pid
    os.kill(valkey, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(valkey, signal.SIGCONT)


@pytest.mark.parametrize("is_emptied", [True, False], ids=["killed and emptied", "standing still"])
def test_what_was_read_without_the_bus_is_in_history_without_a_gap_or_a_double(site: Site, is_emptied: bool) -> None:
    """HIS-11. Ten minutes in torture."""
    time.sleep(2)
    without_bus(site, times(12, 600), is_emptied=is_emptied)
    count = site.device.count

    def has_come_back() -> bool:
        found = counted(site)
        return found is not None and bool(found.numbers[-1] > count + 20)

    wait_until(has_come_back, 60, "history goes on with what is counted now", step_s=0.5)
    backfill = [block for block in site.blocks_on_the_bus() if block.is_backfill]
    assert len(backfill) > times(12, 600), "what was read meanwhile came flagged as late"
    for group in {block.group for block in backfill}:
        own = [block for block in backfill if block.group == group]
        assert [block.seq for block in own] == sorted({block.seq for block in own}), "each once, in order"
        assert [block.read_at_ms for block in own] == sorted(block.read_at_ms for block in own)
    found = counted(site)
    assert found is not None
    good = found.statuses >> 30 == 0
    if is_emptied:  # what was on its way as it died is lost, and that is told
        before, after = (np.searchsorted(found.times[good], found.times[~good]) + k for k in (-1, 0))
        assert (found.times[good][after] - found.times[good][before]).max() < LONGEST_LOST_MS
    else:
        assert good.all(), "no gap is told"
    assert (np.diff(found.times) > 0).all()
    tag, group = next(known for path, known in site.tags.items() if path.endswith("/counter"))
    own = [block for block in site.blocks_on_the_bus() if block.group == group and block.read_at_ms < found.times[-1]]
    assert np.diff([block.read_at_ms for block in own]).max() < LONGEST_MS, "the poller went on reading"
    said = [(block.read_at_ms, block.values[list(block.ids).index(tag)]) for block in own if tag in block.ids]
    drawn = np.interp([ms for ms, _ in said], found.times[good], found.numbers[good])
    assert np.abs(drawn - np.array([value for _, value in said], float)).max() < 1e-6, "history gives back each"
