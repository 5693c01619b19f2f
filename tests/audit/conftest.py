from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from audit import triggers


@pytest.fixture
def guarded(db: None, settings: Any, tmp_path: Path) -> Path:
    """The audit as in a running site: guarded, with a folder of its own for the heads. Returns the folder."""
    settings.DATA_DIR = tmp_path
    triggers.install(connection)
    return tmp_path
