"""The process manager: supervisor, run inside a process of ours so that it dies with the launcher and waits wisely.

python -m hmi.launch.supervise CONFIGURATION DATA_DIR
"""

import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from supervisor import events
from supervisor.medusa import asyncore_25 as asyncore
from supervisor.options import ServerOptions
from supervisor.states import ProcessStates
from supervisor.supervisord import Supervisor

from bus.parent import SUPERVISOR_PID, die_with_parent
from hmi.launch.locks import hold_when_free

MAX_BACKOFF_S: Final = 15
"""supervisor itself would wait one second longer after each failure, without end."""


class PatientSupervisor(Supervisor):  # type: ignore[misc]  # supervisor has no types
    def runforever(self) -> None:
        events.subscribe(events.ProcessStateEvent, on_change)
        super().runforever()


def on_change(event: Any) -> None:
    process = event.process
    if process.state == ProcessStates.BACKOFF:
        process.backoff = min(process.backoff, MAX_BACKOFF_S)
        process.delay = time.time() + process.backoff
        _say(f"{process.config.name} ended at once; starting it again in {process.backoff} s. Its log: {_log(process)}")
    elif process.state == ProcessStates.EXITED:
        _say(f"{process.config.name} has ended by itself; starting it again. Its log: {_log(process)}")


def _log(process: Any) -> str:
    return str(process.config.stdout_logfile)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(configuration: str, data_dir: str) -> None:
    # Parent first: the launcher may be gone already. Then our own number, for the programs to compare with.
    die_with_parent()
    os.environ[SUPERVISOR_PID] = str(os.getpid())
    with hold_when_free(Path(data_dir), "supervisor"):
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
