"""MB-05, MB-06: few requests, within the limits of the device, and no value torn."""

from hypothesis import given
from hypothesis import strategies as st

from devices.plan import MAX_BITS, Read, plan
from devices.points import DataType, Point, Table

registers = st.builds(
    lambda address, kind: (Table.HOLDING, address, kind),
    st.integers(0, 300),
    st.sampled_from([DataType.UINT16, DataType.INT16, DataType.FLOAT32, DataType.INT32, DataType.BOOL]),
)
inputs = st.builds(lambda a, k: (Table.INPUT, a, k), st.integers(65400, 65535), st.sampled_from(list(DataType)))
bits = st.builds(
    lambda t, a: (t, a, DataType.BOOL), st.sampled_from([Table.COIL, Table.DISCRETE]), st.integers(0, 9000)
)
wanted = st.lists(st.one_of(registers, inputs, bits), max_size=80)


def points_of(cells: list[tuple[Table, int, DataType]]) -> list[Point]:
    return [Point(tag, table, address, kind) for tag, (table, address, kind) in enumerate(cells)]


def limit_of(read: Read, max_registers: int) -> int:
    return MAX_BITS if read.table.is_bits else max_registers


@given(wanted, st.integers(1, 125), st.integers(0, 100))
def test_every_readable_point_is_in_exactly_one_request(
    cells: list[tuple[Table, int, DataType]], max_registers: int, max_gap: int
) -> None:
    points = points_of(cells)
    made = plan(points, max_registers, max_gap)
    planned = [p.tag for read in made.reads for p in read.points] + [p.tag for p in made.impossible]
    assert sorted(planned) == [p.tag for p in points]
    assert all(p.end > 65536 or p.data_type.registers > max_registers for p in made.impossible)


@given(wanted, st.integers(1, 125), st.integers(0, 100))
def test_limits_are_kept_and_no_value_is_split(
    cells: list[tuple[Table, int, DataType]], max_registers: int, max_gap: int
) -> None:
    for read in plan(points_of(cells), max_registers, max_gap).reads:
        assert 1 <= read.count <= limit_of(read, max_registers)
        assert read.address + read.count <= 65536
        end = read.address
        for point in read.points:
            assert point.table is read.table
            assert read.address <= point.address
            assert point.end <= read.address + read.count
            gap = max_gap * 16 if read.table.is_bits else max_gap
            assert point.address - end <= gap
            end = max(end, point.end)
        assert end == read.address + read.count


def fewest(points: list[Point], limit: int, gap: int) -> int:
    """The smallest number of requests over sorted points, by trying every cut."""
    best = [0]
    for i in range(1, len(points) + 1):
        options = []
        for j in range(i):
            part = points[j:i]
            end, is_joined = part[0].end, True
            for point in part[1:]:
                is_joined = is_joined and point.address - end <= gap
                end = max(end, point.end)
            if is_joined and end - part[0].address <= limit:
                options.append(best[j] + 1)
        best.append(min(options))
    return best[-1]


@given(st.lists(registers, min_size=1, max_size=14), st.integers(2, 40), st.integers(0, 20))
def test_no_other_plan_needs_fewer_requests(
    cells: list[tuple[Table, int, DataType]], max_registers: int, max_gap: int
) -> None:
    points = sorted(points_of(cells), key=lambda p: (p.address, p.end))
    made = plan(points, max_registers, max_gap)
    assert len(made.reads) == fewest(points, max_registers, max_gap)


def test_a_full_map_of_floats_is_read_in_whole_values() -> None:
    points = [Point(i, Table.HOLDING, 2 * i, DataType.FLOAT32) for i in range(200)]
    made = plan(points, 125, 8)
    assert [read.count for read in made.reads] == [124, 124, 124, 28]


def test_a_device_of_single_registers_cannot_deliver_a_32_bit_value() -> None:
    points = [Point(1, Table.HOLDING, 0, DataType.FLOAT32), Point(2, Table.HOLDING, 2, DataType.UINT16)]
    made = plan(points, 1, 8)
    assert [p.tag for p in made.impossible] == [1]
    assert [read.count for read in made.reads] == [1]


def test_a_number_in_a_bit_table_is_a_mistake_of_the_configuration() -> None:
    assert plan([Point(1, Table.COIL, 0, DataType.UINT16)], 100, 8).impossible


def test_the_byte_count_of_a_right_answer() -> None:
    """MB-01: 2 x quantity, or the bits rounded up to bytes."""
    assert Read(Table.HOLDING, 0, 10, ()).payload_bytes == 20
    assert Read(Table.COIL, 0, 10, ()).payload_bytes == 2
