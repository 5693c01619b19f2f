"""Makes the database and the static files of a test site: the works, a counter that only grows, the cast; prints
sessions of theirs and the tags.

Run inside the site's environment by `manage.py shell`.
"""

import json

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import transaction

from accounts.models import User
from devices.models import Tag
from devices.snapshot import load
from plant.revisions import bump
from tests.cast import build_cast, build_works


def session_of(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def main(device_port: int) -> None:
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    with transaction.atomic():
        works = build_works(port=device_port)
        Tag.objects.create(
            area=works.north, device=works.plc1, name="counter", title="Counter", address=10, decimals=0,
            unit="pcs", scan_ms=500,
        )  # fmt: skip
        cast = build_cast(works)
        bump("test", "the works")
    sessions = {name: session_of(getattr(cast, name)) for name in ("ada", "omar", "vera", "sam")}
    sessions["leaver"] = session_of(cast.ada)  # a second one of hers, for a test to end
    tags = {tag.path: (tag.id, tag.group) for tag in load().tags.values()}
    print(json.dumps({"cookie": settings.SESSION_COOKIE_NAME, "sessions": sessions, "tags": tags}))
