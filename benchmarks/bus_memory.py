"""What the bus costs: bytes of a block, memory of 15 minutes, CPU and disk of publishing 10,000 changing tags a second.

    python -m benchmarks.bus_memory [--scans 900]

Publishes the scans of 50 groups of 200 tags one after the other, without waiting for the seconds between them, into a
Valkey of its own with the configuration of `make run`. Compared in the same run: one hash field a tag.
"""

import argparse
import asyncio
import random
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.report import line, title
from bus import embedded, keys
from bus.client import BusError, connect
from bus.lease import Lease
from bus.messages import FULL, LIVE, Block, encode, first_seq
from bus.streams import KEEP_MS, Entry, Publisher

GROUPS: Final = 50
TAGS: Final = 200
BATCH: Final = 10
"""Entries in one call: what the poller gathers when fifty devices are spread over the second."""
BASELINE_SCANS: Final = 30


@dataclass
class Cost:
    """CPU seconds of server and client, bytes appended to the file, per second of plant."""

    server_s: float
    client_s: float
    disk_bytes: float


def a_block(group: int, seq: int, chance: random.Random, *, changed: int = TAGS) -> Block:
    ids = range(group * TAGS + 1, group * TAGS + 1 + changed)
    values = [chance.uniform(0, 1000) for _ in ids]
    now_ms = time.time_ns() // 1_000_000
    return Block(now_ms, 12, f"{group}:1000", seq, now_ms, LIVE, list(ids), values, [0] * changed)


def entry_of(block: Block, *, is_first: bool) -> Entry:
    full = replace(block, flags=FULL)
    return Entry(full if is_first else block, full)


def own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def look(client: Redis) -> tuple[float, int]:
    """CPU seconds of the server so far, and bytes its append-only file has."""
    cpu: Any = await client.info("cpu")
    persistence: Any = await client.info("persistence")
    return cpu["used_cpu_user"] + cpu["used_cpu_sys"], int(persistence["aof_current_size"])


async def publish_scans(client: Redis, scans: int) -> Cost:
    chance = random.Random(1)
    fence = await Lease(client, lease_ms=600_000).acquire()
    if fence is None:
        raise SystemExit("somebody else holds the lease of a Valkey that was just started")
    publisher = Publisher(client, keep_ms=24 * 3600 * 1000)
    await publisher.join_epoch(fence, time.time_ns() // 1_000_000)
    server, disk = await look(client)
    client_s = 0.0
    for scan in range(1, scans + 1):
        blocks = [a_block(g, first_seq(fence) + scan, chance) for g in range(GROUPS)]
        began = own_cpu_s()
        for at in range(0, GROUPS, BATCH):
            await publisher.publish(fence, [entry_of(b, is_first=scan == 1) for b in blocks[at : at + BATCH]])
        client_s += own_cpu_s() - began
    server_end, disk_end = await look(client)
    return Cost((server_end - server) / scans, client_s / scans, (disk_end - disk) / scans)


async def hash_field_a_tag(client: Redis, scans: int) -> Cost:
    """The baseline: value, status and time of each tag as one field of a hash, in pipelines of 2,000."""
    chance = random.Random(1)
    server, disk = await look(client)
    client_s = 0.0
    for _ in range(scans):
        now_ms = time.time_ns() // 1_000_000
        rows = {f"{tag}": f"{chance.uniform(0, 1000)} 0 {now_ms}" for tag in range(GROUPS * TAGS)}
        names, began = list(rows), own_cpu_s()
        for at in range(0, len(names), 2000):
            async with client.pipeline(transaction=False) as pipe:
                for name in names[at : at + 2000]:
                    pipe.hset("baseline", name, rows[name])
                await pipe.execute()
        client_s += own_cpu_s() - began
    server_end, disk_end = await look(client)
    return Cost((server_end - server) / scans, client_s / scans, (disk_end - disk) / scans)


async def measure(url: str, scans: int) -> None:
    client = await connected(url)
    chance = random.Random(2)
    full, still = (
        a_block(1, first_seq(90_000_000) + 1, chance),
        a_block(1, first_seq(90_000_000) + 1, chance, changed=0),
    )
    few = a_block(1, first_seq(90_000_000) + 1, chance, changed=10)
    sizes = [f"{changed}: {len(encode(block))} B" for changed, block in ((TAGS, full), (10, few), (0, still))]
    title("the bus: 50 groups of 200 tags, every tag changes every second")
    line("a block, by how many tags changed", ", ".join(sizes))
    await client.config_set("auto-aof-rewrite-percentage", 0)  # else the file shrinks while it is measured
    before = await used_memory(client)
    cost = await publish_scans(client, scans)
    stream: Any = await client.memory_usage(keys.SAMPLES, samples=0)
    latest: Any = await client.memory_usage(keys.LATEST, samples=0)
    entries, grown = await client.xlen(keys.SAMPLES), await used_memory(client) - before
    line("an entry in the stream", f"{stream / entries:.0f} B ({entries} entries)")
    line("latest values of all groups", f"{latest / 1e3:.0f} kB")
    line(f"the stream of {KEEP_MS // 1000} s", f"{stream / scans * KEEP_MS / 1e9:.0f} MB")
    line(f"used_memory grew in {scans} s of plant by", f"{grown / 1e6:.0f} MB", "half of maxmemory: 128 MB")
    baseline = await hash_field_a_tag(client, BASELINE_SCANS)
    for name, one in (("publishing blocks", cost), ("a hash field a tag", baseline)):
        shares = f"Redis {100 * one.server_s:.2f} % of a core, client {100 * one.client_s:.2f} %"
        line(name, f"{shares}, append-only file {one.disk_bytes / 1e3:.0f} kB/s")
    in_redis, in_client = baseline.server_s / cost.server_s, baseline.client_s / cost.client_s
    line("a hash field a tag costs", f"{in_redis:.1f} times the CPU in Redis, {in_client:.1f} times in the client")
    await client.aclose()


async def used_memory(client: Redis) -> int:
    memory: Any = await client.info("memory")
    return int(memory["used_memory"])


async def connected(url: str) -> Redis:
    for _ in range(500):
        client = connect(url, "benchmark")
        try:
            await client.ping()
        except BusError:
            await client.aclose()
            await asyncio.sleep(0.02)
        else:
            return client
    raise SystemExit(f"no Valkey answers at {url}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=900, help="seconds of plant to publish (900: the whole stream)")
    scans = max(2, min(900, parser.parse_args().scans))
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        server = subprocess.Popen(embedded.command(Path(folder)), stdout=subprocess.DEVNULL)
        try:
            asyncio.run(measure(embedded.socket_url(Path(folder)), scans))
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()
