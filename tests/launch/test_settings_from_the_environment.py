"""A wrong value is named, with what was expected; it never becomes a strange failure later."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from bus import embedded
from hmi import environment as env


@pytest.mark.parametrize("raw", ["0", "65536", "-1", "eighty", "80.5"])
def test_a_port_that_is_none(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("PORT", raw)

    with pytest.raises(ImproperlyConfigured, match=r"PORT=.* is not a port. Give a number from 1 to 65535"):
        env.port("PORT", 8000)


@pytest.mark.parametrize("raw", ["plant.example", "300.1.1.1", "127.0.0.1:8000"])
def test_a_host_that_is_no_address_of_a_machine(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("HOST", raw)

    with pytest.raises(ImproperlyConfigured, match=r"HOST=.* is not an address"):
        env.host("HOST", "127.0.0.1")


@pytest.mark.parametrize(
    ("raw", "expected"), [("", "127.0.0.1"), ("localhost", "localhost"), ("[::1]", "::1"), ("0.0.0.0", "0.0.0.0")]
)
def test_hosts_that_are_understood(monkeypatch: pytest.MonkeyPatch, raw: str, expected: str) -> None:
    monkeypatch.setenv("HOST", raw)

    assert env.host("HOST", "127.0.0.1") == expected


def test_a_proxy_that_is_neither_address_nor_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.5, unix, 10.0.0.0/33")

    with pytest.raises(ImproperlyConfigured, match=r"'10\.0\.0\.0/33' is neither an address nor a network"):
        env.proxies("TRUSTED_PROXIES")


def test_a_switch_is_yes_or_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_TLS", "true")

    with pytest.raises(ImproperlyConfigured, match="give 1 \\(yes\\) or 0 \\(no\\)"):
        env.switch("ISTHMUS_TLS")


def test_a_redis_url_of_another_kind_is_refused_without_printing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REDIS_URL", "http://:sesame@10.0.0.1")

    with pytest.raises(ImproperlyConfigured, match="must begin with redis://") as refusal:
        env.redis_url(tmp_path)
    assert "sesame" not in str(refusal.value)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_plain_http_is_fine_on_the_machine_itself(address: str) -> None:
    assert env.plain_http_refusal(address, uses_tls=False, is_forced=False) is None


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.10"])
def test_plain_http_beyond_the_machine_is_refused_with_the_reason_and_both_ways_out(address: str) -> None:
    said = env.plain_http_refusal(address, uses_tls=False, is_forced=False) or ""

    assert "plain text" in said
    assert "ISTHMUS_TLS=1" in said
    assert "ISTHMUS_INSECURE_HTTP=1" in said
    assert env.plain_http_refusal(address, uses_tls=True, is_forced=False) is None
    assert env.plain_http_refusal(address, uses_tls=False, is_forced=True) is None


def test_a_folder_too_deep_for_a_socket_gets_one_elsewhere_and_always_the_same(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)

    path = embedded.socket_path(deep)

    assert len(str(path)) < embedded.MAX_SOCKET_PATH
    assert path == embedded.socket_path(deep)
    assert path != embedded.socket_path(deep / "other")


def test_a_socket_folder_that_belongs_to_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "trap"
    folder.mkdir()
    monkeypatch.setattr("os.getuid", lambda: folder.stat().st_uid + 1)

    with pytest.raises(PermissionError, match="belongs to another user"):
        embedded.make_private(folder)


def test_a_socket_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o777)

    embedded.make_private(folder)

    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("history", "configuration", "expected"),
    [
        ("", "", "sqlite:///{folder}/history.sqlite3"),
        ("", "sqlite:////srv/config.sqlite3", "sqlite:///{folder}/history.sqlite3"),
        ("", "postgres://db/isthmus", "postgres://db/isthmus"),
        ("sqlite:////srv/h.sqlite3", "postgres://db/isthmus", "sqlite:////srv/h.sqlite3"),
        ("postgresql://db/history", "", "postgresql://db/history"),
    ],
)
def test_history_lies_beside_the_configuration_unless_it_is_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, history: str, configuration: str, expected: str
) -> None:
    monkeypatch.setenv("HISTORY_DATABASE_URL", history)
    monkeypatch.setenv("DATABASE_URL", configuration)

    assert env.history_database_url(tmp_path) == expected.format(folder=tmp_path)


@pytest.mark.parametrize("raw", ["mysql://u:sesame@db/history", "sqlite://", "/srv/history.sqlite3"])
def test_an_address_of_history_that_is_none_is_refused_without_printing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, raw: str
) -> None:
    monkeypatch.setenv("HISTORY_DATABASE_URL", raw)

    with pytest.raises(ImproperlyConfigured, match=r"Give it like|must begin with") as refusal:
        env.history_database_url(tmp_path)
    assert "sesame" not in str(refusal.value)
