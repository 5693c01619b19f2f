"""A lease with a fencing number: who may publish, and later write to devices. Two can never hold it.

The number grows with every holder. Whatever the holder does carries it, so that the bus itself refuses a holder who
slept through the loss of its lease. It also grows when Redis has lost its data or the end of it (a counter alone would
give the same number twice, and the sleeping holder could renew what is no longer its own): it is never below the
seconds that the clock of Redis counts.
"""

from typing import Final

from redis.asyncio import Redis

from bus import keys

LEASE_MS: Final = 5000
RENEW_S: Final = 1.0
COUNTED_FROM_S: Final = 1_704_067_200
"""2024-01-01T00:00:00Z. Seconds from here fit the 31 bits that a seq leaves to the fencing number until 2092."""

_ACQUIRE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local next = tonumber(redis.call('GET', KEYS[2]) or '0') + 1
local fence = math.max(next, tonumber(redis.call('TIME')[1]) - tonumber(ARGV[2]))
local text = string.format('%d', fence)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], text, 'PX', ARGV[1])
return fence
"""
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class Lease:
    def __init__(self, client: Redis, *, lease_ms: int = LEASE_MS) -> None:
        self._lease_ms = lease_ms
        self._acquire = client.register_script(_ACQUIRE)
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)

    async def acquire(self) -> int | None:
        """The fencing number, or None while somebody else holds the lease."""
        arguments = [self._lease_ms, COUNTED_FROM_S]
        fence = int(await self._acquire(keys=[keys.POLLER_LEASE, keys.POLLER_FENCE], args=arguments))
        return fence or None

    async def renew(self, fence: int) -> bool:
        """False: the lease is lost (expired, taken over, or Redis lost its data)."""
        return bool(await self._renew(keys=[keys.POLLER_LEASE], args=[fence, self._lease_ms]))

    async def release(self, fence: int) -> None:
        await self._release(keys=[keys.POLLER_LEASE], args=[fence])
