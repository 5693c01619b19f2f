"""Static files: collected under names that carry their content, served by the web process itself."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """`live.4f2a91.js` may be cached for ever; the imports between our modules are rewritten to such names too."""

    support_js_module_import_aggregation = True
    # Ours only: Django reads imports by regular expression, and trips over a comment in another package's script.
    _js_module_import_aggregation_patterns = (
        "js/*.js",
        CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],
    )

    def stored_name(self, name: str) -> str:
        """The plain name where nothing has been collected (tests, a first `manage.py`), instead of an error 500."""
        if not self.hashed_files:
            return name
        return str(super().stored_name(name))


class ServeStaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise streams files in a way that an ASGI server must first gather; ours are small: send them whole."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file as file:
                body = file.read()
        response = HttpResponse(body, status=int(found.status))
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response
