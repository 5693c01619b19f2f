"""What is learned about a device by its refusals, against simulated devices of every kind (exceptions 01, 02, 03)."""

import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.plan import Hole, Read, plan, read_of
from devices.points import DataType, Point, Table
from devices.poller.learned import RETRY_S, Learned

GROUP = "1:1000"
MAX_REGISTERS = 100
GAP = 8


@dataclass
class Device:
    """Refuses what touches a hole or is too much. `says_of_size`: the exception for too much; 0: says nothing."""

    holes: set[int] = field(default_factory=set)
    most: int = 125
    says_of_holes: int = 2
    says_of_size: int = 3
    lacks: frozenset[Table] = frozenset()
    asked: list[Read] = field(default_factory=list)

    def answer(self, read: Read) -> int:
        self.asked.append(read)
        return self.verdict(read)

    def verdict(self, read: Read) -> int:
        if read.table in self.lacks:
            return 1
        if read.count > self.most:
            return self.says_of_size
        return self.says_of_holes if self.holes & set(range(read.address, read.address + read.count)) else 0

    def gives(self, point: Point) -> bool:
        return self.verdict(read_of(point)) == 0


@dataclass
class Scans:
    """A unit without a link: scans, and asks what Learned wants to know."""

    device: Device
    points: list[Point]
    learned: Learned = field(default_factory=lambda: Learned(MAX_REGISTERS))
    now: float = 1000.0
    good: set[int] = field(default_factory=set)

    def scan(self) -> int:
        """One scan; how many of its reads were refused."""
        self.good = set()
        refused = 0
        for read in self.learned.plan(GROUP, self.points, GAP).reads:
            if self.learned.is_searching(GROUP, read):
                continue
            if code := self.device.answer(read):
                refused += 1
                self.learned.refuse(GROUP, read, code, was_good=False, now=self.now)
            else:
                self.good |= {point.tag for point in read.points}
        return refused

    def search(self) -> None:
        while (read := self.learned.question(self.now)) is not None:
            self.learned.answer(self.device.answer(read) or None, self.now)
            assert len(self.device.asked) < 5000

    def settle(self) -> int:
        """Until a scan is refused nothing; how many requests that took."""
        before = len(self.device.asked)
        while self.scan():
            self.search()
        return len(self.device.asked) - before


KINDS = [DataType.UINT16, DataType.UINT16, DataType.FLOAT32, DataType.INT64]


@st.composite
def layouts(draw: st.DrawFn) -> list[Point]:
    """Values one after the other, with gaps, sometimes two on the same registers or one with a scale factor."""
    address, points = draw(st.integers(0, 50)), []
    for tag in range(draw(st.integers(1, 60))):
        kind = draw(st.sampled_from(KINDS))
        factor = max(0, address - 3) if kind is DataType.UINT16 and draw(st.integers(0, 9)) == 0 else None
        points.append(Point(tag, Table.HOLDING, address, kind, scale_address=factor))
        address += draw(st.sampled_from([kind.registers] * 8 + [0, kind.registers + 5, kind.registers + 40]))
    return points


@st.composite
def devices(draw: st.DrawFn) -> Device:
    return Device(
        holes=draw(st.sets(st.integers(0, 250), max_size=8)),
        most=draw(st.sampled_from([125, 100, 64, 50, 33, 16, 10, 4])),
        says_of_holes=draw(st.sampled_from([2, 3])),
        says_of_size=draw(st.sampled_from([2, 3])),
    )


@settings(max_examples=100)
@given(layouts(), devices())
def test_in_the_end_everything_the_device_gives_is_read_and_nothing_else_is_asked(
    points: list[Point], device: Device
) -> None:
    """Every tag that can be read alone is read, whatever stands beside it; the rest is refused for good."""
    scans = Scans(device, points)
    spent = scans.settle()
    assert scans.good == {point.tag for point in points if device.gives(point)}
    assert spent <= 40 + 8 * len(points), "what it costs to find out is bounded"
    before = len(device.asked)
    for _ in range(5):
        assert scans.scan() == 0, "a device that has been learned is asked nothing it refuses"
        scans.now += 1.0
    steady = (len(device.asked) - before) / 5
    holes = [Hole(Table.HOLDING, address, 1) for address in device.holes]
    best = len(plan([p for p in points if device.gives(p)], min(device.most, MAX_REGISTERS), GAP, holes).reads)
    assert steady <= 2 * best + 1


@settings(max_examples=60)
@given(layouts(), devices())
def test_what_is_mended_comes_back_with_its_retry(points: list[Point], device: Device) -> None:
    scans = Scans(device, points)
    scans.settle()
    device.holes.clear()
    device.most = 125
    before = len(device.asked)
    scans.now += RETRY_S - 1
    scans.search()
    assert len(device.asked) == before, "nothing before its time"
    scans.now += 1
    facts = len(scans.learned.facts)
    scans.search()
    assert len(device.asked) - before <= facts, "one request for each thing that was learned"
    scans.settle()
    assert scans.good == {point.tag for point in points}
    assert not scans.learned.facts
    assert len(scans.learned.plan(GROUP, points, GAP).reads) == len(plan(points, MAX_REGISTERS, GAP).reads)


def registers(count: int, start: int = 0) -> list[Point]:
    return [Point(a, Table.HOLDING, a, DataType.UINT16) for a in range(start, start + count)]


def test_one_illegal_register_among_a_hundred_costs_a_few_requests_and_one_tag() -> None:
    device = Device(holes={40})
    scans = Scans(device, registers(100))
    assert scans.settle() <= 20
    assert scans.learned.holes(GROUP) == [Hole(Table.HOLDING, 40, 1)]
    assert [read.count for read in scans.learned.plan(GROUP, scans.points, GAP).reads] == [40, 59]


def test_a_gap_that_must_not_be_read_is_found_between_two_good_halves() -> None:
    device = Device(holes={12})
    scans = Scans(device, [*registers(10), *registers(10, 15)])
    assert scans.settle() <= 12
    assert scans.learned.holes(GROUP) == [Hole(Table.HOLDING, 10, 5)]
    assert len(scans.good) == 20


def test_the_most_a_device_gives_at_once_is_found_exactly() -> None:
    for most in (1, 7, 16, 50, 64, 99):
        scans = Scans(Device(most=most), registers(100))
        assert scans.settle() <= 20 + 100 // most
        assert (scans.learned.limit(Table.HOLDING), scans.learned.learned_max_registers) == (most, most)
        assert not scans.learned.holes(GROUP)


def test_bits_have_a_limit_of_their_own() -> None:
    points = [Point(a, Table.COIL, a, DataType.BOOL) for a in range(600)]
    scans = Scans(Device(most=256), points)
    scans.settle()
    assert scans.learned.limit(Table.COIL) == 256
    assert scans.learned.learned_max_registers is None
    assert [read.count for read in scans.learned.plan(GROUP, points, GAP).reads] == [256, 256, 88]


def test_a_table_a_device_does_not_know_is_asked_for_once_in_ten_minutes() -> None:
    points = [*registers(10), *[Point(100 + a, Table.INPUT, 60 * a, DataType.UINT16) for a in range(5)]]
    device = Device(lacks=frozenset({Table.INPUT}))
    scans = Scans(device, points)
    scans.settle()
    assert scans.learned.unsupported == {Table.INPUT}
    asked = len(device.asked)
    scans.now += RETRY_S
    scans.search()
    assert [read.table for read in device.asked[asked:]] == [Table.INPUT]
    device.lacks = frozenset()
    scans.now += RETRY_S
    scans.settle()
    scans.search()
    scans.settle()
    assert len(scans.good) == 15


def test_what_was_given_before_is_asked_for_every_second_at_first() -> None:
    """A controller that is being loaded refuses everything for a while."""
    device = Device(holes={3})
    learned, now = Learned(100), 0.0
    (read,) = learned.plan(GROUP, registers(8), GAP).reads
    learned.refuse(GROUP, read, 2, was_good=True, now=now)
    asked_at = []
    while now < 3000:
        while (question := learned.question(now)) is not None:
            if question == Read(Table.HOLDING, 0, 8, ()):
                asked_at.append(now)
            learned.answer(device.answer(question) or None, now)
        now += 0.5
    assert asked_at[:3] == [1.0, 2.0, 3.0]
    assert [b - a for a, b in pairwise(asked_at[59:])][:9] == [2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert asked_at[-1] - asked_at[-2] == RETRY_S


def test_a_device_that_is_silent_where_it_should_refuse_loses_only_what_it_is_silent_about() -> None:
    """Silence is no refusal: the value is asked for by itself from then on, and its neighbours are read without it."""
    device = Device(holes={3})
    learned, now = Learned(100), 0.0
    (read,) = learned.plan(GROUP, registers(8), GAP).reads
    learned.refuse(GROUP, read, 2, was_good=False, now=now)
    asked = 0
    while now < 60:
        if (question := learned.question(now)) is not None:
            asked += 1
            if device.answer(question):
                learned.be_met_with_silence(now)
            else:
                learned.answer(None, now)
        now += 0.5
    assert learned.holes(GROUP) == []
    made = learned.plan(GROUP, registers(8), GAP)
    assert [(r.address, r.count) for r in made.reads] == [(0, 3), (4, 4), (3, 1)]
    assert made.illegal == ()
    assert asked < 20


@settings(max_examples=15)
@given(layouts(), devices(), st.integers(0, 2**32))
def test_a_hole_is_never_learned_of_answers_that_are_lost(points: list[Point], device: Device, seed: int) -> None:
    """20 % of all answers are lost. A hole is what was refused, explicitly and twice; in the end the truth is known."""
    chance = random.Random(seed)
    learned, now = Learned(MAX_REGISTERS), 0.0
    refused: Counter[int] = Counter()

    def told(read: Read) -> int | None:
        if chance.random() < 0.2:
            return None
        if code := device.answer(read):
            refused.update(range(read.address, read.address + read.count))
        return code

    for _ in range(100):
        for read in learned.plan(GROUP, points, GAP).reads:
            if not learned.is_searching(GROUP, read) and (code := told(read)):
                learned.refuse(GROUP, read, code, was_good=False, now=now)
        if (question := learned.question(now)) is not None:
            if (code := told(question)) is None:
                learned.be_met_with_silence(now)
            else:
                learned.answer(code or None, now)
        for hole in learned.holes(GROUP):
            addresses = set(range(hole.address, hole.address + hole.count))
            assert min(refused[a] for a in addresses) >= 2
            assert hole.count > device.most or addresses & device.holes
        now += 1.0
    given = {p.tag for p in points if device.gives(p)}
    assert {p.tag for p in learned.plan(GROUP, points, GAP).illegal}.isdisjoint(given)


def test_one_refusal_of_a_single_value_is_no_hole() -> None:
    """A device that boots, or a gateway, says 02 once and never again."""
    for code in (1, 2, 3):
        scans = Scans(Device(), registers(1))
        (read,) = scans.learned.plan(GROUP, registers(1), GAP).reads
        scans.learned.refuse(GROUP, read, code, was_good=False, now=scans.now)
        scans.search()
        assert scans.learned.facts == []
        assert scans.scan() == 0
        assert scans.good == {0}


def test_an_illegal_function_of_one_address_is_a_hole_where_the_rest_of_the_table_is_given() -> None:
    """Not a table the device does not know: without a witness both ends of the read are asked for alone."""
    for holes in ({0}, {3}, {9}):
        device = Device(holes=holes, says_of_holes=1)
        scans = Scans(device, registers(10))
        scans.settle()
        assert scans.learned.unsupported == set()
        assert scans.good == set(range(10)) - holes


def test_the_first_value_that_is_asked_does_not_take_the_table_along() -> None:
    """It is alone in its request, and nothing else has been asked yet."""
    points = [*registers(1), *[Point(100 + a, Table.HOLDING, 60 + 60 * a, DataType.UINT16) for a in range(5)]]
    scans = Scans(Device(holes={0}, says_of_holes=1), points)
    scans.settle()
    assert scans.learned.holes(GROUP) == [Hole(Table.HOLDING, 0, 1)]
    assert scans.good == {point.tag for point in points} - {0}


def test_a_table_that_was_taken_for_unknown_is_tried_value_by_value() -> None:
    """Both ends and the middle of the only read are missing, and the device says 01 of them."""
    points, holes = registers(10), {0, 5, 9}
    scans = Scans(Device(holes=holes, says_of_holes=1), points)
    scans.settle()
    assert scans.learned.unsupported == {Table.HOLDING}
    for _ in range(2):
        scans.now += RETRY_S
        scans.search()
    scans.settle()
    assert scans.learned.unsupported == set()
    assert scans.good == set(range(10)) - holes


def test_a_single_value_refused_as_an_illegal_function_is_judged_by_a_witness() -> None:
    (one,) = Learned(100).plan(GROUP, registers(1), GAP).reads
    witness = Read(Table.HOLDING, 50, 2, ())
    for grants, unsupported in ((True, set()), (False, {Table.HOLDING})):
        learned = Learned(100)
        learned.plan(GROUP, registers(1), GAP)
        learned.refuse(GROUP, one, 1, was_good=False, now=0.0, witness=witness)
        assert learned.question(0.0) == witness
        learned.answer(None if grants else 1, 0.0)
        if grants:
            assert learned.question(0.0) == one
            learned.answer(1, 0.0)
        assert learned.question(0.0) is None
        assert learned.unsupported == unsupported
        assert learned.holes(GROUP) == ([Hole(Table.HOLDING, 0, 1)] if grants else [])


def test_a_busy_answer_to_a_question_teaches_nothing() -> None:
    learned = Learned(100)
    (read,) = learned.plan(GROUP, registers(2), GAP).reads
    learned.refuse(GROUP, read, 2, was_good=False, now=0.0)
    first = learned.question(0.0)
    learned.answer(6, 0.0)
    assert learned.question(0.5) is None
    assert learned.question(1.0) == first


def test_a_passing_refusal_teaches_nothing() -> None:
    learned, device = Learned(100), Device()
    (read,) = learned.plan(GROUP, registers(8), GAP).reads
    learned.refuse(GROUP, read, 2, was_good=True, now=0.0)
    assert learned.is_searching(GROUP, read)
    while (question := learned.question(0.0)) is not None:
        learned.answer(device.answer(question) or None, 0.0)
    assert not learned.facts
    assert not learned.is_searching(GROUP, read)


def test_part_of_what_was_missing_comes_back_too() -> None:
    device = Device(holes={3, 20})
    scans = Scans(device, registers(30))
    scans.settle()
    device.holes = {20}
    scans.now += RETRY_S
    scans.search()
    scans.settle()
    assert len(scans.good) == 29
