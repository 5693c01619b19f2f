"""Each answer, also a refusal, says what a browser may run and keep; SR 2.4 mobile code."""

import logging
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from hmi.security import CONTENT_POLICY, RequestId, SecurityHeaders


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/admin/", "/no/such/page/", "/setup/wrong/"])
def test_pages_and_refusals_alike(client: Client, path: str) -> None:
    headers = client.get(path).headers

    assert headers["Content-Security-Policy"] == CONTENT_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in headers["Cache-Control"]
    assert len(headers["X-Request-ID"]) == 32


def test_the_policy_allows_nothing_inline_nothing_foreign_and_no_eval() -> None:
    assert "unsafe" not in CONTENT_POLICY
    assert "*" not in CONTENT_POLICY
    assert "http" not in CONTENT_POLICY
    assert {"default-src 'self'", "script-src 'self'", "style-src 'self'"} <= set(CONTENT_POLICY.split("; "))


def test_a_view_may_decide_otherwise_about_caching() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Cache-Control": "max-age=5"})

    assert SecurityHeaders(view)(RequestFactory().get("/"))["Cache-Control"] == "max-age=5"


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [
        ("0f8fad5b-d9cb-469f-a165-70867728950e", True),
        ("short", False),
        ("x" * 65, False),
        ('a"b\r\nSet-Cookie: x', False),
    ],
)
def test_a_request_id_of_the_proxy_is_kept_only_when_it_is_well_formed(given: str, is_kept: bool) -> None:
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(str(vars(request)["request_id"]))
        return HttpResponse()

    response = RequestId(view)(RequestFactory().get("/", headers={"X-Request-ID": given}))

    assert response["X-Request-ID"] == seen[0]
    assert (seen[0] == given) is is_kept


def test_log_lines_of_a_request_carry_its_id_and_those_after_it_do_not() -> None:
    seen: dict[str, Any] = {}

    def view(request: HttpRequest) -> HttpResponse:
        seen.update(structlog.contextvars.get_contextvars())
        logging.getLogger("tests").debug("in the view")
        return HttpResponse()

    response = RequestId(view)(RequestFactory().get("/"))

    assert seen == {"request_id": response["X-Request-ID"]}
    assert structlog.contextvars.get_contextvars() == {}
