"""Tags for templates that show live values. The first paint and live.js agree, because both use hmi/presentation.py."""

from django import template
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString

from hmi.presentation import table_for_browsers
from hmi.screens.readings import Reading

register = template.Library()


@register.inclusion_tag("hmi/_live_value.html")
def live_value(reading: Reading) -> dict[str, Reading]:
    """The value with glyph and unit; live.js keeps it up to date wherever it stands."""
    return {"reading": reading}


@register.simple_tag
def live_age(reading: Reading) -> SafeString:
    """How old the value is, counted on by live.js."""
    return format_html('<span class="live-age" data-live-age="{}">{}</span>', reading.tag.path, reading.age_text)


@register.simple_tag
def live_word(reading: Reading) -> SafeString:
    """The quality in a word, with the sentence behind it as a title."""
    quality = reading.quality
    return format_html(
        '<span class="live-word" data-live-word="{}" data-q="{}" title="{}">{}</span>',
        reading.tag.path, quality.q, quality.sentence, quality.word,
    )  # fmt: skip


@register.simple_tag
def quality_table() -> SafeString:
    """The table of statuses for live.js. Once in every page that shows live values (base.html)."""
    return json_script(table_for_browsers(), "quality-table")
