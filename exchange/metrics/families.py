"""An observation as families of Prometheus. Names are a contract with dashboards: docs/api.md lists them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from alarms.lists import Counts
from bus.presence import Heard, LinkState, ProcessState
from bus.roles import ALARMS, HISTORIAN, POLLER, WEB
from bus.version import VERSION
from exchange.metrics.observation import BusFigures, Observation

LINK_COUNTERS: Final = {
    "requests": "Requests sent to devices",
    "timeouts": "Requests without an answer in time",
    "bad_replies": "Answers that were refused because they did not fit the request (MB-01)",
    "reconnects": "Connections made anew",
    "late_replies": "Answers that came after their time and were thrown away",
    "stray_replies": "Answers to nothing that was asked",
    "overruns": "Scans that began late because the one before had not ended",
}
"""Counter of a link's detail -> what it counts."""

PROCESS_GAUGES: Final = {
    WEB: {
        "sockets": "Live screens connected",
        "feeds": "Different sets of tags sent to live screens",
        "frames_s": "Frames sent to live screens in a second",
        "put_aside": "Entries of the stream that could not be read",
    },
    POLLER: {
        "outbox_blocks": "Blocks read and not on the bus yet",
        "outbox_bytes": "Bytes of the blocks kept while the bus was away",
        "dropped_blocks": "Blocks that were never published",
        "publish_failures": "Publish calls that failed",
    },
    ALARMS: {
        "definitions": "Alarms that are evaluated",
        "blocks": "Blocks evaluated",
        "raised": "Events that were raised",
        "waiting": "Events evaluated and not in the journal yet, by entry of the stream",
        "failed_blocks": "Blocks at which the evaluation failed",
        "put_aside": "Entries that could not be read, and events that could not be written",
        "database_waits": "Writings that had to be tried again",
        "write_ms": "The longest writing of the last second, in ms",
    },
    HISTORIAN: {
        "tags": "Tags that are recorded",
        "rows": "Samples written",
        "behind_ms": "How far the newest sample that was read lies back, in ms",
        "waiting": "Samples that wait in memory for the database",
        "spooled_bytes": "Bytes of samples that wait on the disk for the database",
        "missed_ms": "Time of which samples were gone before they could be recorded, in ms",
        "late": "Samples that came later than newer ones",
        "clamped": "Samples with a time in the future, which was set back",
        "put_aside": "Entries that could not be read or recorded",
        "used_bytes": "Bytes that history takes",
    },
}
"""Role -> figure of its detail -> what it is. Since the process started."""


class Observed(Collector):
    def __init__(self, observation: Observation) -> None:
        self._observation = observation

    def collect(self) -> Iterable[Metric]:
        seen = self._observation
        yield InfoMetricFamily("isthmus_build", "What runs here", {"version": VERSION})
        yield GaugeMetricFamily("isthmus_config_revision", "Revision of the configuration", seen.revision)
        yield GaugeMetricFamily("isthmus_audit_unsealed", "Audit records that wait for the seal", seen.audit_unsealed)
        tags = GaugeMetricFamily(
            "isthmus_tags", "Tags that are read, by the quality of their value", labels=["quality"]
        )
        for word, count in seen.tags.items():
            tags.add_metric([word], count)
        yield tags
        yield from _alarms(seen.alarms)
        yield GaugeMetricFamily("isthmus_bus_up", "1 while Redis answers", float(seen.bus is not None))
        if seen.bus is not None:
            yield from _bus(seen.bus)
            yield from _processes(seen.bus)
            yield from _links(seen.bus.links)


def registry_of(observation: Observation) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Observed(observation))
    return registry


def _alarms(counts: Counts) -> Iterator[Metric]:
    listed = _gauge("isthmus_alarms", "Alarms in the alarm list", "priority")
    active = _gauge("isthmus_alarms_active", "Of these, alarms whose condition holds", "priority")
    unacked = _gauge("isthmus_alarms_unacked", "Of these, alarms that wait for an acknowledgement", "priority")
    for priority, tally in counts.priorities.items():
        word = priority.name.lower()
        listed.add_metric([word], tally.total)
        active.add_metric([word], tally.active)
        unacked.add_metric([word], tally.unacked)
    muted = _gauge("isthmus_alarms_muted", "Alarms kept from the list, each once, by the reason shown", "reason")
    for mute, count in counts.muted.items():
        muted.add_metric([mute.value], count)
    yield from (listed, active, unacked, muted)


def _bus(bus: BusFigures) -> Iterator[Metric]:
    yield GaugeMetricFamily("isthmus_bus_memory_bytes", "Memory Redis uses", bus.memory_used)
    yield GaugeMetricFamily("isthmus_bus_memory_limit_bytes", "Memory Redis may use; 0: no limit", bus.memory_limit)
    yield GaugeMetricFamily("isthmus_bus_samples_entries", "Entries in the stream of samples", bus.samples)


def _processes(bus: BusFigures) -> Iterator[Metric]:
    age = _gauge("isthmus_process_heartbeat_age_seconds", "Since the process last spoke, by the clock of Redis", "role")
    lag = _gauge("isthmus_process_lag_seconds", "How late its event loop woke up, worst of its last second", "role")
    revision = _gauge("isthmus_process_config_revision", "Revision of the configuration it works by", "role")
    starts = CounterMetricFamily(
        "isthmus_process_starts", "Starts of the process in this run of the site", labels=["role"]
    )
    for role, heard in sorted(bus.processes.items()):
        age.add_metric([role], heard.age_ms / 1000)
        lag.add_metric([role], heard.state.lag_ms / 1000)
        if heard.state.revision:  # 0: it does not work by the configuration
            revision.add_metric([role], heard.state.revision)
    for role, count in sorted(bus.starts.items()):
        starts.add_metric([role], count)
    yield from (age, lag, revision, starts)
    for role, figures in PROCESS_GAUGES.items():
        yield from _details(role, figures, bus.processes.get(role))


def _details(role: str, figures: Mapping[str, str], heard: Heard[ProcessState] | None) -> Iterator[Metric]:
    for name, text in figures.items():
        number = _number(heard.state.detail, name) if heard is not None else None
        if number is not None:
            yield GaugeMetricFamily(f"isthmus_{role}_{name}", text, number)


def _links(links: dict[str, Heard[LinkState]]) -> Iterator[Metric]:
    up = _gauge("isthmus_link_up", "1 while the link to the devices is connected", "link")
    age = _gauge("isthmus_link_heard_age_seconds", "Since the poller last spoke of the link", "link")
    rtt = _gauge(
        "isthmus_link_rtt_seconds", "Time from request to answer, over the last 512 answers", "link", "quantile"
    )
    for link, heard in sorted(links.items()):
        up.add_metric([link], float(heard.state.state == "connected"))
        age.add_metric([link], heard.age_ms / 1000)
        for name, quantile in (("rtt_p50_ms", "0.5"), ("rtt_p99_ms", "0.99")):
            if (ms := _number(heard.state.detail, name)) is not None:
                rtt.add_metric([link, quantile], ms / 1000)
    yield from (up, age, rtt)
    for name, text in LINK_COUNTERS.items():
        counter = CounterMetricFamily(f"isthmus_link_{name}", text, labels=["link"])
        for link, heard in sorted(links.items()):
            if (count := _number(heard.state.detail, name)) is not None:
                counter.add_metric([link], count)
        yield counter


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=list(labels))


def _number(detail: Mapping[str, Any], name: str) -> float | None:
    """A figure as a number; None where another version says something else."""
    figure = detail.get(name)
    return float(figure) if isinstance(figure, int | float) and not isinstance(figure, bool) else None
