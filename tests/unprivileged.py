"""Tests of what one may not read or write: root may everything, so they become nobody meanwhile."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def nobodys_folder() -> Iterator[Path]:
    """A new folder whose owner is whom `as_nobody` becomes. Not tmp_path: only root may pass through pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="isthmus-nobody-"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    try:
        yield folder
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


@contextmanager
def as_nobody() -> Iterator[None]:
    """This process without root's rights. For whoever is not root it changes nothing."""
    if os.geteuid() != 0:
        yield
        return
    group = os.getegid()
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
