"""How every process logs: one JSON object a line, or readable colours when somebody watches a terminal.

Django calls configure() (settings.LOGGING_CONFIG) in every process. Lines go to stderr; the supervisor keeps and
rotates them in DATA_DIR/logs.
"""

import logging.config
import os
import sys
from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import structlog
from structlog.typing import Processor, WrappedLogger

from hmi.redaction import hidden

_URLS_WITH_SECRETS: Final = ("REDIS_URL", "DATABASE_URL", "HISTORY_DATABASE_URL")

Event = MutableMapping[str, Any]


def known_secrets(environ: MutableMapping[str, str], secret_key: str = "") -> tuple[str, ...]:
    """The secrets this process was given: passwords inside addresses, and the key that signs sessions."""
    found = {secret_key, environ.get("SECRET_KEY", "")}
    for name in _URLS_WITH_SECRETS:
        password = urlsplit(environ.get(name, "")).password or ""
        found |= {password, unquote(password)}
    return tuple(sorted((s for s in found if s), key=len, reverse=True))


class HideSecrets:
    """The last processor before rendering, so that nothing is added behind its back."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self._known = known

    def __call__(self, _logger: WrappedLogger, _method: str, event: Event) -> Event:
        shown: Event = hidden(event, self._known)
        return shown


def name_the_process(_logger: WrappedLogger, _method: str, event: Event) -> Event:
    """`process`: the role the supervisor started us in, so that lines of all files can be read together."""
    role = os.environ.get("SUPERVISOR_PROCESS_NAME")
    if role:
        event.setdefault("process", role)
    return event


def shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        name_the_process,
    ]


def rendering(is_terminal: bool, known: tuple[str, ...]) -> list[Processor]:
    end: Processor = structlog.dev.ConsoleRenderer(timestamp_key="time") if is_terminal else _json
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        HideSecrets(known),
        end,
    ]


_json: Final = structlog.processors.JSONRenderer(sort_keys=False, default=str, ensure_ascii=False)


def logging_config(level: str, known: tuple[str, ...]) -> dict[str, Any]:
    """The LOGGING setting. `known`: secrets to blot out wherever they turn up."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": rendering(sys.stderr.isatty(), known),
                "foreign_pre_chain": [*shared_processors(), structlog.stdlib.ExtraAdder()],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Their own handlers would print each line a second time, unformatted.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            # A 4xx is the client's affair; the reverse proxy or /metrics counts them.
            "django.request": {"level": "ERROR"},
            "daphne": {"level": "WARNING"},
            "pymodbus": {"level": "CRITICAL"},  # the poller says in its own words, once, what a link does
            "asyncio": {"level": "WARNING"},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Set up logging and structlog. Called by django.setup() with settings.LOGGING."""
    logging.config.dictConfig(config)
    logging.captureWarnings(False)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared_processors(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
