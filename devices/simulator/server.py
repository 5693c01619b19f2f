"""The demo's devices on the wire: Modbus TCP, spoken by hand, because faults have to go below any library.

A port is one network connection of the plant: a device of its own, or a gateway with a line behind it, on which one
request is worked at a time whoever asked.
"""

import asyncio
from collections.abc import Callable, Mapping
from struct import pack, unpack_from
from typing import Final, cast

from devices.points import Table
from devices.simulator.cells import Refused, Unit
from devices.simulator.faults import Fault
from devices.simulator.process import Waterworks

HEADER: Final = 7
"""MBAP: transaction, protocol, length, unit."""
LONGEST: Final = 254
MOST_CONNECTIONS: Final = 16
MOST_WAITING: Final = 32
"""Requests that wait on one connection. Who sends more without reading answers is cut off."""
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, BUSY = 1, 2, 3, 6
SLOW_S: Final = 1.2
WRONG_UNIT: Final = 9
_READS: Final = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_WRITES: Final = {5: Table.COIL, 15: Table.COIL, 6: Table.HOLDING, 16: Table.HOLDING}


class ModbusError(Exception):
    """The request is refused with this exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code:02X}")
        self.code = code


Image = dict[int, int]


class Port:
    """One port and the units behind it. `is_line`: they share a serial line, so one waits for the other."""

    def __init__(
        self, works: Waterworks, units: Mapping[int, Unit], *, any_unit: bool = False, is_line: bool = False,
        faults: Mapping[Fault, str] | None = None,
    ) -> None:  # fmt: skip
        """`any_unit`: answers to every unit id, as devices with a network port of their own mostly do.

        `faults`: which faults befall this port, and how: frozen, silent, busy, cut, slow or wrong_unit.
        """
        self.works = works
        self._units = units
        self._any = next(iter(units.values())) if any_unit else None
        self._is_line = is_line
        self._faults = faults or {}
        self._images: dict[tuple[int, Table], tuple[float, Image]] = {}
        self._busy_until = 0.0

    def suffers(self, how: str) -> bool:
        return any(self._faults.get(fault) == how for fault in self.works.faults)

    def answer_at(self, unit: int, now_s: float) -> float:
        """When the answer to a request that comes now leaves."""
        asked = self._unit(unit)
        takes_s = SLOW_S if self.suffers("slow") else asked.delay_s if asked is not None else 0.0
        if not self._is_line:
            return now_s + takes_s
        self._busy_until = max(now_s, self._busy_until) + takes_s
        return self._busy_until

    def answer(self, unit: int, pdu: bytes, now_s: float) -> bytes | None:
        """The reply to a request, unit id before it; None where silence is the answer."""
        asked = self._unit(unit)
        if asked is None or asked.is_dead or self.suffers("silent"):
            return None
        says = WRONG_UNIT if self.suffers("wrong_unit") else unit
        try:
            if self.suffers("busy"):
                raise ModbusError(BUSY)
            if pdu[0] not in asked.knows:
                raise ModbusError(ILLEGAL_FUNCTION)
            return bytes([says]) + self._work(unit, asked, pdu, now_s)
        except ModbusError as error:
            return bytes([says, pdu[0] | 0x80, error.code])

    def _unit(self, unit: int) -> Unit | None:
        return self._any or self._units.get(unit)

    def _work(self, number: int, unit: Unit, pdu: bytes, now_s: float) -> bytes:
        code = pdu[0]
        if code == 43:
            return _identification(unit, pdu)
        if len(pdu) < 5:
            raise ModbusError(ILLEGAL_VALUE)
        if code in _READS:
            return self._read(number, unit, pdu, now_s)
        return self._write(unit, pdu)

    def _read(self, number: int, unit: Unit, pdu: bytes, now_s: float) -> bytes:
        code, address, count = unpack_from(">BHH", pdu)
        table = _READS[code]
        if not 1 <= count <= (2000 if table.is_bits else 125) or len(pdu) != 5:
            raise ModbusError(ILLEGAL_VALUE)
        if not unit.has(table, address, count):
            raise ModbusError(ILLEGAL_ADDRESS)
        image = self._image(number, unit, table, now_s)
        found = [image.get(a, 0) for a in range(address, address + count)]
        if not table.is_bits:
            return pack(f">BB{count}H", code, 2 * count, *found)
        packed = bytearray((count + 7) // 8)
        for place, bit in enumerate(found):
            packed[place // 8] |= bit << place % 8
        return bytes([code, len(packed)]) + packed

    def _image(self, number: int, unit: Unit, table: Table, now_s: float) -> Image:
        """One moment of the process for all requests of a scan: made anew when the last is 50 ms old."""
        known = self._images.get((number, table))
        if known is not None and (now_s - known[0] < 0.05 or self.suffers("frozen")):
            return known[1]
        made = unit.image(self.works, table)
        self._images[number, table] = now_s, made
        return made

    def _write(self, unit: Unit, pdu: bytes) -> bytes:
        address, values = _written(pdu)
        table = _WRITES[pdu[0]]
        if not unit.has(table, address, len(values)):
            raise ModbusError(ILLEGAL_ADDRESS)
        if not self.suffers("frozen"):
            try:
                unit.write(self.works, table, address, values)
            except LookupError:
                raise ModbusError(ILLEGAL_ADDRESS) from None
            except Refused:
                raise ModbusError(ILLEGAL_VALUE) from None
            self._images.clear()
        return pdu[:5]


def _written(pdu: bytes) -> tuple[int, list[int]]:
    """Address and values of a write. Raises ModbusError for what is no write."""
    code, address, word = unpack_from(">BHH", pdu)
    if code in (5, 6):
        if len(pdu) != 5 or (code == 5 and word not in (0, 0xFF00)):
            raise ModbusError(ILLEGAL_VALUE)
        return address, [int(word == 0xFF00) if code == 5 else word]
    size = 2 * word if code == 16 else (word + 7) // 8
    most = 123 if code == 16 else 1968
    if not 1 <= word <= most or len(pdu) != 6 + size or pdu[5] != size:
        raise ModbusError(ILLEGAL_VALUE)
    if code == 16:
        return address, list(unpack_from(f">{word}H", pdu, 6))
    return address, [pdu[6 + n // 8] >> n % 8 & 1 for n in range(word)]


def _identification(unit: Unit, pdu: bytes) -> bytes:
    """FC 43/14. All objects fit into one answer."""
    if len(pdu) != 4 or pdu[1] != 14 or pdu[2] not in (1, 2, 3, 4):
        raise ModbusError(ILLEGAL_VALUE if len(pdu) == 4 and pdu[1] == 14 else ILLEGAL_FUNCTION)
    first, last = (pdu[3], pdu[3]) if pdu[2] == 4 else (pdu[3], {1: 2, 2: 0x7F, 3: 0xFF}[pdu[2]])
    if first not in unit.identity:
        if pdu[2] == 4:
            raise ModbusError(ILLEGAL_ADDRESS)
        first = 0
    objects = {n: text.encode("ascii") for n, text in sorted(unit.identity.items()) if first <= n <= last}
    said = b"".join(bytes([n, len(text)]) + text for n, text in objects.items())
    return bytes([43, 14, pdu[2], 0x82, 0, 0, len(objects)]) + said


class Connection(asyncio.Protocol):
    """One client. Frames are cut out of the stream; replies leave when the device would have them ready."""

    def __init__(self, port: Port, connections: set["Connection"]) -> None:
        self._port = port
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # that of uvloop is none by its class
        self._transport = transport
        if len(self._connections) >= MOST_CONNECTIONS:
            transport.abort()
        else:
            self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio calls with it)
        self._connections.discard(self)
        self._transport = None

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= HEADER:
            transaction, protocol, length, unit = unpack_from(">HHHB", self._buffer)
            if protocol != 0 or not 2 <= length <= LONGEST or self._waiting > MOST_WAITING:
                self.cut()
                return
            if len(self._buffer) < 6 + length:
                return
            pdu = bytes(self._buffer[HEADER : 6 + length])
            del self._buffer[: 6 + length]
            self._waiting += 1
            self._loop.call_at(self._port.answer_at(unit, self._loop.time()), self._reply, transaction, unit, pdu)

    def _reply(self, transaction: int, unit: int, pdu: bytes) -> None:
        self._waiting -= 1
        if self._transport is None:
            return
        said = self._port.answer(unit, pdu, self._loop.time())
        if said is not None:
            self._transport.write(pack(">HHH", transaction, 0, len(said)) + said)


class PortServer:
    """Listens for one port, and stops listening while its cable is cut."""

    def __init__(self, port: Port, host: str, number: int) -> None:
        self._port = port
        self._host = host
        self._number = number
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Raises OSError with a sentence when the port is taken."""
        loop = asyncio.get_running_loop()
        make: Callable[[], Connection] = lambda: Connection(self._port, self._connections)  # noqa: E731 (short)
        try:
            self._server = await loop.create_server(make, self._host, self._number)
        except OSError as error:
            text = f"port {self._number} of {self._host} cannot be served; is something else using it?"
            raise OSError(text) from error

    async def follow(self) -> None:
        """Be cut off or there, as the faults have it."""
        is_cut = self._port.suffers("cut")
        if is_cut and self._server is not None:
            self.close()
        elif not is_cut and self._server is None:
            await self.open()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.cut()
