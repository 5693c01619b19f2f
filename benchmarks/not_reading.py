"""What a browser that does not read costs the web process: silent ones, and ones that acknowledge blindly."""

import time
from typing import Final

from benchmarks import report
from benchmarks.accounting import rss_mb
from benchmarks.rig import Rig
from benchmarks.sockets import Crowd, gather

SOCKETS: Final = 20
TAGS: Final = 1000
SECONDS: Final = 30


def main() -> None:
    report.title(f"{SOCKETS} browsers that do not read, {TAGS} tags changing 4 times a second, {SECONDS} s")
    with Rig() as rig:
        from benchmarks import plant_rows
        from benchmarks.publishing import Publishing

        plant_rows.build(range(20001, 20006), 100, 100)
        cookies = plant_rows.viewers(SOCKETS)
        tags = plant_rows.tags()
        publishing = Publishing(rig.redis_url, tags.groups_with(set(tags.paths)), 0.25, tags.revision)
        publishing.start()
        rig.start("web")
        web = rig.processes["web"].pid
        for ack in ("read", "never", "blind"):
            before = rss_mb(web)
            crowd = gather(rig, Crowd(SOCKETS, cookies, [list(tags.paths)], ack), rig.port, publishing.base_ms)
            time.sleep(SECONDS)
            report.verdict(f"acknowledging: {ack}", (rss_mb(web) - before) / SOCKETS, 1, "MB a browser")
            rig.hang_up(crowd)
            time.sleep(2)
        publishing.stop()


if __name__ == "__main__":
    main()
