"""Any process of a site killed with -9, the launcher and the supervisor too: nothing runs twice, and all comes back."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from bus.roles import hold_role
from tests.fault_seed import seeded, times
from tests.launch.conftest import Launch
from tests.launch.running import Launched, one_line, processes_of
from tests.road.site import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(times(240, 1200))]

ROUNDS = times(2, 10)
ONCE = ("run_poller", "run_web", "run_alarms", "run_historian", "run_jobs", "simulate_plant", "valkey-server")


def pid_of(site: Launched, word: str) -> int:
    """The one process with the word; a leash that has not yet become the program counts as it."""
    (process,) = processes_of(site.data_dir, word)
    return process.pid


def again(launch: Launch) -> Launched:
    site = launch()
    site.wait_until_served()
    assert "Isthmus runs at" in site.said, site.said
    return site


@contextmanager
def counted(data_dir: Path) -> Iterator[dict[str, int]]:
    """The most processes of each role that were ever seen at the same time, looking ten times a second."""
    most = dict.fromkeys(ONCE, 0)
    done = Event()

    def look() -> None:
        while not done.wait(0.1):
            for word in ONCE:
                most[word] = max(most[word], len(holding(data_dir, word)))

    thread = Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def holding(data_dir: Path, word: str) -> list[int]:
    """Processes past their lock: a newcomer that still waits for the lock plays no role yet."""
    lock = os.stat(data_dir / LOCKS[word]).st_ino if (data_dir / LOCKS[word]).exists() else None
    pids = {process.pid for process in processes_of(data_dir, word)}
    found = []
    with open("/proc/locks") as locks:
        for line in locks:
            fields = line.split()
            if lock is not None and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(lock):
                found.append(int(fields[4]))
    return [pid for pid in found if pid in pids]


def plays_once(site: Launched, word: str) -> bool:
    return len(holding(site.data_dir, word)) == 1


NAMES = {
    "run_poller": "poller",
    "run_web": "web",
    "run_alarms": "alarms",
    "run_historian": "historian",
    "run_jobs": "jobs",
    "simulate_plant": "simulator",
    "valkey-server": "valkey",
}
LOCKS = {word: f"{name}.lock" for word, name in NAMES.items()}


@pytest.mark.parametrize(
    "word", ["run_poller", "run_web", "run_alarms", "run_historian", "run_jobs", "simulate_plant", "valkey-server"]
)
def test_a_killed_program_comes_back_by_itself(started: Launched, word: str) -> None:
    site = started
    before = pid_of(site, word)

    os.kill(before, signal.SIGKILL)

    wait_until(lambda: {p.pid for p in processes_of(site.data_dir, word)} - {before}, 20, f"{word} is back")
    wait_until(site.is_served, 20, "pages are served")
    wait_until(lambda: re.search(f"{NAMES[word]} (has ended by itself|ends as soon as)", site.said), 5, "it is said")
    assert site.process.poll() is None


def test_a_killed_supervisor_takes_its_programs_along_and_comes_back(started: Launched) -> None:
    site = started
    before = {p.pid for p in processes_of(site.data_dir)} - {site.process.pid}
    with counted(site.data_dir) as most:
        os.kill(pid_of(site, "hmi.launch.supervise"), signal.SIGKILL)

        wait_until(lambda: not before & {p.pid for p in processes_of(site.data_dir)}, 20, "the old ones are gone")
        wait_until(lambda: all(plays_once(site, word) for word in ONCE), 30, "all are back")
        wait_until(site.is_served, 20, "pages are served")

    assert set(most.values()) == {1}
    assert "The supervisor has ended (signal SIGKILL); starting it and all programs again." in site.said


@pytest.mark.parametrize("which", ["launcher", "supervisor and launcher"])
def test_a_new_start_right_after_a_kill_never_gives_two(started: Launched, launch: Launch, which: str) -> None:
    """By chance: how long after the kill the new one starts."""
    chance = seeded()
    first = started
    for _ in range(ROUNDS):
        with counted(first.data_dir) as most:
            if "supervisor" in which:
                os.kill(pid_of(first, "hmi.launch.supervise"), signal.SIGKILL)
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait(10)
            time.sleep(chance.choice([0, 0.01, 0.1, 0.5]))
            second = again(launch)
            wait_until(partial(plays_once, second, "run_poller"), 20, "a poller")

        assert all(n <= 1 for n in most.values()), most
        assert {word: len(processes_of(second.data_dir, word)) for word in ONCE} == dict.fromkeys(ONCE, 1)
        first = second


def test_a_killed_launcher_leaves_nothing_running(started: Launched) -> None:
    site = started

    os.kill(site.process.pid, signal.SIGKILL)
    site.process.wait(10)

    wait_until(lambda: processes_of(site.data_dir) == [], 15, "everything has ended")


def test_a_program_that_does_not_end_stops_the_next_start_with_its_name(launch: Launch, tmp_path: Path) -> None:
    """A poller that hangs keeps its lock (here: this test does); a second one must not be started beside it."""
    data_dir = tmp_path / "var"
    data_dir.mkdir()
    with hold_role(data_dir, "poller"):
        site = launch(data_dir)
        assert site.process.wait(60) == 1
        site.finish_reading()

    said = one_line(site.said)
    assert f"a poller is running already (process {os.getpid()}, " in said
    assert f"End it with `kill {os.getpid()}`" in said
    assert processes_of(data_dir) == []
