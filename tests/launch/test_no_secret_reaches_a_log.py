"""Passwords, tokens, session ids and set-up links stay out of the logs, whoever logs them and however."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from hmi import logs
from hmi.redaction import HIDDEN, hidden, hidden_in_text

REDIS_PASSWORD = "hunter2-and-more"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[Any]]]:
    """Everything logged inside the test, as parsed JSON lines."""
    stream = io.StringIO()
    environment = {"REDIS_URL": f"redis://:{REDIS_PASSWORD}@10.0.0.1:6379/0"}
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=logs.rendering(is_terminal=False, known=logs.known_secrets(environment, "k" * 40)),
        foreign_pre_chain=[*logs.shared_processors(), structlog.stdlib.ExtraAdder()],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "old_password",
        "token",
        "api_key",
        "sessionid",
        "session_key",
        "Authorization",
        "csrftoken",
        "SECRET_KEY",
    ],
)
def test_a_field_whose_name_says_secret_is_hidden_at_any_depth(name: str) -> None:
    assert hidden({"outer": [{name: "open sesame"}]}) == {"outer": [{name: HIDDEN}]}


def test_a_number_of_sessions_is_no_secret() -> None:
    assert hidden({"sessions": 12, "tokens": 0, "session_s": 1.5}) == {"sessions": 12, "tokens": 0, "session_s": 1.5}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("cannot reach redis://:pa55word@10.0.0.1:6379/0", "pa55word"),
        ("postgres://isthmus:p%40ss@db/isthmus refused", "p%40ss"),
        ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
        ("cookie isthmus_session=0123456789abcdef; path=/", "0123456789abcdef"),
        ("csrfmiddlewaretoken=abcDEF123&next=/", "abcDEF123"),
        ("GET /setup/Zk3v-9aQ_x/ 200", "Zk3v-9aQ_x"),
        ("{'password': 'tulip'}", "tulip"),
        ("GET /api/v1/tags with ist_0123abcdEFGH was refused", "ist_0123abcdEFGH"),
    ],
)
def test_a_secret_inside_a_text_is_hidden_by_its_shape(text: str, secret: str) -> None:
    assert secret not in hidden_in_text(text)
    assert HIDDEN in hidden_in_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "link lost",
        "plc1 at 10.0.0.7:502 does not answer",
        "works/north/level is 3.2 m",
        "GET /tag/works/north/level/ 200",
        "see http://127.0.0.1:8000/system/",
    ],
)
def test_an_ordinary_line_is_left_as_it_is(text: str) -> None:
    assert hidden_in_text(text) == text


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="/@ \n"), min_size=6, max_size=30))
def test_a_known_secret_is_hidden_wherever_it_stands(secret: str) -> None:
    assert secret not in hidden_in_text(f"<<{secret}>>", [secret]).replace(HIDDEN, "")


def test_a_log_call_with_a_secret_field_writes_it_hidden(lines: Callable[[], list[Any]]) -> None:
    structlog.get_logger("tests").warning("login failed", username="omar", password="tulip")

    (line,) = lines()
    assert (line["event"], line["username"], line["password"]) == ("login failed", "omar", HIDDEN)


def test_another_librarys_message_and_its_exception_are_cleaned_too(lines: Callable[[], list[Any]]) -> None:
    try:
        raise ConnectionError(f"AUTH {REDIS_PASSWORD} failed at redis://:{REDIS_PASSWORD}@10.0.0.1:6379/0")
    except ConnectionError:
        logging.getLogger("redis").exception("cannot connect with %s", REDIS_PASSWORD)

    (line,) = lines()
    assert "ConnectionError" in line["exception"]
    assert REDIS_PASSWORD not in json.dumps(line)


def test_a_line_tells_when_who_and_how_bad(lines: Callable[[], list[Any]]) -> None:
    structlog.get_logger("devices.poller").warning("link lost", link="127.0.0.1:502")

    (line,) = lines()
    assert (line["level"], line["logger"], line["link"]) == ("warning", "devices.poller", "127.0.0.1:502")
    assert line["time"].endswith("Z")


def test_a_supervised_process_names_itself_in_each_line(
    lines: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_PROCESS_NAME", "poller")

    structlog.get_logger("tests").warning("up")

    assert lines()[0]["process"] == "poller"


@pytest.mark.parametrize("name", ["REDIS_URL", "DATABASE_URL", "HISTORY_DATABASE_URL"])
def test_passwords_of_every_address_are_known_as_secrets_also_as_they_are_escaped(name: str) -> None:
    assert logs.known_secrets({name: "postgres://user:open%20sesame@10.0.0.1/x"}) == ("open%20sesame", "open sesame")
