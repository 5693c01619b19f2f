"""Ten devices at 1 s; one hangs (accepts everything, answers nothing) and comes back. As seen on the bus."""

import time
from typing import Any, Final

from benchmarks import report
from benchmarks.farm import Farm
from benchmarks.rig import Rig
from bus import keys
from bus.client import connect_blocking
from bus.messages import decode
from bus.quality import is_good

DEVICES: Final = 10
HUNG: Final = 3
ROUNDS: Final = 5
LIMIT_MS: Final = 3000
"""max(3 scans, 2 s) at a scan of 1 s."""


class Watcher:
    """The status of one scan group, read from the stream."""

    def __init__(self, url: str, group: str) -> None:
        self._client = connect_blocking(url, "benchmark")
        self._group = group
        self._cursor: Any = "$"

    def wait_for(self, *, good: bool, timeout_s: float = 15) -> float:
        """Wall clock in ms when the bus first said that values are good, or that they are not."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            answer: Any = self._client.xread({keys.SAMPLES: self._cursor}, block=500)
            for stream_id, fields in answer[0][1] if answer else []:
                self._cursor = stream_id
                block = decode(fields[b"b"])
                said = [is_good(status) for status in block.statuses]
                if block.group == self._group and said and all(it is good for it in said):
                    return time.time() * 1000
        raise TimeoutError(f"group {self._group} was not {'good' if good else 'marked'} within {timeout_s} s")


def main() -> None:
    report.title("A hung device of ten")
    with Rig() as rig, Farm(rig, DEVICES) as farm:
        from benchmarks import plant_rows
        from devices.models import Device

        plant_rows.build(farm.ports, 100, 100)
        rig.start("poller")
        watcher = Watcher(rig.redis_url, f"{Device.objects.get(name=f'd{HUNG}').pk}:1000")
        watcher.wait_for(good=True)
        time.sleep(5)
        farm.mark()
        begun = time.monotonic()
        marked, back = zip(*(one_round(farm, watcher, n) for n in range(ROUNDS)), strict=True)
        report.verdict("hang -> marked on the bus, worst of 5", max(marked), LIMIT_MS, "ms")
        report.verdict("answers again -> good on the bus, worst of 5", max(back), 2000, "ms")
        report.line("each: marked", "  ".join(f"{ms:.0f}" for ms in marked) + " ms")
        report.line("each: back", "  ".join(f"{ms:.0f}" for ms in back) + " ms")
        report.line("the other nine:", "")
        farm.seen(without=(HUNG,)).tell(time.monotonic() - begun)


def one_round(farm: Farm, watcher: Watcher, number: int) -> tuple[float, float]:
    """(ms from the hang to the mark, ms from the first possible answer to good), at another phase each round."""
    time.sleep(2 + number * 0.17)
    hung = farm.hang(HUNG, on=True)
    marked = watcher.wait_for(good=False) - hung
    time.sleep(4 + number * 0.17)
    resumed = farm.hang(HUNG, on=False)
    return marked, watcher.wait_for(good=True) - resumed


if __name__ == "__main__":
    main()
