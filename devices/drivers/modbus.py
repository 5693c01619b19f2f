"""Modbus TCP, RTU frames over TCP and RTU on a serial line, by pymodbus. The only file that speaks it as a client.

pymodbus 3.16 lets through replies with another function code or another length than asked for, and in RTU any reply
that comes late. So its framers are replaced by ours, which leave the raw bytes to an inbox (inboxes.py) and hand the
payload on undecoded. Its repeats, its own reconnecting and its log lines are switched off: the link decides, and says
it once.
"""

import asyncio
import errno
import logging
import termios
from collections.abc import Mapping
from secrets import randbelow
from typing import Final

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException, ModbusIOException
from pymodbus.framer import FramerBase
from pymodbus.pdu import DecodePDU, ModbusPDU

from devices.drivers import identity
from devices.drivers.base import BadReply, DeviceRefused, LinkDown, NoAnswer
from devices.drivers.frames import Question, Verdict, reading
from devices.drivers.inboxes import RtuInbox, TcpInbox
from devices.line_load import parse_line
from devices.plan import Read
from devices.quirks import Quirks

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

_BUFFER_BYTES: Final = 1 << 20
"""More than an event loop reads at once: pymodbus throws larger pieces away unseen."""
_NEVER: Final = 1 << 30
_PLAIN: Final = Quirks()
_TIDS: Final = 65000
"""Transaction ids go on where the connection before has ended, and begin anywhere: some gateways send what was asked on
an old connection to the new one, and then the id is all that tells them apart."""
_QUIET_TIMEOUTS: Final = 20
"""A line that is not quiet for one time-out within so many of them never will be."""

_NOT_OPEN: Final = {
    errno.ENOENT: "there is no such serial port; is the adapter plugged in?",
    errno.EACCES: "no permission to open the serial port; its group (often dialout) must have the user of the poller",
    errno.EAGAIN: "another program has the serial port open",
    errno.EBUSY: "another program has the serial port open",
}
"""By the system's error number."""

_Client = AsyncModbusTcpClient | AsyncModbusSerialClient


class _Request(ModbusPDU):
    """Carries the unit; what goes on the wire is the inbox's."""

    def __init__(self, question: Question) -> None:  # without ModbusPDU.__init__: made for every request
        self.dev_id = question.unit
        self.transaction_id = 0


class _Judged(ModbusPDU):
    """What pymodbus passes on as the response: the verdict of the inbox."""

    def __init__(
        self, verdict: Verdict, unit: int, tid: int
    ) -> None:  # without ModbusPDU.__init__: made for every reply
        self.verdict = verdict
        self.dev_id, self.transaction_id = unit, tid  # pymodbus compares them once more


class _Framer(FramerBase):
    def __init__(self, inbox: TcpInbox | RtuInbox) -> None:
        super().__init__(DecodePDU(False))
        self._inbox = inbox

    def encode(self, payload: bytes, _dev_id: int, _tid: int) -> bytes:  # noqa: ARG002 (the inbox knows the question)
        return self._inbox.frame(_tid)

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:
        used, verdict = self._inbox.take(data)
        return used, None if verdict is None else _Judged(verdict, exp_devid, exp_tid)


class _Modbus:
    """What the three have in common. Calls as in devices/drivers/base.py."""

    def __init__(self, host: str, port: int = 0, line: str = "", quirks: Mapping[int, Quirks] | None = None) -> None:
        self._host, self._port, self._line = host, port, line
        self._quirks = quirks or {}
        self._line_freed = asyncio.Event()
        self._is_set_up = asyncio.Event()
        self._inbox = self._new_inbox()
        self._framer = _Framer(self._inbox)
        self._client: _Client | None = None
        self._tid = randbelow(_TIDS)

    def _new_inbox(self) -> TcpInbox | RtuInbox:
        return RtuInbox(_now, 0.0, self._line_freed.set)

    def _new_client(self) -> _Client:
        return AsyncModbusTcpClient(
            self._host, port=self._port, reconnect_delay=0, retries=0, trace_connect=self._connection_changed
        )

    @property
    def late_replies(self) -> int:
        return self._inbox.late

    @property
    def stray_replies(self) -> int:
        return self._inbox.stray

    @property
    def is_connected(self) -> bool:
        return self._client is not None and self._client.connected

    async def connect(self, timeout_s: float) -> None:
        self.close()
        try:
            client = self._new_client()
        except ValueError as error:
            raise LinkDown(str(error)) from None
        client.set_max_no_responses(_NEVER)
        client.ctx.framer = self._framer
        client.ctx.max_buffer_size = _BUFFER_BYTES
        self._inbox.start()
        self._client = client
        try:
            async with asyncio.timeout(timeout_s):
                await self._open(client)
        except TimeoutError:
            self.close()
            raise LinkDown(f"no connection within {timeout_s * 1000:.0f} ms") from None
        except (OSError, termios.error, ValueError) as error:
            self.close()
            raise LinkDown(self._why_not_open(error)) from None
        except asyncio.CancelledError:
            self.close()
            raise

    async def _open(self, client: _Client) -> None:
        await client.ctx.call_create()

    def _why_not_open(self, error: Exception) -> str:
        if isinstance(error, ConnectionRefusedError):
            return "connection refused"
        return getattr(error, "strerror", None) or str(error) or type(error).__name__

    async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:
        return await self._ask(reading(unit, read, self._quirks.get(unit, _PLAIN)), timeout_s)

    async def identify(self, unit: int, timeout_s: float) -> dict[int, str]:
        any_unit = self._quirks.get(unit, _PLAIN).any_unit

        async def ask(pdu: bytes) -> bytes:
            return await self._ask(Question(unit, pdu, None, any_unit), timeout_s)

        level, found = await identity.collect(ask, identity.BASIC)
        if level >= identity.REGULAR:
            try:
                found |= (await identity.collect(ask, identity.REGULAR))[1]
            except DeviceRefused:
                return found  # it says it could tell more, and then will not: the basic objects stand
        return found

    async def _ask(self, question: Question, timeout_s: float) -> bytes:
        self._connected()
        await self._until_free(timeout_s)
        client = self._connected()
        self._inbox.ask(question, timeout_s)
        client.ctx.comm_params.timeout_connect = timeout_s
        client.ctx.next_tid = self._tid  # pymodbus begins anew at 0
        cancels = _cancels()
        try:
            judged = await client.execute(False, _Request(question))
        except ModbusIOException:
            self._gave_up(client, timeout_s)
        except ConnectionException as error:
            raise LinkDown(error.string.removeprefix("[Connection] ").rstrip(". ")) from None
        except ModbusException as error:
            raise BadReply(str(error), is_out_of_step=True) from None
        finally:
            self._tid = client.ctx.next_tid
            self._inbox.abandon(client.ctx.recv_buffer)
            if _cancels() > cancels:
                # pymodbus waits by asyncio.wait_for, which in Python 3.11 loses a cancel that comes together with the
                # reply or the end of the connection (python/cpython#86296): a link that was stopped would read on.
                raise asyncio.CancelledError
        return _payload(judged)

    def _connected(self) -> _Client:
        if self._client is None or not self._client.connected:
            raise LinkDown("the device closed the connection")
        return self._client

    async def _until_free(self, timeout_s: float) -> None:
        """Until no late answer can be on its way (MB-03) and the line was silent between two frames."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _QUIET_TIMEOUTS * timeout_s
        while self.is_connected and (left := self._inbox.free_at - loop.time()) > 0:
            if loop.time() > give_up_at:
                raise BadReply("the line is never quiet: somebody else sends on it", is_out_of_step=True)
            self._line_freed.clear()
            timer = loop.call_later(left, self._line_freed.set)
            try:
                await self._line_freed.wait()
            finally:
                timer.cancel()

    def _gave_up(self, client: _Client, timeout_s: float) -> None:
        """The time is over. Half an answer means that we are out of step on a connection that has no check sums."""
        if client.ctx.recv_buffer:
            size, patience_ms = len(client.ctx.recv_buffer), timeout_s * 1000
            is_out_of_step = isinstance(self._inbox, TcpInbox)
            text = f"{size} bytes of a reply and then nothing for {patience_ms:.0f} ms"
            raise BadReply(text, is_out_of_step=is_out_of_step)
        raise NoAnswer(f"time-out after {timeout_s * 1000:.0f} ms")

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
            _fail_waiting(client, "the connection was closed")

    def _connection_changed(self, is_connected: bool) -> None:
        """pymodbus lets a request wait out its time when the connection breaks; nobody needs to."""
        if not is_connected and self._client is not None:
            self._line_freed.set()
            _fail_waiting(self._client, "the device closed the connection")


class ModbusTcp(_Modbus):
    """The driver `modbus_tcp`: transaction ids tell late answers from right ones."""

    def _new_inbox(self) -> TcpInbox:
        return TcpInbox()


class ModbusRtuTcp(_Modbus):
    """The driver `modbus_rtu_tcp`: RTU frames through a serial device server or a gateway that is told to."""


class ModbusRtu(_Modbus):
    """The driver `modbus_rtu`: a serial line of this machine. `host`: /dev/...; `line`: like "19200 8E1"."""

    def _new_inbox(self) -> RtuInbox:
        try:
            gap_s = parse_line(self._line).t35_s
        except ValueError:
            gap_s = 0.0  # connect() says so; nothing is ever sent
        return RtuInbox(_now, gap_s, self._line_freed.set)

    def _new_client(self) -> AsyncModbusSerialClient:
        line = parse_line(self._line)
        return AsyncModbusSerialClient(
            self._host,
            baudrate=line.baud,
            bytesize=line.data_bits,
            parity=line.parity,
            stopbits=line.stop_bits,
            reconnect_delay=0,
            retries=0,
            trace_connect=self._connection_changed,
        )

    async def _open(self, client: _Client) -> None:
        """pymodbus opens the line at once, and its own side in the next two rounds of the event loop."""
        self._is_set_up.clear()
        transport, _ = await client.ctx.call_create()
        try:
            await self._is_set_up.wait()
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_soon(transport.close)  # not before pymodbus has come so far
            raise

    def _why_not_open(self, error: Exception) -> str:
        return _NOT_OPEN.get(getattr(error, "errno", None) or 0) or f"the serial port cannot be opened: {error}"

    def _connection_changed(self, is_connected: bool) -> None:
        self._is_set_up.set()
        super()._connection_changed(is_connected)


def _payload(judged: ModbusPDU) -> bytes:
    if not isinstance(judged, _Judged):
        raise BadReply(f"a reply nobody checked: {judged}", is_out_of_step=True)
    verdict = judged.verdict
    if verdict.wrong:
        raise BadReply(verdict.wrong, is_out_of_step=verdict.is_out_of_step)
    if verdict.code or not verdict.payload:
        raise DeviceRefused(verdict.code)
    return verdict.payload


def _fail_waiting(client: _Client, reason: str) -> None:
    future = client.ctx.response_future
    if not future.done():
        future.set_exception(ConnectionException(reason))
        future.exception()  # nobody may be waiting; asyncio would complain of an exception that was never looked at


def _now() -> float:
    return asyncio.get_running_loop().time()


def _cancels() -> int:
    """How often this task has been asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0
