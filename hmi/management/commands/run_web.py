"""The web process: pages and sockets on HOST:PORT."""

import sys
from argparse import ArgumentParser
from importlib import import_module
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bus.parent import die_with_parent
from bus.roles import WEB, RoleTaken, hold_role
from hmi import environment as env
from hmi.live.protocol import MAX_BYTES

log = structlog.get_logger(__name__)

CONNECT_S: Final = 10
"""For the handshake of a socket, its access check included."""
FOREVER: Final = -1
CLOSE_S: Final = 2


class Command(BaseCommand):
    help = "Serve pages and live sockets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        refusal = env.plain_http_refusal(host, uses_tls=settings.USE_TLS, is_forced=settings.INSECURE_HTTP)
        if refusal:
            raise CommandError(refusal)
        die_with_parent()
        try:
            role = hold_role(settings.DATA_DIR, WEB)
        except RoleTaken as error:
            raise CommandError(str(error)) from error
        with role:
            serve(host, port)


def serve(host: str, port: int) -> None:
    """Until SIGTERM or SIGINT."""
    server = _server(host, port)
    log.info("web starts", host=host, port=port)
    server.run()
    if not server.listening_addresses:
        raise CommandError(f"{host}:{port} could not be listened on. Is another program there? See the log above.")
    log.info("web has stopped")


def _server(host: str, port: int) -> Any:
    _install_reactor()
    from daphne.endpoints import build_endpoint_description_strings

    from hmi.paced_server import PacedServer
    from hmi.proxies import TrustProxies

    application = import_module("hmi.asgi").application
    return PacedServer(
        application=TrustProxies(application, settings.TRUSTED_PROXIES),
        endpoints=build_endpoint_description_strings(host=host, port=port),
        # Without a limit: a control room's screen stays open for months. Daphne's default cuts it after a day.
        websocket_timeout=FOREVER,
        websocket_connect_timeout=CONNECT_S,
        websocket_max_message_size=MAX_BYTES,
        websocket_max_frame_size=MAX_BYTES,
        application_close_timeout=CLOSE_S,
        server_name="",
        verbosity=0,
    )


def _install_reactor() -> None:
    """Twisted on uvloop. Must come before daphne is imported, which would install a reactor on the standard loop."""
    import uvloop
    from twisted.internet import asyncioreactor

    if "daphne.server" in sys.modules:
        raise CommandError("daphne was imported before the event loop was chosen. Take it out of INSTALLED_APPS.")
    asyncioreactor.install(uvloop.new_event_loop())  # type: ignore[no-untyped-call]  # Twisted has no types here
