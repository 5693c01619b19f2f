"""Behind a proxy: who asks, and whether by https, as told by the proxies that are trusted and by nobody else."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from accounts.client_address import client_address
from hmi.live.asgi import App, Scope


class TrustProxies:
    """ASGI wrapper. Rewrites scope's client and scheme when the peer is one of `trusted`; leaves all else alone."""

    def __init__(self, app: App, trusted: Sequence[str]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if self._trusted and scope["type"] in {"http", "websocket"}:
            scope = self._seen_through(scope)
        await self._app(scope, receive, send)

    def _seen_through(self, scope: Scope) -> Scope:
        peer = (scope.get("client") or [""])[0]
        if not is_trusted(peer, self._trusted):
            return scope
        client = client_address(peer, _all(scope, b"x-forwarded-for"), self._trusted)
        seen = dict(scope, client=[client, 0] if client else scope.get("client"))
        said = _all(scope, b"x-forwarded-proto").rpartition(",")[2].strip().lower()
        if said in {"http", "https"}:
            is_socket = scope["type"] == "websocket"
            seen["scheme"] = {"http": "ws", "https": "wss"}[said] if is_socket else said
        return seen


def is_trusted(peer: str, trusted: Sequence[str]) -> bool:
    """`peer`: an address, or "" for a local socket."""
    if not peer:
        return "unix" in trusted
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(entry, strict=False) for entry in trusted if entry != "unix")


def _all(scope: Scope, name: bytes) -> str:
    return ",".join(value.decode("latin-1") for key, value in scope.get("headers", ()) if key == name)
