"""How property tests run. A busy machine makes examples slowly, which is no defect; tests have a time limit anyway."""

from typing import Final

from hypothesis import HealthCheck, settings

SLOW: Final = (HealthCheck.too_slow,)
SHARED_FIXTURE: Final = (*SLOW, HealthCheck.function_scoped_fixture)
"""For a test that asks for a fixture and leaves it as it was after each example. What a test suppresses stands in place
of what the profile does, not beside it."""


def load_profile() -> None:
    """For all tests, where they do not say otherwise."""
    settings.register_profile("isthmus", deadline=None, suppress_health_check=SLOW)
    settings.load_profile("isthmus")
