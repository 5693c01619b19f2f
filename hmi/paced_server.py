"""Daphne for answers that are longer than memory: it waits for who reads slowly, and breaks off what has failed.

Daphne itself takes portions as fast as they are made and keeps what the network has not taken: a slow reader would
fill the memory of the process that all live screens depend on. An answer that fails on the way it would leave open,
and stop looking after its connections.

Import this after the event loop was chosen (hmi/management/commands/run_web.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog
from daphne.server import Server

log = structlog.get_logger(__name__)

BROKEN_OFF: Final = "isthmus.broken_off"
LOOK_AGAIN_S: Final = 1.0
"""A connection that is lost may not say so to who waits for it."""

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Gate:
    """What Twisted calls a push producer. Closed while the network has not taken what was sent."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.is_open.set()

    def pauseProducing(self) -> None:
        self.is_open.clear()

    def resumeProducing(self) -> None:
        self.is_open.set()

    def stopProducing(self) -> None:
        self.is_open.set()


class PacedServer(Server):  # type: ignore[misc]  # Daphne has no types
    def __init__(self, *, application: Any, **options: Any) -> None:
        super().__init__(application=breaking_off(application), **options)
        self._gates: WeakKeyDictionary[Any, Gate] = WeakKeyDictionary()

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if message["type"] == BROKEN_OFF:
            if self._is_connected(protocol):
                protocol.channel.transport.abortConnection()  # not an orderly end: a reader must not take it for whole
            return
        has_more = message["type"] == "http.response.body" and message.get("more_body", False)
        if has_more and self._is_connected(protocol) and protocol not in self._gates:
            self._gates[protocol] = Gate()
            protocol.registerProducer(self._gates[protocol], True)
        elif message["type"] == "http.response.body" and not has_more and self._gates.pop(protocol, None):
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if has_more:
            await self._taken(protocol)

    async def _taken(self, protocol: Any) -> None:
        gate = self._gates.get(protocol)
        while gate is not None and not gate.is_open.is_set() and self._is_connected(protocol):
            try:
                await asyncio.wait_for(gate.is_open.wait(), LOOK_AGAIN_S)
            except TimeoutError:
                continue

    def _is_connected(self, protocol: Any) -> bool:
        details = self.connections.get(protocol)
        return details is not None and not details.get("disconnected") and protocol.channel is not None


def breaking_off(application: Any) -> Any:
    """What fails before its answer begins is Daphne's to answer; later there is nothing left to say."""

    async def answer(scope: dict[str, Any], receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        has_begun = False

        async def sending(message: dict[str, Any]) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await application(scope, receive, sending)
        except Exception:
            if not has_begun:
                raise
            log.error("an answer broke off on the way", path=scope.get("path", ""), exc_info=True)
            await send({"type": BROKEN_OFF})

    return answer
