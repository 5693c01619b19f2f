"""What the recording of a tag must be: asked by the admin site, the plant document and the system checks alike."""

import math
from typing import TYPE_CHECKING, Final

from devices.points import DataType
from historian.series import SeriesKind, kind_of

if TYPE_CHECKING:
    from historian.models import TagRecording

_FIELDS: Final = ("exc_dev", "exc_min_s", "exc_max_s", "comp_dev", "comp_min_s", "comp_max_s")
LONGEST_S: Final = 86_400.0


def recording_problems(recording: "TagRecording") -> dict[str, str]:
    """Field -> what is wrong with it, in a sentence. Empty: nothing."""
    found: dict[str, str] = {}
    for name in _FIELDS:
        number = getattr(recording, name)
        if number is None or not math.isfinite(number) or number < 0:
            found[name] = f"This is {number}; give a number that is not negative."
        elif name.endswith("_s") and number > LONGEST_S:
            found[name] = f"This is {number:g} s; give at most {LONGEST_S:g} s (a day)."
    if found:
        return found
    if recording.exc_max_s and recording.exc_min_s >= recording.exc_max_s:
        found["exc_min_s"] = f"It must be shorter than the maximum of {recording.exc_max_s:g} s."
    if recording.comp_min_s >= recording.comp_max_s:
        found["comp_min_s"] = f"It must be shorter than the maximum of {recording.comp_max_s:g} s."
    if recording.comp_dev and recording.exc_dev > recording.comp_dev / 2:
        found["exc_dev"] = (
            f"It must be at most half of the compression deviation, {recording.comp_dev / 2:g}: else what the first "
            "stage lets through is already further off than the second may be (HIS-02)."
        )
    return found | _of_the_tag(recording)


def _of_the_tag(recording: "TagRecording") -> dict[str, str]:
    tag = recording._state.fields_cache.get("tag") or (recording.tag if recording.tag_id else None)
    if tag is None:
        return {}  # that it has none is said elsewhere
    kind = kind_of(DataType(tag.data_type), tag.state_labels)
    if kind is SeriesKind.NUMBER:
        return {}
    what = "texts" if kind is SeriesKind.TEXT else "states"
    return {
        name: f"The tag has {what}, of which every change is stored. Give 0."
        for name in ("exc_dev", "comp_dev")
        if getattr(recording, name)
    }
