"""Start a program that dies when its parent dies: `python -m hmi.launch.leash [--lock FILE] -- PROGRAM [ARGUMENT ...]`.

The Valkey binary knows nothing of us; without this, a kill -9 of the supervisor would leave it running, and the next
one would open the same append-only file. With --lock it also waits until no other holds the lock, and holds it itself.
"""

import fcntl
import os
import platform
import signal
import subprocess
import sys
import time
from typing import Any, Final

from bus.parent import SUPERVISOR_PID, ask_for_sigterm

LOCK_WAIT_S: Final = 10.0
_STEP_S: Final = 0.05


def main(arguments: list[str]) -> int:
    lock = arguments[arguments.index("--lock") + 1] if arguments[:1] == ["--lock"] else None
    command = arguments[arguments.index("--") + 1 :]
    parent = int(os.environ.get(SUPERVISOR_PID, os.getppid()))
    ask_to_die_with(parent)
    if lock is not None and not take_lock(lock):
        print(f"{command[0]}: another one still holds {lock}; it must end first", file=sys.stderr)
        return 1
    if platform.system() == "Linux":
        os.execv(command[0], command)
    return run_and_watch(command, parent)


def ask_to_die_with(parent: int) -> None:
    if platform.system() == "Linux":
        ask_for_sigterm()
    if os.getppid() != parent:  # it died before we could ask
        sys.exit(1)


def take_lock(path: str) -> bool:
    """Waits up to LOCK_WAIT_S. The lock outlives exec() and ends with the program, however that ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(fd, True)
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_STEP_S)
    os.truncate(fd, 0)
    os.write(fd, str(os.getpid()).encode())
    return True


def run_and_watch(command: list[str], parent: int) -> int:
    """Where the system has no word for it (macOS): stay, look twice a second, and pass SIGTERM on."""
    child = subprocess.Popen(command, close_fds=False)

    def end(*_: Any) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    while True:
        try:
            return child.wait(0.5)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                child.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
