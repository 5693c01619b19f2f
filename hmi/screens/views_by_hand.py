"""What people set by hand: the list of it, and the forms that begin and end it."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from hmi.screens.by_hand import by_hand as look_up
from hmi.screens.htmx import PageRequest
from hmi.screens.scope import scope_of


@require_safe
def by_hand(request: PageRequest) -> HttpResponse:
    """Everything set by hand in the areas the person may see."""
    held = look_up(scope_of(request), timezone.now())
    return render(request, "hmi/_by_hand.html" if request.htmx else "hmi/by_hand.html", {"held": held})
