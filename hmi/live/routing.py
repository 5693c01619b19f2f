"""Every socket of the product. tests/road/test_matrix.py walks them all."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from hmi.live.socket import Receive, Scope, live
from hmi.live.subscribers import Send

App = Callable[[Scope, Receive, Send], Awaitable[None]]

SOCKETS: Final[dict[str, App]] = {"/ws/live/": live}


async def sockets(scope: Scope, receive: Receive, send: Send) -> None:
    """The socket of the path; an unknown one is refused in the handshake."""
    socket = SOCKETS.get(scope["path"])
    if socket is not None:
        await socket(scope, receive, send)
        return
    await receive()
    refusal: dict[str, Any] = {"type": "websocket.close"}
    await send(refusal)
