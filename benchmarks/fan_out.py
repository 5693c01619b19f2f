"""Many browsers at one web process. The blocks come straight from a publisher; beside it a bare Daphne hub."""

import sys
import time
from dataclasses import dataclass
from typing import Final

from benchmarks import report
from benchmarks.accounting import Window
from benchmarks.rig import Rig, free_port
from benchmarks.sockets import Crowd, gather, told

WARM_S: Final = 5
WINDOW_S: Final = 20
PEOPLE: Final = 100


@dataclass(frozen=True, slots=True)
class Case:
    """`sets` subscriptions of `tags` tags each; every tag changes every `period_s`."""

    name: str
    sockets: int
    sets: int
    tags: int
    period_s: float
    cpu_pct: float
    p99_ms: float


CASES: Final = (
    Case("200 browsers x the same 1,000 tags, every second", 200, 1, 1000, 1.0, 4, 40),
    Case("200 browsers x different 100 of 10,000 tags, every second", 200, 200, 100, 1.0, 15, 100),
    Case("1,000 browsers x the same 200 tags, 4 frames/s", 1000, 1, 200, 0.25, 40, 300),
)


def main(numbers: list[int]) -> None:
    """All cases, or those with these numbers, from 1."""
    report.title("Fan-out: one web process, blocks published straight to the bus")
    with Rig() as rig:
        from benchmarks import plant_rows

        plant_rows.build(range(20001, 20051), 100, 100)
        cookies = plant_rows.viewers(PEOPLE)
        rig.start("web")
        for case in [CASES[n - 1] for n in numbers] or CASES:
            report.line(f"== {case.name}", "")
            ours = measure(rig, case, cookies)
            bare = measure_bare(rig, case)
            report.line("ratio", f"web takes {ours / bare:.1f} times the CPU of the bare hub" if bare else "-")


def sets_of_paths(case: Case, paths: list[str]) -> list[list[str]]:
    """Set n begins at its own tag and takes every (all / tags)th, so that sets differ and touch many devices."""
    if case.sets == 1:
        return [paths[: case.tags]]
    step = len(paths) // case.tags
    return [[paths[(n * 37 + k * step) % len(paths)] for k in range(case.tags)] for n in range(case.sets)]


def measure(rig: Rig, case: Case, cookies: list[str]) -> float:
    """CPU of the web process in percent of a core."""
    from benchmarks import plant_rows
    from benchmarks.publishing import Publishing

    tags = plant_rows.tags()
    sets = sets_of_paths(case, list(tags.paths))
    wanted = {path for paths in sets for path in paths}
    publishing = Publishing(rig.redis_url, tags.groups_with(wanted), case.period_s, tags.revision)
    publishing.start()
    crowd = gather(rig, Crowd(case.sockets, cookies, sets), rig.port, publishing.base_ms)
    time.sleep(WARM_S)
    crowd.ask(do="mark")
    window = Window(rig.pids(("browsers (load)", crowd)))
    time.sleep(WINDOW_S)
    usage = window.end()
    seen = told(crowd, WINDOW_S)
    publishing.stop()
    rig.hang_up(crowd)
    report.verdict("latency p99", seen["p99"] or float("inf"), case.p99_ms, "ms")
    report.verdict("web", usage["web"].cpu_pct, case.cpu_pct, "% of a core")
    report.verdict("an older value after a newer", seen["older"], 0, "times")
    report.cost(usage)
    return usage["web"].cpu_pct


def measure_bare(rig: Rig, case: Case) -> float:
    port, base_ms = free_port(), time.time() * 1000
    sets = ",".join(f"{case.tags}:{1 + n * 37}" for n in range(case.sets))
    words = (str(port), str(case.period_s * 1000), str(base_ms), sets)
    hub = rig.talk(sys.executable, "-m", "benchmarks.bare_hub", *words)
    hub.hear()
    time.sleep(1)
    crowd = gather(rig, Crowd(case.sockets, [], [["x"]]), port, base_ms)
    time.sleep(WARM_S / 2)
    crowd.ask(do="mark")
    window = Window({"bare hub": hub.pid})
    time.sleep(WINDOW_S / 2)
    cpu_pct = window.end()["bare hub"].cpu_pct
    seen = crowd.ask(do="report")
    rig.hang_up(crowd)
    rig.hang_up(hub)
    report.line("bare Daphne hub, same rows", f"{cpu_pct:.1f} % of a core, p50 {seen['p50']}  p99 {seen['p99']} ms")
    return cpu_pct


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
