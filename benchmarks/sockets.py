"""The browsers of a benchmark: socket_load.mjs, and what it saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import report
from benchmarks.rig import Rig, Talker


@dataclass(frozen=True, slots=True)
class Crowd:
    """`sockets` browsers; browser i logs in with cookie i and subscribes set i, both modulo."""

    sockets: int
    cookies: Sequence[str]
    sets: Sequence[Sequence[str]]
    ack: str = "read"


def gather(rig: Rig, crowd: Crowd, port: int, base_ms: float) -> Talker:
    """Returns when all have their subscription."""
    talker = rig.talk("node", "benchmarks/socket_load.mjs")
    answer = talker.ask(
        port=port,
        origin=f"http://127.0.0.1:{port}",
        path="/ws/live/",
        cookies=list(crowd.cookies),
        sets=[list(paths) for paths in crowd.sets],
        sockets=crowd.sockets,
        base=base_ms,
        ack=crowd.ack,
    )
    if answer.get("ready") != crowd.sockets:
        raise RuntimeError(f"only {answer} of {crowd.sockets} browsers have their subscription")
    return talker


def told(talker: Talker, seconds: float) -> dict[str, Any]:
    """End the window and print what the browsers got in it."""
    seen = talker.ask(do="report")
    report.line("frames", f"{seen['frames'] / seconds:.0f} a second, {seen['bytes'] / seconds / 1e6:.1f} MB/s")
    report.line("rows", f"{seen['rows'] / seconds:,.0f} a second, {seen['notGood']} not Good")
    report.line("published -> message, ms", f"p50 {seen['p50']}  p99 {seen['p99']}  max {seen['max']}")
    if seen["errors"]:
        report.line("ERRORS", f"{seen['errors']}, last: {seen.get('reason')}")
    return seen
