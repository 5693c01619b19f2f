"""Where a page ends, as text that callers carry to the next one. A page begins behind something, not at a number."""

import base64
import binascii

from exchange import problems


def write_cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """Raises Problem for what is not the `next` of an earlier page."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise problems.bad_parameter("cursor", "this is not the `next` of an earlier page.") from None
