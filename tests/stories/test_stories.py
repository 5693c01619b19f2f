"""Every story is played, and together they meet every cell of the table. The format stands in telling.py."""

from itertools import chain

import pytest

from alarms import logic, muting
from alarms.kinds import Base, Event
from alarms.logic import Refused
from tests.stories.stage import Cell, Stage
from tests.stories.telling import stories

STORIES = stories()
N, U, A, R, LU, LA = Base
TABLE: dict[tuple[str, str], set[str]] = {
    (N, "alarm"): {U, A}, (N, "return"): {N}, (N, "ack"): {"refused not_alarming"},
    (N, "reset"): {"refused not_latched"}, (N, "realarm"): {N}, (N, "bad"): {N},
    (U, "alarm"): {U}, (U, "return"): {R, LU, N}, (U, "ack"): {A, "refused newer_occurrence"},
    (U, "reset"): {"refused not_latched", "refused still_active"}, (U, "realarm"): {U}, (U, "bad"): {U},
    (A, "alarm"): {A}, (A, "return"): {N, LA}, (A, "ack"): {"refused already_acked"},
    (A, "reset"): {"refused not_latched", "refused still_active"}, (A, "realarm"): {U, A}, (A, "bad"): {A},
    (R, "alarm"): {U}, (R, "return"): {R}, (R, "ack"): {N, "refused newer_occurrence"},
    (R, "reset"): {"refused not_latched"}, (R, "realarm"): {R}, (R, "bad"): {R},
    (LU, "alarm"): {U}, (LU, "return"): {LU}, (LU, "ack"): {LA}, (LU, "reset"): {"refused ack_first"},
    (LU, "realarm"): {LU}, (LU, "bad"): {LU},
    (LA, "alarm"): {U, A}, (LA, "return"): {LA}, (LA, "ack"): {"refused already_acked"}, (LA, "reset"): {N},
    (LA, "realarm"): {LA}, (LA, "bad"): {LA},
}  # fmt: skip
"""(from, event) -> what may come of it: the table of the standard, cell by cell; not read from the code."""
OVERLAYS = (
    "shelve", "shelve once", "unshelve", "expiry", "suppress", "unsuppress", "cause muted", "cause seen",
    "out of service", "in service",
)  # fmt: skip
UNSUPPRESSED = {A: {U, A}}
"""Active and acknowledged before: it calls as something new, and stays acknowledged where no one must do that."""
ENDS = {(base, "one-shot ends", base) for base in (N, R, LU, LA)}
REFUSALS = {
    "shelve": {"not_shelvable", "too_long", "no_time", "reason_missing"}, "unshelve": {"not_shelved"},
    "out of service": {"out_of_service", "reason_missing"}, "in service": {"in_service"},
}  # fmt: skip


@pytest.mark.parametrize("title", STORIES)
def test_the_story_goes_as_it_is_told(title: str) -> None:
    """ALM-01, ALM-02, ALM-03, ALM-05, ALM-14, ALM-15, ALM-16, ALM-17"""
    Stage(STORIES[title]).play()


def _cells() -> set[Cell]:
    """What the stories try and then speak of."""
    found = set()
    for story in STORIES.values():
        stage = Stage(story)
        stage.play()
        found |= stage.cells
    return found


def _wanted() -> set[Cell]:
    base = {(state, event, outcome) for (state, event), outcomes in TABLE.items() for outcome in outcomes}
    overlays = {
        (state, event, outcome)
        for state in Base
        for event in OVERLAYS
        for outcome in (UNSUPPRESSED.get(state, {state}) if event in ("unsuppress", "cause muted") else {state})
    }
    return base | overlays | ENDS


def test_the_stories_meet_every_cell_of_the_table_and_no_other() -> None:
    """ALM-01: each state with each event, each overlay from each state, and each refusal with its reason."""
    assert {state for state, _ in TABLE} == set(Base)
    assert all((state, event) in TABLE for state in Base for event in ("alarm", "return", "ack", "reset", "realarm"))
    found, wanted = _cells(), _wanted()
    refused = {cell for cell in found if cell[1] in REFUSALS and cell[2].startswith("refused")}
    codes = {event: {c[2].removeprefix("refused ") for c in refused if c[1] == event} for event in REFUSALS}
    assert sorted(wanted - found) == []
    assert sorted(found - wanted - refused) == []
    assert codes == REFUSALS


def test_every_refusal_of_the_life_cycle_is_met_in_a_story() -> None:
    known = {value.code for value in chain(vars(logic).values(), vars(muting).values()) if isinstance(value, Refused)}
    told = {word for story in STORIES.values() for line in story.lines for s in line.standings for word in s.words}
    assert known - {value for name, value in told if name == "refused"} == set()


def test_every_event_that_changes_a_state_happens_in_a_story() -> None:
    """Ids of the journal; `changed` changes none."""
    found = set()
    for story in STORIES.values():
        stage = Stage(story)
        stage.play()
        found |= {entry.event for part in stage.parts.values() for entry in part.journal}
    assert found == set(Event) - {Event.CHANGED}
