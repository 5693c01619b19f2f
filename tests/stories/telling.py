"""How a story is written. Stories are the files *.story beside this one; each file holds several.

    story: a level goes high and comes back
    alarm hi: high 10 of level, deadband 1, on-delay 3 s
       0  level 5             -> NORMAL
       4  level 12            -> NORMAL
       7                      -> UNACK calls
       9  ack                 -> ACKED
      11  level 5             -> NORMAL

Left stands the time in seconds, in the middle what happens then, several things parted by `;`, and right of the arrow
how the alarms stand after it. A scan of every tag comes each second (or as `scan: 0.1 s` says) whether or not a line
speaks of it; a line's values are in the scan of its time, what people do comes right after that scan. `#` begins a
comment. `use: a title` begins with the lines of the story of that title, at their times.

Alarms: `high`, `high-high`, `low`, `low-low`, `deviation`, `rate` with a number; `state 2 3`; `bad quality`; `comm`;
`when <expression>`; then `of <tag>` (or `value`, the only tag where none is named). After commas: `deadband 1`,
`on-delay 3 s`, `off-delay 3 s`, `window 60 s`, `from <tag or number>` (deviation), `latching`, `no ack`,
`return acks`, `relatches silently`, `again after 60 s`, `at most 2` (re-alarms), `first-out <group>`, `suppressed by
<alarm>`, `suppressed when <expression>`, `not shelvable`, `shelve at most 60 min`. An expression names tags.

What happens: `level 12`, `level 12 uncertain`; `level bad`, `waiting`, `lost` (last value kept), `stale` (likewise),
`timeout`, `parked` (out of service); `level 10 +- 0.5 for 60 s` (noise, a value each scan); `ack hi`, `ack hi seen 1`,
`reset hi`, `shelve hi 30 min`, `shelve hi 30 min once`, `unshelve hi`, `out of service hi`, `in service hi`,
(`... without reason`); `engine says alarm hi`, `engine says return hi` (again), `realarm hi` (its timer is over);
`clock +3600 s` (the wall clock is set), `gap 60 s` (no scan until then). Without a name, or for `all`: every alarm.

How they stand: `hi ACKED` (without a name: the only alarm; `all ACKED`), then what else is so: `calls` or `calls 3`
(it called for the operator since it was last spoken of; else it did not), `muted shelved+by_design` (why, in the order
of precedence; else nothing mutes it), `refused <code>` (so ended what somebody did in this line; else nothing was),
`occurrence 2`, `repeats 1`, `first` (first-out), `latched`, `because its-cause-x-is-shelved` (why it shows itself
although its causes would suppress it). At the end of a story nothing has called unmentioned.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Standing:
    """`alarm` "": the only one; "all": each."""

    alarm: str
    state: str
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Line:
    """`where`: file and line, for messages."""

    where: str
    at_ms: int
    doings: tuple[str, ...]
    standings: tuple[Standing, ...]


@dataclass
class Story:
    title: str
    scan_ms: int = 1000
    alarms: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)


_LINE = re.compile(r"(?P<at>\d+(?:\.\d+)?)(?:\s+(?P<doings>.*))?$")
_WORDS = {
    "calls": r"\d+",
    "muted": r"\S+",
    "refused": r"\S+",
    "occurrence": r"\d+",
    "repeats": r"\d+",
    "because": r"\S+",
}
_FLAGS = ("first", "latched")


def stories() -> dict[str, Story]:
    """Title -> story. Raises ValueError for a line that is none."""
    told: dict[str, Story] = {}
    for path in sorted(HERE.glob("*.story")):
        story = None
        for number, text in enumerate(path.read_text().splitlines(), start=1):
            line = text.partition("#")[0].strip()
            where = f"{path.name}:{number}: {line}"
            if line.startswith("story:"):
                story = Story(line.removeprefix("story:").strip())
                if story.title in told:
                    raise ValueError(f"{where}: told twice")
                told[story.title] = story
            elif line:
                if story is None:
                    raise ValueError(f"{where}: before the first story")
                _read(line, where, story, told)
    return told


def _read(line: str, where: str, story: Story, told: dict[str, Story]) -> None:
    before, _, after = line.partition("->")
    if line.startswith("use:"):
        used = told[line.removeprefix("use:").strip()]
        story.alarms |= used.alarms
        story.lines += used.lines
    elif line.startswith("scan:"):
        story.scan_ms = ms(line.removeprefix("scan:"))
    elif line.startswith("alarm "):
        name, _, text = line.removeprefix("alarm ").partition(":")
        story.alarms[name.strip()] = text.strip()
    elif found := _LINE.match(before.strip()):
        doings = tuple(d.strip() for d in (found["doings"] or "").split(";") if d.strip())
        standings = tuple(_standing(s.strip(), where) for s in after.split(";") if s.strip())
        story.lines.append(Line(where, round(float(found["at"]) * 1000), doings, standings))
    else:
        raise ValueError(f"{where}: no line of a story")


def _standing(text: str, where: str) -> Standing:
    found = re.match(r"(?P<alarm>[a-z][\w-]*)?\s*(?P<state>[A-Z_]+)(?P<rest>.*)$", text)
    if found is None:
        raise ValueError(f"{where}: '{text}' says no state")
    words, parts = [], found["rest"].split()
    while parts:
        word = parts.pop(0)
        if word in _WORDS and parts and re.fullmatch(_WORDS[word], parts[0]):
            words.append((word, parts.pop(0)))
        elif word in _FLAGS or word == "calls":
            words.append((word, "1"))
        else:
            raise ValueError(f"{where}: '{word}' is unknown")
    return Standing(found["alarm"] or "", found["state"].lower(), tuple(words))


def ms(text: str) -> int:
    """ "3 s", "30 min", "3" """
    found = re.fullmatch(r"\s*([-+]?\d+(?:\.\d+)?)\s*(s|min|h)?\s*", text)
    if found is None:
        raise ValueError(f"'{text}' is no time")
    return round(float(found[1]) * {"s": 1000, "min": 60_000, "h": 3_600_000}[found[2] or "s"])
