"""A chunk gives back what went in, every bit of it, or says that it is damaged (HIS-01)."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from historian.chunks import MOST, DamagedChunk, decode, encode, encode_loosely
from historian.samples import Samples, empty
from tests.historian.made_samples import AN_HOUR, samples
from tests.historian.outsider import Outsider

EXAMPLE = "01 d5 5e 7d 94 01 03 01 80 b0 83 c5 98 68 d0 0f 00 08 00 00 00 01 00 06 02 01 01 02 ae 03 02 05 00"


def of_numbers(numbers: list[float]) -> Samples:
    times = AN_HOUR + 1000 * np.arange(len(numbers), dtype=np.int64)
    return Samples(times, np.array(numbers), np.zeros(len(numbers), np.uint32), times + 3)


def hour_of(numbers: object) -> Samples:
    return of_numbers(np.asarray(numbers, np.float64).tolist())


def bits(numbers: object) -> list[int]:
    """Of float64; every NaN is one."""
    column = np.asarray(numbers, np.float64)
    found: list[int] = np.where(np.isnan(column), np.nan, column).view(np.int64).tolist()
    return found


def assert_same(one: Samples, other: Samples) -> None:
    assert one.times.tolist() == other.times.tolist()
    assert bits(one.numbers) == bits(other.numbers)
    assert one.statuses.tolist() == other.statuses.tolist()
    assert one.server_ms.tolist() == other.server_ms.tolist()
    assert dict(one.exact) == dict(other.exact)
    assert [c.dtype.str for c in (one.times, one.numbers, one.statuses, one.server_ms)] == ["<i8", "<f8", "<u4", "<i8"]


@given(samples(texts=True))
@example(empty())
@example(of_numbers([-0.0, 0.0, 5e-324, -5e-324, 1.7976931348623157e308, float("nan"), -1.7976931348623157e308]))
@example(of_numbers([-0.0]))
@example(of_numbers([float("nan")] * 4))
@example(of_numbers([0.1, 0.2, 0.30000000000000004, 0.3]))
@example(of_numbers([1e15 + k / 8 for k in range(30)]))
def test_what_goes_in_comes_out(made: Samples) -> None:
    assert_same(decode(encode(made)), made)
    assert_same(decode(encode_loosely(made)), made)


@pytest.mark.parametrize("first", [-(2**63), -1, 0, 2**62])
def test_times_from_the_first_to_the_last_there_are_come_out(first: int) -> None:
    times = np.array([first, first + 1, first + 2**61, 2**63 - 1], np.int64)
    made = Samples(times, np.zeros(4), np.full(4, 2**32 - 1, np.uint32), times[::-1].copy())

    assert_same(decode(encode(made)), made)


def test_a_part_of_samples_keeps_only_its_own_texts() -> None:
    times = np.array([1, 2, 3], np.int64)
    made = Samples(times, np.full(3, np.nan), np.zeros(3, np.uint32), times, {1: "a", 3: "c", 99: "of no sample"})

    assert decode(encode(made)).exact == {1: "a", 3: "c"}


def test_more_samples_than_an_hour_has_milliseconds_are_refused() -> None:
    times = np.arange(MOST + 1, dtype=np.int64)

    with pytest.raises(ValueError, match="more than the 3,600,000"):
        encode(Samples(times, np.zeros(len(times)), np.zeros(len(times), np.uint32), times))


@given(samples(texts=True), st.data())
def test_a_flipped_bit_is_noticed(made: Samples, data: st.DataObject) -> None:
    encoded = bytearray(data.draw(st.sampled_from([encode, encode_loosely]))(made))
    place = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[place // 8] ^= 1 << place % 8

    with pytest.raises(DamagedChunk):
        decode(bytes(encoded))


@given(samples(texts=True), st.data())
def test_a_chunk_that_is_cut_or_longer_is_noticed(made: Samples, data: st.DataObject) -> None:
    encoded = encode(made)

    for wrong in (encoded[: data.draw(st.integers(0, len(encoded) - 1))], encoded + b"\0"):
        with pytest.raises(DamagedChunk):
            decode(wrong)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_chunk_are_refused(raw: bytes) -> None:
    with pytest.raises(DamagedChunk):
        decode(raw)


@given(st.one_of(st.binary(max_size=60), st.tuples(samples(texts=True), st.data())))
def test_bytes_whose_checksum_is_right_are_read_or_refused(made: bytes | tuple[Samples, st.DataObject]) -> None:
    """What no program of ours has written, but could have."""
    if isinstance(made, bytes):
        body = made
    else:
        changed = bytearray(made[1].draw(st.sampled_from([encode, encode_loosely]))(made[0])[5:])
        for place in made[1].draw(st.lists(st.integers(0, len(changed) - 1), max_size=3)):
            changed[place] = made[1].draw(st.integers(0, 255))
        body = bytes(changed)
    try:
        found = decode(struct.pack("<BI", 1, zlib.crc32(body)) + body)
    except DamagedChunk:
        return
    assert len(found) == len(found.numbers) == len(found.statuses) == len(found.server_ms)


def test_a_chunk_of_another_version_says_which_it_is() -> None:
    encoded = encode(of_numbers([1.0]))

    with pytest.raises(DamagedChunk, match="version 7; this program reads version 1"):
        decode(b"\7" + encoded[1:])


CHANCE = np.random.default_rng(7)
STEPS = np.arange(3600)
RAW = np.rint(15000 + 2000 * np.sin(STEPS / 600) + CHANCE.normal(0, 12, 3600))


@pytest.mark.parametrize(
    ("numbers", "most"),
    [
        (np.full(3600, 21.5), 0.02),
        (STEPS // 400 % 2, 0.05),
        (RAW, 1.1),
        (RAW / 10, 1.1),
        (RAW * 0.1, 1.1),
        (RAW * (100 / 27648) - 20.0, 1.3),
        (np.cumsum(CHANCE.integers(0, 3, 3600)) / 10 + 10_000, 0.5),
        (np.where(STEPS % 100 < 10, np.nan, RAW / 10), 1.2),
        ((RAW / 7).astype(np.float32), 3.2),
        (CHANCE.normal(50, 3, 3600), 7.5),
    ],
    ids=["constant", "on/off", "counts", "one_decimal", "product", "line", "meter", "gaps", "float32", "noise"],
)
def test_an_hour_of_seconds_is_so_few_bytes_a_sample(numbers: np.ndarray, most: float) -> None:
    made = hour_of(numbers)
    encoded = encode(made)

    assert_same(decode(encoded), made)
    assert len(encoded) / 3600 <= most


@given(samples(texts=True), st.sampled_from([encode, encode_loosely]))
def test_whoever_has_only_the_documentation_can_read_a_chunk(made: Samples, way: Callable[[Samples], bytes]) -> None:
    found = Outsider(way(made)).chunk()

    assert (found["times"], found["server_ms"]) == (made.times.tolist(), made.server_ms.tolist())
    assert (found["statuses"], found["exact"]) == (made.statuses.tolist(), dict(made.exact))
    assert bits(found["numbers"]) == bits(made.numbers)


@pytest.mark.parametrize("numbers", [RAW * (100 / 27648) - 20.0, np.where(STEPS % 100 < 10, np.nan, RAW / 10)])
def test_an_hour_is_read_by_the_documentation_too(numbers: np.ndarray) -> None:
    assert bits(Outsider(encode(hour_of(numbers))).chunk()["numbers"]) == bits(numbers)


def test_a_chunk_is_what_the_documentation_says_it_is() -> None:
    """The example of docs/history.md: whoever changes a byte changes VERSION and that page."""
    times = np.array([1_790_000_000_000, 1_790_000_001_000, 1_790_000_002_000], np.int64)
    made = Samples(times, np.array([21.5, 21.6, 21.4]), np.zeros(3, np.uint32), times + 4)

    assert encode(made).hex(" ") == EXAMPLE
