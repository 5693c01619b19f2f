"""What every address, operation, admin page and socket message asks for. New ones are put in here, or the matrix fails.

Written out, not derived from the code: this is what the product promises (IEC 62443-3-3 SR 2.1, ASVS 8.2, 8.3).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import models

from alarms.models import Alarm

EVERYWHERE: Final = "everywhere"
AREAS: Final = ("north", "pumps", "south")
COVERS: Final = {"north": {"north", "pumps"}, "south": {"south"}, EVERYWHERE: {*AREAS, EVERYWHERE}}
"""Where a role is granted -> where it counts. `pumps` lies in `north`."""

_OPERATES: Final = {"view", "diagnose", "enter", "acknowledge", "shelve", "silence", "reset"}
_SUPERVISES: Final = {*_OPERATES, "substitute", "take_out_of_use", "suppress"}
ALLOWS: Final = {
    "viewer": {"view"},
    "operator": _OPERATES,
    "supervisor": _SUPERVISES,
    "maintenance": _SUPERVISES,
    "engineer": {*_SUPERVISES, "configure_alarms", "configure"},
    "administrator": {"view", "diagnose", "administer"},
    "auditor": {"view", "audit"},
}


@dataclass(frozen=True)
class Person:
    """`roles`: (role, where). None of them: somebody with an account and no right. `known`: logged in."""

    name: str
    roles: tuple[tuple[str, str], ...] = ()
    known: bool = True

    def may(self, action: str, area: str) -> bool:
        return any(action in ALLOWS[role] and area in COVERS[where] for role, where in self.roles)

    def may_somewhere(self, action: str) -> bool:
        return any(action in ALLOWS[role] for role, _ in self.roles)


PEOPLE: Final = [
    *(Person(f"{role} of north", ((role, "north"),)) for role in ALLOWS),
    *(Person(f"{role} everywhere", ((role, EVERYWHERE),)) for role in ("engineer", "administrator", "auditor")),
    Person("the first person", tuple((role, EVERYWHERE) for role in ("administrator", "engineer", "auditor"))),
    Person("sam the stranger", (("operator", "south"),)),
    Person("somebody without a role"),
    Person("nobody", known=False),
]


@dataclass(frozen=True)
class Site:
    """What the addresses name: of each kind one thing in each area, and things that stand nowhere."""

    placed: dict[str, dict[str, models.Model]]
    """Model label -> area -> row."""
    unplaced: dict[str, models.Model]
    """Model label -> row."""
    alarms: dict[str, Alarm]
    tag_paths: dict[str, str]
    alarm_paths: dict[str, str]
    area_paths: dict[str, str]
    token: str
    """Of a one-time link."""
    shared_trend: str
    own_trend: str
    """Trends that somebody keeps: for everybody, and for nobody else."""


Allowed = Callable[[Person], bool]


@dataclass(frozen=True)
class Case:
    """One request. Whoever is `allowed` gets `ok`, everybody else `denied`, and nobody in particular `nobody`."""

    allowed: Allowed
    kwargs: dict[str, Any] = field(default_factory=dict)
    ok: int = 200
    denied: int | frozenset[int] = 404
    """One status, or those of which each is a refusal."""
    nobody: int = 302
    partial: bool = False
    query: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] | None = None
    """Of a form that is sent; None: the address is only opened."""
    as_json: bool = False
    """The data is sent as a program would."""
    shows: dict[str, str] = field(default_factory=dict)
    """Area -> text that the answer has exactly when the person may view that area."""


Cases = Callable[[Site], Iterator[Case]]


def _in_area(action: str, area: str) -> Allowed:
    return lambda person: person.may(action, area)


def _in_some_area(action: str) -> Allowed:
    return lambda person: person.may_somewhere(action)


def everybody(ok: int = 200, **kwargs: Any) -> Cases:
    return lambda site: iter([Case(lambda person: True, kwargs, ok=ok, nobody=ok)])


def known(ok: int = 200, *, partial: bool = False, shows: Callable[[Site], dict[str, str]] | None = None) -> Cases:
    """Whoever is logged in."""

    def cases(site: Site) -> Iterator[Case]:
        texts = shows(site) if shows else {}
        yield Case(lambda person: person.known, ok=ok, shows=texts)
        if partial:
            yield Case(lambda person: person.known, ok=ok, partial=True)

    return cases


def at_paths(action: str, paths: Callable[[Site], dict[str, str]], denied: int = 404, nobody: int = 302) -> Cases:
    """A page or operation about one path; for pages with the refresh of a part of it."""

    def cases(site: Site) -> Iterator[Case]:
        for area, path in paths(site).items():
            for partial in (False, True):
                yield Case(
                    _in_area(action, area),
                    {"path": path},
                    denied=denied,
                    nobody=nobody,
                    partial=partial,
                )

    return cases


def of_devices(action: str) -> Cases:
    """A page about one device, and the refresh of a part of it."""

    def cases(site: Site) -> Iterator[Case]:
        for area, row in site.placed["devices.device"].items():
            for partial in (False, True):
                yield Case(_in_area(action, area), {"name": str(row)}, partial=partial)

    return cases


SEEN_OR_NOT: Final = frozenset({403, 404})
"""Who sees a thing is told what they lack; to others it is not there."""


def acts(action: str, arguments: Callable[[Site], dict[str, dict[str, Any]]], **data: Any) -> Cases:
    """An address that changes something when a form is sent to it, and when opened leads to where the form stands."""

    def cases(site: Site) -> Iterator[Case]:
        for area, kwargs in arguments(site).items():
            for sent in (None, data):
                yield Case(_in_area(action, area), kwargs, ok=302, denied=SEEN_OR_NOT, data=sent)

    return cases


def _of_rows(label: str, name: str, attribute: str) -> Callable[[Site], dict[str, dict[str, Any]]]:
    return lambda site: {area: {name: getattr(row, attribute)} for area, row in site.placed[label].items()}


def _named(name: str) -> Callable[[Site], dict[str, dict[str, Any]]]:
    """Tags of this name beside the other tags."""
    return lambda site: {area: {"path": f"{path}/{name}"} for area, path in site.area_paths.items()}


def somewhere(
    action: str, denied: int = 403, nobody: int = 302, shows: Callable[[Site], dict[str, str]] | None = None
) -> Cases:
    def cases(site: Site) -> Iterator[Case]:
        for partial in (False, True):
            yield Case(
                _in_some_area(action),
                denied=denied,
                nobody=nobody,
                partial=partial,
                shows=shows(site) if shows else {},
            )

    return cases


def whole_site(action: str, ok: int = 200, denied: int = 403, nobody: int = 302, **kwargs: Any) -> Cases:
    return lambda site: iter([Case(lambda p: p.may(action, EVERYWHERE), kwargs, ok=ok, denied=denied, nobody=nobody)])


def never(denied: int = 404, nobody: int = 404, **kwargs: Any) -> Cases:
    return lambda site: iter([Case(lambda person: False, kwargs, denied=denied, nobody=nobody)])


def has_office(person: Person) -> bool:
    """Has somebody anything to do in the admin site?"""
    return any(person.may_somewhere(action) for action in ("configure", "configure_alarms", "administer", "audit"))


def office(ok: int = 200, denied: int = 302) -> Cases:
    """Who has nothing to do in the admin site is sent to its door, which says so."""
    return lambda site: iter([Case(has_office, ok=ok, denied=denied)])


ADDRESSES: Final[dict[str, Cases]] = {
    "overview": known(partial=True, shows=lambda site: site.tag_paths),
    "area": at_paths("view", lambda site: site.area_paths),
    "tag": at_paths("view", lambda site: site.tag_paths),
    "devices": somewhere("diagnose"),
    "device": of_devices("diagnose"),
    "probe": lambda site: (
        Case(_in_area(action, area), {"name": str(row), "kind": kind}, ok=302, denied=SEEN_OR_NOT, data=data)
        for area, row in site.placed["devices.device"].items()
        for kind, action, data in (
            ("connect", "diagnose", {}),
            ("identify", "diagnose", {}),
            ("read", "configure", {"table": "holding", "address": "0", "count": "2"}),
            ("read", "configure", None),
        )
    ),
    "probe_answer": lambda site: (
        Case(_in_area("diagnose", area), {"name": str(row), "probe_id": "none"}, partial=partial)
        for area, row in site.placed["devices.device"].items()
        for partial in (False, True)
    ),
    "read_now": acts("diagnose", lambda site: {a: {"path": p} for a, p in site.tag_paths.items()}),
    "by_hand": known(partial=True),
    "end_substitution": acts("substitute", _of_rows("devices.substitution", "uuid", "uuid")),
    "substitute": acts(
        "substitute",
        lambda site: {a: {"path": p} for a, p in site.tag_paths.items()},
        value="1",
        reason="a test",
        ends_at="10",
    ),
    "preset_total": acts("substitute", _named("total"), value="1", reason="a test"),
    "enter": acts("enter", _named("sample"), value="1", taken_at="2026-01-01T12:00"),
    "put_back": acts("take_out_of_use", _of_rows("devices.outofuse", "uuid", "uuid")),
    "take_out_of_use": acts(
        "take_out_of_use", _of_rows("devices.device", "name", "name"), reason="a test", ends_at="10"
    ),
    "alarms": known(partial=True, shows=lambda site: site.alarm_paths),
    "alarm_banner": known(),
    "alarms_muted": known(partial=True),
    "alarm_journal": known(shows=lambda site: site.alarm_paths),
    "alarm_journal_csv": known(shows=lambda site: site.alarm_paths),
    "alarm_kpi": known(),
    "alarm_tried": lambda site: (Case(_in_area("view", area), {"uuid": row.uuid}) for area, row in site.alarms.items()),
    "alarm": lambda site: (
        Case(_in_area("view", area), {"uuid": row.uuid}, partial=partial)
        for area, row in site.alarms.items()
        for partial in (False, True)
    ),
    "alarm_act": lambda site: (
        # said so that the action refuses it to whoever has the right: nothing changes
        Case(_in_area(action, area), {"what": what}, ok=302, denied=SEEN_OR_NOT, data={"on": f"{row.uuid}:99"})
        for area, row in site.alarms.items()
        for what, action in (
            ("acknowledge", "acknowledge"),
            ("reset", "reset"),
            ("shelve", "shelve"),
            ("unshelve", "shelve"),
            ("out-of-service", "suppress"),
            ("in-service", "suppress"),
        )
    ),
    "alarm_silence": lambda site: (
        Case(_in_some_area("silence"), ok=302, denied=403, data=data) for data in (None, {"no": "0"})
    ),
    "trends": known(partial=True),
    "trend_lines": lambda site: (
        # who may not see a tag is told what is told of one that does not exist
        Case(
            lambda person: person.known,
            data=None,
            query={"pen": path, "from": "0", "to": "1000"},
            shows={area: '"level":'},
        )
        for area, path in site.tag_paths.items()
    ),
    "trend_save": known(405),  # a form: tests/hmi/test_trends.py
    "trend_open": lambda site: iter(
        [
            Case(lambda person: person.known, {"uuid": site.shared_trend}, ok=302),
            Case(lambda person: False, {"uuid": site.own_trend}),
        ]
    ),
    "trend_delete": lambda site: (
        Case(lambda person: False, {"uuid": uuid}, denied=404, data={}) for uuid in (site.shared_trend, site.own_trend)
    ),
    "demo_faults": whole_site("configure", ok=404),  # whoever may learns that there is no demo plant on this site
    "demo_fault": whole_site("configure", ok=404, name="storm"),
    "system": somewhere("diagnose"),
    "clock": known(),
    "favicon": everybody(302),
    "account_login": lambda site: iter([Case(lambda person: not person.known, ok=200, denied=302, nobody=200)]),
    "account_logout": known(),
    "account_change_password": known(),
    "setup": lambda site: iter([Case(lambda person: True, {"token": site.token}, nobody=200)]),
    "rest:list_tags": somewhere("view", nobody=401, shows=lambda site: site.tag_paths),
    "rest:get_tag": lambda site: iter(
        Case(
            _in_area("view", area),
            {"path": path},
            denied=frozenset({403, 404}),
            nobody=401,
        )
        for area, path in site.tag_paths.items()
    ),
    "rest:list_alarms": somewhere("view", nobody=401, shows=lambda site: site.alarm_paths),
    "rest:list_alarm_journal": somewhere("view", nobody=401, shows=lambda site: site.alarm_paths),
    "rest:get_alarm": lambda site: (
        Case(_in_area("view", area), {"uuid": str(row.uuid)}, denied=SEEN_OR_NOT, nobody=401)
        for area, row in site.alarms.items()
    ),
    "rest:acknowledge_alarm": lambda site: (
        # the occurrence is one that never was: whoever may acknowledge is told so, and nothing changes
        Case(
            _in_area("acknowledge", area),
            {"uuid": str(row.uuid)},
            ok=409,
            denied=SEEN_OR_NOT,
            nobody=401,
            data={"occurrence": 99},
            as_json=True,
        )
        for area, row in site.alarms.items()
    ),
    "rest:read_history": lambda site: (
        Case(
            _in_area("view", area),
            query={"tag": path, "from": "2026-01-01T00:00Z", "format": form},
            denied=SEEN_OR_NOT,
            nobody=401,
        )
        for area, path in site.tag_paths.items()
        for form in ("json", "csv")
    ),
    "rest:openapi-json": lambda site: iter([Case(lambda person: person.known, nobody=401)]),
    "rest:api-root": lambda site: iter([Case(lambda person: False, denied=404, nobody=401)]),
    "rest:unknown": lambda site: iter([Case(lambda person: False, {"rest": "nothing"}, denied=404, nobody=401)]),
    "healthz": everybody(),
    "readyz": everybody(503),
    "metrics": whole_site("diagnose", nobody=401),
    "admin:index": office(),
    "admin:login": lambda site: iter([Case(has_office, ok=302, denied=403, nobody=302)]),
    "admin:logout": office(302),
    "admin:password_change": office(302),
    "admin:jsi18n": office(),
    "admin:autocomplete": office(403),
    "admin:alarms_alarm_import": lambda site: iter(
        [Case(lambda p: p.may("configure_alarms", EVERYWHERE), denied=frozenset({302, 403}))]
    ),
    "admin:app_list": lambda site: iter(
        Case(allowed, {"app_label": label}, denied=frozenset({302, 404}))
        for label, allowed in (
            ("plant", _in_some_area("configure")),
            ("devices", _in_some_area("configure")),
            ("alarms", _in_some_area("configure_alarms")),
            ("accounts", _in_some_area("administer")),
            ("audit", _in_area("audit", EVERYWHERE)),
        )
    ),
}
"""Name of an address -> the requests to try."""

UNNAMED: Final = {
    "admin/<model>/<path:object_id>/": "an old address: sends to the change page, which asks itself",
    "admin/(?P<url>.*)$": "adds a missing slash, else 404",
}
"""Addresses without a name -> why they give nothing away."""


@dataclass(frozen=True)
class AdminModel:
    """`site_wide`: only granted everywhere. `closed`: pages that nobody gets. `bulk`: actions on many rows."""

    action: str
    site_wide: bool = False
    closed: frozenset[str] = frozenset()
    bulk: frozenset[str] = frozenset({"delete_selected"})

    def opens_to(self, person: Person, area: str | None) -> bool:
        if self.site_wide:
            return person.may(self.action, EVERYWHERE)
        return person.may_somewhere(self.action) if area is None else person.may(self.action, area)


READ_ONLY: Final = frozenset({"add", "delete"})
SWITCHES: Final = frozenset({"delete_selected", "enable", "disable"})

ADMIN_MODELS: Final = {
    "plant.plant": AdminModel("configure", site_wide=True),
    "plant.area": AdminModel("configure"),
    "plant.configrevision": AdminModel("configure", site_wide=True, closed=READ_ONLY),
    "devices.device": AdminModel("configure", bulk=SWITCHES),
    "devices.tag": AdminModel("configure", bulk=SWITCHES),
    "devices.derivedtag": AdminModel("configure", bulk=SWITCHES),
    "devices.manualtag": AdminModel("configure", bulk=SWITCHES),
    "alarms.alarmclass": AdminModel("configure_alarms", site_wide=True),
    "alarms.alarmtarget": AdminModel("configure_alarms", site_wide=True),
    "alarms.alarm": AdminModel("configure_alarms", bulk=SWITCHES | {"export"}),
    "historian.retentionclass": AdminModel("configure", site_wide=True),
    "historian.tagrecording": AdminModel("configure"),
    "accounts.user": AdminModel(
        "administer",
        site_wide=True,
        closed=frozenset({"delete"}),
        bulk=frozenset({"delete_selected", "give_link", "end_sessions", "unlock"}),
    ),
    "accounts.role": AdminModel("administer", site_wide=True),
    "accounts.grant": AdminModel("administer"),
    "accounts.apitoken": AdminModel(
        "administer", site_wide=True, closed=READ_ONLY, bulk=frozenset({"delete_selected", "revoke"})
    ),
    "audit.auditrecord": AdminModel(
        "audit", site_wide=True, closed=READ_ONLY, bulk=frozenset({"delete_selected", "export"})
    ),
}

OPERATIONS: Final = {
    ("GET", "/api/v1/tags"),
    ("GET", "/api/v1/tags/{path}"),
    ("GET", "/api/v1/alarms"),
    ("GET", "/api/v1/alarms/journal"),
    ("GET", "/api/v1/alarms/{uuid}"),
    ("POST", "/api/v1/alarms/{uuid}/ack"),
    ("GET", "/api/v1/history"),
}
"""Of REST. Their rights are tried through their addresses above."""

SOCKETS: Final = {"/ws/live/"}

MESSAGES: Final = {
    "subscribe": "each path asks for view in its area",
    "ack": "says how far the socket has read; gives nothing",
}
"""What a browser may say on a socket -> what it asks for."""
