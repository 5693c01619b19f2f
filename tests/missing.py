"""What a machine may lack that a test needs. In CI nothing may be lacking, so that no test is silently left out."""

import os
import shutil
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Fail where CI is set, else skip. `reason` says what is missing and how to get it."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def need(program: str, package: str) -> str:
    """The path of a program, which comes with Debian's `package`."""
    return shutil.which(program) or missing(f"no {program} on this machine (Debian: apt-get install {package})")
