"""Every Redis key Isthmus uses, in one place. Nothing else spells a key."""

from typing import Final

EPOCH: Final = "isthmus:epoch"
"""String, integer. Changes whenever Redis has lost data; every cursor then starts anew."""

SAMPLES: Final = "isthmus:samples"
"""Stream. Field `b`: an encoded Block, changes only."""

LATEST: Final = "isthmus:latest"
"""Hash: scan group -> encoded Block with every tag of the group."""

SEQS: Final = "isthmus:seqs"
"""Hash: scan group -> seq of its newest entry, 20 digits. Makes publishing idempotent and a loss of data visible."""

POLLER_LEASE: Final = "isthmus:lease:poller"
"""String with expiry: the fencing number of the poller that may publish and write."""

POLLER_FENCE: Final = "isthmus:fence:poller"
"""String: the last fencing number given out."""

PROCESSES: Final = "isthmus:processes"
"""Hash: role -> msgpack of what the process last said of itself (bus/presence.py)."""

PROCESS_STARTS: Final = "isthmus:process-starts"
"""Hash: role -> number of starts in a run of the site, name of the last start, name of the run; blanks between."""

LINKS: Final = "isthmus:links"
"""Hash: link -> msgpack of its health (bus/presence.py)."""

NUDGE: Final = "isthmus:nudge"
"""Pub/sub channel: something was committed that others should look at now (config revision)."""

ALARM_NEWS: Final = "isthmus:alarm-news"
"""Pub/sub channel: alarms have changed; whoever shows them looks at the database now."""

EVENTS: Final = "isthmus:events"
"""Stream, short: events of the system itself (clock step, lease lost, epoch changed)."""

PROBES: Final = "isthmus:probes"
"""Stream, short. Field `b`: an encoded Probe, a question to one device (bus/probes.py)."""

PROBE_ANSWERS: Final = "isthmus:probe-answer:"
"""Prefix of strings with expiry: + id of the probe -> encoded ProbeAnswer."""

SIMULATOR: Final = "isthmus:simulator"
"""Hash: fault of the demo plant -> JSON of its order (devices/simulator/faults.py). Old ones are left lying."""
