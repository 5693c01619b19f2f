"""What each kind of alarm makes of values and their quality."""

import math

import pytest

from alarms.condition import UNHEARD, Rate, Sample, Truth, holds
from alarms.definition import Condition
from alarms.kinds import Kind
from bus.messages import Value
from bus.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    BAD_NOT_CONNECTED,
    BAD_OUT_OF_SERVICE,
    BAD_SENSOR_FAILURE,
    BAD_TIMEOUT,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    GOOD_CLAMPED,
    GOOD_LOCAL_OVERRIDE,
    LIMIT_HIGH,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_LAST_USABLE,
    UNCERTAIN_NO_COMMUNICATION,
    UNCERTAIN_SUBNORMAL,
)
from devices.expressions import ExpressionError

HIGH = Condition(Kind.HI, 1, 10.0, 1.0)
LOW = Condition(Kind.LO, 1, 2.0, 1.0)
HELD = (
    BAD_SENSOR_FAILURE, BAD_TIMEOUT, BAD_OUT_OF_SERVICE, BAD_WAITING_FOR_INITIAL_DATA, BAD_CONFIGURATION_ERROR,
    UNCERTAIN_LAST_USABLE, UNCERTAIN_NO_COMMUNICATION, UNCERTAIN_NO_COMMUNICATION | LIMIT_HIGH, UNHEARD, 0xC0000000,
)  # fmt: skip
JUDGED = (GOOD, GOOD_CLAMPED, GOOD_LOCAL_OVERRIDE, UNCERTAIN_EU_EXCEEDED | LIMIT_HIGH, UNCERTAIN_SUBNORMAL)


def judged(condition: Condition, value: Value, was: bool = False, status: int = GOOD, *others: Value) -> bool | None:
    """Tag 1 has the value and status, tags 2 and on have the others."""
    samples = {1: Sample(value, status)} | {n: Sample(other, GOOD) for n, other in enumerate(others, start=2)}
    return holds(condition, samples, was)


@pytest.mark.parametrize(
    ("condition", "value", "was", "is_true"),
    [
        (HIGH, 9.99, False, False), (HIGH, 10.0, False, True), (HIGH, 9.01, True, True), (HIGH, 9.0, True, False),
        (HIGH, 9.5, False, False), (LOW, 2.01, False, False), (LOW, 2.0, False, True), (LOW, 2.99, True, True),
        (LOW, 3.0, True, False), (LOW, 2.5, False, False),
    ],
)  # fmt: skip
def test_a_level_comes_at_the_setpoint_and_goes_behind_the_deadband(
    condition: Condition, value: float, was: bool, is_true: bool
) -> None:
    """ALM-14"""
    assert judged(condition, value, was) is is_true


@pytest.mark.parametrize("kind", [Kind.HI, Kind.LO, Kind.DEVIATION])
def test_at_the_setpoint_an_alarm_without_deadband_stays(kind: Kind) -> None:
    """ALM-14: it would else come and go with every sample."""
    assert judged(Condition(kind, 1, 10.0), 10.0, was=True) is True


@pytest.mark.parametrize("status", HELD)
def test_what_is_bad_or_kept_from_before_cannot_be_judged(status: int) -> None:
    for condition in (HIGH, LOW, Condition(Kind.DISCRETE, 1, states=(99,)), Condition(Kind.DEVIATION, 1, 5.0)):
        for was in (False, True):
            assert judged(condition, 99.0, was, status) is None


@pytest.mark.parametrize("status", JUDGED)
def test_other_uncertain_values_are_judged(status: int) -> None:
    assert judged(HIGH, 12.0, False, status) is True


@pytest.mark.parametrize("value", [None, "12", math.nan, math.inf, -math.inf])
def test_what_is_no_number_cannot_be_judged_though_it_be_called_good(value: Value) -> None:
    assert judged(HIGH, value, was=True) is None


def test_a_deviation_is_measured_up_and_down_from_reference_or_target() -> None:
    to_tag = Condition(Kind.DEVIATION, 1, 5.0, 1.0, reference=2)
    assert [judged(to_tag, v, False, GOOD, 50.0) for v in (44.9, 45.0, 45.1, 54.9, 55.0)] == [
        True, True, False, False, True,
    ]  # fmt: skip
    assert judged(to_tag, 45.9, True, GOOD, 50.0) is True
    assert judged(to_tag, 46.0, True, GOOD, 50.0) is False
    assert judged(Condition(Kind.DEVIATION, 1, 5.0, target=50.0), 55.0) is True
    assert holds(to_tag, {1: Sample(80.0, GOOD), 2: Sample(None, BAD_SENSOR_FAILURE)}, False) is None


def test_a_state_is_one_of_the_alarm_states() -> None:
    trip = Condition(Kind.DISCRETE, 1, states=(2, 3))
    assert [judged(trip, v) for v in (1, 2, 3.0, 2.5, 4)] == [False, True, True, False, False]
    assert judged(Condition(Kind.DISCRETE, 1, states=(1,)), True) is True
    assert judged(Condition(Kind.DISCRETE, 1, states=(0,)), False) is True


_QUALITY = {
    GOOD: (False, False), UNCERTAIN_SUBNORMAL: (False, False), BAD_SENSOR_FAILURE: (True, False),
    BAD_DEVICE_FAILURE: (True, False), BAD_CONFIGURATION_ERROR: (True, False), UNCERTAIN_LAST_USABLE: (True, False),
    BAD_WAITING_FOR_INITIAL_DATA: (True, None), UNCERTAIN_NO_COMMUNICATION: (None, True), BAD_TIMEOUT: (None, True),
    BAD_NO_COMMUNICATION: (None, True), BAD_NOT_CONNECTED: (None, True), BAD_OUT_OF_SERVICE: (None, None),
}  # fmt: skip


@pytest.mark.parametrize(("status", "expected"), _QUALITY.items())
def test_bad_quality_and_a_lost_connection_are_two_alarms(status: int, expected: tuple[bool | None, ...]) -> None:
    """What is out of service is neither; of a silent device's instruments nothing is known."""
    for was in (False, True):
        found = tuple(judged(Condition(kind, 1), 5.0, was, status) for kind in (Kind.BAD_QUALITY, Kind.COMM))
        assert found == expected


def test_whatever_is_not_good_is_seen_by_one_of_the_two_or_on_purpose_by_none() -> None:
    seen = {status for status, (bad, comm) in _QUALITY.items() if bad or comm}
    assert set(_QUALITY) - seen == {GOOD, UNCERTAIN_SUBNORMAL, BAD_OUT_OF_SERVICE}


def test_an_expression_is_true_when_it_is_not_zero() -> None:
    dry = Condition(Kind.EXPRESSION, 1, expression="value and a < 2", inputs=(("value", 1), ("a", 2)))
    assert [judged(dry, run, False, GOOD, flow) for run, flow in ((1, 1), (1, 2), (0, 1))] == [True, False, False]
    assert judged(dry, 1, True, BAD_SENSOR_FAILURE, 1) is None


def test_an_expression_without_a_value_cannot_be_judged() -> None:
    ratio = Condition(Kind.EXPRESSION, 1, expression="value / a > 2", inputs=(("value", 1), ("a", 2)))
    assert judged(ratio, 5.0, True, GOOD, 0.0) is None


def test_an_input_that_the_expression_does_not_use_holds_nothing() -> None:
    truth = Truth("a > 1", (("value", 1), ("a", 2)))
    assert truth.tags == (2,)
    assert truth({1: Sample(None, BAD_SENSOR_FAILURE), 2: Sample(3.0, GOOD)}, False, 0) is True


def test_an_expression_that_cannot_be_read_says_why() -> None:
    with pytest.raises(ExpressionError, match="'b' is neither"):
        holds(Condition(Kind.EXPRESSION, 1, expression="b > 1", inputs=(("a", 1),)), {}, False)


# -- rate of change


def rate(setpoint: float = 1.0, deadband: float = 0.0, window_ms: int = 10_000) -> Rate:
    return Rate(Condition(Kind.RATE, 1, setpoint, deadband, window_ms=window_ms))


def fed(judge: Rate, values: dict[int, float], was: bool = False) -> list[bool | None]:
    """Seconds -> value."""
    return [judge({1: Sample(value, GOOD)}, was, at * 1000) for at, value in values.items()]


def test_a_rate_is_the_change_over_the_window() -> None:
    steady = {at: 0.9 * at for at in range(30)}
    assert fed(rate(), steady)[-1] is False
    assert fed(rate(), {at: 1.01 * at for at in range(30)})[-1] is True
    assert fed(rate(), {at: -1.01 * at for at in range(30)})[-1] is True


def test_before_a_window_is_full_a_rate_is_true_or_unknown() -> None:
    judge = rate()
    assert fed(judge, {0: 0.0, 1: 5.0, 2: 9.9, 3: 10.0, 4: 2.0}) == [None, None, None, True, None]
    assert fed(judge, {10: 2.0}) == [False]


def test_a_rate_falls_by_time_alone() -> None:
    judge = rate()
    fed(judge, {0: 0.0, 20: 20.0})
    assert judge.is_moving
    assert fed(judge, {29: 20.0, 30: 20.0}, was=True) == [True, False]
    assert not judge.is_moving


def test_a_bad_sample_begins_the_window_anew() -> None:
    judge = rate()
    fed(judge, {0: 0.0, 20: 0.0})
    assert judge({1: Sample(None, BAD_SENSOR_FAILURE)}, True, 21_000) is None
    assert fed(judge, {22: 500.0, 31: 500.0, 32: 500.0}) == [None, None, False]


def test_a_window_keeps_a_bounded_number_of_values() -> None:
    judge = rate(window_ms=3_600_000)
    fed(judge, {at: float(at % 7) for at in range(20_000)})
    assert len(judge.kept) <= 102
