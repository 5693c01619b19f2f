"""Which alarm of a group came first (ALM-17). Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable


def first_outs(begun: Iterable[tuple[int, str]], is_quiet: Callable[[str], bool]) -> set[int]:
    """Of the alarms that went active in one scan, as (id, first-out group), those to be marked.

    `is_quiet`: no alarm of the group was active before this scan. All that begin in one scan are marked: which of them
    was first nobody knows. An alarm without a group ("") is never marked.
    """
    members: dict[str, set[int]] = defaultdict(set)
    for alarm, group in begun:
        if group:
            members[group].add(alarm)
    return {alarm for group, own in members.items() if is_quiet(group) for alarm in own}
