"""The seven roles every site starts with (IEC 62443-3-3 SR 2.1). A site may change them and add its own."""

from typing import Final

STANDARD_ROLES: Final = (
    ("viewer", "Viewer", ["view"]),
    ("operator", "Operator", ["view", "diagnose", "enter"]),
    ("supervisor", "Supervisor", ["view", "diagnose", "enter", "substitute", "take_out_of_use"]),
    ("maintenance", "Maintenance", ["view", "diagnose", "enter", "substitute", "take_out_of_use"]),
    ("engineer", "Engineer", ["view", "diagnose", "enter", "substitute", "take_out_of_use", "configure"]),
    ("administrator", "Administrator", ["view", "diagnose", "administer"]),
    ("auditor", "Auditor", ["view", "audit"]),
)
"""Name, title, actions. Who administers people does not configure the plant, and neither reads the audit."""

FIRST_PERSON: Final = ("administrator", "engineer", "auditor")
"""Roles everywhere of whoever opens the set-up link: somebody must be able to see, build and share out everything."""
