"""What every driver must do, whatever it speaks. A new driver joins by a stand of its own (tests/devices/stands.py):

    class TestMyDriver(DriverConformance):
        stand = MyStand()

The times are short: a time-out of PATIENCE_S is 0.1 s.
"""

import asyncio
from collections.abc import Callable
from typing import ClassVar

import pytest

from devices.drivers.base import BadReply, DeviceRefused, Driver, LinkDown, NoAnswer
from devices.plan import Read
from devices.points import Table
from devices.quirks import Quirks, RegistersBy
from tests.devices.stands import Answer, Asked, Stand, honest, never, word_at
from tests.devices.waiting import until

PATIENCE_S = 0.1
TEN = Read(Table.HOLDING, 5, 10, ())
OTHER_TEN = Read(Table.HOLDING, 40, 10, ())
COILS = Read(Table.COIL, 0, 12, ())


def right(read: Read, unit: int = 1) -> bytes:
    if read.table.is_bits:
        return b"\xff" * read.payload_bytes
    return b"".join(word_at(unit, read.address + i).to_bytes(2, "big") for i in range(read.count))


WRONG: dict[str, Callable[[Asked], bytes]] = {
    "another unit": lambda a: a.reply(a.poison(), unit=1),
    "another function": lambda a: a.reply(a.poison(), function=1),
    "too few bytes": lambda a: a.reply(b"\xde\xad" * 2),
    "too many bytes": lambda a: a.reply(b"\xde\xad" * 11),
    "an odd number of bytes": lambda a: a.reply(b"\xde\xad" * 9 + b"\xde"),
    "a byte count that lies": lambda a: a.reply(a.poison(), byte_count=18),
    "no bytes": lambda a: a.reply(b""),
    "an exception of another function": lambda a: a.frame(b"\x84\x02"),
    "an exception that is too long": lambda a: a.frame(b"\x83\x02\xde\xad"),
    "a function alone": lambda a: a.frame(b"\x03"),
    "text": lambda a: b"HTTP/1.1 400 Bad Request\r\n\r\n" * 12,
    "a flood": lambda a: b"\xff" * 70_000,
}


async def after_trouble(driver: Driver, read: Read, unit: int = 1) -> bytes:
    """The next right answer, by what the contract allows a link to do: connect again, and ask again."""
    for _ in range(6):
        if not driver.is_connected:
            await driver.connect(2)
        try:
            return await driver.read(unit, read, 3 * PATIENCE_S)
        except BadReply as error:
            if error.is_out_of_step:
                driver.close()
        except NoAnswer:
            continue  # a machine with other work
        except LinkDown:
            driver.close()
    raise AssertionError("no right answer after six tries")


class DriverConformance:
    """Each test opens the driver on the stand."""

    stand: ClassVar[Stand]

    @pytest.mark.parametrize("table", list(Table))
    async def test_the_right_reply_is_data(self, table: Table) -> None:
        read = Read(table, 3, 9, ())
        async with self.stand.connected() as (driver, peer):
            assert await driver.read(7, read, 1) == right(read, 7)
            (asked,) = peer.asked
            assert (asked.unit, asked.function) == (7, table.function_code)
            assert (asked.address, asked.count) == (3, 9)

    async def test_the_longest_reads_are_data(self) -> None:
        registers, bits = Read(Table.INPUT, 0, 125, ()), Read(Table.DISCRETE, 0, 2000, ())
        async with self.stand.connected() as (driver, _):
            assert await driver.read(1, registers, 2) == right(registers)
            assert await driver.read(1, bits, 2) == right(bits)

    @pytest.mark.parametrize("name", WRONG)
    async def test_a_wrong_reply_is_never_data(self, name: str) -> None:
        """MB-01, each of its conditions; and the next right answer is data again."""

        async def wrong(asked: Asked) -> None:
            asked.send(WRONG[name](asked))

        async with self.stand.connected(wrong) as (driver, peer):
            with pytest.raises((BadReply, NoAnswer)):
                await driver.read(1, TEN, PATIENCE_S)
            peer.answer = honest
            assert await after_trouble(driver, TEN) == right(TEN)

    @pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 0x0A, 0x0B, 0])
    async def test_an_exception_is_told_by_its_code(self, code: int) -> None:
        async def refuse(asked: Asked) -> None:
            asked.send(asked.exception(code))

        async with self.stand.connected(refuse) as (driver, peer):
            for _ in range(2):
                with pytest.raises(DeviceRefused) as caught:
                    await driver.read(1, TEN, 1)
                assert caught.value.code == code
            peer.answer = honest
            assert await driver.read(1, TEN, 1) == right(TEN)

    async def test_a_reply_in_pieces_is_put_together(self) -> None:
        async def slowly(asked: Asked) -> None:
            for byte in asked.reply():
                asked.send(bytes([byte]))
                await asyncio.sleep(0.002)

        async with self.stand.connected(slowly) as (driver, _):
            assert await driver.read(1, TEN, 2) == right(TEN)

    async def test_half_a_reply_is_not_data(self) -> None:
        async def half(asked: Asked) -> None:
            asked.send(asked.reply()[:15])

        async with self.stand.connected(half) as (driver, peer):
            with pytest.raises(BadReply, match="15 bytes of a reply"):
                await driver.read(1, TEN, PATIENCE_S)
            peer.answer = honest
            assert await after_trouble(driver, TEN) == right(TEN)

    async def test_silence_is_no_answer_and_nothing_is_sent_again(self) -> None:
        """MB-04 for reads too."""
        async with self.stand.connected(never) as (driver, peer):
            for _ in range(3):
                with pytest.raises(NoAnswer, match="time-out after 50 ms"):
                    await driver.read(1, TEN, 0.05)
            await until(lambda: len(peer.asked) >= 3)  # the other end may be slower than the time-out
            await asyncio.sleep(0.1)
            assert len(peer.asked) == 3
            assert driver.is_connected

    @pytest.mark.parametrize("late_by", [1.5, 2.5])
    @pytest.mark.parametrize("second", [TEN, OTHER_TEN])
    async def test_a_late_answer_is_never_taken_for_the_next_one(self, late_by: float, second: Read) -> None:
        """MB-03: of the same length, `late_by` time-outs after the request, before or while the next one waits."""
        answers: list[asyncio.TimerHandle] = []

        async def first_late(asked: Asked) -> None:
            if len(peer.asked) == 1:
                loop = asyncio.get_running_loop()
                answers.append(loop.call_later(late_by * PATIENCE_S, asked.send, asked.reply(asked.poison())))
            else:
                await asyncio.sleep(0.6 * PATIENCE_S)
                asked.send(asked.reply())

        async with self.stand.connected() as (driver, peer):
            peer.answer = first_late
            with pytest.raises(NoAnswer):
                await driver.read(1, TEN, PATIENCE_S)
            for _ in range(4):
                try:
                    payload = await driver.read(1, second, PATIENCE_S)
                except (BadReply, NoAnswer):
                    continue
                assert payload == right(second)
            assert await after_trouble(driver, second) == right(second)

    async def test_a_device_that_is_always_late_never_gives_a_wrong_value(self) -> None:
        """Each answer comes after 1.5 time-outs, in order, as behind a slow radio."""

        async def always_late(asked: Asked) -> None:
            await asyncio.sleep(1.5 * PATIENCE_S)
            asked.send(asked.reply())

        reads = [TEN, OTHER_TEN, Read(Table.HOLDING, 80, 10, ())]
        async with self.stand.connected(always_late) as (driver, _):
            for i in range(6):
                read = reads[i % 3]
                try:
                    assert await driver.read(1, read, PATIENCE_S) == right(read)
                except (NoAnswer, BadReply):
                    continue

    async def test_a_call_that_is_cancelled_leaves_the_connection_fit(self) -> None:
        answers: list[Asked] = []

        async def hold(asked: Asked) -> None:
            answers.append(asked)

        async with self.stand.connected(hold) as (driver, peer):
            reading = asyncio.create_task(driver.read(1, TEN, PATIENCE_S))
            await until(lambda: bool(answers))
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            peer.answer = honest
            answers[0].send(answers[0].reply(answers[0].poison()))
            assert await driver.read(1, OTHER_TEN, 1) == right(OTHER_TEN)

    async def test_several_units_answer_on_one_connection(self) -> None:
        """One of them is silent; that is nothing to the others."""

        async def all_but_three(asked: Asked) -> None:
            if asked.unit != 3:
                asked.send(asked.reply())

        async with self.stand.connected(all_but_three) as (driver, peer):
            for unit in (1, 2, 3, 4, 1):
                if unit == 3:
                    with pytest.raises(NoAnswer):
                        await driver.read(unit, TEN, PATIENCE_S)
                else:
                    assert await driver.read(unit, TEN, 1) == right(TEN, unit)
            assert peer.connections == 1

    async def test_a_connection_that_ends_is_noticed_at_once(self) -> None:
        async def hang_up(asked: Asked) -> None:
            asked.send(asked.reply()[:9])
            await asyncio.sleep(0.02)
            peer.hang_up()

        async with self.stand.connected() as (driver, peer):
            peer.answer = hang_up
            async with asyncio.timeout(5):
                with pytest.raises(LinkDown):
                    await driver.read(1, TEN, 30)
                assert not driver.is_connected
                with pytest.raises(LinkDown):
                    await driver.read(1, TEN, 1)

    async def test_without_a_connection_nothing_is_asked(self) -> None:
        driver = self.stand.driver(self.stand.nowhere(), {})
        assert not driver.is_connected
        with pytest.raises(LinkDown) as caught:
            await driver.connect(1)
        assert str(caught.value)
        with pytest.raises(LinkDown):
            await driver.read(1, TEN, 1)
        with pytest.raises(LinkDown):
            await driver.identify(1, 1)
        driver.close()
        driver.close()

    async def test_it_can_be_closed_and_connected_again(self) -> None:
        async with self.stand.connected() as (driver, _):
            for _ in range(3):
                assert await driver.read(1, TEN, 1) == right(TEN)
                driver.close()
                assert not driver.is_connected
                await driver.connect(2)
            assert await driver.read(1, TEN, 1) == right(TEN)

    # -- quirks (MB-10)

    @pytest.mark.parametrize(("by", "function"), [(RegistersBy.FC3, 3), (RegistersBy.FC4, 4)])
    @pytest.mark.parametrize("table", [Table.HOLDING, Table.INPUT])
    async def test_registers_are_read_by_the_function_the_unit_knows(
        self, by: RegistersBy, function: int, table: Table
    ) -> None:
        """MB-10; of that unit alone, and the reply must be of that function."""
        read = Read(table, 5, 10, ())
        async with self.stand.connected(quirks={2: Quirks(registers_by=by)}) as (driver, peer):
            assert await driver.read(2, read, 1) == right(read, 2)
            assert await driver.read(2, COILS, 1) == right(COILS)
            assert await driver.read(1, read, 1) == right(read, 1)
            assert [a.function for a in peer.asked] == [function, 1, table.function_code]

            async def by_table(asked: Asked) -> None:
                other = 7 - function
                asked.send(asked.reply(asked.poison(), function=other - function))

            peer.answer = by_table
            with pytest.raises(BadReply, match=f"function code {7 - function} instead of {function}"):
                await driver.read(2, read, PATIENCE_S)

    async def test_another_unit_id_is_accepted_only_from_a_device_that_is_known_for_it(self) -> None:
        """MB-10."""

        async def unit_nine(asked: Asked) -> None:
            asked.send(asked.frame(asked.reply()[1:-2] if asked.tid is None else asked.reply()[7:], 9))

        async with self.stand.connected(unit_nine, {2: Quirks(any_unit=True)}) as (driver, _):
            assert await driver.read(2, TEN, 1) == right(TEN, 2)
            with pytest.raises(BadReply, match="unit id 9 instead of 1"):
                await driver.read(1, TEN, PATIENCE_S)

    # -- identification (FC 43/14)

    async def test_a_device_says_what_it_is(self) -> None:
        async with self.stand.connected(_identifying({1: [{0: b"Acme", 1: b"X1", 2: b"V1.0"}]})) as (driver, _):
            assert await driver.identify(4, 1) == {0: "Acme", 1: "X1", 2: "V1.0"}

    async def test_a_divided_identification_is_put_together(self) -> None:
        """And the regular objects are asked for where the device says that it has them."""
        parts = {1: [{0: b"Acme"}, {1: b"X1"}, {2: b"V1"}], 2: [{0: b"Acme", 4: b"Pump"}, {6: b"App"}]}
        async with self.stand.connected(_identifying(parts, level=2)) as (driver, peer):
            assert await driver.identify(4, 1) == {0: "Acme", 1: "X1", 2: "V1", 4: "Pump", 6: "App"}
            assert len(peer.asked) == 5

    async def test_an_identification_that_goes_in_circles_ends(self) -> None:
        async def round_and_round(asked: Asked) -> None:
            asked.send(asked.frame(bytes([43, 14, asked.pdu[2], 1, 0xFF, 1, 1, 0, 1]) + b"A"))

        async with self.stand.connected(round_and_round) as (driver, peer):
            assert await driver.identify(4, 1) == {0: "A"}
            assert len(peer.asked) == 2

    async def test_a_device_that_cannot_identify_itself_refuses(self) -> None:
        async def refuse(asked: Asked) -> None:
            asked.send(asked.exception(1))

        async with self.stand.connected(refuse) as (driver, _):
            with pytest.raises(DeviceRefused) as caught:
                await driver.identify(4, 1)
            assert caught.value.code == 1

    @pytest.mark.parametrize(
        "pdu",
        [b"\x2b\x0d\x01\x01\x00\x00\x00", b"\x2b\x0e\x01\x01\x00\x00\x02\x00\x01A", b"\x2b\x0e\x01", b"\x2b"],
    )
    async def test_an_identification_of_the_wrong_form_is_refused(self, pdu: bytes) -> None:
        async def wrong(asked: Asked) -> None:
            asked.send(asked.frame(pdu))

        async with self.stand.connected(wrong) as (driver, peer):
            with pytest.raises((BadReply, NoAnswer)):
                await driver.identify(4, PATIENCE_S)
            peer.answer = honest
            assert await after_trouble(driver, TEN) == right(TEN)

    async def test_what_a_device_says_of_itself_moves_no_cursor(self) -> None:
        raw = b"\x1b[2JAc\x00me\xff\r\n"
        async with self.stand.connected(_identifying({1: [{0: raw}]})) as (driver, _):
            assert await driver.identify(1, 1) == {0: "[2JAcme�"}


def _identifying(parts: dict[int, list[dict[int, bytes]]], level: int = 1) -> Answer:
    """A device that divides each category into these parts."""

    async def answer(asked: Asked) -> None:
        _, _, code, first = asked.pdu
        chosen = parts[code]
        number = next(i for i, part in enumerate(chosen) if first == 0 or first in part)
        is_last = number == len(chosen) - 1
        following = 0 if is_last else min(chosen[number + 1])
        objects = b"".join(bytes([key, len(text)]) + text for key, text in chosen[number].items())
        head = bytes([43, 14, code, 0x80 | level, 0 if is_last else 0xFF, following, len(chosen[number])])
        asked.send(asked.frame(head + objects))

    return answer
