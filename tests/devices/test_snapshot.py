"""The snapshot is the configuration of one moment, whoever changes it meanwhile."""

import threading

from django.db import connection, transaction

from devices import snapshot
from devices.models import Tag
from plant import revisions
from tests.cast import Works
from tests.file_database import file_database

__all__ = ["file_database"]


def test_everything_is_found_by_its_path_without_regard_to_case(works: Works) -> None:
    loaded = snapshot.load()
    entry = loaded.tag("WORKS/North/pumps/RUN")
    assert entry is not None
    assert entry.point is not None
    assert (entry.id, entry.path, entry.point.address) == (works.run.pk, "works/north/pumps/run", 0)
    area = loaded.area("works/NORTH/pumps")
    assert area is not None
    assert area.parent_id == works.north.pk


def test_a_tag_that_means_nothing_is_left_out_alone(works: Works) -> None:
    Tag.objects.filter(pk=works.flow.pk).update(data_type="int128")
    assert set(snapshot.load().tags) == {works.level.pk, works.run.pk}


def test_a_snapshot_takes_few_queries(works: Works, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(6):  # type: ignore[operator]  # a fixture without types
        snapshot.load()


def test_no_snapshot_holds_half_of_a_change(file_database: None, works: Works) -> None:
    """Each change sets every tag's address to its revision: a mixed snapshot would show two."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def change() -> None:
        try:
            while not stop.is_set():
                with transaction.atomic():
                    number = revisions.bump("test", "move all")
                    for tag in Tag.objects.order_by("pk"):
                        Tag.objects.filter(pk=tag.pk).update(address=number)
        except BaseException as failure:
            failures.append(failure)
            raise
        finally:
            connection.close()

    writer = threading.Thread(target=change)
    writer.start()
    try:
        seen: set[int] = set()
        while len(seen) < 20 and not failures:
            loaded = snapshot.load()
            addresses = {entry.point.address for entry in loaded.tags.values() if entry.point}
            if loaded.revision:
                assert addresses == {loaded.revision}
            seen.add(loaded.revision)
    finally:
        stop.set()
        writer.join(20)
    assert not failures


def test_a_snapshot_does_not_wait_for_a_long_change(file_database: None, works: Works) -> None:
    """An import holds the write lock for seconds; who reads sees the state before it meanwhile."""
    started, may_end = threading.Event(), threading.Event()

    def change() -> None:
        with transaction.atomic():
            revisions.bump("test", "slow")
            Tag.objects.update(title="changed")
            started.set()
            may_end.wait(20)
        connection.close()

    writer = threading.Thread(target=change)
    writer.start()
    try:
        assert started.wait(20)
        loaded = snapshot.load()
        assert {entry.title for entry in loaded.tags.values()} == {"Tank level", "Pump runs", "Outflow"}
    finally:
        may_end.set()
        writer.join(20)
    assert {entry.title for entry in snapshot.load().tags.values()} == {"changed"}
