"""Every socket of the product. tests/road/test_matrix.py walks them all."""

from typing import Any, Final

from hmi.live.asgi import App, Receive, Scope, Send
from hmi.live.socket import live

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
