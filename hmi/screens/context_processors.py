"""What every template may ask for."""

from django.http import HttpRequest

from hmi.screens.chrome import Chrome


def chrome(request: HttpRequest) -> dict[str, Chrome]:
    return {"chrome": Chrome(request)}
