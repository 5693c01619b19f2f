"""Rows that wait on the disk come back in order, each once, whatever happened meanwhile (HIS-11)."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from historian import spool as spools
from historian.samples import Row
from historian.spool import Batch, Spool, SpoolFull
from historian.storage.base import Memory

MB = 1 << 20


def row(n: int) -> Row:
    return (1_000 + n, n % 7, n / 3, None, 0, 1_000 + n)


def batch(n: int, *, memory: bool = False) -> Batch:
    rows = [row(n), (2_000 + n, 9, None, "18446744073709551615", 0x408F0000, 5)]
    return Batch(rows, Memory(7, f"{n}-0", {"1:1000": n}, bytes([n % 256])) if memory else None)


def drained(spool: Spool) -> list[Batch]:
    found = []
    while (first := spool.first()) is not None:
        found.append(first)
        spool.done()
    return found


def test_what_was_put_in_comes_out_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    batches = [batch(n, memory=n % 5 == 0) for n in range(50)]
    for one in batches:
        spool.append(one)
    assert drained(spool) == batches
    assert spool.is_empty
    assert not list(tmp_path.iterdir())


def test_a_process_that_was_killed_finds_everything_again(tmp_path: Path) -> None:
    first = Spool(tmp_path, MB)
    batches = [batch(n, memory=n == 3) for n in range(6)]
    for one in batches:
        first.append(one)
    assert first.first() == batches[0]
    first.done()
    again = Spool(tmp_path, MB)
    memory = again.last_memory()
    assert memory is not None
    assert memory.entry_id == "3-0"
    assert drained(again) == batches, "the database knows a row that is said twice"


def test_a_record_that_was_cut_is_left_out_and_those_before_it_are_not(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    for n in range(4):
        spool.append(batch(n))
    spool.close()
    (path,) = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - 3)
    assert drained(Spool(tmp_path, MB)) == [batch(n) for n in range(3)]


def test_it_goes_on_behind_a_cut_record_in_a_segment_of_its_own(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    spool.append(batch(0))
    spool.append(batch(1))
    spool.close()
    (path,) = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - 1)
    again = Spool(tmp_path, MB)
    again.append(batch(2))
    assert drained(again) == [batch(0), batch(2)]


def test_the_bound_refuses_and_what_is_there_stays(tmp_path: Path) -> None:
    spool, put = Spool(tmp_path, 400), 3
    for n in range(put):
        spool.append(batch(n))
    with pytest.raises(SpoolFull, match="limit"):
        spool.append(Batch([row(n) for n in range(40)]))
    assert spool.size_bytes <= 400
    assert drained(spool) == [batch(n) for n in range(put)]
    spool.append(batch(100))
    assert drained(spool) == [batch(100)]


def test_a_full_disk_refuses_and_nothing_half_is_read(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    spool = Spool(tmp_path, MB)
    spool.append(batch(0))
    spool.close()
    (tmp_path / f"{2:08}.spool").symlink_to("/dev/full")
    with pytest.raises(SpoolFull, match="cannot be written"):
        spool.append(batch(1))
    (tmp_path / f"{2:08}.spool").unlink(missing_ok=True)
    spool.append(batch(2))
    assert drained(spool) == [batch(0), batch(2)]


@given(seed=st.integers(0, 2**32), segment=st.integers(50, 2_000))
def test_any_order_of_putting_taking_and_beginning_again_keeps_the_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, segment: int
) -> None:
    chance, folder = random.Random(seed), tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spools, "SEGMENT_BYTES", segment)
        spool, put, taken, confirmed = Spool(folder, MB), 0, [], 0
        for _ in range(60):
            what = chance.random()
            if what < 0.55:
                spool.append(batch(put))
                put += 1
            elif what < 0.9:
                if (first := spool.first()) is not None:
                    taken.append(first)
                    spool.done()
            else:
                spool.close()
                spool = Spool(folder, MB)
        taken += drained(spool)
    numbers = [one.rows[0][0] - 1_000 for one in taken]
    seen: list[int] = []
    for n in numbers:
        if n not in seen:
            seen.append(n)
    confirmed = len(set(numbers))
    assert confirmed == put, "none is lost"
    assert seen == sorted(seen), "each comes first in its order; after a start some come again"
