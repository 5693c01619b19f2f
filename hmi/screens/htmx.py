"""A request of our own pages: `htmx` is true when a part of a page is refreshed, not the page loaded."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class PageRequest(HttpRequest):
    """As django_htmx's middleware leaves it; a type only."""

    htmx: HtmxDetails
