"""One line of the system page, and sizes for people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what, how much, whether that is well (good | uncertain | bad), and a sentence where it is not."""

    title: str
    value: str
    quality: str = "good"
    note: str = ""


def size(count: int) -> str:
    """Bytes for people, in powers of 1000: '512 B', '3.4 MB'."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
