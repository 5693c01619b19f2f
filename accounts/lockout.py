"""Who failed too often must wait: five failures of one name from one address within 15 minutes lock that pair.

Never a name alone: somebody else's guesses must not keep an operator out of the control room. Each attempt is counted
before the password is looked at and taken back when it was right, so that parallel guesses count too.
"""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts.models import LoginFailure

_CLOCK_STEP: Final = timedelta(minutes=1)
"""A row this far in the future was written before the clock was set back: it counts no more."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. `refused`: do not look at the password. `left`: failures until the lock, this one counted."""

    refused: bool
    left: int
    username: str
    address: str


def begin(username: str, address: str) -> Attempt:
    """Count a try as failed. Call succeeded() when the password was right."""
    name, network = username.strip().lower()[:64], _network(address)
    now = timezone.now()
    since = now - timedelta(seconds=settings.LOGIN_LOCK_S)
    LoginFailure.objects.filter(at__lt=since).delete()
    row = LoginFailure.objects.create(username=name, address=network, at=now)
    counted = LoginFailure.objects.filter(address=network, at__range=(since, now + _CLOCK_STEP))
    failures = counted.filter(username=name).count()
    if failures > settings.LOGIN_FAILURES or counted.count() > settings.LOGIN_FAILURES_PER_ADDRESS:
        row.delete()  # a refused try does not make the wait longer
        return Attempt(True, 0, name, network)
    return Attempt(False, settings.LOGIN_FAILURES - failures, name, network)


def succeeded(attempt: Attempt) -> None:
    LoginFailure.objects.filter(username=attempt.username, address=attempt.address).delete()


def release(username: str) -> int:
    """Unlock a name at every address. Returns how many failures were forgotten."""
    count, _ = LoginFailure.objects.filter(username=username.strip().lower()[:64]).delete()
    return count


def _network(address: str) -> str:
    """IPv6 is counted by /64, the smallest network one subscriber has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    return address
