"""Modbus TCP by pymodbus. The only file that speaks pymodbus as a client.

pymodbus 3.16 lets through replies with another function code or another length than asked for. So its framer is
replaced by one that checks the raw frame against the request (MB-01) and hands the payload on undecoded. Its
repeats, its own reconnecting and its log lines are switched off: the link decides, and says it once.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from struct import Struct
from typing import Final

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException, ModbusIOException
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from devices.drivers.base import BadReply, DeviceRefused, LinkDown, NoAnswer
from devices.plan import Read
from devices.points import Table

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

_MBAP: Final = Struct(">HHHB")
_BEFORE_LENGTH_COUNTS: Final = 6
_MIN_LENGTH: Final = 3
_MAX_LENGTH: Final = 254
_EXCEPTION_BIT: Final = 0x80
_BUFFER_BYTES: Final = 1 << 20
_REMEMBERED_TIDS: Final = 64
_NEVER: Final = 1 << 30

_REQUEST: Final = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
    Table.INPUT: ReadInputRegistersRequest,
}


@dataclass(frozen=True, slots=True)
class _Awaited:
    function: int
    payload_bytes: int


class _Verdict(ModbusPDU):
    """What the framer makes of a frame: a payload, an exception code, or why it is not the answer."""

    def __init__(
        self, *, payload: bytes = b"", code: int = 0, wrong: str = "", is_out_of_step: bool = False
    ) -> None:  # without ModbusPDU.__init__: none of its fields is used, and this is made for every reply
        self.payload = payload
        self.exception_code = code
        self.wrong = wrong
        self.is_out_of_step = is_out_of_step


class _CheckingFramer(FramerSocket):
    def __init__(self) -> None:
        super().__init__(DecodePDU(False))
        self.awaited: _Awaited | None = None
        self.abandoned: deque[int] = deque(maxlen=_REMEMBERED_TIDS)
        self.late = 0
        self.stray = 0

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:
        """How many bytes are dealt with, and the verdict on the awaited reply as soon as there is one."""
        used = 0
        while len(data) - used >= _MBAP.size:
            tid, protocol, length, unit = _MBAP.unpack_from(data, used)
            if protocol != 0 or not _MIN_LENGTH <= length <= _MAX_LENGTH:
                reason = f"not a Modbus TCP frame: protocol id {protocol}, length {length}"
                return len(data), self._judged(_Verdict(wrong=reason, is_out_of_step=True), exp_devid, exp_tid)
            end = used + _BEFORE_LENGTH_COUNTS + length
            if len(data) < end:
                break
            pdu, used = data[used + _MBAP.size : end], end
            is_awaited = self.awaited is not None and tid == exp_tid
            if tid in self.abandoned and not is_awaited:  # numbers come round again: the newest request has the right
                self.abandoned.remove(tid)
                self.late += 1
                continue
            if self.awaited is None:
                self.stray += 1
                continue
            return used, self._judged(
                _verdict(self.awaited, (tid, unit), (exp_tid, exp_devid), pdu), exp_devid, exp_tid
            )
        return used, None

    def _judged(self, verdict: _Verdict, unit: int, tid: int) -> _Verdict | None:
        if self.awaited is None:
            self.stray += 1
            return None
        self.awaited = None
        verdict.dev_id, verdict.transaction_id = unit, tid  # pymodbus compares them once more
        return verdict


def _verdict(awaited: _Awaited, got: tuple[int, int], asked: tuple[int, int], pdu: bytes) -> _Verdict:
    """Is this frame the answer (MB-01)? `got` and `asked`: transaction id and unit id."""
    if got[0] != asked[0]:
        return _Verdict(wrong=f"transaction id {got[0]} instead of {asked[0]}", is_out_of_step=True)
    if got[1] != asked[1]:
        return _Verdict(wrong=f"unit id {got[1]} instead of {asked[1]}")
    function = pdu[0]
    if function == awaited.function | _EXCEPTION_BIT:
        if len(pdu) != 2:
            return _Verdict(wrong=f"an exception of {len(pdu)} bytes instead of 2", is_out_of_step=True)
        return _Verdict(code=pdu[1])
    if function != awaited.function:
        return _Verdict(wrong=f"function code {function} instead of {awaited.function}")
    if len(pdu) != 2 + pdu[1]:
        return _Verdict(wrong=f"byte count {pdu[1]} in a frame with {len(pdu) - 2} bytes", is_out_of_step=True)
    if pdu[1] != awaited.payload_bytes:
        return _Verdict(wrong=f"{pdu[1]} bytes instead of {awaited.payload_bytes}")
    return _Verdict(payload=pdu[2:])


class ModbusTcp:
    """The driver `modbus_tcp` (devices/drivers/base.py)."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._framer = _CheckingFramer()
        self._client: AsyncModbusTcpClient | None = None

    @property
    def late_replies(self) -> int:
        return self._framer.late

    @property
    def stray_replies(self) -> int:
        return self._framer.stray

    @property
    def is_connected(self) -> bool:
        return self._client is not None and self._client.connected

    async def connect(self, timeout_s: float) -> None:
        self.close()
        client = AsyncModbusTcpClient(
            self._host, port=self._port, reconnect_delay=0, retries=0, trace_connect=self._connection_changed
        )
        client.set_max_no_responses(_NEVER)
        client.ctx.framer = self._framer
        client.ctx.max_buffer_size = (
            _BUFFER_BYTES  # more than an event loop reads at once; larger pieces would be thrown away unseen
        )
        self._framer.awaited = None
        self._framer.abandoned.clear()
        self._client = client
        try:
            async with asyncio.timeout(timeout_s):
                await client.ctx.call_create()
        except TimeoutError:
            self.close()
            raise LinkDown(f"no connection within {timeout_s * 1000:.0f} ms") from None
        except OSError as error:
            self.close()
            raise LinkDown(_said(error)) from None
        except asyncio.CancelledError:
            self.close()
            raise

    async def read(self, unit: int, read: Read, timeout_s: float) -> bytes:
        client = self._client
        if client is None or not client.connected:
            raise LinkDown("the device closed the connection")
        request = _REQUEST[read.table](dev_id=unit, address=read.address, count=read.count)
        self._framer.awaited = _Awaited(read.table.function_code, read.payload_bytes)
        client.ctx.comm_params.timeout_connect = timeout_s
        cancels = _cancels()
        try:
            verdict = await client.execute(False, request)
        except ModbusIOException:
            self._gave_up(client, timeout_s)
        except ConnectionException as error:
            raise LinkDown(error.string.removeprefix("[Connection] ").rstrip(". ")) from None
        except ModbusException as error:
            raise BadReply(str(error), is_out_of_step=True) from None
        finally:
            self._framer.awaited = None
            if _cancels() > cancels:
                # pymodbus waits by asyncio.wait_for, which in Python 3.11 loses a cancel that comes together with the
                # reply or the end of the connection (python/cpython#86296): a link that was stopped would read on.
                raise asyncio.CancelledError
        return self._payload(verdict)

    def _gave_up(self, client: AsyncModbusTcpClient, timeout_s: float) -> None:
        """The time is over. A late answer must be known when it comes; half an answer means that we are out of step."""
        if client.ctx.recv_buffer:
            size = len(client.ctx.recv_buffer)
            raise BadReply(
                f"{size} bytes of a reply and then nothing for {timeout_s * 1000:.0f} ms", is_out_of_step=True
            )
        self._framer.abandoned.append(client.ctx.request_transaction_id)
        raise NoAnswer(f"time-out after {timeout_s * 1000:.0f} ms")

    def _payload(self, verdict: ModbusPDU) -> bytes:
        if not isinstance(verdict, _Verdict):
            raise BadReply(f"a reply nobody checked: {verdict}", is_out_of_step=True)
        if verdict.wrong:
            raise BadReply(verdict.wrong, is_out_of_step=verdict.is_out_of_step)
        if verdict.exception_code or not verdict.payload:
            raise DeviceRefused(verdict.exception_code)
        return verdict.payload

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
            _fail_waiting(client, "the connection was closed")

    def _connection_changed(self, is_connected: bool) -> None:
        """pymodbus lets a request wait out its time when the connection breaks; nobody needs to."""
        if not is_connected and self._client is not None:
            _fail_waiting(self._client, "the device closed the connection")


def _fail_waiting(client: AsyncModbusTcpClient, reason: str) -> None:
    future = client.ctx.response_future
    if not future.done():
        future.set_exception(ConnectionException(reason))
        future.exception()  # nobody may be waiting; asyncio would complain of an exception that was never looked at


def _cancels() -> int:
    """How often this task has been asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _said(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return error.strerror or str(error) or type(error).__name__
