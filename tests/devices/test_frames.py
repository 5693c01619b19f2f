"""Whatever happens to a frame on its way: it is data only when it is the right frame."""

import random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from devices.drivers.frames import NOISE_BYTES, Question, Verdict, crc16, find_answer, judge, reading, rtu_frame
from devices.drivers.inboxes import RtuInbox, TcpInbox
from devices.plan import Read
from devices.points import Table
from devices.quirks import Quirks
from tests.devices.stands import crc

THREE = reading(1, Read(Table.HOLDING, 5, 3, ()), Quirks())
PAYLOAD = b"\x00\x01\xca\xfe\x00\x02"
RIGHT = rtu_frame(1, b"\x03\x06" + PAYLOAD)


@given(st.binary(max_size=300))
@example(b"")
def test_the_check_sum_is_that_of_the_standard(data: bytes) -> None:
    assert crc16(data) == crc(data)


def test_the_check_sum_of_a_known_frame() -> None:
    """A request for 10 holding registers from 0 of unit 1, as in every manual: C5 CD."""
    assert rtu_frame(1, bytes.fromhex("03 00 00 00 0A")).hex(" ") == "01 03 00 00 00 0a c5 cd"


def verdict_on(data: bytes, question: Question = THREE, pieces: int = 1) -> Verdict | None:
    """As it comes: in pieces, and the first verdict counts."""
    verdict = None
    for i in range(1, pieces + 1):
        verdict = find_answer(question, data[: len(data) * i // pieces])
        if verdict is not None:
            break
    return verdict


@st.composite
def mutations(draw: st.DrawFn, frame: bytes) -> bytes:
    """Flipped bits, cut ends, bytes put in, taken out, changed or repeated."""
    data = bytearray(frame)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["flip", "cut", "put in", "take out", "change", "repeat", "before"]))
        if kind == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[at:]
        elif kind == "put in":
            data[at:at] = draw(st.binary(min_size=1, max_size=6))
        elif kind == "take out" and data:
            del data[at]
        elif kind == "change" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "repeat":
            data += data[at:]
        else:
            data[0:0] = draw(st.binary(min_size=1, max_size=6))
    return bytes(data)


@given(mutations(RIGHT), st.integers(1, 5))
@example(RIGHT, 3)
@example(b"\x00" * NOISE_BYTES + RIGHT, 1)
@example(RIGHT + b"\xff" * NOISE_BYTES, 1)
def test_a_mutated_rtu_frame_is_data_only_where_the_right_frame_is_in_it(data: bytes, pieces: int) -> None:
    """MB-01."""
    verdict = verdict_on(data, pieces=pieces)
    if verdict is not None and not verdict.wrong and not verdict.code:
        assert verdict.payload == PAYLOAD
        assert RIGHT in data


@given(st.integers(0, len(RIGHT) * 8 - 1), st.integers(0, len(RIGHT) * 8 - 1), st.integers(0, len(RIGHT) * 8 - 1))
def test_up_to_three_wrong_bits_are_always_found(first: int, second: int, third: int) -> None:
    data = bytearray(RIGHT)
    for bit in {first, second, third}:
        data[bit // 8] ^= 1 << bit % 8
    verdict = find_answer(THREE, bytes(data))
    assert verdict is None or verdict.wrong


@given(st.binary(max_size=400))
def test_noise_alone_is_never_an_answer(data: bytes) -> None:
    assume(crc(RIGHT[:-2]) not in data)
    verdict = find_answer(THREE, data)
    assert verdict is None or verdict.wrong


@given(st.binary(max_size=300))
def test_a_judged_pdu_is_data_only_with_function_count_and_length_right(pdu: bytes) -> None:
    """MB-01, of every PDU there can be."""
    assume(pdu)
    verdict = judge(THREE, 1, pdu)
    is_right = pdu[:2] == b"\x03\x06" and len(pdu) == 8
    assert bool(verdict.payload) == is_right
    if is_right:
        assert verdict.payload == pdu[2:]


TCP_RIGHT = b"\x00\x2a\x00\x00\x00\x09\x01\x03\x06" + PAYLOAD


@given(mutations(TCP_RIGHT))
@example(TCP_RIGHT)
def test_a_mutated_tcp_frame_is_data_only_with_a_right_head_and_length(data: bytes) -> None:
    """MB-01. Modbus TCP has no check sum: a bit that flips in the payload is TCP's to find."""
    inbox = TcpInbox()
    inbox.ask(THREE, 1)
    inbox.frame(0x2A)
    used, verdict = inbox.take(data)
    assert used <= len(data)
    if verdict is not None and verdict.payload:
        assert len(verdict.payload) == len(PAYLOAD)
        assert TCP_RIGHT[:9] in data


def test_a_little_noise_around_a_frame_is_put_up_with() -> None:
    for before in range(NOISE_BYTES + 1):
        for after in range(NOISE_BYTES + 1):
            verdict = find_answer(THREE, b"\x00\xff\x01\x80"[:before] + RIGHT + b"\x00" * after)
            assert verdict is not None
            assert verdict.payload == PAYLOAD, (before, after)


def test_noise_that_begins_like_the_answer_does_not_hide_it() -> None:
    for noise in (b"\x01", b"\x01\x03", b"\x01\x83", b"\x03", b"\x01\x03\x06\x00"):
        verdict = find_answer(THREE, noise + RIGHT)
        assert verdict is not None
        assert verdict.payload == PAYLOAD


def test_of_two_frames_in_one_piece_none_is_believed() -> None:
    """MB-03: the first may be a late one, and so may the second."""
    other = rtu_frame(1, b"\x03\x06" + b"\xde\xad" * 3)
    for data in (other + RIGHT, RIGHT + other, RIGHT + RIGHT, RIGHT + rtu_frame(1, b"\x83\x02")):
        verdict = find_answer(THREE, data)
        assert verdict is not None
        assert "more after an answer" in verdict.wrong
        assert verdict.is_still_owed


def test_the_echo_of_the_request_is_no_answer_also_where_it_has_the_form_of_one() -> None:
    """Coils from 0x03.. on: request and answer have eight bytes, and a byte count of three fits both."""
    question = reading(1, Read(Table.COIL, 0x0312, 24, ()), Quirks())
    request = rtu_frame(1, question.pdu)
    assert judge(question, 1, request[1:-2]).payload, "it would pass"
    verdict = find_answer(question, request)
    assert verdict is not None
    assert "echo" in verdict.wrong


# -- time: what an inbox makes of late answers


class Line:
    """An inbox and its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.inbox = RtuInbox(lambda: self.now, 0.002, lambda: None)

    def ask(self, question: Question = THREE) -> None:
        self.now = max(self.now, self.inbox.free_at)
        self.inbox.ask(question, 1.0)

    def time_out(self) -> None:
        self.now += 1
        self.inbox.abandon(b"")

    def hear(self, data: bytes) -> Verdict | None:
        return self.inbox.take(data)[1]


def frame_of(question: Question, payload: bytes = PAYLOAD) -> bytes:
    return rtu_frame(question.unit, bytes([question.function, len(payload)]) + payload)


def test_after_a_time_out_the_line_is_quiet_for_another() -> None:
    """MB-03."""
    line = Line()
    line.ask()
    line.time_out()
    assert line.inbox.free_at == line.now + 1


def test_a_late_answer_ends_the_wait_and_the_debt() -> None:
    line = Line()
    line.ask()
    line.time_out()
    line.now += 0.5
    assert line.hear(RIGHT[:4]) is None
    assert line.hear(RIGHT) is None
    assert line.inbox.late == 1
    assert line.inbox.free_at == pytest.approx(line.now + 0.002)
    line.ask()
    verdict = line.hear(RIGHT)
    assert verdict is not None
    assert verdict.payload == PAYLOAD


@pytest.mark.parametrize("answer", [RIGHT, rtu_frame(1, b"\x83\x02")])
def test_after_an_answer_that_never_came_the_next_that_could_be_it_is_not_believed(answer: bytes) -> None:
    line = Line()
    line.ask()
    line.time_out()
    line.ask()
    verdict = line.hear(answer)
    assert verdict is not None
    assert "earlier request" in verdict.wrong
    assert line.inbox.free_at == line.now + 3
    line.ask()
    verdict = line.hear(answer)
    assert verdict is not None
    assert not verdict.wrong


def test_noise_does_not_shorten_the_wait_and_a_frame_prolongs_it() -> None:
    line = Line()
    line.ask()
    line.time_out()
    free_at = line.inbox.free_at
    line.hear(b"\x00")
    assert line.inbox.free_at == free_at
    line.now += 0.9
    line.hear(frame_of(Question(9, b"\x03\x00\x00\x00\x01", 2), b"\x00\x01"))
    assert line.inbox.free_at == line.now + 1
    assert line.inbox.stray >= 1


def test_what_another_unit_owes_is_nothing_to_this_one() -> None:
    line, two = Line(), Question(2, THREE.pdu, 6)
    line.ask(two)
    line.time_out()
    line.ask()
    verdict = line.hear(RIGHT)
    assert verdict is not None
    assert verdict.payload == PAYLOAD


def test_of_a_unit_that_answers_by_any_id_every_debt_of_the_same_form_counts() -> None:
    line, any_unit = Line(), Question(1, THREE.pdu, 6, any_unit=True)
    line.ask(Question(2, THREE.pdu, 6))
    line.time_out()
    line.ask(any_unit)
    verdict = line.hear(frame_of(Question(2, THREE.pdu, 6)))
    assert verdict is not None
    assert verdict.wrong


LENGTHS = [2, 6]


@given(st.integers(0, 1 << 32), st.floats(0.1, 2.9), st.integers(1, 3))
def test_a_device_as_late_as_it_likes_never_gives_the_value_of_another_request(
    seed: int, latency_s: float, units: int
) -> None:
    """MB-03: it works its requests in order, each for up to 2.9 time-outs; every request has an answer of its own."""
    chance = random.Random(seed)
    line = Line()
    coming: list[tuple[float, bytes]] = []
    busy_until = dict.fromkeys(range(1, units + 1), 0.0)
    for number in range(12):
        line_free = line.inbox.free_at
        while coming and coming[0][0] <= max(line.now, line_free):
            at, frame = coming.pop(0)
            line.now = max(line.now, at)
            line.hear(frame)
            line_free = line.inbox.free_at
        unit, size = chance.randint(1, units), chance.choice(LENGTHS)
        question = Question(unit, bytes([3, 0, number, 0, size // 2]), size)
        line.ask(question)
        own = number.to_bytes(2, "big") * (size // 2)
        ready = max(line.now, busy_until[unit]) + latency_s * chance.uniform(0.3, 1)
        busy_until[unit] = ready
        coming.append((ready, frame_of(question, own)))
        coming.sort()
        end, verdict = line.now + 1, None
        while verdict is None and coming and coming[0][0] < end:
            line.now, frame = coming.pop(0)
            verdict = line.hear(frame)
        if verdict is None:
            line.now = end
            line.inbox.abandon(b"")
        elif not verdict.wrong:
            assert verdict.payload == own, f"request {number} got another one's answer"
