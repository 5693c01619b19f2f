"""Who watches the faulty devices would notice a false value; without that their tests would show nothing."""

import struct
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from bus import keys
from bus.messages import FULL, LIVE, Block, Value, encode
from bus.quality import GOOD, UNCERTAIN_NO_COMMUNICATION
from devices.points import Table
from tests.devices.rig import a_device
from tests.interop.faulty import Device, Framing, Request, now_ms, rtu_crc
from tests.interop.witness import Witness, points

READ = Request(Framing.TCP, unit=1, function=3, address=0, count=4)


def values_of(device: Device, request: Request = READ) -> list[int]:
    payload = device.pdu(request)[2:]
    return list(struct.unpack(f">{len(payload) // 4}I", payload))


def knowing(bus: Redis) -> tuple[Witness, Device]:
    witness, device = Witness(bus), Device()
    witness.knows(device, a_device(1, 502), points(1, Table.HOLDING, [0, 2]))
    return witness, device


async def said(
    bus: Redis, values: list[Value], *, status: int = GOOD, at_ms: int = 0, ids: tuple[int, ...] = (1, 2)
) -> None:
    flags = FULL if len(ids) == 2 else LIVE
    block = Block(0, 1, "1:100", 1, at_ms or now_ms(), flags, ids, values, [status] * len(ids))
    await bus.xadd(keys.SAMPLES, {"b": encode(block)})


async def test_what_stood_in_the_registers_is_true(bus: Redis) -> None:
    witness, device = knowing(bus)
    await said(bus, [*values_of(device)])
    await witness.look()
    assert (witness.false, witness.good) == ([], 2)
    assert witness.are_good([1, 2])


@pytest.mark.parametrize(
    "request_of_another",
    [
        replace(READ, address=2),
        replace(READ, unit=2),
        replace(READ, function=4),
    ],
)
async def test_the_registers_of_another_place_are_false(bus: Redis, request_of_another: Request) -> None:
    witness, device = knowing(bus)
    await said(bus, [*values_of(device, request_of_another)])
    await witness.look()
    assert len(witness.false) == 2


async def test_a_value_torn_from_two_replies_is_false(bus: Redis) -> None:
    witness, device = knowing(bus)
    before, after = values_of(device)[0], values_of(device)[0]
    await said(bus, [before & 0xFFFF0000 | after & 0xFFFF], ids=(1,))
    await witness.look()
    assert "never stood" in witness.false[0]


async def test_an_old_value_that_is_said_to_be_new_is_false(bus: Redis) -> None:
    witness, device = knowing(bus)
    await said(bus, [*values_of(device)], at_ms=now_ms() + 1500)
    await witness.look()
    assert "was made 1" in witness.false[0]


async def test_a_value_that_stays_good_though_nobody_reads_it_again_is_false(bus: Redis) -> None:
    """UA-05."""
    witness, device = knowing(bus)
    await said(bus, [*values_of(device)])
    await said(bus, [values_of(device)[0]], ids=(1,))
    await witness.look()
    assert witness.false == []
    await said(bus, [], ids=(), at_ms=now_ms() + 3000)
    await witness.look()
    assert len(witness.false) == 2


async def test_what_is_marked_may_be_anything(bus: Redis) -> None:
    witness, _ = knowing(bus)
    await said(bus, [1, 2], status=UNCERTAIN_NO_COMMUNICATION)
    await witness.look()
    assert (witness.false, witness.good) == ([], 0)
    assert witness.are_marked([1, 2])


def test_the_checksum_of_a_frame_is_that_of_the_standard() -> None:
    """MODBUS over Serial Line V1.02, appendix B: 02 07 has the checksum 41 12."""
    assert rtu_crc(bytes([0x02, 0x07])) == bytes([0x41, 0x12])
