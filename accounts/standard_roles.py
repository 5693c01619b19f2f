"""The seven roles every site starts with (IEC 62443-3-3 SR 2.1). A site may change them and add its own."""

from typing import Final

_OPERATES: Final = ["view", "diagnose", "enter", "acknowledge", "shelve", "silence", "reset"]
_SUPERVISES: Final = [*_OPERATES, "substitute", "take_out_of_use", "suppress"]

STANDARD_ROLES: Final = (
    ("viewer", "Viewer", ["view"]),
    ("operator", "Operator", _OPERATES),
    ("supervisor", "Supervisor", _SUPERVISES),
    ("maintenance", "Maintenance", _SUPERVISES),
    ("engineer", "Engineer", [*_SUPERVISES, "configure_alarms", "configure"]),
    ("administrator", "Administrator", ["view", "diagnose", "administer"]),
    ("auditor", "Auditor", ["view", "audit"]),
)
"""Name, title, actions. Who administers people does not configure the plant, and neither reads the audit."""

FIRST_PERSON: Final = ("administrator", "engineer", "auditor")
"""Roles everywhere of whoever opens the set-up link: somebody must be able to see, build and share out everything."""
