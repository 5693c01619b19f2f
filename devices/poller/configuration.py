"""What the poller needs of one revision of the configuration."""

from dataclasses import dataclass

from devices.poller.computed import ComputedSpec, computed_specs
from devices.poller.spec import LinkSpec, link_specs
from devices.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Configuration:
    revision: int
    links: dict[str, LinkSpec]
    computed: tuple[ComputedSpec, ...]
    device_names: dict[int, str]


def of_snapshot(snapshot: Snapshot) -> Configuration:
    names = {d.id: d.name for d in snapshot.devices.values()}
    return Configuration(snapshot.revision, link_specs(snapshot), computed_specs(snapshot), names)
