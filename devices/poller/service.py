"""The poller as a whole: which links run, and everything that runs beside them."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, cast

import structlog
from django.db import Error as DatabaseError
from redis.asyncio import Redis

from bus import keys
from bus.client import BusError
from bus.latest import read_latest
from bus.presence import Presence
from bus.process import Heartbeat
from bus.quality import GOOD_LOCAL_OVERRIDE
from bus.roles import POLLER
from bus.streams import LeaseLost
from devices.drivers.base import OpenDriver
from devices.drivers.registry import open_driver
from devices.interventions import Interventions
from devices.poller.clock import ClockWatch
from devices.poller.computed import ComputedGroup
from devices.poller.computing import Computing, Stored, newest_totals
from devices.poller.configuration import Configuration, of_snapshot
from devices.poller.delivery import Delivery, LeaseKeeper, say_event
from devices.poller.groups import LastValue, ScanGroup
from devices.poller.interventions import InterventionWatch, Store
from devices.poller.link import Known, Link, now_ms
from devices.poller.outbox import LIMIT_BYTES, Outbox
from devices.poller.overlay import Overlay
from devices.poller.probes import ProbeDesk
from devices.poller.spec import LinkSpec
from devices.snapshot import Snapshot
from plant.watching import RevisionWatch

log = structlog.get_logger(__name__)

WATCH_S: Final = 0.25
CLOCK_S: Final = 0.5
HEALTH_S: Final = 2.0
RESTART_S: Final = 1.0
END_S: Final = 2.0
"""So long the end of a link is waited for before the same one starts again."""
LAST_WORDS_S: Final = 0.5
TOTALS_WORDS_S: Final = 2.0
NOTHING_KEPT: Final = Store(Interventions, lambda *_: {})
"""Nobody enters, substitutes or takes anything out of use, and no total is kept."""


class Poller:
    """`current` and `load` ask the configuration database; `open_driver` makes the drivers (devices/drivers).

    `store`: where what people do in operation, and totals, are kept (devices/poller/totals.py).
    """

    def __init__(
        self,
        client: Redis,
        *,
        current: Callable[[], int],
        load: Callable[[], Snapshot],
        open_driver: OpenDriver = open_driver,
        store: Store = NOTHING_KEPT,
        outbox_bytes: int = LIMIT_BYTES,
    ) -> None:
        self._client = client
        self._open_driver = open_driver
        self.outbox = Outbox(limit_bytes=outbox_bytes)
        self.outbox.on_missed = self._publish_all_again
        self.leases = LeaseKeeper(client, self._lease_held, self._lease_lost)
        self.delivery = Delivery(client, self.outbox, self.leases)
        self.delivery.on_joined = self._sweep_soon
        self._overlay = Overlay()
        self.computing = Computing(self.outbox, self._overlay, self._scan_groups, now_ms)
        self._interventions = InterventionWatch(
            store, self._overlay, self.computing, self._publish_tags_again, self._leave_alone, now_ms
        )
        self._watch = RevisionWatch(
            client, lambda: of_snapshot(load()), self._configure, current=current, first=self._interventions.look
        )
        self._presence = Presence(client)
        self._configuration = Configuration(0, {}, (), {})
        self._is_configured = asyncio.Event()
        self._is_polling = False
        self._last: dict[int, LastValue] = {}
        self._totals: dict[int, Stored] = {}
        self._known: Known = {}
        self.links: dict[str, Link] = {}
        self._probes = ProbeDesk(
            client,
            links=self.links.values,
            is_polling=lambda: self._is_polling,
            out_of_use=self._why_out_of_use,
        )
        self._running: dict[str, asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._health_wanted = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; then everything is closed, the last blocks are sent and the lease is given back."""
        heartbeat = Heartbeat(self._client, POLLER, revision=lambda: self._configuration.revision, detail=self.figures)
        parts = [
            heartbeat.run(), self._watch.run(), self.leases.run(), self.delivery.run(),
            self._mark_overdue(), self._watch_clock(), self._say_health(), self._probes.run(), self._keep_computing(),
        ]  # fmt: skip
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part)
        finally:
            await self._end()

    async def _say_last_words(self) -> None:
        """Totals once more, if the database allows it in time."""
        try:
            await self._watch.close(self._interventions.last_words, TOTALS_WORDS_S)
        except (DatabaseError, TimeoutError) as error:
            log.warning("totals not written at the end", reason=str(error) or "the database did not answer in time")

    async def _end(self) -> None:
        tasks = [*self._running.values(), *self._background]
        self._stop_links(list(self.links))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._say_last_words()
        with suppress(*BusError, LeaseLost, TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self.delivery.flush()
                await self.leases.release()
        await self.delivery.close()

    def figures(self) -> dict[str, Any]:
        groups: list[ScanGroup | ComputedGroup] = [*self._scan_groups(), *self.computing.groups]
        return {
            "tags": sum(len(group.ids) for group in groups),
            "groups": len(groups),
            "links": len(self.links),
            "is_polling": self._is_polling,
            "outbox_blocks": self.outbox.waiting_blocks,
            "outbox_bytes": self.outbox.waiting_bytes,
            "dropped_blocks": self.outbox.dropped,
            "publish_failures": self.delivery.failures,
        }

    # -- configuration and lease decide which links run ---------------------------------------------------------

    def _configure(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._is_configured.set()
        log.info("configuration loaded", revision=configuration.revision, links=len(configuration.links))
        if self._is_polling:
            self._apply()

    def _lease_held(self, fence: int) -> None:
        log.info("lease held", fence=fence)
        self.outbox.start_fence(fence)
        if not self._is_polling:
            self._spawn(self._begin())

    def _lease_lost(self) -> None:
        self._is_polling = False
        self._stop_links(list(self.links))
        self.computing.stop()
        self._last = {}  # whoever polls now knows newer ones, and leaves them on the bus

    async def _begin(self) -> None:
        await self._is_configured.wait()
        last = await self._last_on_bus()
        if self.leases.fence is None or self._is_polling:
            return
        self._last = {**last, **self._last}
        self._is_polling = True
        self._apply()

    async def _last_on_bus(self) -> dict[int, LastValue]:
        """What a poller before us has left, when it was read by the same configuration; and where totals stood.

        A substituted value is not what was read, so it is not remembered as that.
        """
        last: dict[int, LastValue] = {}
        self._totals = dict(self._interventions.stored)
        with suppress(*BusError):
            blocks = (await read_latest(self._client)).values()
            self._totals = newest_totals(blocks, self._configuration.revision, self._totals)
            for block in blocks:
                if block.revision != self._configuration.revision:
                    continue
                taken = block.source_ms or [block.read_at_ms] * len(block.ids)
                for tag, value, status, taken_ms in zip(block.ids, block.values, block.statuses, taken, strict=True):
                    if status != GOOD_LOCAL_OVERRIDE:
                        last[tag] = LastValue(None, value, taken_ms)
        return last

    def _apply(self) -> None:
        """Start, stop and restart links; those with an unchanged definition keep their connection and schedule."""
        wanted = self._configuration.links
        self._stop_links([name for name, link in self.links.items() if wanted.get(name) != link.spec])
        for link in self.links.values():
            link.revision = self._configuration.revision
        gone = set(self.links)
        for name, spec in wanted.items():
            if name not in self.links:
                self._start_link(spec)
        totals = {**self._interventions.stored, **self._totals}
        self.computing.configure(self._configuration.computed, self._configuration.revision, self._last, totals)
        self._last, self._totals, self._known = {}, {}, {}
        log.info("links", running=len(self.links), untouched=len(gone))
        self.outbox.start_revision()
        self._sweep_soon()
        self._health_wanted.set()

    def _start_link(self, spec: LinkSpec) -> None:
        link = Link(
            spec,
            self._open_driver(spec.driver, spec.host, spec.port, spec.line, spec.quirks),
            self.outbox,
            revision=self._configuration.revision,
            last=self._last,
            overlay=self._overlay,
            device_name=self._device_name,
            on_change=self._health_wanted.set,
        )
        link.inherit(self._known)
        link.set_out_of_use(self._interventions.out_of_use)
        self.links[spec.name] = link
        before = {task for task in self._background if task.get_name() == spec.name}
        self._running[spec.name] = asyncio.create_task(self._keep_running(link, before), name=spec.name)

    async def _keep_running(self, link: Link, before: set[asyncio.Task[Any]]) -> None:
        """A fault of our own in one link must not stop the others, nor this one for good.

        `before`: the same link, ending. Many devices take one connection only, and a serial port takes one program.
        """
        if before:
            await asyncio.wait(before, timeout=END_S)
        while True:
            try:
                await link.run()
            except Exception:
                log.exception("link failed; it starts again", link=link.spec.name)
                await asyncio.sleep(RESTART_S)

    def _stop_links(self, names: list[str]) -> None:
        for name in names:
            task, link = self._running.pop(name), self.links.pop(name)
            task.cancel()
            self._known |= link.known
            self._background.add(task)
            task.add_done_callback(self._background.discard)
            for group in link.groups:
                self._last.update(group.last_values())

    def _device_name(self, device: int) -> str:
        return self._configuration.device_names.get(device, str(device))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # -- beside the links ---------------------------------------------------------------------------------------

    def _publish_all_again(self) -> None:
        for link in self.links.values():
            link.publish_again()
        self.computing.publish_again()

    def _publish_tags_again(self, tags: Iterable[int]) -> None:
        """Something lies over these tags now, or no more: a group with a long period says so before its next scan."""
        wanted, now = frozenset(tags), asyncio.get_running_loop().time()
        for group in self._scan_groups():
            if not wanted.isdisjoint(group.ids):
                group.publish_again(self._configuration.revision, now)
        self.computing.look_again(wanted)

    def _leave_alone(self, out_of_use: dict[int, str]) -> None:
        for link in self.links.values():
            link.set_out_of_use(out_of_use)

    def _why_out_of_use(self, device: int) -> str | None:
        return self._interventions.out_of_use.get(device)

    def _scan_groups(self) -> list[ScanGroup]:
        return [group for link in self.links.values() for group in link.groups]

    async def _keep_computing(self) -> None:
        """A fault of our own in computing must not stop the links."""
        while True:
            try:
                await self.computing.run()
            except Exception:
                log.exception("computing failed; it starts again")
                await asyncio.sleep(RESTART_S)

    def _sweep_soon(self) -> None:
        self._spawn(self._sweep())

    async def _sweep(self) -> None:
        """Groups and links that are no longer configured leave the bus."""
        wanted = self._configuration.links
        groups = {group.name for spec in wanted.values() for unit in spec.units for group in unit.groups}
        groups |= {spec.name for spec in self._configuration.computed}
        with suppress(*BusError):
            latest = [g.decode() for g in cast(list[bytes], await self._client.hkeys(keys.LATEST))]
            if gone := [g for g in latest if g not in groups]:
                await self._client.hdel(keys.LATEST, *gone)
            links = [name.decode() for name in cast(list[bytes], await self._client.hkeys(keys.LINKS))]
            await self._presence.forget_links([name for name in links if name not in wanted])

    async def _mark_overdue(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_S)
            self._interventions.expire(loop.time())
            for link in self.links.values():
                link.mark_overdue(loop.time())

    async def _watch_clock(self) -> None:
        loop = asyncio.get_running_loop()
        watch = ClockWatch(now_ms(), loop.time())
        while True:
            await asyncio.sleep(CLOCK_S)
            if step := watch.step_ms(now_ms(), loop.time()):
                text = f"The clock was set {'forward' if step > 0 else 'back'} by {abs(step) / 1000:.1f} s."
                log.warning("clock step", step_ms=step)
                with suppress(*BusError):
                    await say_event(self._client, "clock_step", text)

    async def _say_health(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(HEALTH_S):
                    await self._health_wanted.wait()
            self._health_wanted.clear()
            with suppress(*BusError):
                await self._presence.say_links([link.health() for link in self.links.values()])
            await asyncio.sleep(WATCH_S)
