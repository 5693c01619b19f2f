"""The addresses for programs: REST, and what watches over the site."""

from django.urls import URLPattern, URLResolver, include, path

from exchange.rest import api
from exchange.watch import healthz, metrics, readyz

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include((api.urlpatterns, "ninja"), namespace="rest")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
