"""A role is played by one process, and a process ends with its parent, also when that is killed with -9."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.roles import RoleTaken, hold_role, holder_of

ROOT = Path(__file__).resolve().parents[2]
HOLD = "import sys, time; from pathlib import Path; from bus.roles import hold_role\n"


def python(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def soon(is_so: Callable[[], bool], within_s: float = 5) -> bool:
    deadline = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def lives(pid: int) -> bool:
    """A zombie does not: nobody may have taken its exit status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_role_is_held_once_and_the_error_names_the_holder(tmp_path: Path) -> None:
    with hold_role(tmp_path, "poller"):
        with pytest.raises(RoleTaken, match=f"poller is running already .process {os.getpid()}"):
            hold_role(tmp_path, "poller")
        hold_role(tmp_path, "jobs").close()
        assert holder_of(tmp_path, "poller") == str(os.getpid())
    assert holder_of(tmp_path, "poller") is None
    hold_role(tmp_path, "poller").close()


def test_a_role_is_free_again_when_its_holder_was_killed(tmp_path: Path) -> None:
    code = HOLD + "role = hold_role(Path(sys.argv[1]), 'poller'); print('held', flush=True); time.sleep(60)"
    holder = python(code, str(tmp_path))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RoleTaken, match=str(holder.pid)):
        hold_role(tmp_path, "poller")
    holder.kill()
    holder.wait(10)
    holder.stdout.close()
    with hold_role(tmp_path, "poller"):
        assert holder_of(tmp_path, "poller") == str(os.getpid())


def test_of_many_that_start_together_one_gets_the_role(tmp_path: Path) -> None:
    code = HOLD + (
        "from bus.roles import RoleTaken\n"
        "try:\n    role = hold_role(Path(sys.argv[1]), 'poller'); print('held', flush=True); sys.stdin.read()\n"
        "except RoleTaken: print('taken', flush=True)"
    )
    many = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = sorted(p.stdout.readline().strip() for p in many if p.stdout is not None)
    for process in many:
        process.communicate(timeout=10)
    assert said == ["held", "taken", "taken", "taken"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    child = (
        "import time; from bus.parent import die_with_parent\n"
        "die_with_parent(); print('up', flush=True); time.sleep(60)"
    )
    parent = python(
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE, text=True)\n"
        "p.stdout.readline(); print(p.pid, flush=True); p.wait()",
        child,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert lives(pid)
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    try:
        assert soon(lambda: not lives(pid)), "the child outlived its parent"
    finally:
        if lives(pid):
            os.kill(pid, signal.SIGKILL)
