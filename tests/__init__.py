"""Imported before any test and before Django: sets up a site of the tests' own.

Not by DJANGO_SETTINGS_MODULE in pyproject.toml: pytest-django would load the settings first, with the DATA_DIR of a
site that somebody may be running on this machine.
"""

import atexit
import os
import shutil
import tempfile

import django

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="isthmus-test-")
atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
SETTINGS_OF_A_SITE = (
    *("REDIS_URL", "SECRET_KEY", "HOST", "PORT", "ALLOWED_HOSTS", "TRUSTED_PROXIES", "PLANT", "LOG_LEVEL", "TIME_ZONE"),
    *("ISTHMUS_TLS", "ISTHMUS_INSECURE_HTTP", "LIVE_SOCKETS", "LIVE_SOCKETS_PER_USER", "PASSWORD_MIN_LENGTH"),
    *("SIMULATOR_PORT", "HISTORY_DATABASE_URL", "SUPERVISOR_PROCESS_NAME", "ISTHMUS_SUPERVISOR_PID", "ISTHMUS_RUN"),
)
for _name in SETTINGS_OF_A_SITE:
    os.environ.pop(_name, None)

os.environ["DJANGO_SETTINGS_MODULE"] = "hmi.settings"
django.setup()
os.environ.pop("DJANGO_SETTINGS_MODULE")  # what a test starts chooses its own
