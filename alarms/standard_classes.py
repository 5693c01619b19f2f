"""The alarm classes a new site begins with. Sites change them as they like; none is special to the program."""

import uuid
from typing import Any, Final

_NAMES: Final = uuid.UUID("6d0f3b0e-8f4e-4a53-9d0f-6a1f4e9b6c52")
STANDARD_CLASSES: Final[dict[str, dict[str, Any]]] = {
    "process": {"title": "Process"},
    "safety": {"title": "Safety", "shelvable": False, "ack_comment": True, "max_shelve_min": 60},
    "environmental": {"title": "Environmental", "max_shelve_min": 240},
    "diagnostic": {"title": "Diagnostic"},
}
"""Name -> fields of AlarmClass."""


def identity_of(name: str) -> uuid.UUID:
    """The same at every site, so that a document of one finds the classes of another."""
    return uuid.uuid5(_NAMES, name)
