"""The area tree in one query, for pages that name many areas by their path."""

from plant.models import Area


def area_paths() -> dict[int, str]:
    """Area key -> path with the plant's name, in the order of the paths."""
    rows = {
        pk: (parent, name, plant)
        for pk, parent, name, plant in Area.objects.order_by().values_list("pk", "parent_id", "name", "plant__name")
    }
    found: dict[int, str] = {}

    def path(pk: int) -> str:
        if pk not in found:
            parent, name, plant = rows[pk]
            found[pk] = f"{plant if parent is None else path(parent)}/{name}"
        return found[pk]

    return dict(sorted(((pk, path(pk)) for pk in rows), key=lambda item: item[1].lower()))
