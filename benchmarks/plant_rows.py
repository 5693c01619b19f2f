"""The plants and people of the benchmarks, written through the models in bulk. Import after django.setup()."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import transaction

from accounts.models import Grant, Role, User
from devices.models import Device, Tag
from devices.snapshot import load
from plant import revisions
from plant.models import Area, Plant


def _area() -> Area:
    plant, _ = Plant.objects.get_or_create(name="bench", title="Benchmark")
    area, _ = Area.objects.get_or_create(plant=plant, parent=None, name="field")
    return area


def clear() -> None:
    """No device and no tag."""
    with transaction.atomic():
        Tag.objects.all().delete()
        Device.objects.all().delete()
        revisions.bump("benchmark", "cleared")


def build(ports: Sequence[int], floats: int, words: int, *, scan_ms: int = 1000, timeout_ms: int = 1000) -> None:
    """One device for each port, its tags `floats` float32 from address 0 and `words` uint16 after them."""
    area = _area()
    with transaction.atomic():
        Device.objects.bulk_create(
            Device(name=f"d{k}", area=area, host="127.0.0.1", port=port, timeout_ms=timeout_ms, max_registers=125)
            for k, port in enumerate(ports)
        )
        for device in Device.objects.order_by("pk"):
            Tag.objects.bulk_create(_tags(area, device, floats, words, scan_ms))
        revisions.bump("benchmark", f"{len(ports)} devices of {floats + words} tags")


def _tags(area: Area, device: Device, floats: int, words: int, scan_ms: int) -> list[Tag]:
    places = [("float32", 2 * j) for j in range(floats)] + [("uint16", 2 * floats + k) for k in range(words)]
    return [
        Tag(area=area, device=device, name=f"{device.name}_{n}", data_type=kind, address=address, scan_ms=scan_ms)
        for n, (kind, address) in enumerate(places)
    ]


def viewers(count: int) -> list[str]:
    """So many people who may see everything, each logged in. Returns their cookies as `name=value`."""
    role = Role.objects.get(name="viewer")
    store = import_module(settings.SESSION_ENGINE).SessionStore
    cookies = []
    for n in range(count):
        user, is_new = User.objects.get_or_create(username=f"viewer{n}")
        if is_new:
            Grant.objects.create(user=user, role=role, area=None)
        session = store()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        cookies.append(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
    return cookies


@dataclass(frozen=True, slots=True)
class Tags:
    """Everything of the plant that is on the bus. `paths`: path -> (scan group, id)."""

    revision: int
    paths: dict[str, tuple[str, int]]

    def groups_with(self, wanted: set[str]) -> list[tuple[str, list[int]]]:
        """Whole scan groups that hold a wanted tag: a device is read as a whole."""
        ids: dict[str, list[int]] = {}
        for group, tag in self.paths.values():
            ids.setdefault(group, []).append(tag)
        return [(group, ids[group]) for group in sorted({self.paths[path][0] for path in wanted})]


def tags() -> Tags:
    snapshot = load()
    return Tags(snapshot.revision, {tag.path: (tag.group, tag.id) for tag in snapshot.tags.values()})
