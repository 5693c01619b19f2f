"""`manage.py simulate_plant`: the demo plant Northgate waterworks over real Modbus TCP, on this machine only."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis.asyncio import Redis

from bus.client import BusError, connect
from bus.parent import die_with_parent
from bus.process import Heartbeat
from bus.roles import SIMULATOR, RoleTaken, hold_role
from devices.simulator.desk import read_orders
from devices.simulator.faults import active
from devices.simulator.process import Waterworks
from devices.simulator.site import PORTS, SimulatedSite

log = structlog.get_logger(__name__)

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 15020
ZONE: Final = ZoneInfo("Europe/Stockholm")
"""Where the plant stands: there it is day and night."""
ORDERS_S: Final = 0.5


class Command(BaseCommand):
    help = (
        "Serve the demo plant over Modbus TCP on 127.0.0.1: controller, energy meter, gateway and inverter at "
        "SIMULATOR_PORT (15020) and the three ports after it."
    )
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
    last = 65535 - (PORTS - 1)
    if not given.isdigit() or not 1 <= int(given) <= last:
        raise CommandError(f"SIMULATOR_PORT={given!r} is not a port with {PORTS - 1} after it: 1 to {last}.")
    return int(given)


async def _main(port: int, seed: int, speed: float) -> None:
    client = connect(settings.REDIS_URL, SIMULATOR)
    works = Waterworks.in_operation(seed, _time_of_day())
    site = SimulatedSite(works, HOST, port, speed)
    heartbeat = Heartbeat(client, SIMULATOR, detail=lambda: _figures(works, port))
    serving = asyncio.create_task(site.run())
    others = [asyncio.create_task(part) for part in (heartbeat.run(), _follow_orders(client, works), _say(site, port))]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return
    finally:
        for task in others:
            task.cancel()
        await asyncio.gather(serving, *others, return_exceptions=True)
        await client.aclose()


def _time_of_day() -> float:
    now = datetime.now(ZONE)
    return now.hour * 3600.0 + now.minute * 60 + now.second


def _figures(works: Waterworks, port: int) -> dict[str, Any]:
    return {"port": port, "faults": sorted(works.faults)}


async def _say(site: SimulatedSite, port: int) -> None:
    await site.is_served.wait()
    log.info("simulator serves", host=HOST, port=port, ports=PORTS)


async def _follow_orders(client: Redis, works: Waterworks) -> None:
    """Faults come and go as the bus has them; while it is away those that were there end at their time."""
    found = []
    while True:
        with suppress(*BusError):
            found = await read_orders(client)
        wanted = active(found, time.time_ns() // 1_000_000)
        if wanted != works.faults:
            log.warning("faults of the demo", now=sorted(wanted))
            works.set_faults(wanted)
        await asyncio.sleep(ORDERS_S)
