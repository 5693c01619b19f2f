"""The settings a site may change, read from the environment and checked here. One clear sentence when one is wrong."""

import ipaddress
import os
import secrets
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from bus import embedded

LOOPBACK = ("127.0.0.1", "localhost", "::1")
VALKEY: Final = "valkey"
"""The embedded Valkey: its program and its folder."""
POSTGRESQL: Final = ("postgres", "postgresql", "pgsql")
HISTORY_SCHEMES: Final = (*POSTGRESQL, "sqlite")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared with, not bound to


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def port(name: str, default: int) -> int:
    raw = text(name, str(default))
    if not raw.isdigit() or not 1 <= int(raw) <= 65535:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a port. Give a number from 1 to 65535.")
    return int(raw)


def whole_number(name: str, default: int, lowest: int, highest: int) -> int:
    raw = text(name, str(default))
    if not raw.isdigit() or not lowest <= int(raw) <= highest:
        raise ImproperlyConfigured(f"{name}={raw!r}: give a whole number from {lowest} to {highest}.")
    return int(raw)


def data_dir(base: Path) -> Path:
    path = Path(text("DATA_DIR", str(base / "var"))).expanduser().resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"DATA_DIR {path} cannot be made ({error.strerror}). Set DATA_DIR to a folder that can be written."
        ) from error
    return path


def secret_key(folder: Path) -> str:
    """SECRET_KEY of the environment, else one made on the first start and kept in DATA_DIR, readable by its owner."""
    given = text("SECRET_KEY")
    if given:
        if len(given) < 32:
            raise ImproperlyConfigured("SECRET_KEY is shorter than 32 characters. Unset it, or give a longer one.")
        return given
    path = folder / "secret_key"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} cannot be written ({error.strerror}). Set DATA_DIR or SECRET_KEY."
        ) from error
    return path.read_text().strip()


def redis_url(folder: Path) -> str:
    """REDIS_URL, else the socket of the Valkey that `make run` starts inside DATA_DIR."""
    given = text("REDIS_URL")
    if given and urlsplit(given).scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(
            "REDIS_URL must begin with redis://, rediss:// or unix://, like redis://:password@127.0.0.1:6379/0. "
            "Unset it to use the Valkey that comes with Isthmus."
        )
    return given or embedded.socket_url(valkey_folder(folder))


def history_database_url(folder: Path) -> str:
    """HISTORY_DATABASE_URL, else the PostgreSQL of DATABASE_URL, else a SQLite file of its own in DATA_DIR."""
    given, configuration = text("HISTORY_DATABASE_URL"), text("DATABASE_URL")
    if given and urlsplit(given).scheme not in HISTORY_SCHEMES:
        raise ImproperlyConfigured(
            "HISTORY_DATABASE_URL must begin with postgres:// or sqlite:///, like postgres://user:password@host/name, "
            "or sqlite:////srv/history.sqlite3. Unset it to keep history in DATABASE_URL's PostgreSQL or in DATA_DIR."
        )
    if given.startswith("sqlite") and len(urlsplit(given).path) < 2:
        raise ImproperlyConfigured("HISTORY_DATABASE_URL names no file. Give it like sqlite:////srv/history.sqlite3.")
    if given:
        return given
    return configuration if urlsplit(configuration).scheme in POSTGRESQL else f"sqlite:///{folder / 'history.sqlite3'}"


def valkey_folder(folder: Path) -> Path:
    """Where the embedded Valkey keeps its socket and data."""
    return folder / VALKEY


def switch(name: str) -> bool:
    raw = text(name, "0")
    if raw not in {"0", "1"}:
        raise ImproperlyConfigured(f"{name}={raw!r}: give 1 (yes) or 0 (no).")
    return raw == "1"


def host(name: str, default: str) -> str:
    """An address of this machine to listen on: IPv4, IPv6, or localhost."""
    raw = text(name, default).strip("[]")
    try:
        return raw if raw == "localhost" else str(ipaddress.ip_address(raw))
    except ValueError:
        raise ImproperlyConfigured(
            f"{name}={raw!r} is not an address. Give one of this machine's, like 127.0.0.1 (only this machine) or "
            "0.0.0.0 (every network it is in)."
        ) from None


def proxies(name: str) -> list[str]:
    """Addresses and networks (CIDR) of trusted proxies; `unix` stands for one on a local socket."""
    entries = words(name)
    for entry in entries:
        try:
            entry == "unix" or ipaddress.ip_network(entry, strict=False)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name}: {entry!r} is neither an address nor a network. Give them like 10.0.0.5,192.168.7.0/24."
            ) from None
    return entries


def level(name: str, default: str) -> str:
    raw = text(name, default).upper()
    if raw not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ImproperlyConfigured(f"{name}={raw!r}: give DEBUG, INFO, WARNING or ERROR.")
    return raw


def plain_http_refusal(address: str, *, uses_tls: bool, is_forced: bool) -> str | None:
    """Why Isthmus must not listen there without TLS, or None where it may."""
    if uses_tls or is_forced or address in LOOPBACK or _is_loopback(address):
        return None
    return (
        f"HOST={address} would send passwords and plant values over the network as plain text. Put a TLS proxy in "
        "front and set ISTHMUS_TLS=1 (docs/installation.md), or, on a network where nobody can listen, force it "
        "with ISTHMUS_INSECURE_HTTP=1."
    )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
