"""What is wrong with a device, and what to try, in words an electrician understands. Pure.

From what the poller says of a link and of the unit on it (docs/devices.md, "What a link says of itself"). Worst first.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

FAULT: Final = "fault"
"""Values are missing."""
NOTE: Final = "note"
"""Values are there, and something is not as it should be."""

LATE_SHARE: Final = 1.1
"""A period so much longer than asked for is behind."""
BUSY_LINE_PCT: Final = 80.0
ERROR_SHARE: Final = 0.01
"""From this share of requests without a right answer on it is worth saying."""
_FEW: Final = 20
NO_DATA: Final = 3
"""So many requests without data, one after the other, are no accident: nothing of use comes at all."""
_RETRIED: Final = "It is tried again every 10 minutes."

_TABLES: Final = {
    "coil": ("coil", "coils"),
    "discrete": ("discrete input", "discrete inputs"),
    "holding": ("holding register", "holding registers"),
    "input": ("input register", "input registers"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """`sentence`: what is wrong. `try_this`: what to do about it. `severity`: FAULT or NOTE."""

    sentence: str
    try_this: str
    severity: str = FAULT


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    endpoint: str
    unit: Mapping[str, Any]
    state: str
    """Of the link."""
    reason: str

    def count(self, what: str) -> int:
        found = self.unit.get(what)
        return found if isinstance(found, int) else 0

    def exceptions(self, *codes: str) -> int:
        known = self.unit.get("exceptions") or {}
        return sum(known.get(code, 0) for code in codes)

    @property
    def gives_nothing(self) -> bool:
        """It answers, and no answer of late was data."""
        return self.count("without_data") >= NO_DATA

    @property
    def is_read(self) -> bool:
        return self.unit.get("state") in ("answering", "refusing") and self.state == "connected"


def diagnose(
    device_name: str,
    endpoint: str,
    unit_detail: Mapping[str, Any],
    link_state: str = "connected",
    link_reason: str = "",
) -> list[Finding]:
    """`unit_detail`: LinkState.detail["units"][device id]; `link_state`, `link_reason`: of the LinkState.

    Empty when nothing is wrong. What an older poller leaves out is not looked at.
    """
    case = _Case(device_name, endpoint, unit_detail, link_state, link_reason)
    found = [finding for rule in _RULES for finding in rule(case)]
    return sorted(found, key=lambda finding: finding.severity != FAULT)


# -- nothing comes --------------------------------------------------------------------------------------------------


def _not_asked(case: _Case) -> Iterator[Finding]:
    state = case.unit.get("state")
    if state == "disabled":
        yield Finding(f"{case.name} is switched off in the configuration.", "Switch it on to read it.", NOTE)
    elif state == "out_of_use":
        why = case.unit.get("reason") or "no reason given"
        yield Finding(f"{case.name} is out of use: {why}", "Put it back into use when the work is done.", NOTE)
    elif case.state == "connecting" and not case.reason:
        yield Finding(f"{case.name}: a connection to {case.endpoint} is being made.", "Wait a moment.", NOTE)
    elif state == "waiting" and case.state == "connected":
        yield Finding(f"{case.name} has not been asked yet.", "Wait a moment.", NOTE)


_HUNG_UP: Final = (
    "See who else is connected: the device may take one connection only. If it closes idle connections, set "
    "'idle close'; if it wants a new connection for each poll, set 'connect per scan'."
)
_NO_CONNECTION: Final = (
    (
        ("connection refused",),
        "{name}: {endpoint} is there, but takes no connection on this port.",
        "Check the port (Modbus TCP: 502) and that Modbus is switched on in the device. "
        "Many devices take only a few connections: see who else is connected.",
    ),
    (
        ("no route", "unreachable"),
        "{name}: there is no way through the network to {endpoint}.",
        "Check the address, the network mask and the gateway of this computer, and the switch in between.",
    ),
    (
        ("name or service", "name resolution", "not known", "nodename"),
        "{name}: nobody knows the host name in {endpoint}.",
        "Check the spelling, or write the IP address.",
    ),
    (
        ("no connection within",),
        "{name}: nothing answers at {endpoint}, not even to refuse.",
        "Check power, network cable and address; a firewall may be in between.",
    ),
    (
        ("closed the connection", "reset", "broken pipe"),
        "{name}: {endpoint} takes the connection and hangs up.",
        _HUNG_UP,
    ),
    (
        ("no driver",),
        "{name}: {reason}.",
        "Choose a driver from the list in the configuration of the device.",
    ),
    (
        ("no such file", "serial", "permission denied", "device or resource busy"),
        "{name}: the serial line {endpoint} cannot be opened: {reason}.",
        "Check that the adapter is plugged in, its name, and that no other program uses it.",
    ),
)  # fmt: skip


def _silent(case: _Case) -> Iterator[Finding]:
    is_broken = case.state == "disconnected" or (case.state == "connecting" and bool(case.reason))
    if case.unit.get("state") != "silent" and not is_broken:
        return
    if case.unit.get("state") in ("disabled", "out_of_use"):
        return
    if case.state == "connecting" and not case.reason:
        return
    reason = str(case.unit.get("reason") or case.reason or "no answer")
    words = {"name": case.name, "endpoint": case.endpoint, "reason": reason}
    for signs, sentence, try_this in _NO_CONNECTION:
        if any(sign in reason.lower() for sign in signs):
            yield Finding(sentence.format(**words), try_this)
            return
    if "0B" in reason:
        yield Finding(
            f"The gateway at {case.endpoint} answers, but gets no answer from {case.name} (exception 0B).",
            "Check power and bus wiring of this device, its unit number, and baud rate and parity on the bus.",
        )
    elif "time-out" in reason:
        yield Finding(
            f"{case.name} is silent: {reason}. {case.endpoint} took the connection.",
            "Check the unit number first: most devices say nothing to a wrong one. Then power, and the cable behind "
            f"the gateway. If it is only slow, give it a longer time-out than {case.unit.get('timeout_ms', '?')} ms.",
        )
    else:
        yield Finding(
            f"{case.name} gives answers that are none: {reason}.",
            "Check that this is a Modbus device of the chosen kind (TCP, or RTU over TCP), that nothing else has the "
            "same address, and baud rate, parity and ends of a serial line.",
        )


def _gateway_path(case: _Case) -> Iterator[Finding]:
    if case.unit.get("state") == "refusing" and "0A" in str(case.unit.get("reason")):
        yield Finding(
            f"The gateway at {case.endpoint} has no path to {case.name} (exception 0A).",
            "Check the unit number against the gateway's table of units, or give the gateway less to do.",
        )


# -- some of it does not come ---------------------------------------------------------------------------------------


def _holes(case: _Case) -> Iterator[Finding]:
    for hole in case.unit.get("holes") or ():
        tags = hole.get("tags", 0)
        where = _range(hole["table"], hole["address"], hole["count"])
        if tags:
            yield Finding(
                f"{case.name} refuses {where}: {_tags(tags)}.",
                f"Compare {'its address' if tags == 1 else 'their addresses'} with the manual; the first register may "
                f"be counted as 0 or as 1. {_RETRIED}",
            )
        else:
            yield Finding(
                f"{case.name} refuses {where}, which no tag needs.",
                f"Nothing: it is read around, with one request more. {_RETRIED}",
                NOTE,
            )


def _unsupported(case: _Case) -> Iterator[Finding]:
    for table in case.unit.get("unsupported") or ():
        code = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}.get(table, 0)
        tags = case.count("unsupported_tags")
        yield Finding(
            f"{case.name} knows no {_TABLES.get(table, ('', table))[1]} (exception 01 to function code {code}): "
            f"{_tags(tags)}.",
            "Compare the table of these tags with the manual. Some devices give everything as holding registers: then "
            f"set 'registers by' to function code 3. {_RETRIED}",
        )


def _limit(case: _Case) -> Iterator[Finding]:
    learned, wanted = case.unit.get("learned_max_registers"), case.count("max_registers")
    if isinstance(learned, int):
        yield Finding(
            f"{case.name} gives at most {learned} registers at once; {wanted} are configured.",
            f"Set its most registers in one request to {learned}: then it need not be found out at each start.",
            NOTE,
        )


def _failing(case: _Case) -> Iterator[Finding]:
    if not case.is_read or not case.count("recent_errors"):
        return
    rules = (
        (("05", "06"), "is busy and asks to come back later (exception {codes})",
         "Scan it less often, or set a delay between requests."),
        (("04",), "says that it has failed inside (exception 04)",
         "Look at the device itself: display, log, supply. If only some values are missing, check their sensors."),
        (("08",), "says that its memory is damaged (exception 08)",
         "Have the device checked; save its parameters first."),
        (("0A", "0B"), "is not always reached by its gateway (exception {codes})",
         "Check bus wiring, ends of the bus and unit number; give the gateway a longer time-out than the device."),
    )  # fmt: skip
    for codes, what, try_this in rules:
        if n := case.exceptions(*codes):
            seen = ", ".join(code for code in codes if case.exceptions(code))
            when = "now and each time" if case.gives_nothing else "in the last minute, not each time"
            sentence = f"{case.name} {what.format(codes=seen)}: {when}; {n} times since the start."
            yield Finding(sentence, try_this, FAULT if case.gives_nothing else NOTE)
    if unknown := sorted(set(case.unit.get("exceptions") or {}) - _KNOWN_CODES):
        yield Finding(
            f"{case.name} refuses with exception {', '.join(unknown)}, which the protocol does not name.",
            "Look it up in the manual of the device.",
        )


_KNOWN_CODES: Final = frozenset({"01", "02", "03", "04", "05", "06", "08", "0A", "0B"})


def _errors(case: _Case) -> Iterator[Finding]:
    requests = case.count("requests")
    if not case.is_read or requests < _FEW or not case.count("recent_errors"):
        return
    if (n := case.count("timeouts")) >= max(2, ERROR_SHARE * requests):
        yield Finding(
            f"{case.name} often does not answer in time: {n} of {requests} requests.",
            f"Give it a longer time-out than {case.unit.get('timeout_ms', '?')} ms, or a delay between requests. On a "
            "serial line check wiring, ends and earthing of the bus.",
            NOTE,
        )
    if n := case.count("bad_replies"):
        yield Finding(
            f"{case.name} gave {n} answers that did not belong to the request; none was used.",
            "See whether two devices have the same address or unit number. If it answers with another unit number, set "
            "'any unit'.",
            FAULT if case.gives_nothing else NOTE,
        )
    if n := case.count("late_replies"):
        yield Finding(
            f"{n} answers of {case.name} came after their time and were thrown away.",
            f"Give it a longer time-out than {case.unit.get('timeout_ms', '?')} ms.",
            NOTE,
        )


def _hang_ups(case: _Case) -> Iterator[Finding]:
    n = case.count("hang_ups")
    if case.is_read and n > 1 and case.count("recent_errors"):
        yield Finding(
            f"{case.name} closed the connection {n} times since the start, and was connected to again.", _HUNG_UP, NOTE
        )


# -- too much is wanted ---------------------------------------------------------------------------------------------


def _slow(case: _Case) -> Iterator[Finding]:
    if not case.is_read:
        return
    for group in (case.unit.get("groups") or {}).values():
        wanted, achieved = group.get("scan_ms"), group.get("achieved_ms")
        if wanted and achieved and achieved > LATE_SHARE * wanted:
            yield Finding(
                f"{case.name} is to be read every {_seconds(wanted)}, and is read every {_seconds(achieved)}.",
                f"One scan takes {group.get('reads', '?')} requests of about {case.unit.get('rtt_p50_ms') or '?'} ms. "
                "Scan less often, put the registers closer together, or take devices off this line.",
                NOTE,
            )
    load = case.unit.get("load_pct")
    if isinstance(load, int | float) and load >= BUSY_LINE_PCT:
        yield Finding(
            f"{case.name} alone keeps its line busy for {load:.0f} % of the time.",
            "Scan it less often: others on the line, and writes, have to wait.",
            NOTE,
        )


_RULES: Final[tuple[Callable[[_Case], Iterator[Finding]], ...]] = (
    _not_asked, _silent, _gateway_path, _unsupported, _holes, _failing, _limit, _errors, _hang_ups, _slow,
)  # fmt: skip


def _range(table: str, address: int, count: int) -> str:
    one, many = _TABLES.get(table, (table, table))
    return f"{one} {address}" if count == 1 else f"{many} {address}-{address + count - 1}"


def _tags(count: int) -> str:
    return f"{count} tag{' has' if count == 1 else 's have'} no value"


def _seconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:g} s"
