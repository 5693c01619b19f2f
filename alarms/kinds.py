"""The words of alarms. Pure."""

from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """What an alarm looks at (ALM-10)."""

    HIHI = "hihi"
    HI = "hi"
    LO = "lo"
    LOLO = "lolo"
    DEVIATION = "deviation"
    """Further from the reference than the setpoint, up or down."""
    RATE = "rate"
    """Changes faster than the setpoint, in units per second over the window, up or down."""
    DISCRETE = "discrete"
    """The value is one of the alarm states."""
    BAD_QUALITY = "bad_quality"
    """The value is Bad for another reason than a lost connection, or an old one although the device is connected."""
    COMM = "comm"
    """The device of the tag does not answer."""
    EXPRESSION = "expression"
    """An expression over tags is true (not zero)."""
    SYSTEM = "system"
    """Isthmus itself; there is no tag."""

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def is_level(self) -> bool:
        """One limit, with a deadband on the side of normal."""
        return self in (Kind.HIHI, Kind.HI, Kind.LO, Kind.LOLO)

    @property
    def has_setpoint(self) -> bool:
        return self.is_level or self in (Kind.DEVIATION, Kind.RATE)


_LABELS = {
    Kind.HIHI: "high-high", Kind.HI: "high", Kind.LO: "low", Kind.LOLO: "low-low", Kind.DEVIATION: "deviation",
    Kind.RATE: "rate of change", Kind.DISCRETE: "state", Kind.BAD_QUALITY: "bad quality",
    Kind.COMM: "communication lost", Kind.EXPRESSION: "expression", Kind.SYSTEM: "system",
}  # fmt: skip


class Priority(IntEnum):
    """Four levels, the most that people can tell apart (ALM-10). 1 is the most urgent."""

    HIGH = 1
    MEDIUM = 2
    LOW = 3
    DIAGNOSTIC = 4

    @property
    def label(self) -> str:
        return self.name.capitalize()


class Severity(IntEnum):
    """How bad the consequence of no action is (ALM-11)."""

    MINOR = 1
    MAJOR = 2
    SEVERE = 3

    @property
    def label(self) -> str:
        return self.name.capitalize()


class Base(StrEnum):
    """The states of the base machine, as ISA-18.2 letters them; derived from the flags (ALM-01)."""

    NORMAL = "normal"
    UNACK = "unack"
    ACKED = "acked"
    RTN_UNACK = "rtn_unack"
    LATCH_UNACK = "latch_unack"
    LATCH_ACK = "latch_ack"

    @property
    def letter(self) -> str:
        return dict(zip(Base, "ABCDEF", strict=True))[self]

    @property
    def wants_ack(self) -> bool:
        return self in (Base.UNACK, Base.RTN_UNACK, Base.LATCH_UNACK)


class Event(StrEnum):
    """What changes a state, or is recorded about an alarm. The journal keeps these words."""

    ALARM = "alarm"
    RETURN = "return"
    ACK = "ack"
    RESET = "reset"
    REALARM = "realarm"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    CAUSE_MUTED = "cause_muted"
    """Its causes would suppress it, but nobody sees them: it shows itself."""
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    CHANGED = "changed"
    """The definition was changed, switched on or off, while the alarm was not normal."""

    @property
    def label(self) -> str:
        return _EVENT_LABELS[self]


_EVENT_LABELS = {
    Event.ALARM: "alarm", Event.RETURN: "returned to normal", Event.ACK: "acknowledged", Event.RESET: "reset",
    Event.REALARM: "alarmed again", Event.SHELVE: "shelved", Event.UNSHELVE: "unshelved",
    Event.SUPPRESS: "suppressed by design", Event.UNSUPPRESS: "no longer suppressed",
    Event.CAUSE_MUTED: "not suppressed, as nobody sees its cause",
    Event.OUT_OF_SERVICE: "taken out of service", Event.IN_SERVICE: "back in service",
    Event.CHANGED: "definition changed",
}  # fmt: skip


class Mute(StrEnum):
    """Why an alarm is not annunciated; the order is the precedence for display (1.2)."""

    OUT_OF_SERVICE = "out_of_service"
    BY_DESIGN = "by_design"
    SHELVED = "shelved"
