"""`manage.py run_alarms`: judge every sample, keep the journal. One of these runs on a machine."""

import asyncio
import signal
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from alarms.process.service import AlarmEngine
from alarms.system.alarms import SystemWatch
from bus.client import connect
from bus.parent import die_with_parent
from bus.roles import ALARMS, RoleTaken, hold_role


class Command(BaseCommand):
    help = "Judge every sample, raise alarms and write the journal. Waits for Redis and the database."
    requires_system_checks: list[str] = []  # a wrong page setting must not keep alarms from being raised

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lock = hold_role(settings.DATA_DIR, ALARMS)
        except RoleTaken as error:
            raise CommandError(f"{error}. Stop it first; a second one would write nothing.") from error
        with lock:
            die_with_parent()
            uvloop.run(_main())


async def _main() -> None:
    client = connect(settings.REDIS_URL, ALARMS)
    alarms = AlarmEngine(client)
    engine = asyncio.create_task(alarms.run())
    watch = asyncio.create_task(SystemWatch(alarms.told).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, engine.cancel)
    try:
        await engine
    except asyncio.CancelledError:
        return
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await client.aclose()
