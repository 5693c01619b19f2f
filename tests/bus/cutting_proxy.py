"""A proxy before Redis that carries every command and loses replies: the command is done, nobody hears of it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_ADDING = (b"XADD", b"EVALSHA", b"EVAL")


class CuttingProxy:
    """`next_cuts`: how many of the next replies to adding commands are lost. `share`: of the others, at random."""

    def __init__(self, socket_path: str, seed: int = 0) -> None:
        self._socket_path = socket_path
        self._chance = random.Random(seed)
        self.port = 0
        self.next_cuts = 0
        self.share = 0.0
        self.cut = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def _is_cut(self, request: bytes) -> bool:
        if not any(word in request for word in _ADDING):
            return False
        if self.next_cuts > 0:
            self.next_cuts -= 1
            return True
        return self._chance.random() < self.share

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_unix_connection(self._socket_path)
        with suppress(ConnectionError):
            while request := await reader.read(1 << 20):
                is_cut = self._is_cut(request)
                to_redis.write(request)
                await to_redis.drain()
                reply = await from_redis.read(1 << 20)
                if is_cut:
                    self.cut += 1
                    break
                writer.write(reply)
                await writer.drain()
        writer.close()
        to_redis.close()
        with suppress(ConnectionError):
            await to_redis.wait_closed()
            await writer.wait_closed()


@asynccontextmanager
async def cutting_proxy(redis_url: str, seed: int = 0) -> AsyncIterator[CuttingProxy]:
    proxy = CuttingProxy(redis_url.removeprefix("unix://"), seed)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
