"""Whose address a request comes from. X-Forwarded-For is believed only as far as trusted proxies have written it."""

import ipaddress
from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str, forwarded_for: str, trusted: Sequence[str]) -> str:
    """The nearest address that is not a trusted proxy; "" when the peer has none (a local socket, not trusted).

    `peer`: the other end of the connection. `forwarded_for`: the header, client first. `trusted`: addresses or
    networks (CIDR), or "unix" for a proxy that connects over a local socket.
    """
    networks = [ipaddress.ip_network(entry, strict=False) for entry in trusted if entry != "unix"]
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    address = _plain(peer)
    if not (_is_trusted(address, networks) if address else "unix" in trusted):
        return address
    while hops:
        hop = _plain(hops.pop())
        if not hop:
            return address  # a hop that is no address: believe the last one that was
        address = hop
        if not _is_trusted(hop, networks):
            break
    return address


def _plain(raw: str) -> str:
    """The address in its one canonical spelling, without port or brackets; "" when it is none."""
    host = raw.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _is_trusted(address: str, networks: Sequence[Network]) -> bool:
    return any(ipaddress.ip_address(address) in network for network in networks)


def address_of(request: HttpRequest) -> str:
    meta = request.META
    return client_address(meta.get("REMOTE_ADDR") or "", meta.get("HTTP_X_FORWARDED_FOR", ""), settings.TRUSTED_PROXIES)
