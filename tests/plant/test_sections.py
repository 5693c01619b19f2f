"""The registry of sections: one owner a name, an order that references need."""

import pytest

from plant.document import sections
from plant.document.plant_section import AreaSection


def test_sections_come_in_the_order_in_which_they_refer_to_each_other() -> None:
    assert [section.name for section in sections.registered()][:4] == ["plant", "areas", "devices", "tags"]


def test_a_name_has_one_owner() -> None:
    class Impostor(AreaSection):
        pass

    with pytest.raises(ValueError, match="'areas' is registered already, by AreaSection"):
        sections.register(Impostor())


def test_registering_the_same_again_does_no_harm() -> None:
    before = len(sections.registered())
    sections.register(AreaSection())
    assert len(sections.registered()) == before
