"""System checks of a site's settings: what would go wrong later is said at the start, with what to do."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from hmi import environment as env


@register(Tags.security)
def listens_where_it_may(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    refusal = env.plain_http_refusal(settings.HOST, uses_tls=settings.USE_TLS, is_forced=settings.INSECURE_HTTP)
    return [Error(refusal, id="hmi.E001")] if refusal else []


@register(Tags.security)
def tls_comes_from_a_known_proxy(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    if not settings.USE_TLS or settings.TRUSTED_PROXIES:
        return []
    return [
        Error(
            "ISTHMUS_TLS=1 without TRUSTED_PROXIES: nobody's word that a request came by https would be believed, and "
            "every page would be redirected for ever.",
            hint="Set TRUSTED_PROXIES to the address of the TLS proxy, like 127.0.0.1.",
            id="hmi.E002",
        )
    ]


@register(Tags.security)
def browsers_can_name_it(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    if env.text("ALLOWED_HOSTS") or settings.HOST not in env.EVERYWHERE:
        return []
    return [
        Warning(
            f"HOST={settings.HOST} listens in every network, but only browsers on this machine will be answered.",
            hint="Set ALLOWED_HOSTS to the names and addresses people type, like plant.example,10.0.0.5.",
            id="hmi.W001",
        )
    ]
