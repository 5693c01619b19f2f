"""Looking at something again and again, in a thread and with connections of its own: whatever it waits for, the process
around it does not."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0


class Watching:
    def __init__(self) -> None:
        self._is_lost = False

    def look(self) -> None:
        """Look once, and write what has changed. Blocking. Raises DatabaseError."""
        raise NotImplementedError

    async def run(self) -> None:
        """Endless; cancel to stop. Whatever fails is tried again; nobody waits for it."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="watch")
        loop = asyncio.get_running_loop()
        try:
            while True:
                await loop.run_in_executor(thread, self._turn)
                await asyncio.sleep(LOOK_S)
        finally:
            thread.submit(connections.close_all)
            thread.shutdown(wait=False)

    def _turn(self) -> None:
        try:
            close_old_connections()
            self.look()
        except DatabaseError as error:
            if not self._is_lost:
                log.warning("system alarms wait for the database", reason=str(error))
            self._is_lost = True
        except Exception:
            log.exception("the watch over Isthmus failed; it looks again")
        else:
            self._is_lost = False
