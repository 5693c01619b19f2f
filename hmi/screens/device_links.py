"""The health of the links to devices, as a page says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bus.presence import Heard, LinkState, hear_links_blocking
from devices.live_bus import live_bus
from devices.snapshot import DeviceEntry

SILENT_AFTER_MS: Final = 15_000
"""The poller speaks of each link every few seconds; after this its last word says nothing about now."""

STATES: Final = {
    "connected": ("good", "connected"),
    "connecting": ("uncertain", "connecting"),
    "disconnected": ("bad", "no connection"),
    "disabled": ("uncertain", "switched off"),
    "idle": ("uncertain", "not read"),
    "out_of_use": ("uncertain", "out of use"),
}


@dataclass(frozen=True, slots=True)
class LinkLine:
    """One device's link. `quality`: good | uncertain | bad. `sentence` carries addresses: for DIAGNOSE only."""

    device: DeviceEntry
    quality: str
    word: str
    sentence: str
    since: datetime | None


Links = Mapping[str, Heard[LinkState]] | None
"""What was heard of each link; None while the bus is away."""


def link_line(device: DeviceEntry, links: Links) -> LinkLine:
    """What can be said of the link of a device now."""
    if not device.enabled:
        return LinkLine(device, "uncertain", "switched off", "The device is switched off in the configuration.", None)
    if links is None:
        return LinkLine(device, "uncertain", "unknown", "The bus (Redis) does not answer: nothing is known.", None)
    heard = links.get(device.link)
    if heard is None:
        return LinkLine(device, "uncertain", "not started", f"The poller has not spoken of {device.link} yet.", None)
    if heard.age_ms > SILENT_AFTER_MS:
        sentence = f"The poller has said nothing of {device.link} for {heard.age_ms // 1000} s."
        return LinkLine(device, "uncertain", "unknown", sentence, None)
    quality, word = STATES.get(heard.state.state, ("uncertain", heard.state.state))
    return LinkLine(device, quality, word, heard.state.reason, datetime.fromtimestamp(heard.state.since_ms / 1000, UTC))


def link_lines(devices: Sequence[DeviceEntry], links: Links) -> list[LinkLine]:
    return [link_line(device, links) for device in devices]


def heard_links() -> Links:
    """What the poller last said of each link; None while the bus is away."""
    return live_bus.ask(hear_links_blocking)
