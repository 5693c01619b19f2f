"""Who stands behind a request, in the form the audit keeps."""

import hashlib

from django.http import HttpRequest

from accounts.client_address import address_of
from accounts.models import User
from audit.actions import Actor


def actor_of(request: HttpRequest) -> Actor:
    """The user of the request, with address, session and request id; anonymous when nobody is logged in."""
    user = request.user
    ip = address_of(request)
    session = session_mark(getattr(request, "session", None) and request.session.session_key)
    request_id = str(getattr(request, "request_id", ""))[:64]
    if not isinstance(user, User):
        return Actor("anonymous", "", "anonymous", session, ip, request_id=request_id)
    return actor_of_user(user, session=session, ip=ip, request_id=request_id)


def actor_of_user(user: User, *, session: str = "", ip: str = "", request_id: str = "") -> Actor:
    return Actor("user", str(user.uuid), user.username, session, ip, request_id=request_id)


def session_mark(key: str | None) -> str:
    """What the audit keeps of a session: enough to tell sessions apart, useless for taking one over."""
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""
