"""Which programs make up a site, and the supervisor's configuration for them."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bus import embedded
from bus.roles import ALARMS, HISTORIAN, JOBS, POLLER, SIMULATOR, WEB
from hmi.environment import VALKEY, valkey_folder

ROOT: Final = Path(__file__).resolve().parents[2]
LOG_BYTES: Final = 5 * 1024 * 1024
LOG_BACKUPS: Final = 2
"""Logs of one program take at most (1 + LOG_BACKUPS) x LOG_BYTES on the disk."""

STARTED_AFTER_S: Final = 3
"""A program that ends sooner waits longer and longer before it is started again (supervise.MAX_BACKOFF_S)."""
STOP_WAIT_S: Final = 5
NEVER_GIVE_UP: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Program:
    """`stops_late`: it ends after all those that need it."""

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    stops_late: bool = False


def valkey(data_dir: Path) -> Program:
    command = embedded.command(valkey_folder(data_dir))
    lock = ["--lock", str(data_dir / f"{VALKEY}.lock")]
    return Program(VALKEY, leashed(command, *lock), stops_late=True)


def worker(name: str, command: str, environment: dict[str, str] | None = None) -> Program:
    settings = {"DJANGO_SETTINGS_MODULE": "hmi.worker_settings"}
    return Program(name, leashed(managed(command)), settings | (environment or {}))


def web() -> Program:
    return Program(WEB, leashed(managed("run_web")), {"DJANGO_SETTINGS_MODULE": "hmi.settings"})


def managed(command: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), command]


def leashed(command: Sequence[str], *options: str) -> list[str]:
    return [sys.executable, "-m", "hmi.launch.leash", *options, "--", *command]


def site(data_dir: Path, *, is_embedded_redis: bool, simulator_port: int | None) -> list[Program]:
    """The programs of a site. `simulator_port`: the first port of the demo's devices; None without the demo."""
    programs = [valkey(data_dir)] if is_embedded_redis else []
    programs += [web(), worker(POLLER, "run_poller"), worker(ALARMS, "run_alarms")]
    programs += [worker(HISTORIAN, "run_historian"), worker(JOBS, "run_jobs")]
    if simulator_port is not None:
        programs.append(worker(SIMULATOR, "simulate_plant", {"SIMULATOR_PORT": str(simulator_port)}))
    return programs


def supervisor_configuration(data_dir: Path, programs: Sequence[Program]) -> str:
    """An ini file without any secret: those travel in the environment. There is no control socket."""
    logs = data_dir / "logs"
    parts = [
        _section(
            "supervisord",
            nodaemon="true",
            silent="true",
            logfile=logs / "supervisor.log",
            logfile_maxbytes=LOG_BYTES,
            logfile_backups=LOG_BACKUPS,
            pidfile=data_dir / "run" / "supervisor.pid",
            childlogdir=logs,
            directory=ROOT,
            umask="077",
            identifier="isthmus",
            user="root" if os.getuid() == 0 else "",  # its warning about root is for daemons that can drop rights
        )
    ]
    parts += [_program(p, logs) for p in programs if p.stops_late]
    others = [p for p in programs if not p.stops_late]
    parts += [_program(p, logs) for p in others]
    # One group stops as one; groups stop in falling order of priority.
    parts.append(_section("group:isthmus", programs=",".join(p.name for p in others), priority=200))
    return "\n".join(parts)


def _program(program: Program, logs: Path) -> str:
    environment = ",".join(f'{name}="{value}"' for name, value in program.environment.items())
    return _section(
        f"program:{program.name}",
        command=shlex.join(program.command),
        directory=ROOT,
        environment=environment,
        priority=100,
        autorestart="true",
        startsecs=STARTED_AFTER_S,
        startretries=NEVER_GIVE_UP,
        stopwaitsecs=STOP_WAIT_S,
        redirect_stderr="true",
        stdout_logfile=logs / f"{program.name}.log",
        stdout_logfile_maxbytes=LOG_BYTES,
        stdout_logfile_backups=LOG_BACKUPS,
    )


def _section(name: str, **options: object) -> str:
    """`%` is the supervisor's own escape, and `;` after a space would begin a comment."""
    lines = [f"[{name}]"]
    for key, value in options.items():
        if value != "":
            lines.append(f"{key} = {str(value).replace('%', '%%')}")
    return "\n".join(lines) + "\n"
