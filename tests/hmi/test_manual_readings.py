"""What was entered by hand holds until something newer is entered; only the word that it still holds can grow old."""

import time

from bus import keys
from bus.client import connect_blocking
from bus.messages import FULL, Block, encode
from bus.quality import GOOD, UNCERTAIN_LAST_USABLE
from devices import current
from devices.models import Kind, Tag
from devices.readings import Reading, read
from tests.cast import Works

DAY_MS = 86_400_000


def reading_of(works: Works, url: str, *, told_ms: int) -> Reading:
    """A sample of yesterday in a group that was published `told_ms` ago."""
    tag = Tag.objects.create(area=works.north, name="chlorine", kind=Kind.MANUAL, data_type="float64")
    now_ms = time.time_ns() // 1_000_000
    block = Block(1, 1, "manual:1000", 1, now_ms - told_ms, FULL, [tag.pk], [0.4], [GOOD], [now_ms - DAY_MS])
    client = connect_blocking(url, "test")
    client.hset(keys.LATEST, block.group, encode(block))
    client.close()
    current.forget()
    snapshot = current.current_snapshot()
    return read([snapshot.tags[tag.pk]], snapshot, Reading)[0]


def test_a_sample_of_yesterday_is_good_and_says_its_age(works: Works, bus_url: str) -> None:
    reading = reading_of(works, bus_url, told_ms=100)
    assert (reading.value, reading.status) == (0.4, GOOD)
    assert reading.age_ms is not None
    assert reading.age_ms >= DAY_MS


def test_without_a_poller_that_still_says_so_it_is_out_of_date(works: Works, bus_url: str) -> None:
    """UA-05: a dead poller writes nothing, so the reader says it."""
    assert reading_of(works, bus_url, told_ms=3_500).status == UNCERTAIN_LAST_USABLE
