"""How fast one caller may ask: a token bucket per caller. Pure; `now_s` is monotonic.

It lives in one process, so a site with two web processes allows twice the rate. It is there to keep one program from
taking the machine, not to sell by the call.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

CALLERS_KEPT: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class Pace:
    def __init__(self, rate: int, burst: int) -> None:
        """`rate`: calls a second in the long run. `burst`: calls at once after a pause."""
        self.rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, caller: str, now_s: float) -> int | None:
        """None: go on, it is counted. Else whole seconds after which another call will be let through."""
        bucket = self._buckets.pop(caller, None) or _Bucket(self._burst, now_s)
        bucket.left = min(float(self._burst), bucket.left + max(0.0, now_s - bucket.at_s) * self.rate)
        bucket.at_s = now_s
        self._buckets[caller] = bucket
        if len(self._buckets) > CALLERS_KEPT:
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            return max(1, math.ceil((1 - bucket.left) / self.rate))
        bucket.left -= 1
        return None

    def forget(self) -> None:
        self._buckets.clear()
