"""Cookies behind TLS: Secure, and bound to this very host (IEC 62443-3-3 SR 3.8)."""

import json
import os
import subprocess
import sys
from pathlib import Path

_ASK = """
import json
from hmi import settings as s
print(json.dumps([s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_NAME, s.CSRF_COOKIE_SECURE]))
"""


def cookies(folder: Path, **environment: str) -> list[object]:
    env = {**os.environ, "DATA_DIR": str(folder), **environment}
    done = subprocess.run([sys.executable, "-c", _ASK], env=env, capture_output=True, text=True, check=True, timeout=30)
    answer: list[object] = json.loads(done.stdout)
    return answer


def test_behind_tls_the_cookies_are_secure_and_of_this_host_only(tmp_path: Path) -> None:
    assert cookies(tmp_path, ISTHMUS_TLS="1") == ["__Host-isthmus", True, "__Host-isthmus-csrf", True]


def test_two_sites_on_one_machine_do_not_share_a_cookie(tmp_path: Path) -> None:
    """Browsers send the cookies of one port to every other."""
    assert cookies(tmp_path, PORT="8001") == ["isthmus_8001", False, "isthmus_csrf_8001", False]
