"""`manage.py simulate_plant`: the demo's pumped tank over real Modbus TCP, on this machine only."""

import asyncio
import os
import signal
import time
from typing import Any, Final

import structlog
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bus.client import connect
from bus.parent import die_with_parent
from bus.process import Heartbeat
from bus.roles import SIMULATOR, RoleTaken, hold_role
from devices.simulator.process import DAY_S, PumpedTank
from devices.simulator.server import SimulatorServer

log = structlog.get_logger(__name__)

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 15020


class Command(BaseCommand):
    help = "Serve the demo plant over Modbus TCP on 127.0.0.1, at SIMULATOR_PORT (15020)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="The same seed gives the same noise.")
        parser.add_argument(
            "--speed", type=float, default=1.0, help="How many times faster than a clock the plant runs."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lock = hold_role(settings.DATA_DIR, SIMULATOR)
        except RoleTaken as error:
            raise CommandError(f"{error}. It serves the demo already.") from error
        with lock:
            die_with_parent()
            try:
                uvloop.run(_main(_port(), options["seed"], options["speed"]))
            except OSError as error:
                raise CommandError(f"{error} Free the port, or choose another by SIMULATOR_PORT.") from error


def _port() -> int:
    given = os.environ.get("SIMULATOR_PORT", "").strip() or str(DEFAULT_PORT)
    if not given.isdigit() or not 1 <= int(given) <= 65535:
        raise CommandError(f"SIMULATOR_PORT={given!r} is not a port. Give a number from 1 to 65535.")
    return int(given)


async def _main(port: int, seed: int, speed: float) -> None:
    client = connect(settings.REDIS_URL, SIMULATOR)
    tank = PumpedTank.in_operation(seed, time.time() % DAY_S)
    heartbeat = Heartbeat(client, SIMULATOR, detail=lambda: {"port": port, "level_m": round(tank.level_m, 3)})
    log.info("simulator serves", host=HOST, port=port)
    tasks = [asyncio.create_task(SimulatorServer(tank, HOST, port, speed).run()), asyncio.create_task(heartbeat.run())]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tasks[0].cancel)
    try:
        await tasks[0]
    except asyncio.CancelledError:
        return
    finally:
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.aclose()
