"""`manage.py run_poller`: read the devices. One of these runs; a second one waits for the lease."""

import asyncio
import signal
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bus.client import connect
from bus.parent import die_with_parent
from bus.roles import POLLER, RoleTaken, hold_role
from devices import snapshot
from devices.poller import totals
from devices.poller.service import Poller
from plant import revisions


class Command(BaseCommand):
    help = "Read every device on schedule and put the values on the bus. Waits for Redis and the database."
    requires_system_checks: list[str] = []  # a wrong page setting must not keep the plant from being read

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lock = hold_role(settings.DATA_DIR, POLLER)
        except RoleTaken as error:
            raise CommandError(
                f"{error}. Stop it first; two pollers on one machine would only wait for each other."
            ) from error
        with lock:
            die_with_parent()
            uvloop.run(_main())


async def _main() -> None:
    client = connect(settings.REDIS_URL, POLLER)
    service = Poller(client, current=revisions.current, load=snapshot.load, store=totals.database())
    poller = asyncio.create_task(service.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, poller.cancel)
    try:
        await poller
    except asyncio.CancelledError:
        return
    finally:
        await client.aclose()
