"""Each failure in words an electrician understands, and what to try."""

from typing import Any

import pytest

from devices.diagnosis import FAULT, NOTE, Finding, diagnose

WELL: dict[str, Any] = {
    "state": "answering", "reason": "", "since_ms": 1, "requests": 1000, "timeouts": 0, "bad_replies": 0,
    "late_replies": 0, "exceptions": {}, "rtt_p50_ms": 3.2, "rtt_p99_ms": 9.1, "overruns": 0, "load_pct": 1.0,
    "recent_errors": 0, "recent_s": 60, "groups": {"1:1000": {"scan_ms": 1000, "achieved_ms": 1000, "reads": 2}},
    "holes": [], "learned_max_registers": None, "max_registers": 100, "timeout_ms": 1000, "unsupported": [],
    "unsupported_tags": 0,
}  # fmt: skip


def found(link_state: str = "connected", link_reason: str = "", **unit: Any) -> list[Finding]:
    return diagnose("plc1", "10.0.0.5:502", WELL | unit, link_state, link_reason)


def only(link_state: str = "connected", link_reason: str = "", **unit: Any) -> Finding:
    (finding,) = found(link_state, link_reason, **unit)
    return finding


def test_of_a_device_that_is_well_there_is_nothing_to_say() -> None:
    assert found() == []


def test_of_a_poller_that_says_little_nothing_is_made_up() -> None:
    assert diagnose("plc1", "10.0.0.5:502", {}) == []


def test_a_hole_is_told_with_its_registers_and_tags() -> None:
    finding = only(holes=[{"table": "holding", "address": 40, "count": 2, "tags": 2}])
    assert finding.sentence == "plc1 refuses holding registers 40-41: 2 tags have no value."
    assert finding.try_this.startswith("Compare their addresses with the manual")
    assert finding.try_this.endswith("It is tried again every 10 minutes.")


def test_a_hole_of_one_register_is_told_in_the_singular() -> None:
    finding = only(holes=[{"table": "input", "address": 7, "count": 1, "tags": 1}])
    assert finding.sentence == "plc1 refuses input register 7: 1 tag has no value."


def test_a_hole_nobody_needs_is_a_note() -> None:
    assert only(holes=[{"table": "coil", "address": 7, "count": 3, "tags": 0}]).severity == NOTE


def test_a_table_the_device_does_not_know() -> None:
    finding = only(unsupported=["input"], unsupported_tags=5)
    assert finding.sentence == "plc1 knows no input registers (exception 01 to function code 4): 5 tags have no value."
    assert "function code 3" in finding.try_this


def test_a_limit_is_a_note_with_what_to_set() -> None:
    finding = only(learned_max_registers=32)
    assert finding.sentence == "plc1 gives at most 32 registers at once; 100 are configured."
    assert finding.severity == NOTE


@pytest.mark.parametrize(
    ("reason", "sentence", "advice"),
    [
        ("connection refused", "takes no connection on this port", "Check the port"),
        ("No route to host", "no way through the network", "Check the address"),
        ("Network is unreachable", "no way through the network", "gateway of this computer"),
        ("Name or service not known", "nobody knows the host name", "write the IP address"),
        ("no connection within 1000 ms", "nothing answers at 10.0.0.5:502", "firewall"),
        ("the device closed the connection", "hangs up", "connect per scan"),
        ("there is no driver 'semaphore'", "there is no driver 'semaphore'", "Choose a driver"),
        ("could not open port /dev/ttyUSB9: No such file", "serial line", "adapter"),
        ("time-out after 1000 ms", "plc1 is silent: time-out after 1000 ms", "unit number first"),
        ("unit id 2 instead of 1", "answers that are none", "RTU over TCP"),
    ],
)
def test_a_lost_link_says_what_to_look_at(reason: str, sentence: str, advice: str) -> None:
    finding = only("disconnected", reason, state="silent", reason=reason)
    assert sentence in finding.sentence
    assert advice in finding.try_this
    assert finding.severity == FAULT


def test_while_a_link_is_connecting_it_says_why_or_that_it_takes_a_moment() -> None:
    finding = only("connecting", "10.0.0.5:502: the device closed the connection; connecting again.", state="waiting")
    assert "hangs up" in finding.sentence
    assert finding.severity == FAULT
    for state in ("waiting", "answering", "silent"):
        finding = only("connecting", state=state)
        assert "is being made" in finding.sentence
        assert finding.severity == NOTE
    assert "switched off" in only("connecting", state="disabled").sentence


def test_a_device_that_hangs_up_now_and_then() -> None:
    finding = only(hang_ups=7, recent_errors=3)
    assert "closed the connection 7 times" in finding.sentence
    assert "idle close" in finding.try_this
    assert finding.severity == NOTE
    assert found(hang_ups=7) == [], "long ago"


def test_a_unit_behind_a_gateway_that_does_not_answer_it() -> None:
    finding = only(state="silent", reason="the gateway has no answer from it (exception 0B)")
    assert finding.sentence == "The gateway at 10.0.0.5:502 answers, but gets no answer from plc1 (exception 0B)."
    assert "baud rate" in finding.try_this


def test_a_gateway_without_a_path() -> None:
    finding = only(state="refusing", reason="the gateway has no path to it (exception 0A)")
    assert "no path to plc1" in finding.sentence
    assert "unit number" in finding.try_this


@pytest.mark.parametrize(
    ("code", "sentence", "advice"),
    [
        ("04", "has failed inside", "Look at the device itself"),
        ("06", "is busy", "Scan it less often"),
        ("08", "memory is damaged", "checked"),
        ("0B", "not always reached by its gateway", "bus wiring"),
        ("40", "refuses with exception 40", "manual"),
    ],
)
def test_refusals_that_pass_are_told_while_they_are_recent(code: str, sentence: str, advice: str) -> None:
    finding = only(exceptions={code: 3}, recent_errors=3)
    assert sentence in finding.sentence
    assert advice in finding.try_this
    assert found(exceptions={code: 3}, recent_errors=0) == []


def test_what_comes_each_time_is_a_fault_and_what_passes_is_a_note() -> None:
    busy: dict[str, Any] = {"exceptions": {"06": 5}, "recent_errors": 5}
    assert "in the last minute, not each time; 5 times" in only(**busy).sentence
    assert only(**busy).severity == NOTE
    assert "now and each time; 5 times" in only(**busy, without_data=5).sentence
    assert only(**busy, without_data=5).severity == FAULT
    assert only(bad_replies=9, recent_errors=9, without_data=9).severity == FAULT


def test_time_outs_now_and_then() -> None:
    finding = only(timeouts=20, recent_errors=2)
    assert finding.sentence == "plc1 often does not answer in time: 20 of 1000 requests."
    assert "longer time-out than 1000 ms" in finding.try_this
    assert found(timeouts=1, recent_errors=1) == [], "one of a thousand is none"


def test_wrong_and_late_answers() -> None:
    wrong, late = found(bad_replies=2, late_replies=3, recent_errors=2)
    assert "none was used" in wrong.sentence
    assert "'any unit'" in wrong.try_this
    assert "came after their time" in late.sentence


def test_a_period_that_is_not_kept() -> None:
    finding = only(groups={"1:1000": {"scan_ms": 1000, "achieved_ms": 2400, "reads": 5}})
    assert finding.sentence == "plc1 is to be read every 1 s, and is read every 2.4 s."
    assert "5 requests of about 3.2 ms" in finding.try_this


def test_a_line_that_is_busy_all_the_time() -> None:
    assert "for 91 % of the time" in only(load_pct=91.2).sentence


def test_what_nobody_asks_is_said_and_nothing_else_is_made_of_it() -> None:
    assert "switched off" in only("disconnected", "connection refused", state="disabled").sentence
    finding = only("disconnected", "connection refused", state="out_of_use", reason="PLC download until 16:00.")
    assert finding.sentence == "plc1 is out of use: PLC download until 16:00."
    assert "not been asked yet" in only(state="waiting").sentence


def test_the_worst_comes_first() -> None:
    findings = found(
        learned_max_registers=8, load_pct=95.0, holes=[{"table": "coil", "address": 1, "count": 1, "tags": 1}]
    )
    assert [f.severity for f in findings] == [FAULT, NOTE, NOTE]
