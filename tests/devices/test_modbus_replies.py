"""MB-01: only the answer to the request is data. Everything else is counted and thrown away."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from devices.drivers.base import BadReply, DeviceRefused, LinkDown, NoAnswer
from devices.drivers.modbus import ModbusTcp
from devices.plan import Read
from devices.points import Table
from tests.devices.faulty import HONEST, FaultyServer, Request, a_faulty_server, honest, never
from tests.devices.rig import until

TEN = Read(Table.HOLDING, 5, 10, ())
COILS = Read(Table.COIL, 0, 12, ())
RIGHT = HONEST.to_bytes(2, "big") * 10
PATIENCE_S = 0.15


async def connected(server: FaultyServer) -> ModbusTcp:
    driver = ModbusTcp("127.0.0.1", server.port)
    await driver.connect(1)
    return driver


WRONG: dict[str, Callable[[Request], bytes]] = {
    "transaction id": lambda r: r.frame(tid=1),
    "transaction id of before": lambda r: r.frame(tid=-1),
    "protocol id": lambda r: r.frame(protocol=1),
    "unit id": lambda r: r.frame(unit=1),
    "function code": lambda r: r.frame(function=1),
    "byte count too small": lambda r: r.frame(payload=b"\xde\xad" * 2),
    "byte count too large": lambda r: r.frame(payload=b"\xde\xad" * 11),
    "byte count odd": lambda r: r.frame(payload=b"\xde\xad" * 9 + b"\xde"),
    "byte count lies": lambda r: r.frame(byte_count=18),
    "length lies short": lambda r: r.frame(more_length=-2),
    "length lies long": lambda r: r.frame(more_length=2) + b"\x00\x00",
    "length zero": lambda r: b"\x00\x01\x00\x00\x00\x00\x01",
    "length huge": lambda r: r.frame(more_length=60000),
    "no payload": lambda r: r.frame(payload=b""),
    "exception of another function": lambda r: Request(r.tid, r.unit, 4, 0, 0).exception(2),
    "exception too long": lambda r: r.frame(function=0x80, payload=b"\xde\xad"),
    "garbage": lambda r: b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9,
    "a flood of garbage": lambda r: b"\xff" * 70000,
}


def answering(make: Callable[[Request], bytes]) -> Callable[[Request, asyncio.StreamWriter], Awaitable[None]]:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(make(request))

    return answer


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_reply_is_never_data(name: str) -> None:
    """MB-01, each of its conditions."""
    async with a_faulty_server(answering(WRONG[name])) as server:
        driver = await connected(server)
        with pytest.raises((BadReply, NoAnswer)) as caught:
            await driver.read(1, TEN, PATIENCE_S)
        assert isinstance(caught.value, BadReply), name
        server.answer = honest
        if caught.value.is_out_of_step:
            await driver.connect(1)
        assert await driver.read(1, TEN, 1) == RIGHT, "and the next request works"
        driver.close()


@pytest.mark.parametrize("read", [TEN, COILS])
async def test_the_right_reply_is_data(read: Read) -> None:
    async with a_faulty_server() as server:
        driver = await connected(server)
        payload = await driver.read(9, read, 1)
        assert payload == (RIGHT if read is TEN else b"\xff\xff")
        (request,) = server.requests
        assert (request.unit, request.function) == (9, read.table.function_code)
        assert (request.address, request.count) == (read.address, read.count)
        driver.close()


async def test_a_bit_reply_of_the_wrong_length_is_refused() -> None:
    async with a_faulty_server(answering(lambda r: r.frame(payload=b"\xff"))) as server:
        driver = await connected(server)
        with pytest.raises(BadReply, match="1 bytes instead of 2"):
            await driver.read(1, COILS, PATIENCE_S)
        driver.close()


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 0x0A, 0x0B, 0])
async def test_an_exception_is_told_by_its_code(code: int) -> None:
    async with a_faulty_server(answering(lambda r: r.exception(code))) as server:
        driver = await connected(server)
        with pytest.raises(DeviceRefused) as caught:
            await driver.read(1, TEN, 1)
        assert caught.value.code == code
        driver.close()


async def test_a_reply_in_pieces_is_put_together() -> None:
    async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
        for byte in request.frame(HONEST):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.002)

    async with a_faulty_server(slowly) as server:
        driver = await connected(server)
        assert await driver.read(1, TEN, 1) == RIGHT
        driver.close()


async def test_a_late_reply_is_not_taken_for_the_next_one() -> None:
    """MB-03 on TCP: the transaction id tells them apart, and the late one is counted."""
    late: list[bytes] = []

    async def too_late(request: Request, writer: asyncio.StreamWriter) -> None:
        if not late:
            late.append(request.frame())
        else:
            writer.write(late[0] + request.frame(HONEST))

    async with a_faulty_server(too_late) as server:
        driver = await connected(server)
        with pytest.raises(NoAnswer, match="time-out after 150 ms"):
            await driver.read(1, TEN, PATIENCE_S)
        assert await driver.read(1, TEN, 1) == RIGHT
        assert driver.late_replies == 1
        driver.close()


async def test_a_late_reply_between_requests_is_counted_and_gone() -> None:
    async with a_faulty_server(never) as server:
        driver = await connected(server)
        with pytest.raises(NoAnswer):
            await driver.read(1, TEN, 0.05)
        (writer,) = server.writers
        writer.write(server.requests[0].frame())
        writer.write(server.requests[0].frame())
        await asyncio.sleep(0.05)
        assert (driver.late_replies, driver.stray_replies) == (1, 1)
        server.answer = honest
        assert await driver.read(1, TEN, 1) == RIGHT
        driver.close()


async def test_half_a_reply_and_silence_means_out_of_step() -> None:
    async with a_faulty_server(answering(lambda r: r.frame()[:15])) as server:
        driver = await connected(server)
        with pytest.raises(BadReply, match="15 bytes of a reply") as caught:
            await driver.read(1, TEN, PATIENCE_S)
        assert caught.value.is_out_of_step
        driver.close()


async def test_a_connection_closed_in_the_middle_of_a_reply_is_noticed_at_once() -> None:
    async def hang_up(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(request.frame()[:12])
        writer.close()

    async with a_faulty_server(hang_up) as server:
        driver = await connected(server)
        async with asyncio.timeout(1):
            with pytest.raises(LinkDown):
                await driver.read(1, TEN, 30)
        assert not driver.is_connected
        driver.close()


async def test_a_refused_connection_says_so() -> None:
    async with a_faulty_server() as server:
        port = server.port
    driver = ModbusTcp("127.0.0.1", port)
    with pytest.raises(LinkDown, match="connection refused"):
        await driver.connect(1)
    with pytest.raises(LinkDown):
        await driver.read(1, TEN, 1)
    driver.close()


async def test_each_request_goes_on_the_wire_once() -> None:
    """MB-04 for reads too: no hidden repeats."""
    async with a_faulty_server(never) as server:
        driver = await connected(server)
        for _ in range(5):
            with pytest.raises(NoAnswer):
                await driver.read(1, TEN, 0.03)
        assert len(server.requests) == 5
        assert server.connections == 1, "pymodbus's own hanging up after some time-outs is off"
        driver.close()


@pytest.mark.parametrize("is_hanging_up", [False, True])
async def test_a_cancellation_together_with_the_end_of_a_request_is_not_forgotten(is_hanging_up: bool) -> None:
    """Or a link that is to end goes on reading for ever."""
    async with a_faulty_server(never) as server:
        driver = await connected(server)
        reading = asyncio.create_task(driver.read(1, TEN, 5))
        await until(lambda: bool(server.requests))
        if is_hanging_up:
            driver._connection_changed(False)
        else:
            framer = driver._framer
            request = server.requests[0]
            _, verdict = framer.handleFrame(request.frame(HONEST), request.unit, request.tid)
            assert driver._client is not None
            driver._client.ctx.response_future.set_result(verdict)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        driver.close()


async def test_an_abandoned_transaction_id_that_comes_round_again_is_a_right_answer() -> None:
    async with a_faulty_server(never) as server:
        driver = await connected(server)
        with pytest.raises(NoAnswer):
            await driver.read(1, TEN, 0.05)
        client = driver._client
        assert client is not None
        client.ctx.next_tid = server.requests[0].tid - 1
        server.answer = honest
        assert await driver.read(1, TEN, 1) == RIGHT
        assert driver.late_replies == 0
        driver.close()
