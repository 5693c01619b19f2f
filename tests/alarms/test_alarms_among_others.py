"""Limits of one tag in order, suppression that would hide its own cause, and what production mode asks."""

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.kinds import Kind
from alarms.models import Alarm, AlarmInput
from alarms.rules.neighbours import loop_problem, stored
from alarms.rules.rationalisation import production_problem, rationalised
from alarms.rules.relations import ORDER, Placed, loop_sentence, order_problems, suppression_loops
from tests.alarms.entries import make_alarm
from tests.cast import Works

COMPLETE: dict[str, Any] = {
    "cause": "Inlet valve stuck", "consequence": "Overflow", "operator_action": "Close it by hand",
    "basis": "Overflow at 9.5 m", "owner": "Ada", "approved_by": "Ada", "approved_on": date(2026, 1, 2),
    "review_on": date(2027, 1, 2),
}  # fmt: skip


def limit(kind: str, setpoint: float, **changes: Any) -> Placed:
    return Placed(kind, f"t:{kind}", changes.pop("tag", 1), Kind(kind), setpoint, **changes)


def test_limits_of_a_tag_stand_in_their_order() -> None:
    """ALM-10."""
    right = [limit("hihi", 9), limit("lo", 2), limit("hi", 8), limit("lolo", 1)]
    assert order_problems(right) == {}
    wrong = [limit("hi", 8), limit("hihi", 8), limit("lo", 2), limit("lolo", 3)]
    found = order_problems(wrong)
    assert found["hihi"].startswith("The high-high limit 8 must lie above the high limit 8 of the same tag (t:hi)")
    assert found["lolo"].startswith("The low-low limit 3 must lie below the low limit 2 of the same tag (t:lo)")
    assert set(found) == {"hihi", "lolo"}


def test_limits_of_other_tags_and_limits_that_are_off_are_not_compared() -> None:
    assert order_problems([limit("hi", 8), limit("hihi", 7, tag=2)]) == {}
    assert order_problems([limit("hi", 8), limit("hihi", 7, enabled=False)]) == {}


@given(st.lists(st.tuples(st.sampled_from(ORDER), st.integers(0, 5)), max_size=6))
@settings(max_examples=100)
def test_limits_are_refused_exactly_where_two_are_out_of_order(limits: list[tuple[Kind, int]]) -> None:
    rows = [Placed(i, str(i), 1, kind, float(at)) for i, (kind, at) in enumerate(limits)]
    rank = ORDER.index
    is_wrong = any(rank(a) < rank(b) and x >= y for a, x in limits for b, y in limits)
    assert bool(order_problems(rows)) == is_wrong


def alarm(key: str, *causes: str, looks_at: str = "") -> Placed:
    return Placed(key, key, f"tag of {key}", Kind.HI, causes=causes, looks_at=frozenset(looks_at.split()))


def test_an_alarm_that_suppresses_its_own_cause_is_found_with_its_loop() -> None:
    """ALM-15."""
    loops = suppression_loops([alarm("a", "b"), alarm("b", "c"), alarm("c", "a"), alarm("d", "a")])
    assert [[p.path for p in loop] for loop in loops] == [["a", "b", "c"]]
    assert loop_sentence(loops[0]).startswith(
        "The alarm would suppress its own cause, and both stay silent: 'a' by 'b' by 'c' by 'a'."
    )
    assert [[p.path for p in loop] for loop in suppression_loops([alarm("a", "a")])] == [["a"]]


def test_a_chain_that_ends_is_no_loop() -> None:
    assert suppression_loops([alarm("a", "b", "c"), alarm("b", "c"), alarm("c"), alarm("d", "a", "c")]) == []


def test_a_loop_may_lead_over_the_tag_that_a_rule_looks_at() -> None:
    """ALM-15: flow is suppressed while the pump stands; were the pump's alarm suppressed by flow, nobody would know."""
    flow = alarm("flow", looks_at="pump")
    pump = Placed("pump stopped", "pump stopped", "pump", Kind.DISCRETE, causes=("flow",))
    assert len(suppression_loops([flow, pump])) == 1
    assert suppression_loops([flow, Placed("pump stopped", "", "pump", Kind.DISCRETE)]) == []
    own = Placed("a", "a", "t", Kind.HI, looks_at=frozenset({"t"}))
    assert len(suppression_loops([own])) == 1


@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14))
@settings(max_examples=200)
def test_a_loop_is_found_exactly_where_there_is_one(edges: set[tuple[int, int]]) -> None:
    rows = [Placed(i, str(i), -i - 1, Kind.HI, causes=tuple(b for a, b in edges if a == i)) for i in range(7)]
    left = set(edges)
    while leaves := {n for n in range(7) if not any(a == n for a, _ in left)} & {b for _, b in left}:
        left = {(a, b) for a, b in left if b not in leaves}
    found = suppression_loops(rows)
    assert bool(found) == bool(left)
    for loop in found:
        keys = [placed.key for placed in loop]
        assert all(pair in edges for pair in zip(keys, [*keys[1:], keys[0]], strict=True))


# -- stored alarms


@pytest.mark.django_db
def test_a_loop_with_stored_alarms_is_named(works: Works) -> None:
    """ALM-15."""
    first, second = make_alarm(works.level), make_alarm(works.flow)
    second.suppressed_by.add(first)
    said = loop_problem(first, [second], [])
    assert said is not None
    assert "'level:hi' by 'flow:hi' by 'level:hi'" in said
    assert loop_problem(second, [first], []) is None
    AlarmInput.objects.create(alarm=first, name="q", source=works.flow)
    assert stored()[0].looks_at == frozenset()
    Alarm.objects.filter(pk=first.pk).update(suppress_when="q > 1")
    assert {row.path: row.looks_at for row in stored()} == {"level:hi": {works.flow.pk}, "flow:hi": frozenset()}
    assert loop_problem(second, [first], []) is not None


@pytest.mark.django_db
def test_an_alarm_beside_its_siblings_is_checked(works: Works) -> None:
    make_alarm(works.level)
    second = make_alarm(works.level, "hihi", kind="hihi", setpoint=9.0)
    with pytest.raises(ValidationError, match="must lie above the high limit 10"):
        second.clean()
    second.enabled = False
    second.clean()


@pytest.mark.django_db
def test_in_production_only_rationalised_alarms_can_be_enabled(works: Works) -> None:
    """ALM-10."""
    alarm = make_alarm(works.level)
    alarm.clean()
    works.plant.production_mode = True
    with pytest.raises(ValidationError, match="1 enabled alarm is not rationalised: level:hi"):
        works.plant.clean()
    works.plant.save()
    alarm = Alarm.objects.get(pk=alarm.pk)
    with pytest.raises(ValidationError) as caught:
        alarm.clean()
    said = caught.value.message_dict["enabled"][0]
    assert "Missing: cause, consequence, operator action, basis of the setpoint, owner, approved by" in said
    assert "asks for no action of the operator is no alarm" in said
    alarm.enabled = False
    alarm.clean()
    alarm.save()
    works.plant.clean()
    for field, value in COMPLETE.items():
        setattr(alarm, field, value)
    alarm.enabled = True
    alarm.clean()


def test_what_is_missing_is_listed_field_by_field() -> None:
    """ALM-10."""
    alarm = Alarm(kind="hi", enabled=True, **COMPLETE)
    assert rationalised(alarm) == []
    for field in COMPLETE:
        lacking = Alarm(kind="hi", enabled=True, **COMPLETE | {field: None if field.endswith("_on") else " "})
        assert rationalised(lacking) == [field]
        assert production_problem(lacking) is not None
    assert rationalised(Alarm(kind="comm", **COMPLETE | {"basis": ""})) == []
