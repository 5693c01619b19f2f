"""Plant documents with alarms, and any alarm a plant can have."""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from tests.plant.documents import HEAD

PLACES = """\
areas:
  - {path: intake}
  - {path: pumps}
devices:
  - {name: plc1, area: intake, host: 127.0.0.1}
tags:
  - {path: intake/level, device: plc1, address: 0, type: float32, unit: m, eu_min: 0, eu_max: 8}
  - {path: intake/flow, device: plc1, address: 2, type: float32, unit: m³/h}
  - {path: pumps/run, device: plc1, table: coil, address: 0, type: bool, states: {0: stopped, 1: running}}
  - {path: pumps/mode, device: plc1, address: 4, states: {0: 'off', 2: fault}}
  - {path: pumps/name, device: plc1, address: 5, type: string, length: 8}
"""
ALARMS = """\
alarm_classes:
  - {name: process, title: Process}
  - {name: trips, title: Trips, shelvable: false, max_shelve_min: 60, ack_comment: true}
alarms:
  - {path: intake/level:hi, kind: hi, message: Basin high, setpoint: 7, deadband: 0.2, class: process, severity: major,
     cause: Valve stuck}
  - {path: intake/flow:lo, kind: lo, message: No flow, setpoint: 2, deadband: 1, class: process,
     suppress_when: run == 0, inputs: {run: pumps/run}}
  - {path: pumps/mode:fault, kind: discrete, message: Pump fault, states: [2], class: trips,
     suppressed_by: [intake/flow:lo], review_on: 2027-01-31}
"""
WORKS = HEAD + PLACES + ALARMS
"""A plant with two classes and three alarms."""

names = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
_TURNERS = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_letters = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters=_TURNERS)
lines = st.text(_letters, max_size=12)
texts = st.text(st.one_of(_letters, st.just("\n")), max_size=12)
some = st.floats(0.25, 1e6)
_SETPOINTS = st.floats(-1e9, 1e9)


@st.composite
def conditions(draw: st.DrawFn, tag: str, others: list[str]) -> dict[str, Any]:
    """Kind and what goes with it. `tag`: number, state or text."""
    kinds = {
        "number": ["hi", "lo", "deviation", "rate", "bad_quality", "comm", "expression"],
        "state": ["discrete", "comm", "bad_quality"],
        "text": ["comm", "bad_quality", "expression"],
    }[tag]
    kind = draw(st.sampled_from(kinds))
    found: dict[str, Any] = {"kind": kind}
    if kind in ("hi", "lo"):
        return found | {"setpoint": draw(_SETPOINTS), "deadband": draw(st.floats(0, 1e9))}
    if kind in ("deviation", "rate"):
        setpoint = draw(some)
        found |= {"setpoint": setpoint, "deadband": draw(st.sampled_from([0.0, setpoint / 2]))}
        if kind == "rate":
            return found | {"window_s": draw(st.floats(2, 86400))}
        reference = draw(st.sampled_from([None, *others]))
        return found | ({"reference": reference} if reference else {"target": draw(_SETPOINTS)})
    if kind == "discrete":
        return found | {"states": [draw(st.integers(0, 1))]}
    if kind == "expression":
        return found | {"expression": "x > 1 or not x", "inputs": {"x": draw(st.sampled_from(others))}}
    return found


@st.composite
def settings_of_alarms(draw: st.DrawFn) -> dict[str, Any]:
    """What every kind may have."""
    latching, ack_required = draw(st.booleans()), draw(st.booleans())
    return {
        "message": "m" + draw(lines), "enabled": draw(st.booleans()), "on_delay_s": draw(st.floats(0, 86400)),
        "off_delay_s": draw(st.floats(0, 86400)), "latching": latching, "ack_required": ack_required,
        "ack_on_return": not latching and draw(st.booleans()), "relatch_silently": latching and draw(st.booleans()),
        "realarm_min": draw(st.integers(0, 10080)) if ack_required else 0, "realarm_limit": draw(st.integers(1, 100)),
        "first_out": draw(st.sampled_from(["", "pumps"])), "shelvable": draw(st.booleans()),
        "max_shelve_min": draw(st.sampled_from([None, 1, 60])), "severity": draw(st.integers(1, 3)),
        "time_to_respond_min": draw(st.floats(0.25, 10080)), "cause": draw(texts), "consequence": draw(texts),
        "operator_action": draw(texts), "basis": draw(lines), "related_trip": draw(lines), "owner": draw(lines),
        "approved_by": draw(lines), "approved_on": draw(st.sampled_from([None, date(2026, 2, 28)])),
        "review_on": draw(st.none() | st.dates()),
    }  # fmt: skip
