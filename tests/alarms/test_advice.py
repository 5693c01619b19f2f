"""Starting values, the check of a setpoint, and what is allowed but hardly meant."""

import pytest

from alarms.models import Alarm
from alarms.priorities import too_fast
from alarms.rules.advice import (
    FLOW,
    LEVEL,
    PRESSURE,
    TEMPERATURE,
    Start,
    advice,
    latest_setpoint,
    setpoint_sentence,
    starting_values,
    suggestion_for,
)
from devices.models import Tag

TANK_M_PER_H = 60 / 20
"""60 m³/h into a tank of 20 m²."""


def test_a_setpoint_leaves_the_time_to_respond() -> None:
    """ALM-12, its worked vector: 20 m², 60 m³/h, overflow at 9.5 m, 12 min x 1.5 -> 8.6 m."""
    assert latest_setpoint(9.5, TANK_M_PER_H, 12, margin=1.5, is_high=True) == pytest.approx(8.6)
    assert latest_setpoint(0.5, TANK_M_PER_H, 12, margin=1.5, is_high=False) == pytest.approx(1.4)


@pytest.mark.parametrize(
    ("kind", "setpoint", "limit", "is_early"),
    [("hi", 8.6, 9.5, True), ("hihi", 8.7, 9.5, False), ("lo", 1.4, 0.5, True), ("lolo", 1.3, 0.5, False)],
)
def test_a_setpoint_is_judged_on_its_side(kind: str, setpoint: float, limit: float, is_early: bool) -> None:
    alarm = Alarm(kind=kind, setpoint=setpoint, time_to_respond_min=12.0)
    verdict, said = setpoint_sentence(alarm, "m", limit, TANK_M_PER_H, 1.5)
    assert verdict == is_early
    bound = "at most 8.6 m" if kind.startswith("hi") else "at least 1.4 m"
    assert bound in said
    assert ("leaves the time" in said) == is_early


@pytest.mark.parametrize(
    ("unit", "words", "start"),
    [
        ("m³/h", (), FLOW), ("L/s", (), FLOW), ("m", (), LEVEL), ("bar", (), PRESSURE), ("°C", (), TEMPERATURE),
        ("%", ("lt101", "Tank level"), LEVEL), ("%", ("valve",), None), ("", (), None), ("kW", (), None),
    ],
)  # fmt: skip
def test_starting_values_go_by_what_is_measured(unit: str, words: tuple[str, ...], start: Start | None) -> None:
    """ALM-13: flow 5 % and 15 s, level 5 % and 60 s, pressure 2 % and 15 s, temperature 1 % and 60 s."""
    assert starting_values(unit, words) == start


def test_a_suggestion_is_in_the_unit_of_the_tag() -> None:
    """ALM-13."""
    tag = Tag(name="level", unit="m", data_type="float32", eu_min=0, eu_max=8)
    assert suggestion_for(tag) == (
        "Usual to begin with for a level: a deadband of 0.4 m (5 % of the span) and delays of 60 s."
    )
    assert suggestion_for(Tag(name="x", unit="kW", data_type="float32")) is None


def test_an_analog_alarm_without_deadband_is_warned_of() -> None:
    """ALM-13."""
    tag = Tag(name="level", unit="m", data_type="float32", eu_min=0, eu_max=8)
    alarm = Alarm(kind="hi", setpoint=6.0, time_to_respond_min=10.0)
    assert advice(alarm, tag) == [
        "The deadband is 0: noise around the setpoint makes an alarm each time. " + str(suggestion_for(tag))
    ]
    alarm.deadband = 0.4
    assert advice(alarm, tag) == []
    assert advice(Alarm(kind="comm", time_to_respond_min=10.0), tag) == []


def test_less_than_three_minutes_should_be_automatic() -> None:
    """ALM-11."""
    assert too_fast(3) is None
    assert "should be automatic" in str(too_fast(2.9))
    assert len(advice(Alarm(kind="comm", time_to_respond_min=1.0), None)) == 1
