"""What a serial line can carry, by the figures of the standard."""

import pytest

from devices.line_load import Line, load_pct, parse_line, read_s
from devices.plan import Read
from devices.points import Table

FULL = Read(Table.HOLDING, 0, 125, ())


@pytest.mark.parametrize(
    ("baud", "t35_ms", "t15_ms"), [(9600, 4.010, 1.719), (19200, 2.005, 0.859), (38400, 1.75, 0.75)]
)
def test_the_silences_are_those_of_the_standard(baud: int, t35_ms: float, t15_ms: float) -> None:
    """MB-09: characters of 11 bits up to 19,200, fixed times above."""
    line = Line(baud, 8, "E", 1)
    assert (round(line.t35_s * 1000, 3), round(line.t15_s * 1000, 3)) == (t35_ms, t15_ms)


@pytest.mark.parametrize(("baud", "ms"), [(9600, 309), (19200, 155), (115200, 29)])
def test_a_read_of_125_registers_keeps_the_line_for_so_long(baud: int, ms: int) -> None:
    """MB-09."""
    assert round(read_s(Line(baud, 8, "E", 1), FULL) * 1000) == ms


def test_ten_bits_are_sent_sooner_than_eleven_and_a_slow_device_keeps_the_line() -> None:
    eleven, ten = parse_line("9600 8E1"), parse_line("9600 8N1")
    assert (eleven.bits_per_character, ten.bits_per_character, parse_line("9600 8N2").bits_per_character) == (
        11,
        10,
        11,
    )
    assert read_s(ten, FULL) < read_s(eleven, FULL)
    assert read_s(ten, FULL, turnaround_s=0.02) == pytest.approx(read_s(ten, FULL) + 0.02)


def test_bits_take_an_eighth_of_a_byte_each() -> None:
    line = parse_line("9600 8E1")
    coils, one = Read(Table.COIL, 0, 16, ()), Read(Table.HOLDING, 0, 1, ())
    assert read_s(line, coils) == read_s(line, one)


def test_the_load_is_the_sum_over_all_reads() -> None:
    line = parse_line("9600 8E1")
    assert load_pct(line, []) == 0
    assert load_pct(line, [(FULL, 1000)]) == pytest.approx(30.9, abs=0.05)
    assert load_pct(line, [(FULL, 1000), (FULL, 500)]) == pytest.approx(92.8, abs=0.1)
    assert load_pct(parse_line("1200 8E1"), [(FULL, 1000)]) > 100


@pytest.mark.parametrize("text", ["19200 8E1", "9600 8N2", " 9600 8n1 ", ""])
def test_settings_are_read_as_people_write_them(text: str) -> None:
    assert str(parse_line(text)) == (text.strip().upper() or "19200 8E1")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fast", "like 19200 8E1"),
        ("19200", "like 19200 8E1"),
        ("19200 9E1", "like 19200 8E1"),
        ("19201 8E1", "19201 is no speed"),
        ("0 8E1", "0 is no speed"),
        ("9600 7E1", "RTU needs 8 data bits"),
    ],
)
def test_settings_that_mean_nothing_are_refused_with_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_line(text)
