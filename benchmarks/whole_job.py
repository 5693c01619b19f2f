"""The whole job: 10,000 tags at 1 s from 50 devices, live in a browser, 1,000 alarms, history of every change.

Afterwards the stream says what was published in the window, and history must give back every value of it.
"""

import time
from typing import Any, Final

import numpy as np

from benchmarks import report
from benchmarks.accounting import Usage, Window
from benchmarks.alarms import alarm_rows
from benchmarks.farm import Farm
from benchmarks.rig import Rig, wait_until
from benchmarks.sockets import Crowd, gather
from bus import keys
from bus.client import connect_blocking
from bus.messages import decode
from bus.presence import hear_processes_blocking
from historian.storage.opening import open_storage

DEVICES: Final = 50
ALARMS: Final = 1000
SHOWN: Final = 200
WARM_S: Final = 15
WINDOW_S: Final = 30
ROLES: Final = ("valkey", "poller", "alarms", "historian", "web")
CLOSE: Final = 1e-6


def main() -> None:
    report.title(f"The whole job: 10,000 tags/s, {ALARMS:,} alarms, history of every change, {WINDOW_S} s")
    with Rig() as rig, Farm(rig, DEVICES) as farm:
        from benchmarks import plant_rows

        plant_rows.build(farm.ports, 100, 100)
        alarm_rows(ALARMS)
        cookies = plant_rows.viewers(1)
        for role in ("historian", "alarms", "web", "poller"):
            rig.start(role)
        time.sleep(WARM_S)
        paths = list(plant_rows.tags().paths)[:SHOWN]
        browser = gather(rig, Crowd(1, cookies, [paths]), rig.port, 0)
        time.sleep(5)
        farm.mark()
        browser.ask(do="mark")
        before, begin_ms = figures(rig), time.time_ns() // 1_000_000
        window = Window(rig.pids(("device farm (load)", farm.talker), ("browser (load)", browser)))
        time.sleep(WINDOW_S)
        usage, end_ms = window.end(), time.time_ns() // 1_000_000
        farm.seen().tell(WINDOW_S)
        seen = browser.ask(do="report")
        report.line(
            "browser", f"{seen['rows'] / WINDOW_S:,.0f} rows a second, {seen['errors']} errors", f"{SHOWN} rows, 0"
        )
        verdicts(usage)
        wait_until(lambda: figures(rig)["historian"]["rows"] > 0, 5, "the historian speaks")
        time.sleep(8)  # what waits in a swinging door for a next value is stored with it
        after = figures(rig)
        stored(rig, begin_ms, end_ms)
        for role, words in (("historian", ("missed_ms", "put_aside", "waiting")), ("alarms", ("put_aside",))):
            line = ", ".join(f"{word} {after[role].get(word, 0) - before[role].get(word, 0)}" for word in words)
            report.line(f"{role}, more than before", line, "nothing missed, nothing put aside")


def figures(rig: Rig) -> dict[str, dict[str, Any]]:
    client = connect_blocking(rig.redis_url, "benchmark")
    try:
        heard = hear_processes_blocking(client)
        return {role: heard[role].state.detail for role in ("historian", "alarms") if role in heard}
    finally:
        client.close()


def verdicts(usage: dict[str, Usage]) -> None:
    report.cost(usage)
    ours = [usage[role] for role in ROLES]
    report.verdict("all processes", sum(used.cpu_pct for used in ours), 40, "% of a core")
    report.verdict("all processes", sum(used.pss_mb for used in ours), 800, "MB PSS")


def stored(rig: Rig, begin_ms: int, end_ms: int) -> None:
    """Every value published in the window, against what history says for its time: the line through the rows, which
    leaves out values that lie on it."""
    from historian.configuration import load
    from historian.place import history_url

    published = entries(rig, begin_ms, end_ms)
    wanted = load().wanted
    storage = open_storage(history_url(), read_only=True)
    numbers = storage.series()
    series = {tag: numbers[wanted[tag].key] for tag in published}
    found = storage.read(list(series.values()), begin_ms - 60_000, end_ms + 60_000)
    storage.close()
    wrong = total = rows = 0
    for tag, points in published.items():
        times, values = np.array([ms for ms, _ in points]), np.array([value for _, value in points])
        total += len(points)
        samples = found.get(series[tag])
        if samples is None:
            wrong += len(points)
            continue
        rows += int(((samples.times >= begin_ms) & (samples.times < end_ms)).sum())
        drawn = np.interp(times, samples.times, samples.numbers, left=np.nan, right=np.nan)
        wrong += int((~(np.abs(drawn - values) <= CLOSE)).sum())
    report.line("values published in the window", f"{total:,}, as {rows:,} rows of history")
    report.verdict("of them history does not give back", wrong, 0, "values")


def entries(rig: Rig, begin_ms: int, end_ms: int) -> dict[int, list[tuple[int, float]]]:
    """Tag -> (time, value) of every entry of the stream within."""
    client = connect_blocking(rig.redis_url, "benchmark")
    published: dict[int, list[tuple[int, float]]] = {}
    cursor = f"{begin_ms}-0"
    try:
        while True:
            some: Any = client.xrange(keys.SAMPLES, cursor, f"{end_ms}-0", count=500)
            for _entry_id, fields in some:
                block = decode(fields[b"b"])
                at = block.source_ms or [block.read_at_ms] * len(block.ids)
                for tag, value, ms in zip(block.ids, block.values, at, strict=True):
                    if isinstance(value, int | float):
                        published.setdefault(tag, []).append((ms, float(value)))
            if len(some) < 500:
                return published
            cursor = f"({some[-1][0].decode()}"
    finally:
        client.close()


if __name__ == "__main__":
    main()
