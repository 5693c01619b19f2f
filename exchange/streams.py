"""An answer that is longer than memory: made portion by portion while it is sent."""

from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import Final, TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from exchange.places import Place, places

SMALLEST: Final = 64 * 1024
"""Bytes of a portion, so that many small ones do not each wait for their turn."""

Item = TypeVar("Item")


def begun(items: Iterator[Item]) -> Iterator[Item]:
    """The first is made now: what goes wrong with it can still be told by a status."""
    first = next(items, None)
    return iter(()) if first is None else chain([first], items)


class Streamed(StreamingHttpResponse):
    """Holds its place while it is sent; closed by Django after the last portion and where the reader goes away."""

    place: Place | None = None

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self.place is not None:
                places.leave(self.place)


def streamed(
    request: HttpRequest, parts: Iterator[bytes], content_type: str, name: str, place: Place
) -> StreamingHttpResponse:
    """`name` of the file a browser makes of it. Where a later portion fails the connection breaks off."""
    portions = _portions(parts, place)
    answer = Streamed(
        _apart(portions) if isinstance(request, ASGIRequest) else portions,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
    answer.place = place
    return answer


def _portions(parts: Iterator[bytes], place: Place) -> Iterator[bytes]:
    """Leaves the place itself too: Django does not close an answer of which a portion failed."""
    waiting: list[bytes] = []
    try:
        for part in parts:
            waiting.append(part)
            if sum(map(len, waiting)) >= SMALLEST:
                yield b"".join(waiting)
                waiting = []
        if waiting:
            yield b"".join(waiting)
    finally:
        places.leave(place)


async def _apart(portions: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each portion is made in the thread of the request; Django would otherwise gather the whole file first."""
    following = sync_to_async(lambda: next(portions, None))
    while (portion := await following()) is not None:
        yield portion
