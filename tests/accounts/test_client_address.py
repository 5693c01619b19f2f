"""Whose address it is: X-Forwarded-For is believed only as far as trusted proxies wrote it."""

import pytest

from accounts.client_address import client_address

PROXIES = ["10.0.0.1", "192.168.7.0/24", "fd00::1"]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 192.168.7.20", "198.51.100.1"),
        ("10.0.0.1", "192.168.7.30, 192.168.7.20", "192.168.7.30"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::7]:443", "2001:db8::7"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "2001:DB8:0::7", "2001:db8::7"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy(peer: str, forwarded_for: str, expected: str) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == expected


def test_a_proxy_on_a_local_socket_is_believed_only_when_named() -> None:
    assert client_address("", "198.51.100.1", ["unix"]) == "198.51.100.1"
    assert client_address("", "198.51.100.1", PROXIES) == ""


def test_looking_twice_gives_the_same() -> None:
    """The socket server looks first, the page again."""
    for forwarded_for in ("198.51.100.1", "192.168.7.30, 192.168.7.20", "198.51.100.1, unknown"):
        once = client_address("10.0.0.1", forwarded_for, PROXIES)
        assert client_address(once, forwarded_for, PROXIES) == once
