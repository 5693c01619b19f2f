"""The path of things: plant/area/.../name. Pure."""

from typing import Final

MAX_LENGTH: Final = 255
"""Of a full path from the plant on (MES-03): it is a topic and a key elsewhere."""


def split(path: str) -> tuple[str, str]:
    """'intake/pumps/run' -> ('intake/pumps', 'run'); without a '/' the first part is empty."""
    above, _, name = path.rpartition("/")
    return above, name


def too_long(path: str) -> str | None:
    """The sentence to show when a full path is longer than it may be."""
    if len(path) <= MAX_LENGTH:
        return None
    return f"The path has {len(path)} characters with the plant's name; the most is {MAX_LENGTH}. Shorten a name."
