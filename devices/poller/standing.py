"""How a unit stands: what it is, whether it answers, since when and why not, and its figures."""

from collections.abc import Callable
from typing import Final

from bus.quality import BAD_TIMEOUT, BAD_WAITING_FOR_INITIAL_DATA
from devices.poller.clock import now_ms
from devices.poller.health import DISABLED, SILENT, WAITING, Recent, UnitFigures
from devices.poller.learned import Learned
from devices.poller.shared import Shared
from devices.poller.spec import UnitSpec


class Standing:
    """`reason` says why it does not answer; empty while it does."""

    def __init__(self, spec: UnitSpec, shared: Shared, device_name: Callable[[int], str], now: float) -> None:
        self.spec: Final = spec
        self.figures = UnitFigures()
        self.recent = Recent(now)
        self.learned = Learned(spec.max_registers)
        self.state = WAITING if spec.enabled else DISABLED
        self.since_ms = now_ms()
        self.reason = ""
        self.never = BAD_WAITING_FOR_INITIAL_DATA
        """Status of a tag without a value while it does not answer."""
        self._shared = shared
        self._device_name = device_name
        self._is_out_of_use = False
        self._is_proof = False
        """It is being asked whether the link is there: before it is said to be up."""

    @property
    def name(self) -> str:
        return self._device_name(self.spec.device)

    @property
    def number(self) -> int:
        return self.spec.unit

    @property
    def timeout_s(self) -> float:
        return self.spec.timeout_ms / 1000

    @property
    def is_out_of_use(self) -> bool:
        return self._is_out_of_use

    @property
    def may_ask(self) -> bool:
        return (self._shared.is_up or self._is_proof) and not self._is_out_of_use

    def go_with_link(self, never: int) -> None:
        """The link is lost, and the unit with it. Who was not silent by itself is scanned when the link is back."""
        self.never = never
        self._set_state(SILENT, self.reason if never == BAD_TIMEOUT else "")

    def _set_state(self, state: str, reason: str) -> None:
        is_change = state != self.state
        self.state, self.reason = state, reason
        if is_change:
            self.since_ms = now_ms()
            self._shared.note_change()
