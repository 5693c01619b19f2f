"""/healthz, /readyz and /metrics: what watches over the site learns enough, and nobody else learns anything."""

import asyncio
import re
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.actors import actor_of_user
from accounts.models import Grant, Role
from accounts.permissions import Action
from alarms.actions import shelve
from alarms.kinds import Event
from audit.actions import Actor, record
from bus import keys, quality
from bus.client import connect
from bus.presence import LinkState, Presence, ProcessState
from exchange.metrics.families import LINK_COUNTERS, PROCESS_GAUGES
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import happens
from tests.cast import Cast, Works
from tests.exchange.conftest import Api, Put

Samples = dict[tuple[str, str], float]


SPEAKING = ("web", "poller", "alarms", "historian")


def say(url: str, *, roles: tuple[str, ...] = SPEAKING, detail: dict[str, Any] | None = None) -> None:
    """What the processes of a running site say of themselves."""

    async def speak() -> None:
        client = connect(url, "test")
        presence = Presence(client)
        for role in roles:
            await presence.count_start(role, "1@1")
            await presence.say_process(ProcessState(role, 1, "host", "0.1.0", 0, 7, 12, detail or {}))
        counters = dict.fromkeys(LINK_COUNTERS, 5)
        link = LinkState("modbus_tcp://plc:502", "connected", "", 0, counters | {"rtt_p50_ms": 2.5, "rtt_p99_ms": None})
        await presence.say_links([link])
        await client.aclose()

    asyncio.run(speak())


def silence(url: str, role: str, ms: int) -> None:
    """As if the process had last spoken `ms` ago."""

    async def age() -> None:
        client = connect(url, "test")
        said: Any = await client.hget(keys.PROCESSES, role)
        at, _, packed = said.partition(b" ")
        await client.hset(keys.PROCESSES, role, b"%d %s" % (int(at) - ms, packed))
        await client.aclose()

    asyncio.run(age())


def scraped(answer: Any) -> Samples:
    """(name, first label value) -> value."""
    assert answer.status_code == 200, answer.content
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


# -- healthz --------------------------------------------------------------------------------------------------------


def test_alive_asks_nobody(settings: Any) -> None:
    """Without the db fixture any query would fail the test."""
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


# -- readyz ---------------------------------------------------------------------------------------------------------


def words(answer: Any) -> dict[str, bool]:
    return {check["check"]: check["ok"] for check in answer.json()["checks"]}


def detail_of(answer: Any, check: str) -> str:
    return next(str(found["detail"]) for found in answer.json()["checks"] if found["check"] == check)


def test_a_running_site_is_ready(db: None, bus_url: str) -> None:
    say(bus_url)
    answer = Client().get("/readyz")
    assert answer.status_code == 200, answer.json()
    assert words(answer) == dict.fromkeys(("database", "migrations", "bus", *SPEAKING), True)


def test_a_site_without_its_poller_is_not_ready_and_says_so(db: None, bus_url: str) -> None:
    say(bus_url, roles=("web", "alarms", "historian"))
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert [name for name, ok in words(answer).items() if not ok] == ["poller"]
    assert "never been heard" in detail_of(answer, "poller")


def test_a_site_that_records_no_history_is_not_ready_and_says_so(db: None, bus_url: str) -> None:
    say(bus_url)
    silence(bus_url, "historian", 60_000)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert [name for name, ok in words(answer).items() if not ok] == ["historian"]
    assert "The historian has been silent for 60 s" in detail_of(answer, "historian")


def test_a_silent_poller_is_not_ready(db: None, bus_url: str) -> None:
    say(bus_url)
    silence(bus_url, "poller", 60_000)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert "60 s" in detail_of(answer, "poller")


def test_without_redis_the_site_is_not_ready(db: None, settings: Any) -> None:
    settings.REDIS_URL = "redis://:secret-of-redis@127.0.0.1:1/0"
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    on_the_bus = dict.fromkeys(("bus", *SPEAKING), False)
    assert words(answer) == {"database": True, "migrations": True, **on_the_bus}
    assert b"secret-of-redis" not in answer.content
    assert b"127.0.0.1" not in answer.content


def test_without_the_database_the_site_is_not_ready(db: None, bus_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    say(bus_url)

    def away() -> None:
        raise OperationalError("password=hunter2 host=db.example")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", away)
        answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert words(answer)["database"] is False
    assert words(answer)["poller"] is True
    assert b"hunter2" not in answer.content


def test_a_database_behind_the_program_is_not_ready(db: None, bus_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    say(bus_url)
    monkeypatch.setattr("exchange.readiness.MigrationExecutor.migration_plan", lambda *_: [("one", False)])
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert words(answer)["migrations"] is False


# -- metrics --------------------------------------------------------------------------------------------------------


def test_figures_of_the_whole_site_are_scraped(cast: Cast, works: Works, api: Api, put: Put, bus_url: str) -> None:
    say(bus_url, detail={"sockets": 3, "outbox_blocks": 2, "feeds": "many"})
    put(works.level, 2.5, quality.UNCERTAIN_EU_EXCEEDED)
    record("system", "test", Actor.system("test"))
    seen = scraped(api(cast.ada, [Action.DIAGNOSE]).get("/metrics"))
    link = "modbus_tcp://plc:502"
    assert seen["isthmus_bus_up", ""] == 1
    assert seen["isthmus_bus_memory_bytes", ""] > 100_000
    assert seen["isthmus_bus_samples_entries", ""] == 0
    assert 0 <= seen["isthmus_process_heartbeat_age_seconds", "poller"] < 2
    assert seen["isthmus_process_lag_seconds", "web"] == 0.012
    assert seen["isthmus_process_starts_total", "web"] == 1
    assert seen["isthmus_process_config_revision", "poller"] == 7
    assert (seen["isthmus_web_sockets", ""], seen["isthmus_poller_outbox_blocks", ""]) == (3, 2)
    assert ("isthmus_web_feeds", "") not in seen, "a figure that is no number is left out"
    assert seen["isthmus_link_up", link] == 1
    assert all(seen[f"isthmus_link_{name}_total", link] == 5 for name in LINK_COUNTERS)
    assert seen["isthmus_link_rtt_seconds", link] == 0.0025
    assert [seen["isthmus_tags", word] for word in ("good", "uncertain", "bad")] == [0, 1, 2]
    assert seen["isthmus_audit_unsealed", ""] >= 1


def test_alarms_are_counted_by_priority(cast: Cast, works: Works, api: Api) -> None:
    north, south, calm = make_alarm(works.level), make_alarm(works.flow, severity=1), make_alarm(works.level, "calm")
    happens([north, south], Event.ALARM)
    happens(north, Event.RETURN)
    shelve(actor_of_user(cast.ada), [str(calm.uuid)], 10, "is serviced", lambda _: True)
    seen = scraped(api(cast.ada, [Action.DIAGNOSE]).get("/metrics"))
    words = ("high", "medium", "low", "diagnostic")
    assert [seen["isthmus_alarms", word] for word in words] == [0, 1, 1, 0]
    assert [seen["isthmus_alarms_active", word] for word in words] == [0, 0, 1, 0]
    assert [seen["isthmus_alarms_unacked", word] for word in words] == [0, 1, 1, 0]
    assert [seen["isthmus_alarms_muted", word] for word in ("out_of_service", "by_design", "shelved")] == [0, 0, 1]


def test_a_newer_scraper_gets_open_metrics(cast: Cast, api: Api) -> None:
    answer = api(cast.ada, [Action.DIAGNOSE]).get(
        "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}
    )
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")


def test_without_redis_the_figures_say_so(cast: Cast, api: Api, settings: Any) -> None:
    ada = api(cast.ada, [Action.DIAGNOSE])
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    seen = scraped(ada.get("/metrics"))
    assert seen["isthmus_bus_up", ""] == 0
    assert seen["isthmus_tags", "bad"] == 3
    assert not any(name.startswith("isthmus_process") for name, _ in seen)


def test_nobody_reads_figures_without_a_token(db: None) -> None:
    answer = Client().get("/metrics")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_who_may_only_look_reads_no_figures(cast: Cast, api: Api) -> None:
    assert api(cast.vera, [Action.VIEW]).get("/metrics").status_code == 403
    assert api(cast.ada, [Action.VIEW]).get("/metrics").status_code == 403


def test_who_may_diagnose_only_in_one_area_reads_no_figures_of_the_site(cast: Cast, works: Works, api: Api) -> None:
    Grant.objects.filter(user=cast.ada).delete()
    Grant.objects.create(user=cast.ada, role=Role.objects.get(name="engineer"), area=works.north)
    answer = api(cast.ada, [Action.DIAGNOSE]).get("/metrics")
    assert answer.status_code == 403
    assert "whole site" in answer.json()["detail"]


def test_an_engineer_in_a_browser_reads_figures(cast: Cast, client: Client) -> None:
    client.force_login(cast.ada, backend="accounts.backend.GrantBackend")
    assert client.get("/metrics").status_code == 200


def test_every_figure_is_named_in_the_documentation(cast: Cast, api: Api, bus_url: str) -> None:
    """Dashboards are built on these names."""
    everything = {name for figures in PROCESS_GAUGES.values() for name in figures} | set(LINK_COUNTERS)
    say(bus_url, detail=dict.fromkeys(everything, 1))
    named = set(re.findall(r"`(isthmus_\w+)`", (settings.BASE_DIR / "docs" / "api.md").read_text()))
    assert {name for name, _ in scraped(api(cast.ada, [Action.DIAGNOSE]).get("/metrics"))} == named
