"""The heads of the chain, written to a file outside of the database: a chain alone cannot show that its end is gone.

One JSON line each: sequence, hash, at. Only ever appended to. Copy it to another machine for more.
"""

import json
import os
from pathlib import Path
from typing import Final

from django.conf import settings

from audit.chain import Head

FILE_NAME: Final = "audit-heads.log"


def heads_path() -> Path:
    return Path(settings.DATA_DIR) / FILE_NAME


def append_head(head: Head) -> Head:
    """Add a head and wait until it is on the disk; returns it. Raises OSError."""
    line = json.dumps({"sequence": head.sequence, "hash": head.hash, "at": head.at}, separators=(",", ":"))
    descriptor = os.open(heads_path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return head


def read_heads() -> tuple[list[Head], list[str]]:
    """The heads, and a sentence for each line that cannot be read. A cut last line is what a power failure leaves."""
    try:
        raw = heads_path().read_bytes()
    except FileNotFoundError:
        return [], []
    heads: list[Head] = []
    wrong: list[str] = []
    lines = raw.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            heads.append(Head(int(fields["sequence"]), str(fields["hash"]), str(fields["at"])))
        except (ValueError, KeyError, TypeError):
            if number < len(lines):
                wrong.append(f"Line {number} of {heads_path()} is no head: the file has been changed.")
    return heads, wrong
