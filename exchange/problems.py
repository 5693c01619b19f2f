"""Errors for programs, as RFC 9457 says them: which problem, what was wrong, what was expected, what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse

CONTENT_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:isthmus:problem:"


@dataclass
class Problem(Exception):
    """`kind` is for programs and never changes its meaning; `detail` and `action` are sentences for people.

    `retry_after_s`: where trying the same again makes sense. `headers`: what HTTP asks for with the status.
    """

    status: int
    kind: str
    title: str
    detail: str
    action: str
    retry_after_s: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, request: HttpRequest) -> HttpResponse:
        body = {
            "type": TYPE + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "action": self.action,
            "instance": request.path,
            "request_id": str(getattr(request, "request_id", "")),
        }
        headers = dict(self.headers)
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return JsonResponse(body, status=self.status, content_type=CONTENT_TYPE, headers=headers)


def not_logged_in(detail: str) -> Problem:
    return Problem(
        401, "not-authenticated", "Who asks is not known", detail,
        "Send 'Authorization: Bearer ist_...' with a valid token, or log in with a browser.",
        headers={"WWW-Authenticate": 'Bearer realm="isthmus"'},
    )  # fmt: skip


def not_allowed(detail: str, action: str) -> Problem:
    return Problem(403, "not-allowed", "Not allowed", detail, action)


def not_found(what: str, path: str, listed_at: str = "tags") -> Problem:
    """For what does not exist and, in the same words, for what the caller may not see."""
    return Problem(
        404, f"unknown-{what}", f"Unknown {what}",
        f"There is no {what} '{path[:300]}' for you: the path is wrong, or lies outside the areas you may see.",
        f"Compare the path with GET /api/v1/{listed_at}.",
    )  # fmt: skip


def bad_parameter(name: str, detail: str) -> Problem:
    return Problem(
        422, "bad-parameter", "A parameter is wrong", f"Parameter '{name}': {detail}",
        "Correct the parameter; /api/v1/openapi.json names them all.",
    )  # fmt: skip


def conflict(code: str, sentence: str) -> Problem:
    """What was asked does not fit how things stand now; `code` is the kind of the problem."""
    return Problem(
        409, code.replace("_", "-"), "Not done", sentence, "Read it again, then decide anew whether to ask for it."
    )


def too_fast(retry_after_s: int, rate: int) -> Problem:
    return Problem(
        429, "too-fast", "Too many requests", f"More than {rate} requests a second on average.",
        "Ask less often; one request can carry 1000 tags.", retry_after_s,
    )  # fmt: skip


def database_away() -> Problem:
    return Problem(
        503, "database-away", "The database does not answer",
        "Rights and configuration cannot be read now, so nothing is told.",
        "Try again; if it lasts, look at /readyz.", 5,
    )  # fmt: skip


def history_away() -> Problem:
    return Problem(
        503, "history-away", "History does not answer",
        "The place where samples are kept cannot be read now; nothing is lost by that.",
        "Try again; if it lasts, look at the system page.", 5,
    )  # fmt: skip


def history_damaged() -> Problem:
    return Problem(
        500, "history-damaged", "A piece of history is damaged", "It could not be read; the fault is in the log.",
        "Tell who runs this site: 'manage.py history verify' says which piece.",
    )  # fmt: skip


def too_many_files(most: int, retry_after_s: int) -> Problem:
    return Problem(
        429, "too-many-files", "Too many files at once", f"{most} files of history are being fetched for you already.",
        "Wait until one of them is there or break one off, then ask again; one file can carry many tags.",
        retry_after_s,
    )  # fmt: skip


def files_busy(most: int, retry_after_s: int) -> Problem:
    return Problem(
        503, "files-busy", "Others are fetching files", f"{most} files of history are being made; more do not go.",
        "Ask again after the time in Retry-After.", retry_after_s,
    )  # fmt: skip


def question_refused(sentence: str) -> Problem:
    """Every parameter is right, and what they ask for together is not."""
    return Problem(422, "question-refused", "This cannot be asked", sentence, "Ask for something else; docs/api.md.")


def broken() -> Problem:
    return Problem(
        500, "fault", "A fault in Isthmus", "The request could not be answered; the fault is in the log.",
        "Tell the request_id to who runs this site.",
    )  # fmt: skip
