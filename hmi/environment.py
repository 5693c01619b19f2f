"""The settings a site may change, read from the environment and checked here. One clear sentence when one is wrong."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def port(name: str, default: int) -> int:
    raw = text(name, str(default))
    if not raw.isdigit() or not 1 <= int(raw) <= 65535:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a port. Give a number from 1 to 65535.")
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
    return text("REDIS_URL") or f"unix://{folder / 'valkey' / 'valkey.sock'}"
