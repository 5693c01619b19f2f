"""What waits for the bus: in order, bounded, and understood by readers whatever had to be dropped."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bus.messages import FULL, Block, first_seq, order_after
from bus.streams import Entry
from devices.poller.outbox import CHUNK_S, Outbox


class Speaker:
    """A scan group as the outbox sees it: full when the generation is another, else a change."""

    def __init__(self, outbox: Outbox, name: str = "1:1000") -> None:
        self.outbox, self.name, self.generation, self.count = outbox, name, -1, 0

    def say(self, now: float = 0.0) -> None:
        self.count += 1
        seq = self.outbox.next_seq(self.name)
        is_full, self.generation = self.generation != self.outbox.generation, self.outbox.generation
        block = Block(0, 1, self.name, seq, self.count, FULL if is_full else 0, [1], [self.count], [0])
        self.outbox.add(Entry(block, replace(block, flags=FULL)), now)


def sent(outbox: Outbox) -> list[Entry]:
    out: list[Entry] = []
    while batch := outbox.take():
        out += batch
        outbox.sent()
    return out


def test_blocks_go_out_in_order_and_only_once() -> None:
    outbox = Outbox()
    speaker = Speaker(outbox)
    for _ in range(3):
        speaker.say()
    assert [e.change.values[0] for e in sent(outbox)] == [1, 2, 3]
    assert sent(outbox) == []
    assert not outbox.ready.is_set()


def test_a_batch_whose_fate_is_unknown_goes_first_when_the_bus_is_back() -> None:
    outbox = Outbox()
    speaker = Speaker(outbox)
    outbox.on_missed = speaker.say
    speaker.say()
    assert len(outbox.take()) == 1
    outbox.hold(0.0)
    speaker.say()
    out = sent(outbox)
    assert [e.change.seq for e in out] == [1, 2, 3]
    assert [e.change.is_backfill for e in out] == [True, True, False]
    assert [e.latest is None for e in out] == [True, True, False]
    assert out[-1].change.is_full, "the present follows in full"


def test_sequence_numbers_start_anew_above_the_fence() -> None:
    outbox = Outbox()
    outbox.start_fence(5)
    speaker = Speaker(outbox)
    speaker.say()
    outbox.start_fence(6)
    speaker.say()
    assert [e.change.seq for e in sent(outbox)] == [first_seq(5) + 1, first_seq(6) + 1]


actions = st.lists(st.sampled_from(["say", "other", "hold", "back", "minute", "epoch"]), max_size=120)


@settings(max_examples=300)
@given(actions)
def test_a_reader_understands_whatever_comes(moves: list[str]) -> None:
    """No gap without a FULL block after it, however often the bus went away and however much was dropped."""
    outbox = Outbox(limit_bytes=1200)
    one, two = Speaker(outbox, "1:1000"), Speaker(outbox, "2:1000")
    spoken = {one.name, two.name}
    now, known, told = 0.0, dict[str, int](), 0

    def say_again() -> None:
        for speaker in (one, two):
            if speaker.count:
                speaker.say(now)

    outbox.on_missed = say_again

    def read(entries: list[Entry]) -> None:
        nonlocal told
        for entry in entries:
            group = entry.change.group
            assert order_after(known.get(group), entry.change) == "next"
            known[group] = entry.change.seq
            told += 1

    for move in moves:
        if move in ("say", "other"):
            (one if move == "say" else two).say(now)
        elif move == "hold":
            outbox.take()
            outbox.hold(now)
        elif move == "minute":
            now += CHUNK_S + 1
        elif move == "epoch":
            known.clear()
            outbox.start_epoch()
        else:
            read(sent(outbox))
        assert outbox.waiting_bytes <= 1200 + 400
    read(sent(outbox))
    assert set(known) <= spoken
    assert told + outbox.dropped == one.count + two.count


def test_memory_is_bounded_and_the_newest_survives() -> None:
    outbox = Outbox(limit_bytes=10_000)
    speaker = Speaker(outbox)
    speaker.say()
    outbox.take()
    outbox.hold(0.0)
    for n in range(5_000):
        speaker.say(n / 10)
    assert outbox.waiting_bytes <= 10_000
    out = sent(outbox)
    assert outbox.dropped == 5_001 - len(out)
    assert out[0].change.is_full
    assert [e.change.values[0] for e in out] == list(range(5_002 - len(out), 5_002))
