"""ASGI entry point: pages by Django, sockets by the live hub, which starts with the first that comes in."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmi.settings")
_pages = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402  # needs the applications that Django has now loaded

from hmi.live import hub  # noqa: E402
from hmi.live.quiet_sockets import leave_uncoloured  # noqa: E402
from hmi.live.routing import sockets  # noqa: E402

leave_uncoloured()

_by_protocol = ProtocolTypeRouter({"http": _pages, "websocket": sockets})


async def application(scope: Any, receive: Any, send: Any) -> None:
    hub.running()
    await _by_protocol(scope, receive, send)
