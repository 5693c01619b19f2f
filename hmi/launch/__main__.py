"""`python -m hmi.launch`: check, prepare, start everything, say where it is, and stop it all on Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from bus.parent import RUN
from bus.roles import ALARMS, HISTORIAN, JOBS, POLLER, SIMULATOR, WEB, RoleTaken, holder_of
from hmi import environment as env
from hmi.launch import preflight
from hmi.launch.guard import Guard, Listening
from hmi.launch.locks import LAUNCHER, SUPERVISOR, hold_when_free
from hmi.launch.programs import ROOT, site, supervisor_configuration
from hmi.launch.progress import Refused, say


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the environment asks for, checked."""

    data_dir: Path
    host: str
    port: int
    redis_url: str
    plant: Path | None

    @property
    def listening(self) -> Listening:
        allowed = env.words("ALLOWED_HOSTS") or ["localhost"]
        known_as = "localhost" if allowed[0] == "*" else allowed[0].lstrip(".")
        return Listening("127.0.0.1" if self.host in env.EVERYWHERE else self.host, self.port, known_as)


def wanted() -> Wanted:
    uses_tls, is_forced = env.switch("ISTHMUS_TLS"), env.switch("ISTHMUS_INSECURE_HTTP")
    host = env.host("HOST", "127.0.0.1")
    refusal = env.plain_http_refusal(host, uses_tls=uses_tls, is_forced=is_forced)
    if refusal:
        raise Refused(refusal)
    plant = env.text("PLANT")
    port = env.port("PORT", 8000)
    data_dir = env.data_dir(ROOT)
    return Wanted(data_dir, host, port, env.redis_url(data_dir), Path(plant).resolve() if plant else None)


def prepared(want: Wanted) -> dict[str, Any]:
    """Run `manage.py prepare` in a process of its own: what it loads is gone before the site starts."""
    command = [sys.executable, str(ROOT / "manage.py"), "prepare", "--json"]
    if want.plant is not None:
        command += ["--plant", str(want.plant)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "hmi.settings"}
    # In a session of its own: Ctrl-C is our affair, and a killed migration is rolled back.
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False, start_new_session=True
    )
    if done.returncode != 0:
        raise Refused("")  # prepare has said why
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def launch() -> int:
    want = wanted()
    os.environ["DATA_DIR"] = str(want.data_dir)
    say(f"Isthmus, with its data in {want.data_dir}")
    preflight.path_is_plain(ROOT, "the folder of Isthmus")
    preflight.path_is_plain(want.data_dir, "DATA_DIR")
    preflight.data_dir_is_usable(want.data_dir)
    preflight.nobody_else_runs_here(want.data_dir)
    with hold_when_free(want.data_dir, LAUNCHER):
        wait_for_the_last_run(want.data_dir)
        preflight.port_is_free(want.host, want.port)
        is_embedded = not env.text("REDIS_URL")
        if not is_embedded:
            from hmi.launch.redis_check import redis_answers

            redis_answers(want.redis_url)
        found = prepared(want)
        if found["simulator_port"] is not None:
            preflight.ports_are_free("127.0.0.1", found["simulator_port"], found["simulator_ports"], "SIMULATOR_PORT")
        programs = site(want.data_dir, is_embedded_redis=is_embedded, simulator_port=found["simulator_port"])
        run = want.data_dir / "run"
        configuration = run / "supervisor.ini"
        configuration.write_text(supervisor_configuration(want.data_dir, programs))
        (run / "address").write_text(want.listening.address)
        os.environ[RUN] = f"{os.getpid()}@{time.time_ns() // 1_000_000}"
        guard = Guard(configuration, want.data_dir)
        try:
            return guard.run(want.listening, found["setup_link"])
        finally:
            (run / "address").unlink(missing_ok=True)


def wait_for_the_last_run(data_dir: Path) -> None:
    """A run that was killed leaves programs that are still ending. Two pollers must never meet."""
    for role in (SUPERVISOR, WEB, POLLER, ALARMS, HISTORIAN, JOBS, SIMULATOR):
        try:
            hold_when_free(data_dir, role).close()
        except RoleTaken as error:
            raise Refused(
                f"{error}: it is left from an earlier run and does not end. "
                f"End it with `kill {holder_of(data_dir, role)}` (or `kill -9`), then start again."
            ) from error


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT):  # until the guard listens
        signal.signal(number, signal.default_int_handler)
    try:
        return launch()
    except (Refused, ImproperlyConfigured) as error:
        if str(error):
            say(f"Isthmus was not started: {error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped before the start was complete.")
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
