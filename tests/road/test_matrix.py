"""Everybody at every door: roles x areas x addresses, parts of pages, REST, admin pages, socket messages (SR 2.1).

tests/road/rights_table.py says what each asks for. Something new that is not in it fails here, by name.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts import links, tokens
from accounts.models import ApiToken, Grant, OneTimeLink, Role, User
from accounts.permissions import Action
from alarms.kinds import Event
from alarms.models import Alarm, AlarmClass, AlarmTarget
from audit.actions import Actor, record
from audit.models import AuditRecord
from devices.models import DerivedTag, Device, Kind, ManualTag, OutOfUse, Substitution, Tag, TagInput
from devices.snapshot import load
from exchange.rest.api import api
from historian.models import RetentionClass, SavedTrend, TagRecording
from hmi.live import admission, protocol, routing
from hmi.live.subscriptions import resolve
from plant.models import Area, ConfigRevision, Plant
from tests.alarms.entries import make_alarm
from tests.alarms.happenings import happens
from tests.cast import PASSWORD, Works
from tests.hmi import history
from tests.road import rights_table as table
from tests.road.rights_table import Case, Person, Site

BY = Actor.system("test")
PAGES = ("changelist", "add", "change", "delete", "history")


@pytest.fixture
def site(works: Works, settings: Any, tmp_path: Path) -> Site:
    history.keep(settings, tmp_path)
    areas = {"north": works.north, "pumps": works.pumps, "south": works.south}
    devices: dict[str, Device] = {"north": works.plc1}
    for name in ("pumps", "south"):
        devices[name] = Device.objects.create(name=f"plc-{name}", area=areas[name], host="127.0.0.1", port=15021)
    Tag.objects.filter(pk=works.run.pk).update(device=devices["pumps"])
    Tag.objects.filter(pk=works.flow.pk).update(device=devices["south"])
    by_hand = _by_hand(areas, {"north": works.level, "pumps": works.run, "south": works.flow}, devices)
    alarms = _alarms({"north": works.level, "pumps": works.run, "south": works.flow})
    holder = User.objects.create_user("holder")
    viewer = Role.objects.get(name="viewer")
    token, _ = tokens.create_token(BY, holder, "display", [Action.VIEW])
    return Site(
        placed={
            "plant.area": dict(areas),
            "devices.device": dict(devices),
            "devices.derivedtag": {name: a_derived_tag(area) for name, area in areas.items()},
            "devices.manualtag": {
                name: ManualTag.objects.get(area=area, name="sample")  # made by _by_hand
                for name, area in areas.items()
            },
            "devices.tag": {"north": works.level, "pumps": works.run, "south": works.flow},
            **by_hand,
            "alarms.alarm": dict(alarms),
            "historian.tagrecording": {
                name: TagRecording.objects.create(tag=tag)
                for name, tag in {"north": works.level, "pumps": works.run, "south": works.flow}.items()
            },
            "accounts.grant": {
                name: Grant.objects.create(user=holder, role=viewer, area=area) for name, area in areas.items()
            },
        },
        unplaced={
            "plant.plant": works.plant,
            "plant.configrevision": ConfigRevision.objects.all()[0],
            "alarms.alarmclass": AlarmClass.objects.get(name="process"),
            "alarms.alarmtarget": AlarmTarget.objects.create(figure="per_day", goal=100, manageable=200),
            "historian.retentionclass": RetentionClass.objects.get(name="brief"),
            "accounts.user": holder,
            "accounts.role": viewer,
            "accounts.apitoken": token,
            "audit.auditrecord": record("system", "test.event", BY),
        },
        alarms=alarms,
        alarm_paths={name: alarm.path for name, alarm in alarms.items()},
        tag_paths={"north": "works/north/level", "pumps": "works/north/pumps/run", "south": "works/south/flow"},
        area_paths={"north": "works/north", "pumps": "works/north/pumps", "south": "works/south"},
        token=links.make_link(BY, holder).rstrip("/").rpartition("/")[2],
        shared_trend=str(SavedTrend.objects.create(owner=holder, name="a", state="span=1h", is_shared=True).uuid),
        own_trend=str(SavedTrend.objects.create(owner=holder, name="b", state="span=1h").uuid),
    )


def _by_hand(
    areas: dict[str, Area], tags: dict[str, Tag], devices: dict[str, Device]
) -> dict[str, dict[str, models.Model]]:
    """In each area a tag that is entered, a totaliser, a substituted value, a device out of use."""
    for name, area in areas.items():
        Tag.objects.create(area=area, name="sample", kind="manual", data_type="float64")
        total = Tag.objects.create(
            area=area, name="total", kind="derived", data_type="float64", function="total", expression="x"
        )
        TagInput.objects.create(derived=total, name="x", source=tags[name])
    spell: dict[str, Any] = {"reason": "a test", "author": "ada", "ends_at": timezone.now() + timedelta(hours=1)}
    return {
        "devices.substitution": {n: Substitution.objects.create(tag=tag, value=1, **spell) for n, tag in tags.items()},
        "devices.outofuse": {n: OutOfUse.objects.create(device=row, **spell) for n, row in devices.items()},
    }


def _alarms(tags: dict[str, Tag]) -> dict[str, Alarm]:
    """In each area one that stands in the list."""
    bits: dict[str, Any] = {"kind": "discrete", "setpoint": None, "deadband": 0.0, "states": [1]}
    made = {name: make_alarm(tag, **(bits if tag.data_type == "bool" else {})) for name, tag in tags.items()}
    happens(made.values(), Event.ALARM)
    return made


def a_derived_tag(area: Area) -> DerivedTag:
    """Computed from a tag of its own area."""
    source = Tag.objects.filter(area=area, kind=Kind.DEVICE)[0]
    tag = DerivedTag.objects.create(area=area, name="twice", kind=Kind.DERIVED, expression="x * 2", data_type="float64")
    TagInput.objects.create(derived=tag, name="x", source=source)
    return tag


def arrive(person: Person, works: Works) -> tuple[User | None, Client]:
    client = Client()
    if not person.known:
        return None, client
    user = User.objects.create_user("visitor", PASSWORD, full_name=person.name)
    where = {"north": works.north, "south": works.south, table.EVERYWHERE: None}
    for role, at in person.roles:
        Grant.objects.create(user=user, role=Role.objects.get(name=role), area=where[at])
    client.force_login(user)
    return user, client


# -- nothing stands outside of the table


def addresses() -> Iterator[tuple[str | None, str]]:
    """(name, or None; pattern) of every address."""

    def walk(patterns: list[Any], prefix: str, space: str) -> Iterator[tuple[str | None, str]]:
        for entry in patterns:
            pattern = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, pattern, f"{entry.namespace}:" if entry.namespace else space)
            elif isinstance(entry, URLPattern):
                yield (f"{space}{entry.name}" if entry.name else None), pattern

    yield from walk(get_resolver().url_patterns, "", "")


def admin_names() -> set[str]:
    return {f"admin:{label.replace('.', '_')}_{page}" for label in table.ADMIN_MODELS for page in PAGES}


def test_every_address_stands_in_the_table() -> None:
    named = {name for name, _ in addresses() if name is not None}
    in_the_table = set(table.ADDRESSES) | admin_names()
    assert named - in_the_table == set(), "say in tests/road/rights_table.py what these ask for"
    assert in_the_table - named == set(), "these are gone"


def test_every_address_without_a_name_is_explained() -> None:
    models_of_admin = {f"admin/{label.replace('.', '/')}/<path:object_id>/" for label in table.ADMIN_MODELS}
    unnamed = {"admin/<model>/<path:object_id>/" if p in models_of_admin else p for n, p in addresses() if n is None}
    assert unnamed == set(table.UNNAMED)


def test_every_admin_model_and_what_it_does_to_many_rows_stands_in_the_table(db: None) -> None:
    registered = {
        model._meta.label_lower: {"delete_selected", *map(str, owner.actions or ())}
        for model, owner in admin.site._registry.items()
    }
    assert [name for name, _ in admin.site.actions] == ["delete_selected"]
    assert registered == {label: set(row.bulk) for label, row in table.ADMIN_MODELS.items()}


def test_every_rest_operation_stands_in_the_table() -> None:
    paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == table.OPERATIONS


def test_every_socket_and_message_stands_in_the_table() -> None:
    assert set(routing.SOCKETS) == table.SOCKETS
    assert set(protocol.REQUESTS) == set(table.MESSAGES)


def test_every_role_of_the_product_is_in_the_matrix(db: None) -> None:
    assert {role.name: set(role.actions) for role in Role.objects.all()} == table.ALLOWS
    assert {action.value for action in Action} == set.union(*table.ALLOWS.values())


# -- everybody tries everything


def expected(case: Case, person: Person) -> set[int]:
    if case.allowed(person):
        return {case.ok}
    if not person.known:
        return {case.nobody}
    return {case.denied} if isinstance(case.denied, int) else set(case.denied)


@pytest.mark.parametrize("person", table.PEOPLE, ids=lambda person: person.name.replace(" ", "-"))
def test_pages_and_rest_answer_by_right(person: Person, site: Site, works: Works) -> None:
    _, client = arrive(person, works)
    for name, cases in table.ADDRESSES.items():
        for case in cases(site):
            what = (
                f"{person.name} at {name} {case.kwargs}{' (part)' * case.partial}{' (sent)' * (case.data is not None)}"
            )
            headers = {"HX-Request": "true"} if case.partial else {}
            address = reverse(name, kwargs=case.kwargs)
            answer = (
                client.get(address, case.query, headers=headers) if case.data is None else _send(client, address, case)
            )
            assert answer.status_code in expected(case, person), what
            content = b"".join(answer).decode(
                errors="replace"
            )  # also of a file: who fetches none to its end holds a place
            if case.shows and answer.status_code == 200:
                for area, text in case.shows.items():
                    assert (text in content) == person.may("view", area), f"{what}: {text}"


def _send(client: Client, address: str, case: Case) -> Any:
    if case.as_json:
        return client.post(address, case.data, content_type="application/json")
    return client.post(address, case.data)


@pytest.mark.parametrize("person", table.PEOPLE, ids=lambda person: person.name.replace(" ", "-"))
def test_admin_pages_answer_by_right(person: Person, site: Site, works: Works) -> None:
    """Shut doors are also pushed with a form; afterwards everything must be as it was."""
    _, client = arrive(person, works)
    before = _everything()
    for label, rule in table.ADMIN_MODELS.items():
        for page in ("changelist", "add"):
            allowed = rule.opens_to(person, None) and page not in rule.closed
            _try(client, person, label, page, None, allowed)
        for area, row in _rows(site, label):
            for page in ("change", "delete"):
                _try(client, person, label, page, row, rule.opens_to(person, area) and page not in rule.closed)
            reads_audit = person.may("audit", table.EVERYWHERE)
            _try(client, person, label, "history", row, rule.opens_to(person, area) and reads_audit)
    assert _everything() == before, f"a form that was refused to {person.name} changed something"


def _rows(site: Site, label: str) -> list[tuple[str | None, models.Model]]:
    placed: list[tuple[str | None, models.Model]] = [*site.placed.get(label, {}).items()]
    return placed or [(None, site.unplaced[label])]


def _try(client: Client, person: Person, label: str, page: str, row: models.Model | None, allowed: bool) -> None:
    address = reverse(f"admin:{label.replace('.', '_')}_{page}", args=[row.pk] if row else [])
    what = f"{person.name} at {address}"
    answer = client.get(address)
    if allowed and page == "history":
        assert answer.status_code == 302, what
        assert reverse("admin:audit_auditrecord_changelist") in answer["Location"], what
    elif allowed:
        assert answer.status_code == 200, what
    else:
        _assert_shut(answer, what)
        if not table.has_office(person) and page != "add":
            return  # stopped at the door of the site, which has been pushed once for each model
        _assert_shut(client.post(address, {"post": "yes", "title": "x", "name": "x"}), f"{what}, posting")


def _assert_shut(answer: Any, what: str) -> None:
    """Refused, not there, or sent to a page that tells nothing of it: the way in, or the start of the admin site."""
    if answer.status_code == 302:
        place = answer["Location"].partition("?")[0]
        assert place in {reverse("account_login"), reverse("admin:login"), reverse("admin:index")}, what
    else:
        assert answer.status_code in {403, 404}, what


def _everything() -> list[tuple[str, list[dict[str, Any]]]]:
    """What could have been changed."""
    kept: tuple[type[models.Model], ...] = (
        Plant,
        Area,
        Device,
        Tag,
        AlarmClass,
        Alarm,
        AlarmTarget,
        User,
        Role,
        Grant,
        ApiToken,
        ConfigRevision,
        AuditRecord,
        OneTimeLink,
    )
    return [(model._meta.label, list(model._default_manager.order_by("pk").values())) for model in kept]


@pytest.mark.parametrize("person", table.PEOPLE, ids=lambda person: person.name.replace(" ", "-"))
def test_a_socket_gives_the_tags_of_the_own_areas(person: Person, site: Site, works: Works) -> None:
    """`subscribe` for every tag there is, and for one there is not: who is admitted, and what is answered."""
    _, client = arrive(person, works)
    visitor = admission.admit(str(client.session.session_key) if person.known else "")
    if not person.known:
        assert visitor is None
        assert admission.admit("0" * 32) is None
        return
    assert visitor is not None
    unknown = "works/north/none"
    answer = resolve(load(), visitor.areas, [*site.tag_paths.values(), unknown])
    given = {tag.path for tag in answer.tags}
    assert given == {path for area, path in site.tag_paths.items() if person.may("view", area)}
    words = {entry["reason"] for entry in json.loads(answer.text)["refused"]}
    assert len(words) == 1, "the refusal of a tag that is there differs from that of one that is not"


def test_whoever_loses_a_right_is_at_a_closed_door_with_the_next_request(site: Site, works: Works) -> None:
    """ASVS 8.3.2."""
    user, client = arrive(Person("viewer", (("viewer", "north"),)), works)
    page = reverse("tag", kwargs={"path": site.tag_paths["pumps"]})
    assert client.get(page).status_code == 200
    Grant.objects.filter(user=user).delete()
    assert client.get(page).status_code == 404
