"""The look as rules a machine can check: contrast, colours in their places, nothing that moves (HMI-10 … HMI-13)."""

import re
from pathlib import Path
from typing import get_args

import pytest

from hmi.presentation import BY_SEVERITY, TABLE, Class

CSS = Path(__file__).parents[2] / "static" / "css"
TEMPLATES = Path(__file__).parents[2] / "templates"
PALETTE = CSS / "palette.css"
LENGTHS = {"gutter", "radius"}
"""The variables of style sheets that are no colours."""
THEMES = {"light": 0, "dark": 1}
GROUNDS = ("field", "panel", "raised")
TEXTS = ("ink", "ink-2", "value", "quality-bad", "quality-uncertain", "quality-stale")
PENS = tuple(f"pen-{n}" for n in range(1, 9))
SYMBOLS = ("edge", "focus", *PENS)
LITERAL = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|oklch|lab|color)\(")
RESERVED = re.compile(r"var\(--(alarm|quality)-")
OWNERS = re.compile(r"\[data-q|\.quality-|\.alarm-|\[data-live-banner\]")


def colours() -> dict[str, tuple[str, str]]:
    pairs = re.finditer(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", PALETTE.read_text())
    return {m[1]: (m[2], m[3]) for m in pairs}


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def chroma(colour: str) -> float:
    """0 for a grey, 1 for a full colour."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return max(channels) - min(channels)


def rules(css: str) -> list[tuple[str, str]]:
    """(selector, declarations) of every rule, those inside @media too."""
    bare = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return [(m[1].strip(), m[2]) for m in re.finditer(r"([^{}]+)\{([^{}]*)\}", bare)]


def misused(css: str) -> list[str]:
    """Selectors that use a reserved colour without being a class of alarm or quality."""
    return [selector for selector, body in rules(css) if RESERVED.search(body) and not OWNERS.search(selector)]


def style_sheets() -> list[Path]:
    return sorted(CSS.glob("*.css"))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_has_a_contrast_of_4_5(theme: str, ground: str) -> None:
    """HMI-13, WCAG 2.2 1.4.3."""
    found, i = colours(), THEMES[theme]
    poor = {text: contrast(found[text][i], found[ground][i]) for text in TEXTS}
    assert all(ratio >= 4.5 for ratio in poor.values()), poor


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", GROUNDS)
def test_borders_of_controls_and_the_focus_have_a_contrast_of_3(theme: str, ground: str) -> None:
    """HMI-13, WCAG 2.2 1.4.11."""
    found, i = colours(), THEMES[theme]
    poor = {symbol: contrast(found[symbol][i], found[ground][i]) for symbol in SYMBOLS}
    assert all(ratio >= 3 for ratio in poor.values()), poor


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("priority", ["1", "2", "3", "4"])
def test_a_mark_of_an_alarm_stands_out_and_its_number_is_legible(theme: str, priority: str) -> None:
    """HMI-11, HMI-13: the edge on any ground, filled or not, and the number on what it is filled with."""
    found, i = colours(), THEMES[theme]
    letter = found["alarm-on-1" if priority == "1" else "alarm-on-others"][i]
    assert contrast(letter, found[f"alarm-{priority}-fill"][i]) >= 4.5
    assert all(contrast(found[f"alarm-{priority}"][i], found[ground][i]) >= 3 for ground in GROUNDS)


@pytest.mark.parametrize("theme", THEMES)
def test_the_lost_link_is_legible_on_its_band(theme: str) -> None:
    found, i = colours(), THEMES[theme]
    assert contrast(found["raised"][i], found["quality-bad"][i]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_a_bar_can_be_told_from_its_track(theme: str) -> None:
    """HMI-11: the fill, and the hatch of a bad value, also in grey."""
    found, i = colours(), THEMES[theme]
    assert contrast(found["edge"][i], found["track"][i]) >= 2.5
    assert contrast(found["quality-bad"][i], found["panel"][i]) >= 3


def test_the_plant_is_grey() -> None:
    """HMI-10: no saturated ground, none that is black; colour is kept for values, focus and quality."""
    for name, pair in colours().items():
        if name in ("value", "focus") or name.startswith(("quality-", "alarm-", "pen-")):
            continue
        for colour in pair:
            assert chroma(colour) < 0.08, (name, colour)
    assert all(luminance(colour) > 0.01 for ground in GROUNDS for colour in colours()[ground])


@pytest.mark.parametrize("sheet", style_sheets(), ids=lambda sheet: sheet.name)
def test_colours_are_written_in_the_palette_only(sheet: Path) -> None:
    if sheet != PALETTE:
        declared = "".join(body for _, body in rules(sheet.read_text()))
        assert not LITERAL.search(re.sub(r'url\("#[\w-]+"\)', "", declared))


@pytest.mark.parametrize("sheet", style_sheets(), ids=lambda sheet: sheet.name)
def test_colours_of_alarm_and_quality_stand_in_their_classes_only(sheet: Path) -> None:
    """HMI-10"""
    assert misused(sheet.read_text()) == []


def test_the_rule_about_reserved_colours_finds_a_breach() -> None:
    assert misused(".button { color: var(--quality-bad); }") == [".button"]
    assert misused("@media print { .card { border: 1px solid var(--alarm-1); } }") == [".card"]
    assert misused('.live[data-q="bad"] { color: var(--quality-bad); }') == []


@pytest.mark.parametrize("sheet", style_sheets(), ids=lambda sheet: sheet.name)
def test_every_colour_that_is_used_is_in_the_palette(sheet: Path) -> None:
    used = set(re.findall(r"var\(--([\w-]+)", sheet.read_text()))
    assert used - LENGTHS <= set(colours())


@pytest.mark.parametrize("sheet", style_sheets(), ids=lambda sheet: sheet.name)
def test_nothing_moves_shines_or_casts_a_shadow(sheet: Path) -> None:
    """HMI-12"""
    css = sheet.read_text()
    for word in ("animation", "transition", "box-shadow", "text-shadow", "gradient(", "@keyframes", "@import"):
        assert word not in css, word


def test_every_class_of_quality_is_told_apart_without_colour() -> None:
    """HMI-11, WCAG 1.4.1: each class has a glyph of its own, in whichever of its states."""
    shown = {(row.q, row.glyph) for row in [*TABLE.values(), *BY_SEVERITY.values()]}
    assert {q for q, _ in shown} == set(get_args(Class))
    assert len({glyph for _, glyph in shown}) == len(shown) == len(get_args(Class))


def test_a_number_that_is_not_plainly_good_is_underlined_or_framed() -> None:
    """HMI-11: besides its glyph; a bad value has no number."""
    css = (CSS / "plant.css").read_text()
    for quality, mark in (("forced", "outline"), ("limited", "double"), ("uncertain", "dashed"), ("stale", "dotted")):
        body = dict(rules(css))[f'.live[data-q="{quality}"] .live-number']
        assert mark in body


def test_every_id_a_style_points_at_is_drawn_in_a_template() -> None:
    used = {name for sheet in style_sheets() for name in re.findall(r'url\("#([\w-]+)"\)', sheet.read_text())}
    drawn = "".join(t.read_text() for t in TEMPLATES.rglob("*.html"))
    assert used
    assert all(f'id="{name}"' in drawn for name in used)
