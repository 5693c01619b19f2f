"""The demo's process: honest about water, energy and time, in plausible ranges, and with faults that act."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.simulator.distribution import TOWER_AREA_M2, TOWER_HEIGHT_M, day_profile
from devices.simulator.energy import InverterState
from devices.simulator.faults import CARDS, Fault, Order, active, order_for, orders
from devices.simulator.filters import FilterState
from devices.simulator.hydraulics import HIGH_LIFT, meeting_head
from devices.simulator.parts import Controller, DeadTime
from devices.simulator.process import Waterworks
from devices.simulator.pumps import PumpMode, PumpState
from devices.simulator.treatment import TANK_AREA_M2, TANK_HEIGHT_M

pytestmark = pytest.mark.xdist_group("waterworks")  # they share what in_operation() has calculated

PROCESS_FAULTS = [fault for fault in Fault if fault not in (Fault.LINK_CUT, Fault.SLOW_DEVICE, Fault.WRONG_UNIT)]

moves = st.lists(
    st.tuples(
        st.floats(1, 1500),
        st.sampled_from(PumpMode),
        st.sampled_from(PumpMode),
        st.floats(0, 1),
        st.floats(0, 1),
        st.frozensets(st.sampled_from(PROCESS_FAULTS), max_size=4),
    ),
    max_size=4,
)


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.floats(0, 86_399), moves)
def test_no_water_and_no_energy_appears_or_vanishes(
    seed: int, clock_s: float, moves: list[tuple[float, PumpMode, PumpMode, float, float, frozenset[Fault]]]
) -> None:
    """To the litre, whatever people and faults do, and when a tank runs dry or over."""
    works = Waterworks(seed, clock_s)
    works.treatment.clear_m3 = 60 + seed % 1380
    works.distribution.tower_m3 = 1 + seed % 700
    water = works.stored_m3 + works.gone_m3 - works.intake.raw_m3
    energy = works.energy.imported_wh - works.energy.exported_wh + works.energy.pv_wh
    for seconds, high_lift, raw, valve, speed, faults in moves:
        works.distribution.station.pumps[0].mode, works.intake.station.pumps[0].mode = high_lift, raw
        works.intake.station.pumps[0].hand_speed = speed
        works.intake.valve_setpoint = works.distribution.zone_setpoint = valve
        works.set_faults(faults)
        works.step(seconds, 5.0)
        assert works.stored_m3 + works.gone_m3 - works.intake.raw_m3 == pytest.approx(water, abs=1e-3)
        gained = works.energy.imported_wh - works.energy.exported_wh + works.energy.pv_wh - energy
        assert gained == pytest.approx(works.energy.used_wh, abs=1e-3)
        assert works.energy.grid_kw == pytest.approx(works.energy.load_kw - works.energy.pv_kw)
        assert 0 <= works.treatment.level_m <= TANK_HEIGHT_M
        assert 0 <= works.distribution.tower_m <= TOWER_HEIGHT_M
        pumps = [*works.intake.station.pumps, *works.distribution.station.pumps]
        assert all(p.kw >= 0 and p.flow >= 0 and 0 <= p.speed <= 1 for p in pumps)


@cache
def _calculated(seed: int, clock_s: float) -> Waterworks:
    return Waterworks.in_operation(seed, clock_s)


def in_operation(seed: int, clock_s: float) -> Waterworks:
    """A works of one's own, in the middle of its work: the way there takes a second to calculate."""
    return deepcopy(_calculated(seed, clock_s))


def hours_of(works: Waterworks, hours: float, step_s: float = 5.0) -> Iterator[Waterworks]:
    """The works at the end of each five minutes."""
    for _ in range(int(hours * 12)):
        works.step(300, step_s)
        yield works


def is_plausible(works: Waterworks) -> None:
    treatment, town = works.treatment, works.distribution
    assert 1.5 < treatment.level_m < 4.3
    assert 2.5 < town.tower_m < 5.8
    assert 3.9 < town.pressure_bar < 4.9
    assert 80 < works.intake.flow < 400
    assert 6.8 < treatment.ph < 8.0
    assert treatment.turbidity < 0.5
    assert works.intake.screen_loss_m < 0.5
    assert 20 < works.energy.load_kw < 150
    assert 49.8 < works.energy.frequency < 50.2


@pytest.mark.parametrize("hour", [2, 7, 13, 19])
def test_it_starts_in_the_middle_of_its_work_and_stays_there(hour: int) -> None:
    works = in_operation(1, hour * 3600)
    assert works.clock_s == pytest.approx(hour * 3600, abs=1)
    assert any(pump.state is PumpState.RUNNING for pump in works.intake.station.pumps)
    assert any(pump.state is PumpState.RUNNING for pump in works.distribution.station.pumps)
    is_plausible(works)
    for moment in hours_of(works, 1.0):
        is_plausible(moment)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_three_days_pass_within_limits(seed: int) -> None:
    works = in_operation(seed, 8 * 3600)
    residuals, towers, washes = [], [], [f.washes for f in works.treatment.filters]
    starts = sum(pump.starts for pump in works.distribution.station.pumps)
    for moment in hours_of(works, 72):
        is_plausible(moment)
        residuals.append(moment.treatment.chlorine.residual)
        towers.append(moment.distribution.tower_m)
    in_band = sum(0.5 <= residual <= 0.7 for residual in residuals) / len(residuals)
    assert in_band > 0.95
    assert max(towers) - min(towers) > 0.1, "the tower does its work"
    assert all(f.washes > before for f, before in zip(works.treatment.filters, washes, strict=True))
    assert sum(pump.starts for pump in works.distribution.station.pumps) - starts < 72, "pumps do not hunt"


def test_the_same_seed_gives_the_same_day_and_another_seed_another() -> None:
    def day(seed: int) -> list[float]:
        return [w.seen.pressure for w in hours_of(Waterworks(seed=seed), 0.5)]

    assert day(1) == day(1)
    assert day(1) != day(2)


def test_the_town_sleeps_and_wakes() -> None:
    shares = [day_profile(hour * 3600) for hour in range(24)]
    assert min(shares) == min(shares[1:5])
    assert max(shares) > 2 * min(shares)
    assert day_profile(86_399.9) == pytest.approx(day_profile(0), abs=1e-3)


def test_two_pumps_give_more_than_one_but_not_twice_as_much() -> None:
    def flow(pumps: list[tuple[float, float]]) -> float:
        def taps(head: float) -> float:
            return 40 * sqrt(max(0.0, head))

        head = meeting_head(HIGH_LIFT, pumps, 3.0, taps, 0.0, 75.0)
        assert sum(HIGH_LIFT.flow(head - 3.0, *pump) for pump in pumps if pump[0]) == pytest.approx(taps(head), abs=0.5)
        return taps(head)

    one, two = flow([(1.0, 1.0)]), flow([(1.0, 1.0), (1.0, 1.0)])
    assert one < two < 2 * one
    assert flow([(1.0, 0.8)]) < one, "a worn pump gives less"


def test_the_sun_feeds_the_works_and_sometimes_the_grid() -> None:
    noon, night = in_operation(1, 13 * 3600), in_operation(1, 2 * 3600)
    assert noon.energy.pv_kw > 10
    assert noon.energy.inverter is InverterState.MPPT
    assert (night.energy.pv_kw, night.energy.inverter) == (0.0, InverterState.SLEEPING)


def test_dead_time_holds_a_change_back() -> None:
    pipe, seen = DeadTime(60.0, 0.0), []
    for _ in range(100):
        seen.append(pipe.step(1.0, 1.0))
    first = seen.index(1.0)
    assert 58 <= first <= 72
    assert seen[:first] == [0.0] * first


def test_a_controller_winds_nothing_up_and_takes_over_without_a_bump() -> None:
    control = Controller(0.1, 10.0, 0.0, 1.0)
    for _ in range(1000):
        control.step(5.0, 1.0)
    assert control.output == 1.0
    control.step(-1.0, 1.0)
    assert control.output < 0.7, "it leaves its limit at once"
    control.follow(0.4, 0.2)
    assert control.step(0.2, 1.0) == pytest.approx(0.4, abs=0.01)


def test_a_filter_that_is_due_is_washed_while_the_others_work() -> None:
    works = in_operation(1, 12 * 3600)
    works.treatment.filters[0].is_asked = works.treatment.filters[2].is_asked = True
    states = set()
    washed = works.treatment.wash_m3
    for _ in range(400):
        works.step(5, 5)
        states.add(works.treatment.filters[0].state)
        out = [f for f in works.treatment.filters if f.is_out]
        assert len(out) <= 1
        assert works.treatment.can_take
    assert states >= {FilterState.DRAINING, FilterState.WASHING, FilterState.RIPENING}
    assert works.treatment.wash_m3 - washed > 30
    assert works.treatment.filters[0].hours < 1


# -- faults ---------------------------------------------------------------------------------------------------------


def afterwards(fault: Fault, seconds: float, hour: float = 18.0) -> tuple[Waterworks, Waterworks]:
    """The same works without and with the fault, some time later."""
    well, ill = in_operation(1, hour * 3600), in_operation(1, hour * 3600)
    ill.set_faults(frozenset({fault}))
    well.step(seconds, 2.0)
    ill.step(seconds, 2.0)
    return well, ill


SHOWS: dict[Fault, tuple[float, Callable[[Waterworks, Waterworks], bool]]] = {
    Fault.PUMP_TRIP: (120, lambda _, ill: ill.distribution.station.pumps[0].state is PumpState.TRIPPED
                      and ill.distribution.station.pumps[2].speed > 0),
    Fault.PUMP_WEAR: (300, lambda well, ill: ill.distribution.station.pumps[1].vibration
                      > well.distribution.station.pumps[1].vibration + 1),
    Fault.FILTER_BLOCKED: (60, lambda well, ill: ill.treatment.filters[1].flow < 0.6 * well.treatment.filters[1].flow
                           or ill.treatment.filters[1].is_out),
    Fault.DOSING_FAILURE: (590, lambda well, ill: ill.treatment.chlorine.residual
                           < well.treatment.chlorine.residual - 0.1),
    Fault.PIPE_BURST: (300, lambda well, ill: ill.distribution.leak > 100
                       and ill.distribution.tower_m < well.distribution.tower_m
                       and ill.distribution.pressure_bar < well.distribution.pressure_bar),
    Fault.POWER_DIP: (20, lambda _, ill: ill.energy.voltage < 0.7 and ill.distribution.outflow == 0
                      and ill.distribution.demand > 100),
    Fault.SENSOR_STUCK: (300, lambda well, ill: abs(ill.seen.tower_m - ill.distribution.tower_m) > 1e-4
                         and well.seen.tower_m != ill.seen.tower_m),
    Fault.SENSOR_DRIFT: (500, lambda _, ill: ill.seen.residual > ill.treatment.chlorine.residual + 0.1),
    Fault.SENSOR_NAN: (10, lambda _, ill: ill.seen.ph != ill.seen.ph),
    Fault.STORM: (900, lambda well, ill: ill.weather.turbidity > well.weather.turbidity + 10
                  and ill.treatment.coagulant.dose > well.treatment.coagulant.dose),
    Fault.DEMAND_PEAK: (120, lambda well, ill: ill.distribution.demand > 1.2 * well.distribution.demand),
}  # fmt: skip


@pytest.mark.parametrize("fault", SHOWS)
def test_a_fault_shows_as_its_card_says(fault: Fault) -> None:
    seconds, shows = SHOWS[fault]
    assert shows(*afterwards(fault, seconds))


def test_every_fault_has_a_card_and_those_of_the_process_are_tried_here() -> None:
    assert set(CARDS) == set(Fault)
    assert all(card.title and len(card.description) > 40 and card.look_at for card in CARDS.values())
    wire = {Fault.PLC_FROZEN, Fault.PLC_SILENT, Fault.PLC_BUSY, Fault.LINK_CUT, Fault.SLOW_DEVICE, Fault.WRONG_UNIT}
    assert set(SHOWS) == set(Fault) - wire


@pytest.mark.parametrize("fault", [Fault.PUMP_TRIP, Fault.POWER_DIP, Fault.PIPE_BURST, Fault.DOSING_FAILURE])
def test_when_a_fault_ends_the_works_recovers_by_itself(fault: Fault) -> None:
    works = in_operation(1, 10 * 3600)
    works.set_faults(frozenset({fault}))
    works.step(CARDS[fault].limit_s, 5.0)
    works.set_faults(frozenset())
    works.step(3600, 5.0)
    is_plausible(works)
    assert 0.45 < works.treatment.chlorine.residual < 0.8
    assert not any(pump.is_tripped for pump in works.distribution.station.pumps)


def test_a_trip_is_not_reset_while_its_cause_is_there() -> None:
    works = in_operation(1, 10 * 3600)
    works.set_faults(frozenset({Fault.PUMP_TRIP}))
    works.reset_trips()
    assert works.distribution.station.pumps[0].is_tripped


def test_an_empty_clear_water_tank_stops_the_pumps_until_there_is_water_again() -> None:
    works = in_operation(1, 10 * 3600)
    works.treatment.clear_m3 = 0.3 * TANK_AREA_M2
    works.step(20)
    assert works.distribution.outflow == 0
    assert works.distribution.station.pumps[0].state is PumpState.BLOCKED
    works.treatment.clear_m3 = 1.0 * TANK_AREA_M2
    works.step(30)
    assert works.distribution.outflow > 0


def test_an_empty_tower_gives_no_more_than_it_has() -> None:
    works = in_operation(1, 10 * 3600)
    works.distribution.tower_m3 = 0.02 * TOWER_AREA_M2
    for pump in works.distribution.station.pumps:
        pump.mode = PumpMode.OFF
    works.step(600)
    assert works.distribution.tower_m3 == pytest.approx(0.0, abs=1e-6)
    assert works.distribution.demand < 1


def test_an_order_ends_by_itself_whatever_a_clock_says() -> None:
    order = order_for(Fault.POWER_DIP, 1_000_000, "ada")
    assert order.left_s(1_000_000) == 30
    assert order.left_s(1_029_999) > 0
    assert order.left_s(1_030_000) == 0
    assert Order(Fault.POWER_DIP, 0, 10**15, "ada").left_s(0) == 30, "never longer than its card allows"
    assert active([order], 1_010_000) == {Fault.POWER_DIP}
    assert active([order], 2_000_000) == frozenset()


@given(
    st.dictionaries(
        st.sampled_from([*Fault, "gone"]),
        st.none()
        | st.integers()
        | st.dictionaries(
            st.sampled_from(["started_ms", "ends_ms", "author"]), st.integers() | st.text(max_size=3) | st.none()
        ),
    )
)
def test_orders_that_nobody_understands_are_left_out(said: dict[str, object]) -> None:
    for order in orders(said):
        assert order.fault in said
        assert order.left_s(0) <= CARDS[order.fault].limit_s


def test_what_stands_on_the_bus_is_read_back_as_it_was() -> None:
    order = order_for(Fault.STORM, 5_000, "ada")
    assert orders({order.fault: order.document()}) == [order]
