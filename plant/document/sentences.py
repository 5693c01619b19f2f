"""What Django's validators say, in sentences that name the value and the limit."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError

from plant.document.problems import suggestion


def sentence(error: ValidationError, choices: Iterable[str] = ()) -> str:
    params = error.params or {}
    value, limit = params.get("show_value", params.get("value")), params.get("limit_value")
    if error.code == "max_value":
        return f"{value} is above {limit}, the most there can be."
    if error.code == "min_value":
        return f"{value} is below {limit}, the least there can be."
    if error.code == "max_length":
        return f"The text has {value} characters; the most is {limit}."
    if error.code == "blank":
        return "This must not be empty."
    if error.code == "invalid_choice":
        return f"'{value}' is not one of the choices.{suggestion(str(value), choices, listing='Choices')}"
    return str(error.messages[0])
