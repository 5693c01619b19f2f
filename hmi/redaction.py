"""No secret reaches a log: hidden by the name of the field, by the shape of the text, or because we know it as ours."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

HIDDEN: Final = "[hidden]"

_SECRET_NAME: Final = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|session|cookie|authori[sz]ation|api_?key|private_?key|credential|csrf|otp$",
    re.IGNORECASE,
)
_SHAPES: Final = (
    (re.compile(r"(://)[^/\s@]*@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(r"\b((?:[\w-]*session\w*|csrf\w*|password|passwd|secret|token|api_?key)['\"]?\s*[=:]\s*['\"]?)[^\s;,&'\"]+",
                   re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\bist_[\w-]{6,}"), f"ist_{HIDDEN}"),  # an API token
    (re.compile(r"(/setup/)[^/\s\"']+"), rf"\1{HIDDEN}"),
)  # fmt: skip
MIN_KNOWN_SECRET: Final = 6
"""Shorter ones would blot out ordinary words; their fields and URLs are hidden by name and shape."""


def hidden_in_text(text: str, known: Iterable[str] = ()) -> str:
    """The text without addresses' passwords, tokens, cookies, set-up links and the secrets given as `known`."""
    for secret in known:
        if len(secret) >= MIN_KNOWN_SECRET:
            text = text.replace(secret, HIDDEN)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def hidden(value: Any, known: Iterable[str] = ()) -> Any:
    """The same value with every secret inside it hidden: in texts, and whole fields whose name says secret."""
    if isinstance(value, str):
        return hidden_in_text(value, known)
    if isinstance(value, bytes):
        return hidden_in_text(value.decode(errors="replace"), known)
    if isinstance(value, Mapping):
        return {k: _field(str(k), v, known) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [hidden(item, known) for item in value]
    if isinstance(value, BaseException):
        return hidden_in_text(f"{type(value).__name__}: {value}", known)
    return value


def _field(name: str, value: Any, known: Iterable[str]) -> Any:
    if _SECRET_NAME.search(name) and value and not isinstance(value, bool | int | float):  # how many, how long
        return HIDDEN
    return hidden(value, known)
