"""How many files of history are made at once, of one person and of all."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import RequestFactory

from accounts.permissions import Action
from exchange.places import Places, places
from exchange.problems import Problem
from exchange.streams import streamed
from historian.storage.base import StorageAway
from tests.cast import Cast, Works
from tests.exchange.conftest import Api
from tests.exchange.test_history import FLOW, LEVEL, T0, ask, body_of, kept, record
from tests.exchange.test_tags import is_problem

__all__ = ["kept"]


def test_one_person_holds_no_more_than_their_own_and_all_no_more_than_there_are() -> None:
    few = Places(3, 2)
    held = [few.take(1), few.take(1)]
    with pytest.raises(Problem) as refused:
        few.take(1)
    assert (refused.value.status, refused.value.kind) == (429, "too-many-files")
    held.append(few.take(2))
    with pytest.raises(Problem) as refused:
        few.take(3)
    assert (refused.value.status, refused.value.kind) == (503, "files-busy")
    few.leave(held[0])
    few.leave(held[0])
    assert few.take(3) is not None


def test_a_place_that_is_lost_is_free_again() -> None:
    few = Places(1, 1)
    few.take(1)
    gc.collect()
    assert len(few) == 0


def test_a_file_whose_portion_fails_leaves_its_place_though_nobody_closes_it() -> None:
    def failing() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise StorageAway("on the way")

    place = places.take(-1)
    portions: Any = iter(streamed(RequestFactory().get("/"), failing(), "text/csv", "name", place))
    assert len(next(portions)) == 100_000
    assert place in places
    with pytest.raises(StorageAway):
        next(portions)
    assert place not in places


def test_a_file_whose_reader_goes_away_leaves_its_place(db: None) -> None:
    place = places.take(-1)
    answer = streamed(RequestFactory().get("/"), iter([b"x"]), "text/csv", "name", place)
    answer.close()
    assert place not in places


def test_a_third_file_of_one_person_is_refused_until_one_is_there(
    cast: Cast, works: Works, api: Api, kept: str
) -> None:
    record(kept, works.level, [(T0, 1.0, 0)])
    vera, again = api(cast.vera), api(cast.vera, [Action.VIEW])
    first, second = ask(vera, LEVEL, format="csv"), ask(again, LEVEL, format="parquet")
    refused = ask(vera, LEVEL, format="csv")
    assert is_problem(refused, 429, "too-many-files")
    assert int(refused.headers["Retry-After"]) > 0
    assert "Wait until" in refused.json()["action"]
    assert ask(vera, LEVEL).status_code == 200, "pages of JSON are no files"
    body_of(ask(api(cast.sam), FLOW, format="csv"))
    body_of(first)
    body_of(ask(vera, LEVEL, format="csv"))
    body_of(second)


def test_a_refused_question_holds_no_place(cast: Cast, works: Works, api: Api, kept: str) -> None:
    vera = api(cast.vera)
    for _ in range(4):
        refused = ask(vera, LEVEL, format="csv", mode="interpolated", interval="never")
        assert is_problem(refused, 422, "question-refused")
