"""Modbus frames: what a request looks like, and whether what came is its answer (MB-01). Pure.

One judge for all drivers. TCP and RTU differ only in what is put around the PDU (function code and what follows).
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

from devices.drivers import identity
from devices.plan import Read
from devices.points import Table
from devices.quirks import Quirks, RegistersBy

_READ: Final = Struct(">BHH")
_EXCEPTION_BIT: Final = 0x80
_EXCEPTION_FRAME: Final = 5
_WRITE_FRAME: Final = 8
_READS: Final = (1, 2, 3, 4)
_WRITES: Final = (5, 6, 15, 16)
NOISE_BYTES: Final = 4
"""So many bytes before or after an RTU frame are put up with: what a line picks up when its direction turns. The
shortest frame has five, so a second frame is never taken for noise."""
LONGEST_RTU: Final = 256


@dataclass(slots=True)  # not frozen, and Verdict neither: made for every request, in half the time
class Question:
    """A request and what its answer must be. `payload_bytes`: its byte count; None: the answer tells (FC 43)."""

    unit: int
    pdu: bytes
    payload_bytes: int | None
    any_unit: bool = False

    @property
    def function(self) -> int:
        return self.pdu[0]

    def could_be_answered_by(self, other: "Question", *, by_exception: bool) -> bool:
        """Whether an answer to `other` would pass for one to this question where there is no transaction id."""
        is_same_unit = self.unit == other.unit or self.any_unit
        is_same_length = by_exception or self.payload_bytes == other.payload_bytes
        return is_same_unit and is_same_length and self.function == other.function


@dataclass(slots=True)
class Verdict:
    """A payload, an exception code, or why it is not the answer.

    `is_out_of_step`: what follows on a TCP connection cannot be trusted either. `is_still_owed`: what came belongs to
    something else, so that the answer may yet come.
    """

    payload: bytes = b""
    code: int = 0
    wrong: str = ""
    is_out_of_step: bool = False
    is_still_owed: bool = False


def reading(unit: int, read: Read, quirks: Quirks) -> Question:
    """The question that a read asks of a unit with these quirks."""
    pdu = _READ.pack(function_for(read.table, quirks.registers_by), read.address, read.count)
    return Question(unit, pdu, read.payload_bytes, quirks.any_unit)


def function_for(table: Table, registers_by: RegistersBy) -> int:
    """The function code that reads the table, of a device that may know only one for registers (MB-10)."""
    if table.is_bits or registers_by is RegistersBy.TABLE:
        return table.function_code
    return 3 if registers_by is RegistersBy.FC3 else 4


def judge(question: Question, unit: int, pdu: bytes) -> Verdict:
    """Is this PDU, which came from `unit`, the answer (MB-01)? Of a well-formed frame; `pdu` is not empty."""
    if unit != question.unit and not question.any_unit:
        return Verdict(wrong=f"unit id {unit} instead of {question.unit}", is_still_owed=True)
    function = pdu[0]
    if function == question.function | _EXCEPTION_BIT:
        if len(pdu) != 2:
            return Verdict(wrong=f"an exception of {len(pdu)} bytes instead of 2", is_out_of_step=True)
        return Verdict(code=pdu[1])
    if function != question.function:
        return Verdict(wrong=f"function code {function} instead of {question.function}", is_still_owed=True)
    if question.payload_bytes is None:
        problem = identity.problem(pdu[1:])
        return Verdict(wrong=problem) if problem else Verdict(payload=pdu[1:])
    if len(pdu) < 2 or len(pdu) != 2 + pdu[1]:
        stated = pdu[1] if len(pdu) > 1 else "missing"
        return Verdict(wrong=f"byte count {stated} in a frame with {len(pdu) - 2} bytes", is_out_of_step=True)
    if pdu[1] != question.payload_bytes:
        return Verdict(wrong=f"{pdu[1]} bytes instead of {question.payload_bytes}", is_still_owed=True)
    return Verdict(payload=pdu[2:])


# -- RTU --------------------------------------------------------------------------------------------------------------


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC: Final = _crc_table()


def crc16(data: bytes) -> bytes:
    """The check sum of RTU (polynomial A001 reflected, start FFFF), as it goes on the wire: low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    body = bytes([unit]) + pdu
    return body + crc16(body)


def find_answer(question: Question, data: bytes) -> Verdict | None:
    """What all that came since the question amounts to. None: wait for more.

    Up to NOISE_BYTES before and after the frame are passed over. More after it is another frame, and then nobody can
    say which of the two is the answer.
    """
    request = rtu_frame(question.unit, question.pdu)
    if data.startswith(request):
        return Verdict(
            wrong="the request itself came back: the line or its adapter echoes; switch the echo off",
            is_still_owed=True,
        )
    is_waiting = False
    for begin in range(min(NOISE_BYTES + 1, len(data))):
        if begin and not _may_begin(question, data, begin):
            continue
        end = _frame_end(data, begin)
        if end is None or end > len(data):
            is_waiting = True
        elif end and data[end - 2 : end] == crc16(data[begin : end - 2]):
            return _with_rest(judge(question, data[begin], data[begin + 1 : end - 2]), len(data) - end)
    if is_waiting and len(data) <= LONGEST_RTU + NOISE_BYTES:
        return None
    reason = f"no frame with a right check sum in {len(data)} bytes"
    return Verdict(wrong=reason, is_still_owed=not begins_answer(question, data))


def begins_answer(question: Question, data: bytes) -> bool:
    """Whether these bytes, whole or not, damaged or not, look like the beginning of the answer."""
    return any(len(data) > begin + 1 and _may_begin(question, data, begin) for begin in range(NOISE_BYTES + 1))


def _with_rest(verdict: Verdict, rest: int) -> Verdict:
    if rest <= NOISE_BYTES or verdict.wrong:
        return verdict
    return Verdict(wrong=f"{rest} bytes more after an answer: which is the right one is not known", is_still_owed=True)


def _may_begin(question: Question, data: bytes, begin: int) -> bool:
    """Behind noise only what looks like the answer is looked at."""
    unit, function = data[begin], data[begin + 1 : begin + 2]
    if unit != question.unit and not question.any_unit:
        return False
    return not function or function[0] & ~_EXCEPTION_BIT == question.function


def _frame_end(data: bytes, begin: int) -> int | None:
    """Where the frame that begins there ends; None: more bytes will tell; 0: no frame we know begins so."""
    if len(data) < begin + 3:
        return None
    function, third = data[begin + 1], data[begin + 2]
    if function & _EXCEPTION_BIT:
        return begin + _EXCEPTION_FRAME
    if function in _READS:
        return begin + 3 + third + 2
    if function in _WRITES:
        return begin + _WRITE_FRAME
    if function == identity.FUNCTION:
        end = identity.end(data, begin + 2)
        return end and end + 2
    return 0
