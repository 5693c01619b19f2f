"""What every answer carries: an id of its request, a strict content policy, and no copy left in a cache."""

import re
import uuid
from collections.abc import Callable
from typing import Final

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]

CONTENT_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Nothing inline, nothing from elsewhere, no eval. `data:` images: the small icons inside style sheets."""

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A page shows the plant to somebody who was logged in: going back after logging out must not show it again.
    "Cache-Control": "no-store",
}

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")


class SecurityHeaders:
    """Adds HEADERS where a view has not decided otherwise. Static files never pass here: WhiteNoise serves them."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class RequestId:
    """`request.request_id`, also in every log line and audit record the request causes, and in X-Request-ID.

    A well-formed X-Request-ID of the caller is kept, so that a proxy's log and ours can be laid side by side.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]  # read by accounts.actors, with a default
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self._get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response
