"""The process manager: supervisor, run inside a process of ours so that it dies with the launcher and waits wisely.

python -m hmi.launch.supervise CONFIGURATION DATA_DIR
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

from supervisor import events
from supervisor.medusa import asyncore_25 as asyncore
from supervisor.options import ServerOptions
from supervisor.states import ProcessStates, SupervisorStates
from supervisor.supervisord import Supervisor

from bus.parent import SUPERVISOR_PID, die_with_parent
from hmi.launch.locks import SUPERVISOR, hold_when_free

MAX_BACKOFF_S: Final = 15
"""supervisor itself would wait one second longer after each failure, without end."""


class PatientSupervisor(Supervisor):  # type: ignore[misc]  # supervisor has no types
    def runforever(self) -> None:
        events.subscribe(events.ProcessStateEvent, on_change)
        wake = WakeUp()
        self.options.get_socket_map()[wake.fd] = wake
        for group in sorted(self.process_groups.values()):
            group.transition()  # at once; the loop would look at its file descriptors for a second first
        super().runforever()


class WakeUp:
    """Makes a signal end the loop's wait, which Python otherwise resumes: a dead program is seen at once."""

    def __init__(self) -> None:
        self.fd, write_fd = os.pipe()
        for fd in (self.fd, write_fd):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        os.read(self.fd, 4096)


def on_change(event: Any) -> None:
    """Wait no longer than MAX_BACKOFF_S, and tell the person at the terminal: once when it fails, once when it runs."""
    process = event.process
    if process.config.options.mood < SupervisorStates.RUNNING:
        return
    name = process.config.name
    if process.state == ProcessStates.BACKOFF:
        process.backoff = min(process.backoff, MAX_BACKOFF_S)
        process.delay = time.time() + process.backoff
        if name not in _failing:
            _failing.add(name)
            _say(f"{name} ends as soon as it is started; trying on. Its log: {process.config.stdout_logfile}")
    elif process.state == ProcessStates.EXITED:
        _say(f"{name} has ended by itself; starting it again. Its log: {process.config.stdout_logfile}")
    elif process.state == ProcessStates.RUNNING and name in _failing:
        _failing.discard(name)
        _say(f"{name} runs again.")


_failing: set[str] = set()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(configuration: str, data_dir: str) -> None:
    # Parent first: the launcher may be gone already. Then our own number, for the programs to compare with.
    die_with_parent()
    os.environ[SUPERVISOR_PID] = str(os.getpid())
    with hold_when_free(Path(data_dir), SUPERVISOR):
        options = ServerOptions()
        options.realize(["-c", configuration, "-n"])
        options.first = True
        options.test = False
        try:
            PatientSupervisor(options).main()
        except asyncore.ExitNow:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
