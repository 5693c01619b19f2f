"""Who asks, and by which scheme, is believed from trusted proxies and from nobody else."""

from typing import Any

import pytest

from hmi.proxies import TrustProxies, is_trusted


async def seen(trusted: list[str], *, peer: str = "10.0.0.5", kind: str = "http", **headers: str) -> tuple[Any, str]:
    """The client and scheme that the application is shown."""
    shown: dict[str, Any] = {}

    async def application(scope: Any, receive: Any, send: Any) -> Any:
        shown.update(client=scope["client"], scheme=scope.get("scheme"))

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "client": [peer, 4711] if peer else None, "scheme": "http", "headers": raw}
    await TrustProxies(application, trusted)(scope, None, None)
    return shown["client"], shown["scheme"]


async def test_a_trusted_proxy_tells_client_and_scheme() -> None:
    assert await seen(["10.0.0.0/24"], x_forwarded_for="192.0.2.7", x_forwarded_proto="https") == (
        ["192.0.2.7", 0],
        "https",
    )


async def test_a_stranger_cannot_pretend_to_be_somebody_else_or_to_use_tls() -> None:
    assert await seen(["10.9.9.9"], x_forwarded_for="192.0.2.7", x_forwarded_proto="https") == (
        ["10.0.0.5", 4711],
        "http",
    )


async def test_what_the_client_itself_wrote_into_the_header_is_not_believed() -> None:
    client, _ = await seen(["10.0.0.5"], x_forwarded_for="127.0.0.1, 192.0.2.7")

    assert client == ["192.0.2.7", 0]


async def test_only_the_word_of_the_nearest_proxy_about_the_scheme_counts() -> None:
    _, scheme = await seen(["10.0.0.5"], x_forwarded_for="192.0.2.7", x_forwarded_proto="https, http")

    assert scheme == "http"


async def test_a_socket_through_tls_is_wss() -> None:
    _, scheme = await seen(["10.0.0.5"], kind="websocket", x_forwarded_for="192.0.2.7", x_forwarded_proto="https")

    assert scheme == "wss"


async def test_without_trusted_proxies_nothing_is_touched() -> None:
    assert await seen([], x_forwarded_for="192.0.2.7", x_forwarded_proto="https") == (["10.0.0.5", 4711], "http")


@pytest.mark.parametrize(
    ("peer", "trusted", "expected"),
    [
        ("", ["unix"], True),
        ("", ["10.0.0.0/8"], False),
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("::1", ["::1"], True),
        ("not-an-address", ["0.0.0.0/0"], False),
        ("11.0.0.1", ["10.0.0.0/8", "unix"], False),
    ],
)
def test_who_is_trusted(peer: str, trusted: list[str], expected: bool) -> None:
    assert is_trusted(peer, trusted) is expected
