"""What a device needs of whoever asks it, beyond the protocol (MB-10). Pure."""

from dataclasses import dataclass
from enum import StrEnum


class RegistersBy(StrEnum):
    """The function code that reads registers, for devices that know only one (MB-10)."""

    TABLE = "table"
    """As the protocol says: 3 for holding, 4 for input registers."""
    FC3 = "fc3"
    FC4 = "fc4"

    @property
    def label(self) -> str:
        return {"table": "by table (3 and 4)", "fc3": "always 3", "fc4": "always 4"}[self.value]


@dataclass(frozen=True, slots=True)
class Quirks:
    """`delay_ms`: pause between an answer and the next request on the link. `any_unit`: replies may carry another unit
    id. `idle_close_s`: the device closes a connection that was silent for so long, which is no fault; 0: it does not.
    `connect_per_scan`: open a connection for each scan and close it afterwards.
    """

    delay_ms: int = 0
    registers_by: RegistersBy = RegistersBy.TABLE
    any_unit: bool = False
    idle_close_s: int = 0
    connect_per_scan: bool = False
