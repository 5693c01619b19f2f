"""Where this site's history lies."""

from django.conf import settings


def history_url() -> str:
    """The address for storage.opening.open_storage. It may hold a password: never show or log it as it is."""
    url: str = settings.HISTORY_DATABASE_URL
    return url
