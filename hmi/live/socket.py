"""The socket /ws/live/: who may come in, what it may say. A bare ASGI application, because every frame is acknowledged
by a message of its own, and a consumer class costs more for each than all the rest together.
"""

import time
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host

from hmi.live import hub as hubs
from hmi.live import protocol
from hmi.live.admission import Visitor
from hmi.live.asgi import Receive, Scope, Send
from hmi.live.hub import Hub, TooManySockets
from hmi.live.protocol import BadRequest, Close
from hmi.live.subscribers import Subscriber

MAX_ERRORS: Final = 10
"""So many messages outside the protocol are answered; then the socket is closed."""
MESSAGES_PER_S: Final = 20
BURST: Final = 100
BYTES_PER_TOKEN: Final = 4096
TRY_AGAIN_LATER: Final = 1013


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """The whole life of one socket."""
    await receive()  # websocket.connect
    if not is_own_origin(scope):
        await send({"type": "websocket.close"})
        return
    hub = hubs.running()
    try:
        visitor = await hub.admit(session_key(scope))
    except DatabaseError:
        await _refuse(send, TRY_AGAIN_LATER)
        return
    if visitor is None:
        await _refuse(send, Close.LOGIN)
        return
    await _talk(hub, visitor, receive, send)


async def _refuse(send: Send, code: int) -> None:
    """Accept and close: a browser is not told why a handshake failed, but it is told the code of a close."""
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": int(code)})


async def _talk(hub: Hub, visitor: Visitor, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    try:
        subscriber = hub.join(visitor, send)
    except TooManySockets as error:
        await send({"type": "websocket.send", "text": protocol.error("too_many_sockets", str(error))})
        await send({"type": "websocket.close", "code": int(Close.TOO_MANY)})
        return
    try:
        await hub.greet(subscriber)
        await _listen(hub, subscriber, receive)
    finally:
        hub.leave(subscriber)


async def _listen(hub: Hub, subscriber: Subscriber, receive: Receive) -> None:
    patience = Patience(time.monotonic())
    while (message := await receive())["type"] == "websocket.receive":
        if subscriber.is_closed:
            continue
        if not patience.allows(time.monotonic(), 1 + len(message.get("text") or "") // BYTES_PER_TOKEN):
            await subscriber.send_text(
                protocol.error(
                    "too_fast",
                    f"At most {MESSAGES_PER_S} messages (or {MESSAGES_PER_S * BYTES_PER_TOKEN // 1024} kB) per second.",
                )
            )
            await subscriber.close(Close.TOO_MANY)
            continue
        try:
            await hub.handle(subscriber, protocol.parse(message.get("text")))
        except BadRequest as error:
            await subscriber.send_text(protocol.error(error.code, error.detail))
            if not patience.forgives():
                await subscriber.close(Close.MISBEHAVED)


class Patience:
    """How much one socket may say, and how often it may be wrong. `now_s`: monotonic."""

    def __init__(self, now_s: float) -> None:
        self._tokens = float(BURST)
        self._filled_at = now_s
        self._errors = 0

    def allows(self, now_s: float, cost: int = 1) -> bool:
        """May there be one more message? A long one counts for several: it takes longer to answer."""
        self._tokens = min(BURST, self._tokens + (now_s - self._filled_at) * MESSAGES_PER_S)
        self._filled_at = now_s
        self._tokens -= cost
        return self._tokens >= 0

    def forgives(self) -> bool:
        """One more error: may it go on?"""
        self._errors += 1
        return self._errors < MAX_ERRORS


def header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def session_key(scope: Scope) -> str:
    """The session of the browser, empty without one."""
    return parse_cookie(header(scope, b"cookie")).get(settings.SESSION_COOKIE_NAME, "")


def is_own_origin(scope: Scope) -> bool:
    """Does a page of this very site open the socket? Browsers send cookies to whoever asks, but say the origin."""
    origin, host = header(scope, b"origin").lower(), header(scope, b"host").lower()
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    parts = urlsplit(origin)
    schemes = {"https"} if settings.USE_TLS else {"http", "https"}
    default_port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.scheme in schemes and parts.netloc.removesuffix(default_port) == host.removesuffix(default_port)
