import time
from collections.abc import Callable, Iterable
from datetime import datetime

import pytest
from django.test import Client

from accounts.actors import actor_of_user
from accounts.models import User
from accounts.permissions import Action
from accounts.tokens import create_token
from bus import keys
from bus.client import connect_blocking
from bus.messages import FULL, Block, Value, encode
from devices.models import Tag
from exchange.caller import pace
from exchange.places import places
from tests.cast import Works

Put = Callable[..., None]
Api = Callable[..., Client]


@pytest.fixture(autouse=True)
def _nobody_has_asked_before() -> None:
    pace.forget()
    places.forget()


@pytest.fixture
def api() -> Api:
    """A program with a token of this user."""

    def login(user: User, scopes: Iterable[Action] = (Action.VIEW,), expires_at: datetime | None = None) -> Client:
        _, key = create_token(actor_of_user(user), user, "test", scopes, expires_at)
        return Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)

    return login


@pytest.fixture
def put(bus_url: str, works: Works) -> Put:
    """Put a value of one tag on the bus, as the poller would."""

    def _put(tag: Tag, value: Value, status: int = 0, *, age_ms: int = 0, source_age_ms: int | None = None) -> None:
        now_ms = time.time_ns() // 1_000_000 - age_ms
        group = f"{tag.device_id}:{tag.scan_ms}"
        source = None if source_age_ms is None else [now_ms - source_age_ms]
        block = Block(1, 1, group, 1, now_ms, FULL, [tag.pk], [value], [status], source)
        with connect_blocking(bus_url, "test") as client:
            client.hset(keys.LATEST, group, encode(block))

    return _put
