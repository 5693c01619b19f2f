"""Where a story is played: evaluation, life cycle and muting as the engine joins them, with nothing around them."""

import random
import re
from collections import Counter
from types import SimpleNamespace

from alarms import causes, logic, muting
from alarms.definition import causes_of
from alarms.evaluation import Evaluation
from alarms.first_out import first_outs
from alarms.kinds import Base, Event
from alarms.logic import Change, Refused
from alarms.muting import Muted
from alarms.rebuild import rebuild
from alarms.running import Raised
from bus.messages import Block, Value
from bus.quality import (
    BAD_OUT_OF_SERVICE,
    BAD_SENSOR_FAILURE,
    BAD_TIMEOUT,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_LAST_USABLE,
    UNCERTAIN_NO_COMMUNICATION,
)
from tests.stories.cast import Part, parts
from tests.stories.telling import Line, Standing, Story, ms

BEGIN_MS = 1_700_000_000_000
QUALITIES = {
    "bad": BAD_SENSOR_FAILURE, "waiting": BAD_WAITING_FOR_INITIAL_DATA, "lost": UNCERTAIN_NO_COMMUNICATION,
    "stale": UNCERTAIN_LAST_USABLE, "timeout": BAD_TIMEOUT, "parked": BAD_OUT_OF_SERVICE,
}  # fmt: skip
KEPT = ("lost", "stale")
Cell = tuple[str, str, str]
"""State before, event, and what came of it: state after, or `refused <code>`."""


class Stage:
    """`cells`: what was tried and then spoken of."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.tags: dict[str, int] = {}
        self.parts = parts(story.alarms, self.tags)
        self.by_id = {part.definition.id: part for part in self.parts.values()}
        groups = dict.fromkeys(self.tags.values(), ("plant", story.scan_ms))
        self.evaluation = Evaluation({p.definition.id: p.definition for p in self.parts.values()}, groups)
        self.causes = causes_of({pk: p.definition for pk, p in self.by_id.items()})
        self.cells: set[Cell] = set()
        self._tried: list[tuple[Part, Cell]] = []
        self._refused: dict[str, str] = {}
        self._values: dict[int, Value] = {}
        self._noise: dict[int, tuple[float, float, int]] = {}
        self._random = random.Random(14)
        self._at_ms, self._offset_ms, self._silent_until_ms, self._seq = -story.scan_ms, 0, -1, 0

    @property
    def now_ms(self) -> int:
        """By the wall clock, which a story may set."""
        return BEGIN_MS + self._at_ms + self._offset_ms

    # -- through time

    def play(self) -> None:
        for line in self.story.lines:
            while self._at_ms + self.story.scan_ms < line.at_ms:
                self._scan({})
            self._tried, self._refused = [], {}
            values = [d for d in line.doings if d.split()[0] in self.tags]
            if line.at_ms > self._at_ms:
                self._set_clock(line)
                self._scan(self._taken(values))
            else:
                assert not values, f"{line.where}: the scan of this time is over"
            for doing in line.doings:
                if doing not in values and not doing.startswith("clock"):
                    self._do(doing, line)
                    self._settle_causes()
            self._compare(line)
        self._end()

    def _set_clock(self, line: Line) -> None:
        for doing in line.doings:
            if doing.startswith("clock"):
                self._offset_ms += ms(doing.removeprefix("clock"))

    def _scan(self, taken: dict[int, tuple[Value, int]]) -> None:
        self._at_ms += self.story.scan_ms
        for tag, (middle, width, until_ms) in self._noise.items():
            if self._at_ms <= until_ms:
                taken[tag] = (middle + self._random.uniform(-width, width), GOOD)
        for part in self.parts.values():
            self._look_at_timers(part)
        self._settle_causes()
        if self._at_ms < self._silent_until_ms:
            return
        self._seq += 1
        bad = {tag for tag, (_, status) in taken.items() if status not in (GOOD, UNCERTAIN_EU_EXCEEDED)}
        held = [
            (p, p.state.base) for p in self.parts.values() if p.is_about_values and p.definition.condition.tag in bad
        ]
        values, statuses = [v for v, _ in taken.values()], [s for _, s in taken.values()]
        block = Block(1, 1, "plant", self._seq, self.now_ms, 0, list(taken), values, statuses)
        self._raise(self.evaluation.take(block))
        self._settle_causes()
        for part, before in held:
            self._tried.append((part, (before, "bad", part.state.base)))

    def _look_at_timers(self, part: Part) -> None:
        before = part.state.base
        if outcome := muting.expired(part.muting, part.state, self.now_ms):
            self._settle(part, outcome, before, "expiry")
        if part.realarm_at_ms is not None and self.now_ms >= part.realarm_at_ms:
            self._step(part, Event.REALARM)

    def _taken(self, doings: list[str]) -> dict[int, tuple[Value, int]]:
        found: dict[int, tuple[Value, int]] = {}
        for doing in doings:
            name, *words = doing.split()
            tag = self.tags[name]
            self._noise.pop(tag, None)
            if "+-" in words:
                self._noise[tag] = (float(words[0]), float(words[2]), self._at_ms + ms(" ".join(words[4:])))
            elif words[0] in QUALITIES:
                found[tag] = (self._values.get(tag) if words[0] in KEPT else None, QUALITIES[words[0]])
            else:
                self._values[tag] = float(words[0])
                found[tag] = (float(words[0]), UNCERTAIN_EU_EXCEEDED if words[1:] == ["uncertain"] else GOOD)
        return found

    # -- what happens to alarms

    def _raise(self, raised: list[Raised]) -> None:
        active = {p.definition.first_out for p in self.parts.values() if p.state.active and not p.muting.out_of_service}
        begun = [r.alarm for r in raised if r.event is Event.ALARM]
        groups = [(alarm, self.by_id[alarm].definition.first_out) for alarm in begun]
        firsts = first_outs(groups, lambda group: group not in active)
        for each in raised:
            part = self.by_id[each.alarm]
            before = part.state.base
            if each.event is Event.SUPPRESS:
                self._suppress(part, each.rule, bool(each.causes))
            elif each.event is Event.UNSUPPRESS:
                outcome = muting.unsuppress(part.muting, part.state, part.definition.rules)
                self._settle(part, outcome, before, "unsuppress")
            else:
                if each.event is Event.ALARM:
                    self._look_up(part)
                self._step(part, each.event, is_first=each.alarm in firsts)

    def _suppress(self, part: Part, rule: str, by_causes: bool) -> None:
        bared = self._bared(part) if by_causes else ""
        was, before = part.muting, part.state.base
        outcome = muting.suppress(was, part.state, part.definition.rules, rule, by_causes=by_causes, bared=bared)
        event = "cause muted" if bared else "cause seen" if was.bared else "suppress"
        if outcome is not None:
            self._settle(part, outcome, before, event)

    def _bared(self, part: Part) -> str:
        def stands(pk: int) -> tuple[bool, muting.Muting]:
            return self.by_id[pk].state.active, self.by_id[pk].muting

        unseen = causes.unseen(part.definition.id, self.causes, stands)
        return "" if unseen is None else causes.why_bared((self.by_id[pk].name, stands(pk)[1]) for pk in unseen)

    def _look_up(self, part: Part) -> None:
        if part.muting.by_causes:
            self._suppress(part, part.muting.by_design, by_causes=True)

    def _settle_causes(self) -> None:
        for part in self.parts.values():
            self._look_up(part)

    def _step(self, part: Part, event: Event, seen: int | None = None, is_first: bool = False) -> None:
        before, outcome = part.state.base, logic.step(part.state, event, part.definition.rules, seen)
        self._settle(part, outcome, before, event.value)
        if event is Event.ALARM or part.state.base is Base.NORMAL:
            part.is_first = is_first
        if event is Event.RETURN and outcome is not None:
            self._settle(part, muting.returned(part.muting, part.state), part.state.base, "one-shot ends")

    def _settle(self, part: Part, outcome: Change | Muted | Refused | None, before: Base, event: str) -> None:
        if isinstance(outcome, Refused):
            self._refused[part.name] = outcome.code
            self._tried.append((part, (before, event, f"refused {outcome.code}")))
            return
        if outcome is not None:
            self._write(part, outcome)
        if outcome is not None or event != "one-shot ends":
            self._tried.append((part, (before, event, part.state.base.value)))

    def _write(self, part: Part, outcome: Change | Muted) -> None:
        before, mutes = part.state.base, part.muting.reasons
        part.state = outcome.state
        if isinstance(outcome, Muted):
            part.muting = outcome.muting
        part.calls += outcome.annunciates and part.muting.shown is None
        part.realarm_at_ms = logic.realarm_at(
            part.realarm_at_ms, part.state, outcome.event, self.now_ms, part.realarm_ms, part.realarm_limit
        )
        shelving = part.muting.shelving
        details: dict[str, object] = {"latched": part.state.latched and part.state.active}
        details |= {"rule": part.muting.by_design, "by_causes": part.muting.by_causes}
        if part.muting.bared:
            details["bared"] = {"rule": part.muting.by_design, "why": part.muting.bared}
        if shelving:
            details |= {"until_ms": shelving.until_ms, "one_shot": shelving.one_shot}
        part.journal.append(
            SimpleNamespace(
                seq=len(part.journal) + 1, event=outcome.event.value, from_state=before.value,
                to_state=part.state.base.value, mutes_before=",".join(mutes),
                mutes_after=",".join(part.muting.reasons), occurrence=part.state.occurrence,
                realarms=part.state.realarms, details=details,
            )
        )  # fmt: skip

    # -- what people do

    def _do(self, doing: str, line: Line) -> None:
        if doing.startswith("gap"):
            self._silent_until_ms = self._at_ms + ms(doing.removeprefix("gap"))
            return
        for pattern, act in _DEEDS.items():
            if found := re.fullmatch(pattern + r"(?: (?P<alarm>\S+?))?(?P<rest>(?: .*)?)", doing):
                name = found["alarm"] or "all"
                for part in list(self.parts.values()) if name == "all" else [self.parts[name]]:
                    act(self, part, found["rest"].strip())
                return
        raise ValueError(f"{line.where}: nobody can '{doing}'")

    def _ack(self, part: Part, rest: str) -> None:
        self._step(part, Event.ACK, int(rest.removeprefix("seen ")) if rest else None)

    def _shelve(self, part: Part, rest: str) -> None:
        reason = "" if "without reason" in rest else "maintenance of the pump"
        minutes = ms(" ".join(rest.split()[:2])) / 60_000
        is_once = "once" in rest.split()
        outcome = muting.shelve(
            part.muting, part.state, part.limits, minutes, reason, self.now_ms, one_shot=is_once
        )  # fmt: skip
        self._settle(part, outcome, part.state.base, "shelve once" if is_once else "shelve")

    def _unshelve(self, part: Part, _: str) -> None:
        self._settle(part, muting.unshelve(part.muting, part.state), part.state.base, "unshelve")

    def _take_out(self, part: Part, rest: str) -> None:
        reason = "" if "without reason" in rest else "the transmitter is exchanged"
        self._settle(part, muting.out_of_service(part.muting, part.state, reason), part.state.base, "out of service")

    def _put_back(self, part: Part, _: str) -> None:
        self._settle(part, muting.in_service(part.muting, part.state), part.state.base, "in service")

    # -- how they stand

    def _compare(self, line: Line) -> None:
        for standing in line.standings:
            names = list(self.parts) if standing.alarm in ("", "all") else [standing.alarm]
            assert standing.alarm or len(names) == 1, f"{line.where}: which alarm?"
            for part in [self.parts[name] for name in names]:
                assert self._found(part, standing) == _expected(standing), line.where
                part.calls = 0
                self.cells |= {cell for tried, cell in self._tried if tried is part}
        spoken = {s.alarm for s in line.standings}
        unsaid = set() if spoken & {"", "all"} else set(self._refused) - spoken
        assert not unsaid, f"{line.where}: refused: {self._refused}"

    def _found(self, part: Part, standing: Standing) -> dict[str, str]:
        """Of what is only checked where it is said, what the standing says."""
        optional = {"occurrence": part.state.occurrence, "repeats": part.state.realarms}
        flags = {"first": part.is_first, "latched": part.state.latched}
        found = {name: str(number) for name, number in optional.items() if name in dict(standing.words)}
        if "because" in dict(standing.words):
            found["because"] = part.muting.bared.replace(" ", "-")
        found |= {name: "1" for name, is_so in flags.items() if is_so and name in dict(standing.words)}
        always = {
            "calls": str(part.calls or ""), "muted": "+".join(part.muting.reasons),
            "refused": self._refused.get(part.name, ""), "state": part.state.base.value,
        }  # fmt: skip
        return found | {name: text for name, text in always.items() if text}

    def _end(self) -> None:
        for part in self.parts.values():
            assert not part.calls, f"{self.story.title}: {part.name} called {part.calls} times unmentioned"
            assert rebuild(part.journal) == (part.state, part.muting), f"{self.story.title}: {part.name}"

    @property
    def occurrences(self) -> Counter[str]:
        return Counter({part.name: part.state.occurrence for part in self.parts.values()})


def _expected(standing: Standing) -> dict[str, str]:
    return {"state": standing.state, **dict(standing.words)}


_DEEDS = {
    "ack": Stage._ack,
    "reset": lambda stage, part, _: stage._step(part, Event.RESET),
    "realarm": lambda stage, part, _: stage._step(part, Event.REALARM),
    "engine says alarm": lambda stage, part, _: stage._step(part, Event.ALARM),
    "engine says return": lambda stage, part, _: stage._step(part, Event.RETURN),
    "shelve": Stage._shelve,
    "unshelve": Stage._unshelve,
    "out of service": Stage._take_out,
    "in service": Stage._put_back,
}
