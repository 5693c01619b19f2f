"""What stories cannot see of the life cycle and of what mutes it: the words the functions themselves say."""

from dataclasses import replace

from alarms import logic, muting
from alarms.kinds import Base, Event, Mute
from alarms.logic import Change, Rules, State
from alarms.muting import Muted, Muting, Shelving

UNACK = State(active=True, acked=False, occurrence=1)
ALL = Muting(Shelving(5000), "pump trip", True)


def ended(outcome: muting.Outcome) -> Muted:
    assert isinstance(outcome, Muted)
    return outcome


def test_what_is_still_muted_otherwise_does_not_call() -> None:
    """ALM-02"""
    outcomes = [muting.unshelve(ALL, UNACK), muting.unsuppress(ALL, UNACK, Rules()), muting.in_service(ALL, UNACK)]
    assert [ended(outcome).annunciates for outcome in outcomes] == [False, False, False]
    assert ended(muting.unshelve(Muting(Shelving(5000)), UNACK)).annunciates


def test_leaving_one_does_not_end_another() -> None:
    assert ended(muting.unshelve(ALL, UNACK)).muting == replace(ALL, shelving=None)
    assert ended(muting.unsuppress(ALL, UNACK, Rules())).muting == replace(ALL, by_design="")
    assert ended(muting.in_service(ALL, UNACK)).muting == replace(ALL, out_of_service=False)
    assert ALL.reasons == (Mute.OUT_OF_SERVICE, Mute.BY_DESIGN, Mute.SHELVED)


def test_another_rule_that_suppresses_is_told_and_the_same_is_not() -> None:
    suppressed = Muting(by_design="pump trip")
    assert muting.suppress(suppressed, UNACK, Rules(), "pump trip") is None
    assert ended(muting.suppress(suppressed, UNACK, Rules(), "cleaning")).muting.by_design == "cleaning"


def test_a_suppression_whose_cause_nobody_sees_calls_as_its_end_would_and_its_end_then_does_not() -> None:
    """ALM-15"""
    acked = replace(UNACK, acked=True, realarms=2)
    hidden = Muting(by_design="r", by_causes=True)
    shown = ended(muting.suppress(hidden, acked, Rules(), "r", by_causes=True, bared="it is shelved"))
    assert (shown.event, shown.annunciates, shown.state) == (Event.CAUSE_MUTED, True, replace(UNACK, occurrence=2))
    assert (shown.muting.reasons, shown.muting.is_suppressed) == ((), False)
    over = ended(muting.unsuppress(shown.muting, shown.state, Rules()))
    assert (over.muting, over.state, over.annunciates) == (Muting(), shown.state, False)
    again = ended(muting.suppress(shown.muting, shown.state, Rules(), "r", by_causes=True))
    assert (again.event, again.muting, again.state) == (Event.SUPPRESS, hidden, shown.state)


def test_what_was_in_the_list_before_a_hidden_cause_came_does_not_call_again() -> None:
    begun = ended(muting.suppress(Muting(), UNACK, Rules(), "r", by_causes=True, bared="it is shelved"))
    assert (begun.event, begun.state, begun.annunciates) == (Event.CAUSE_MUTED, UNACK, False)
    other = ended(muting.suppress(begun.muting, UNACK, Rules(), "r", by_causes=True, bared="it is out of service"))
    assert (other.state, other.annunciates) == (UNACK, False)
    assert muting.suppress(other.muting, UNACK, Rules(), "r", by_causes=True, bared="it is out of service") is None


def test_a_rule_that_does_not_rest_on_causes_alone_is_in_effect_whatever_is_seen_of_them() -> None:
    begun = ended(muting.suppress(Muting(), UNACK, Rules(), "cleaning", bared="it is shelved"))
    assert begun.muting == Muting(by_design="cleaning")


def test_what_is_muted_otherwise_does_not_call_when_its_cause_is_hidden() -> None:
    hidden = Muting(Shelving(1), "r", by_causes=True)
    shown = ended(muting.suppress(hidden, UNACK, Rules(), "r", by_causes=True, bared="it is shelved"))
    assert (shown.annunciates, shown.state.occurrence, shown.muting.reasons) == (False, 2, (Mute.SHELVED,))


def test_after_a_suppression_the_re_alarms_count_anew() -> None:
    """ALM-16"""
    often = replace(UNACK, realarms=3)
    assert ended(muting.unsuppress(Muting(by_design="s"), often, Rules())).state.realarms == 0


def test_a_latch_outlives_a_definition_that_no_longer_latches() -> None:
    """Only a reset ends it: an active alarm is never dropped by a change of its definition."""
    latched = State(acked=True, latched=True, occurrence=1)
    outcome = logic.step(latched, Event.ALARM, Rules(latching=False))
    assert isinstance(outcome, Change)
    assert outcome.state.latched
    returned = logic.step(outcome.state, Event.RETURN, Rules(latching=False))
    assert isinstance(returned, Change)
    assert returned.state.base is Base.LATCH_UNACK
