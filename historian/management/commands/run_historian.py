"""`manage.py run_historian`: every sample into its series. One of these runs on a machine."""

import asyncio
import signal
from functools import partial
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bus.client import connect
from bus.parent import die_with_parent
from bus.roles import HISTORIAN, RoleTaken, hold_role
from historian.place import history_url
from historian.recorder import Kept, Recorder
from historian.storage.opening import open_storage


class Command(BaseCommand):
    help = "Record every sample. Waits for Redis and the databases."
    requires_system_checks: list[str] = []  # a wrong page setting must not keep history from being written

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lock = hold_role(settings.DATA_DIR, HISTORIAN)
        except RoleTaken as error:
            raise CommandError(f"{error}. Stop it first; history has one writer.") from error
        with lock:
            die_with_parent()
            uvloop.run(_main())


async def _main() -> None:
    client = connect(settings.REDIS_URL, HISTORIAN)
    spool = settings.DATA_DIR / "spool" / "history"
    kept = Kept(partial(open_storage, history_url()), spool, settings.HISTORY_SPOOL_MB << 20)
    recorder = asyncio.create_task(Recorder(client, kept).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, recorder.cancel)
    try:
        await recorder
    except asyncio.CancelledError:
        return
    finally:
        await client.aclose()
