"""Block v1: what goes in comes out, and nothing else is taken for a block."""

import contextlib
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import FULL, BadMessage, Block, decode, encode, first_seq, order_after

statuses = st.sampled_from([0, 0x408F0000, 0x80320000])
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
rows = st.lists(st.tuples(st.integers(1, 2**31), values, statuses, st.integers(0, 2**45)), max_size=20)


def a_block(seq: int = 1, flags: int = 0) -> Block:
    return Block(1, 1, "1:1000", seq, 1_700_000_000_000, flags, [7], [1.5], [0])


@given(rows, st.booleans())
def test_a_block_survives_the_wire(columns: list[tuple[Any, Any, Any, Any]], with_source: bool) -> None:
    ids, vals, stats, source = ([row[i] for row in columns] for i in range(4))
    block = Block(
        3, 2, "12:1000", first_seq(9) + 1, 1_700_000_000_000, FULL, ids, vals, stats, source if with_source else None
    )
    assert decode(encode(block)) == block


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        b"\x93\x01\x02\x03",
        msgpack.packb([2, *[0] * 10]),
        msgpack.packb([1, 1, 1, "g", 1, 1, 0, [1], [], 0, None]),
    ],
)
def test_anything_else_is_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(raw)


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_but_bad_message(raw: bytes) -> None:
    with contextlib.suppress(BadMessage):
        decode(raw)


@pytest.mark.parametrize(
    ("known", "block", "order"),
    [
        (None, a_block(5), "gap"),
        (None, a_block(5, FULL), "next"),
        (4, a_block(5), "next"),
        (5, a_block(5), "older"),
        (6, a_block(5, FULL), "older"),
        (3, a_block(5), "gap"),
        (3, a_block(5, FULL), "next"),
    ],
)
def test_order_of_a_block_after_the_one_known(known: int | None, block: Block, order: str) -> None:
    assert order_after(known, block) == order
