"""A socket for tests: the ASGI side of /ws/live/ without a server. Acknowledges every frame, as a browser does."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from asgiref.sync import sync_to_async
from django.conf import settings

from accounts.models import User
from hmi.live.socket import live
from tests.road.prepare_site import session_of

HOST = "127.0.0.1"


async def cookie_of(user: User) -> str:
    """A new session of the user, as the browser would send it."""
    return f"{settings.SESSION_COOKIE_NAME}={await sync_to_async(session_of)(user)}"


class Socket:
    """`cookie`: as the header says it."""

    def __init__(self, cookie: str = "", *, origin: str | None = f"http://{HOST}", host: str = HOST) -> None:
        headers = [(b"host", host.encode()), (b"cookie", cookie.encode())]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        self._scope = {"type": "websocket", "path": "/ws/live/", "headers": headers, "client": ["127.0.0.1", 1]}
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._incoming.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(live(self._scope, self._incoming.get, self._outgoing.put))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self._task, 5)

    def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    def say_bytes(self, message: bytes) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "bytes": message})

    def subscribe(self, *paths: str) -> None:
        self.say({"type": "subscribe", "paths": paths})

    async def event(self, timeout_s: float = 5) -> dict[str, Any]:
        """The next thing the server does."""
        return await asyncio.wait_for(self._outgoing.get(), timeout_s)

    async def message(self, kind: str, timeout_s: float = 5) -> dict[str, Any]:
        """The next message of this type; others are passed over. Fails when the socket is closed instead."""
        async with asyncio.timeout(timeout_s):
            while True:
                event = await self._outgoing.get()
                assert event["type"] != "websocket.close", f"closed with {event.get('code')} instead of {kind}"
                message = json.loads(event.get("text", '{"type": ""}'))
                if message["type"] == "frame":
                    self.say({"type": "ack", "seq": message["seq"]})
                if message["type"] == kind:
                    return dict(message)

    async def closed(self, timeout_s: float = 5) -> int:
        """The code with which the server closes; other messages are passed over."""
        async with asyncio.timeout(timeout_s):
            while (event := await self._outgoing.get())["type"] != "websocket.close":
                pass
        return int(event.get("code", 0))

    async def row(self, tag_id: int, timeout_s: float = 5) -> list[Any]:
        """The next row of a tag."""
        async with asyncio.timeout(timeout_s):
            while True:
                frame = await self.message("frame", timeout_s)
                for row in frame["rows"]:
                    if row[0] == tag_id:
                        return list(row)
