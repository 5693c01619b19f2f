"""From the device's answer that first carried a value to onmessage in Chromium: one browser, sent at once.

The tick of the farm is the value of the first tag, so a value names the answer it came with. All three clocks are the
wall clock of this machine. The page is one without scripts of its own; the socket is opened as live.js opens it.
"""

import shutil
import statistics
import time
from collections.abc import Sequence
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from benchmarks import report
from benchmarks.accounting import Window
from benchmarks.farm import Farm
from benchmarks.rig import Rig
from bus import keys
from bus.client import connect_blocking
from bus.messages import decode

SCAN_MS: Final = 400
"""Longer than the 250 ms after which the hub sends at once."""
WINDOW_S: Final = 60

LISTEN = """
({url, paths}) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url);
  let first = null;
  window.seen = [];
  socket.onopen = () => socket.send(JSON.stringify({type: "subscribe", paths}));
  socket.onclose = (event) => reject(new Error(`closed: ${event.code} ${event.reason}`));
  socket.onmessage = (event) => {
    const at = performance.timeOrigin + performance.now();
    const message = JSON.parse(event.data);
    if (message.type === "subscribed") {
      first = message.tags.find((tag) => tag.path === paths[0]).id;
      resolve(message.tags.length);
    }
    if (message.type !== "frame") return;
    socket.send(JSON.stringify({type: "ack", seq: message.seq}));
    const row = message.rows.find((row) => row[0] === first);
    if (row) window.seen.push([row[1], at]);
  };
})
"""


def main() -> None:
    report.title("Served on the wire -> onmessage, one browser, 200 tags")
    with Rig() as rig, Farm(rig, 1, period_ms=100) as farm:
        from benchmarks import plant_rows

        plant_rows.build(farm.ports, 100, 100, scan_ms=SCAN_MS)
        cookie = plant_rows.viewers(1)[0]
        paths = sorted(plant_rows.tags().paths, key=lambda path: int(path.rpartition("_")[2]))
        rig.start("poller")
        rig.start("web")
        with sync_playwright() as playwright:  # from here on no Django: it wants no event loop in its thread
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = open_page(browser.new_context(), f"127.0.0.1:{rig.port}", cookie)
            watch(rig, farm, page, paths)
            browser.close()


def watch(rig: Rig, farm: Farm, page: Page, paths: list[str]) -> None:
    page.evaluate(LISTEN, {"url": f"ws://127.0.0.1:{rig.port}/ws/live/", "paths": paths})
    time.sleep(3)
    page.evaluate("window.seen.length = 0")
    window = Window(rig.pids(("device farm (load)", farm.talker)))
    time.sleep(WINDOW_S)
    usage = window.end()
    tell(rig, farm, [(tick, at) for tick, at in page.evaluate("window.seen")])
    report.cost(usage)


def open_page(context: Any, host: str, cookie: str) -> Page:
    name, _, value = cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": f"http://{host}"}])
    page: Page = context.new_page()
    page.goto(f"http://{host}/healthz")
    return page


def tell(rig: Rig, farm: Farm, seen: Sequence[tuple[float, float]]) -> None:
    answered, on_bus = farm.answers(0), times_on_bus(rig.redis_url)
    whole = sorted(at - answered[int(tick)] for tick, at in seen if int(tick) in answered)
    poller = sorted(on_bus[int(tick)] - answered[int(tick)] for tick, _ in seen if int(tick) in answered)
    web = sorted(at - on_bus[int(tick)] for tick, at in seen if int(tick) in on_bus)
    report.line("values", f"{len(whole)} of {WINDOW_S * 1000 // SCAN_MS} scans")
    report.verdict("answer -> onmessage, p50", statistics.median(whole), 10, "ms")
    report.verdict("answer -> onmessage, p99", whole[int(0.99 * len(whole))], 25, "ms")
    report.line("worst", f"{whole[-1]:.1f} ms")
    report.line("  of it answer -> on the bus", f"p50 {statistics.median(poller):.1f} ms, worst {poller[-1]:.1f} ms")
    report.line("  of it on the bus -> onmessage", f"p50 {statistics.median(web):.1f} ms, worst {web[-1]:.1f} ms")


def times_on_bus(url: str) -> dict[int, float]:
    """Tick -> wall clock in ms at which Redis took the block (it counts whole ms: half a one is added)."""
    client = connect_blocking(url, "benchmark")
    entries: Any = client.xrange(keys.SAMPLES)
    client.close()
    found: dict[int, float] = {}
    for stream_id, fields in entries:
        block = decode(fields[b"b"])
        first = min(block.ids, default=None)
        value = None if first is None else block.values[list(block.ids).index(first)]
        if isinstance(value, float):
            found.setdefault(int(value), int(stream_id.partition(b"-")[0]) + 0.5)
    return found


if __name__ == "__main__":
    main()
