"""The REST interface as one object: its operations, who may ask, and how every error is said."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import structlog
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.renderers import JSONRenderer
from ninja.security.base import AuthBase

from exchange import problems
from exchange.caller import Caller, caller_of
from exchange.problems import Problem
from exchange.rest import alarms, history, tags
from historian.intervals import QueryRefused
from historian.storage.base import StorageAway, StorageDamaged

log = structlog.get_logger(__name__)

View = Callable[..., HttpResponseBase]


class Utf8(JSONRenderer):
    """Units such as m³/h as they are. A NaN would be a fault of ours: the status says what JSON cannot."""

    json_dumps_params = {"ensure_ascii": False, "allow_nan": False}


class TokenOrSession(AuthBase):
    """`Authorization: Bearer ist_...`, or the session cookie of a browser on the same site."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> Caller:
        return caller_of(request)


def problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case ValidationError():
            first = error.errors[0]
            return problems.bad_parameter(str(first.get("loc", ["?"])[-1]), f"{first.get('msg', 'is not valid')}.")
        case DatabaseError():
            return problems.database_away()
        case QueryRefused():
            return problems.question_refused(str(error))
        case StorageAway():
            return problems.history_away()
        case StorageDamaged():
            return problems.history_damaged()
        case Http404():
            return problems.not_found("address", "this one")
        case HttpError():
            return Problem(error.status_code, "refused", "Refused", str(error), "Compare with /api/v1/openapi.json.")
        case _:
            return problems.broken()


def _answer(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    problem = problem_of(error if isinstance(error, Exception) else error())
    if problem.status == 500:
        log.error("a request failed", path=request.path, exc_info=True)
    return problem.response(request)


def in_our_words(view: View) -> View:
    """Errors as problems, also those raised outside of ninja; no redirect to a login page."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  # the outermost frame of this interface; logged in _answer
            return _answer(request, error)
        if response.status_code == 405:
            return _wrong_method(request, response["Allow"]).response(request)
        return response

    answer.login_required = False  # type: ignore[attr-defined]  # read by LoginRequiredMiddleware
    answer.csrf_exempt = True  # type: ignore[attr-defined]  # a token is no cookie; exchange/caller.py asks of sessions
    return answer


def _wrong_method(request: HttpRequest, allow: str) -> Problem:
    return Problem(
        405, "wrong-method", "Wrong method", f"{request.method} is not possible here; expected {allow}.",
        f"Use {allow}.", headers={"Allow": allow},
    )  # fmt: skip


def _for_callers(view: View) -> View:
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        caller_of(request)
        return view(request, *args, **kwargs)

    return answer


def _unknown(request: HttpRequest, **_: str) -> HttpResponseBase:
    caller_of(request)
    raise problems.not_found("address", request.path)


api: Final = NinjaAPI(
    title="Isthmus",
    version="1",
    description="Tags of the plant with value, quality and times, its alarms, its history. docs/api.md says the rest.",
    urls_namespace="rest",
    auth=TokenOrSession(),
    renderer=Utf8(),
    docs_url=None,
    docs_decorator=_for_callers,
)
api.add_router("", tags.router)
api.add_router("", alarms.router)
api.add_router("", history.router)
for kind in (Exception, Http404, HttpError, ValidationError):
    api.add_exception_handler(kind, _answer)


def _patterns() -> list[URLPattern]:
    patterns: list[URLPattern] = [p for p in api.urls[0] if isinstance(p, URLPattern)]
    for pattern in patterns:
        pattern.callback = in_our_words(_unknown if pattern.name == "api-root" else pattern.callback)
    return [*patterns, re_path(r"^(?P<rest>(?s:.+))\Z", in_our_words(_unknown), name="unknown")]


urlpatterns: Final = _patterns()
