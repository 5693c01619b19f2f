"""Summaries join to summaries of longer spans exactly, whatever lies in them (HIS-04, HIS-05, HIS-07)."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from historian import minutes
from historian.chunks import DamagedChunk, sealed
from historian.samples import Samples, empty
from historian.summary import FIELDS, Summaries, join, stacked, summarise
from tests.historian.made_samples import AN_HOUR, HOUR_MS, by_a_law, plant_number, samples
from tests.historian.memory_storage import summary_of

MINUTE_MS = 60_000
GOOD, UNCERTAIN, BAD = 0, 0x40000000, 0x80000000
NAN = float("nan")
of_a_plant = samples(
    st.one_of(st.lists(plant_number, max_size=40), by_a_law().filter(lambda v: max(map(abs, v), default=0) < 1e9))
)


def made(*rows: tuple[int, float, int]) -> Samples:
    """Of (ms after the hour, number, status)."""
    times, numbers, statuses = zip(*rows, strict=True)
    ms = AN_HOUR + np.array(times, np.int64)
    return Samples(ms, np.array(numbers, np.float64), np.array(statuses, np.uint32), ms)


def joined_to(rows: Summaries, step_ms: int) -> Summaries:
    spans = rows.rows["start_ms"] // step_ms
    out = join(rows, np.flatnonzero(np.append(True, spans[1:] != spans[:-1]))) if len(rows) else rows
    out.rows["start_ms"] = out.rows["start_ms"] // step_ms * step_ms
    return out


def assert_alike(one: Summaries, other: Summaries) -> None:
    """Equal; sums up to the rounding of floats, in parts of the largest number they are made of."""
    assert len(one) == len(other)
    if not len(one):
        return
    largest = np.nan_to_num(np.maximum(np.abs(other.rows["min"]), np.abs(other.rows["max"])))
    length = other.rows["last_ms"] - other.rows["first_ms"] + 1
    rounding = {"mean": largest, "m2": largest**2 * other.rows["count"]}
    rounding |= dict.fromkeys(("area_stepped", "area_sloped"), largest * length)
    for name in FIELDS.names or ():
        a, b = one.rows[name], other.rows[name]
        if name in rounding:
            assert (np.isnan(a) == np.isnan(b)).all(), name
            assert (np.nan_to_num(np.abs(a - b)) <= 1e-9 * rounding[name] + 1e-300).all(), name
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)


@given(of_a_plant, st.sampled_from([1000, 7000, MINUTE_MS]), st.sampled_from([10, 60]))
@example(made((0, 1.0, BAD), (70_000, 2.0, GOOD), (75_000, NAN, GOOD), (190_000, 2.0, GOOD)), MINUTE_MS, 60)
def test_fine_summaries_join_to_coarse_ones(found: Samples, step_ms: int, times: int) -> None:
    assert_alike(joined_to(summarise(found, step_ms), step_ms * times), summarise(found, step_ms * times))


@given(of_a_plant, st.sampled_from([1000, MINUTE_MS, HOUR_MS]))
def test_a_summary_is_what_loops_say(found: Samples, step_ms: int) -> None:
    plain = summary_of(found, step_ms)
    for name in ("min_ms", "max_ms"):  # without a Good number they mean nothing; here they are the first sample's time
        plain.rows[name] = np.where(plain.rows["good"] == 0, plain.rows["first_ms"], plain.rows[name])

    assert_alike(summarise(found, step_ms), plain)


def test_the_vectors_of_the_specification() -> None:
    """HIS-06: the same samples, up to the last of them."""
    (row,) = summarise(made((0, 10, GOOD), (30_000, 20, GOOD), (60_000, 40, GOOD)), HOUR_MS).rows
    assert row["area_stepped"] / 60_000 == 15
    assert row["area_sloped"] / 60_000 == 22.5
    (row,) = summarise(made((0, 10, GOOD), (20_000, 5, BAD), (40_000, 20, GOOD), (60_000, 20, GOOD)), HOUR_MS).rows
    assert (row["area_stepped"] / row["good_ms"], row["good_ms"]) == (15, 40_000)


def test_no_line_is_drawn_to_a_sample_that_is_not_good() -> None:
    """HIS-07: the value before holds; and the time after counts from the next Good one on."""
    (row,) = summarise(made((0, 10, GOOD), (1000, 50, UNCERTAIN), (2000, 30, GOOD), (3000, 30, GOOD)), HOUR_MS).rows

    assert (row["area_sloped"], row["area_stepped"], row["good_ms"]) == (40_000, 40_000, 2000)
    assert (row["count"], row["good"], row["changes"], row["max"]) == (4, 3, 0, 30)


def test_of_equal_extremes_the_first_is_told() -> None:
    found = made((0, 3, GOOD), (61_000, 1, GOOD), (62_000, 9, GOOD), (130_000, 9, GOOD), (131_000, 1, GOOD))
    (row,) = joined_to(summarise(found, MINUTE_MS), HOUR_MS).rows

    assert (row["min"], row["min_ms"], row["max"], row["max_ms"]) == (1, AN_HOUR + 61_000, 9, AN_HOUR + 62_000)


def test_an_average_weighs_by_time_not_by_samples() -> None:
    """HIS-04: nine samples in a second of trouble, one for the rest of the minute."""
    rows = [(n * 100, 100.0, GOOD) for n in range(9)] + [(1000, 20.0, GOOD), (59_999, 20.0, GOOD)]
    (row,) = summarise(made(*rows), HOUR_MS).rows

    assert row["mean"] > 80
    assert row["area_stepped"] / row["good_ms"] == pytest.approx(21.33, abs=0.01)


def test_texts_count_and_change_but_have_no_mean() -> None:
    times = AN_HOUR + np.array([0, 1000, 2000, 3000], np.int64)
    found = Samples(
        times, np.full(4, NAN), np.array([GOOD, GOOD, GOOD, BAD], np.uint32), times,
        {AN_HOUR: "Off", AN_HOUR + 1000: "Off", AN_HOUR + 2000: "Running"},
    )  # fmt: skip
    (row,) = summarise(found, HOUR_MS).rows

    assert (row["count"], row["good"], row["good_ms"], row["changes"]) == (4, 3, 3000, 1)
    assert (np.isnan(row["mean"]), np.isnan(row["min"]), row["m2"], row["area_sloped"]) == (True, True, 0, 0)
    (row,) = joined_to(summarise(found, 1000), HOUR_MS).rows
    assert (row["count"], row["good"], row["good_ms"]) == (4, 3, 3000)


def test_the_largest_numbers_there_are_raise_nothing() -> None:
    huge = 1.7e308
    found = made((0, huge, GOOD), (1000, -huge, GOOD), (61_000, huge, GOOD))
    (row,) = joined_to(summarise(found, MINUTE_MS), HOUR_MS).rows

    assert (row["min"], row["max"]) == (-huge, huge)


def test_of_nothing_there_is_no_summary() -> None:
    assert len(summarise(empty(), MINUTE_MS)) == len(join(summarise(empty(), MINUTE_MS), np.empty(0, np.intp))) == 0


@given(samples(), st.sampled_from([1000, MINUTE_MS]))
@example(made(*((n * 60_000, n * 0.1, GOOD) for n in range(60))), MINUTE_MS)
@example(made(*((n * 1000, 0.1 * (n % 9), BAD if n % 50 == 7 else GOOD) for n in range(3600))), MINUTE_MS)
def test_minutes_come_out_of_their_bytes_as_they_went_in(found: Samples, step_ms: int) -> None:
    rows = summarise(found, step_ms)

    assert canonical(minutes.decode(minutes.encode(rows))) == canonical(rows)


def canonical(rows: Summaries) -> bytes:
    """Every NaN the same one."""
    copy = rows.rows.copy()
    for name in FIELDS.names or ():
        if FIELDS[name].kind == "f":
            copy[name] = np.where(np.isnan(copy[name]), np.nan, copy[name])
    return copy.tobytes()


@given(of_a_plant, st.data())
def test_minutes_that_are_damaged_say_so(found: Samples, data: st.DataObject) -> None:
    encoded = bytearray(minutes.encode(summarise(found, MINUTE_MS)))
    place = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[place // 8] ^= 1 << place % 8
    for wrong in (bytes(encoded), data.draw(st.binary(max_size=40)), minutes.encode(stacked([])) + b"\0"):
        with pytest.raises(DamagedChunk):
            minutes.decode(wrong)


@given(of_a_plant, st.data())
def test_minutes_whose_checksum_is_right_are_read_or_refused(found: Samples, data: st.DataObject) -> None:
    body = bytearray(minutes.encode(summarise(found, MINUTE_MS))[5:])
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=3)):
        body[place] = data.draw(st.integers(0, 255))
    try:
        decoded = minutes.decode(sealed(minutes.VERSION, bytes(body)))
    except DamagedChunk:
        return
    assert decoded.rows.dtype == FIELDS


@given(st.lists(st.tuples(samples(), st.booleans()), max_size=6), st.sampled_from([1000, MINUTE_MS]))
def test_many_pieces_read_at_once_are_each_as_read_alone_and_a_damaged_one_spoils_no_other(
    found: list[tuple[Samples, bool]], step_ms: int
) -> None:
    whole = [minutes.encode(summarise(one, step_ms)) for one, _ in found]
    pieces = [piece[:-1] if is_cut else piece for piece, (_, is_cut) in zip(whole, found, strict=True)]

    decoded = minutes.decode_all(pieces)

    assert sorted(decoded.damaged) == [n for n, (_, is_cut) in enumerate(found) if is_cut]
    for begin, end, piece, (_, is_cut) in zip([0, *decoded.ends], decoded.ends, whole, found, strict=False):
        part = Summaries(decoded.rows[begin:end])
        assert canonical(part) == (b"" if is_cut else canonical(minutes.decode(piece)))


def test_an_hour_of_minutes_is_a_third_of_a_byte_a_sample() -> None:
    raw = np.rint(15000 + 2000 * np.sin(np.arange(3600) / 600) + np.random.default_rng(7).normal(0, 12, 3600))
    found = made(*((n * 1000, value * 0.1, GOOD) for n, value in enumerate(raw.tolist())))

    assert len(minutes.encode(summarise(found, MINUTE_MS))) / 3600 < 0.33
