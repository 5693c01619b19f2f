"""The fields of an alarm on its page in the admin site, in their groups."""

from typing import Any, Final

_CHECK: Final = (
    "Not stored. Fill in the first two, save, and it is said whether the setpoint leaves the time to respond."
)
_RECORD: Final = (
    "What asks for no action of the operator is no alarm. In a plant in production mode all of this is needed, except "
    "a related trip."
)
FIELDSETS: Final[Any] = (
    (None, {"fields": ("why", "tag_path", "name", "message", "kind", "enabled", "priority_and_advice")}),
    (
        "When",
        {
            "fields": (
                "setpoint", "deadband", "reference_path", "target", "window_s", "states", "expression", "inputs",
                "on_delay_s", "off_delay_s",
            ),
            "description": "Leave out what means nothing to the kind. In an expression the alarm's own tag is value.",
        },
    ),
    ("Check of the setpoint", {"classes": ("collapse",), "fields": ("limit", "rate", "margin"), "description": _CHECK}),
    (
        "Life cycle",
        {
            "fields": (
                "latching", "ack_required", "ack_on_return", "relatch_silently", "realarm_min", "realarm_limit",
                "first_out", "suppress_when", "causes", "shelvable", "max_shelve_min",
            )
        },
    ),
    (
        "Rationalisation",
        {
            "fields": (
                "alarm_class", "severity", "time_to_respond_min", "cause", "consequence", "operator_action", "basis",
                "related_trip", "owner", "approved_by", "approved_on", "review_on",
            ),
            "description": _RECORD,
        },
    ),
)  # fmt: skip
