"""What a reader of the stream has seen of each scan group, and what that makes of the next block. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bus.messages import Block, order_after


class EntriesMissing(Exception):
    """Between what was seen and this block, or the block is of another epoch. Begin anew with the latest values."""


@dataclass(slots=True)
class Seen:
    """`seqs`: group -> the newest entry this reader has; what follows must be the next one."""

    epoch: int = 0
    seqs: dict[str, int] = field(default_factory=dict)
    _floors: dict[str, int] = field(init=False)
    """Group -> what a block must reach to be news: Redis may come back with values older than those told."""

    def __post_init__(self) -> None:
        self._floors = dict(self.seqs)

    def begin(self, epoch: int, latest: Mapping[str, Block]) -> dict[str, Block]:
        """Begin anew with these latest values. Returns those that are to be believed.

        Where the reader is ahead of the latest value of its group (backfill leaves that alone), it stays there.
        """
        blocks = {g: b for g, b in latest.items() if b.epoch == epoch}
        if epoch < self.epoch:  # an older copy of the data: believe no group before it has spoken again
            self._floors = {g: b.seq + 1 for g, b in blocks.items()}
        elif epoch > self.epoch:
            self._floors = {}
        believed = {g: b for g, b in blocks.items() if b.seq >= self._floors.get(g, 0)}
        kept = self.seqs if epoch == self.epoch else {}
        self.epoch = epoch
        self.seqs = kept | {g: b.seq for g, b in believed.items()}
        self._floors |= self.seqs
        return believed

    def is_news(self, block: Block) -> bool:
        """Whether the reader lacks it; then it has it from now on. Raises EntriesMissing."""
        if block.epoch != self.epoch:
            raise EntriesMissing(f"An entry of epoch {block.epoch} came in epoch {self.epoch}.")
        if block.seq < self._floors.get(block.group, 0):
            return False
        order = order_after(self.seqs.get(block.group), block)
        if order == "gap":
            raise EntriesMissing(f"Entries of scan group {block.group} are missing before seq {block.seq}.")
        if order == "older":
            return False
        self.seqs[block.group] = self._floors[block.group] = block.seq
        return True
