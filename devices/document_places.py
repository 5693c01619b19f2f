"""Where rows of the plant document stand: areas by path, and the paths that all sections of tags share."""

from typing import Any, Final

from audit.actions import Actor
from devices.interventions import let_go
from plant import names, paths
from plant.document.plan import Plan, Planned, Row, World
from plant.document.problems import suggestion

TAG_SECTIONS: Final = ("tags", "manual_tags", "derived_tags")
"""Sections whose rows are tags, in the order in which they are read: no path stands in two of them."""


class Operated:
    """A section whose rows people set by hand: what lasts of those that go ends, with its record."""

    name: str

    def let_go(self, plan: Plan, actor: Actor) -> None:
        let_go(actor, [obj for _, obj in plan.worlds[self.name].removed])


def find_area(name: str, path: str, row: Row, plan: Plan) -> Planned | None:
    """The planned area of a path; a problem at the field `name` when there is none."""
    areas = plan.worlds["areas"]
    found = areas.find(path)
    if found is None:
        hint = suggestion(path, areas.keys, listing="Areas")
        plan.report_row(row, name, f"There is no area '{path}'.{hint}")
    return found


def path_of(tag: Any, plan: Plan) -> str:
    """The future path of a tag that keeps its name, without the plant."""
    return f"{plan.worlds['areas'].key_by_pk(tag.area_id)}/{tag.name}"


def place_tag(target: Any, row: Row, plan: Plan) -> None:
    """Give the tag of a row its area and name; the row's path is written as the area has it."""
    above, target.name = paths.split(row.values["path"] or "")
    if not above and target.name:
        plan.report_row(row, "path", f"A tag stands in an area. Write it like 'area/{target.name}'.")
    area = find_area("path", above, row, plan) if above else None
    if area is not None:
        target.area = area.target
        row.values["path"] = f"{area.key}/{target.name}"


def find_tag(path: str, plan: Plan) -> Planned | None:
    return next((found for section in TAG_SECTIONS if (found := plan.worlds[section].find(path))), None)


def planned_tag(tag: int | None, plan: Plan) -> Planned | None:
    """By the key of the stored tag; None also for one that goes."""
    if tag is None:
        return None
    return next((found for section in TAG_SECTIONS if (found := plan.worlds[section].by_pk.get(tag))), None)


def future_path(tag: Any, plan: Plan) -> str:
    """Of a tag of another plant, which only a hand in the database can name: its full path."""
    for section in TAG_SECTIONS:
        world = plan.worlds[section]
        if tag.pk in world.by_pk or tag.pk in world.gone:
            return world.key_by_pk(tag.pk)
    return str(tag.path)


def no_tag(path: str, plan: Plan) -> str:
    """The sentence where a row names a tag that will not be there."""
    known = [key for section in TAG_SECTIONS for key in plan.worlds[section].keys]
    return f"there is no tag '{path}'.{suggestion(path, known, listing='Tags')}"


def check_paths(section: str, world: World, plan: Plan) -> None:
    """No path is that of an area, or of a tag in a section that was read before; none is too long."""
    areas, plant = plan.worlds["areas"], plan.plant.name
    earlier = TAG_SECTIONS[: TAG_SECTIONS.index(section)]
    for planned in world.all:
        key = planned.key.lower()
        if key in areas.by_key:
            _report_clash(planned, areas.by_key[key], section, "area", plan)
        for other in earlier:
            if other in plan.worlds and key in plan.worlds[other].by_key:
                _report_clash(planned, plan.worlds[other].by_key[key], section, "tag", plan)
        if too_long := paths.too_long(f"{plant}/{planned.key}"):
            plan.report_object(planned, section, "path", too_long)


def _report_clash(tag: Planned, other: Planned, section: str, what: str, plan: Plan) -> None:
    """At the row that stands in the document, where one of the two does not."""
    name = paths.split(tag.key)[1]
    if tag.row is None and other.row is not None:
        plan.report_row(other.row, "path", names.clash("tag", name))
    else:
        plan.report_object(tag, section, "path", names.clash(what, name))
