"""The retention classes a new site begins with (HIS-10). Sites change them as they like; `standard` is for every tag
that names none, and cannot be removed.
"""

import uuid
from typing import Any, Final

_NAMES: Final = uuid.UUID("0c1de7a4-5a7e-4d3c-8c7b-0a52b2a8f2d1")
STANDARD: Final = "standard"
STANDARD_CLASSES: Final[dict[str, dict[str, Any]]] = {
    STANDARD: {"title": "Standard", "samples_days": 90, "minutes_days": 730, "hours_days": 3650},
    "brief": {"title": "Brief", "samples_days": 14, "minutes_days": 90, "hours_days": 730},
    "long": {"title": "Long (reporting)", "samples_days": 1095, "minutes_days": 3650, "hours_days": 7300},
}
"""Name -> fields of RetentionClass."""


def identity_of(name: str) -> uuid.UUID:
    """The same at every site, so that a document of one finds the classes of another."""
    return uuid.uuid5(_NAMES, name)
