"""Back up a site and rename an area in the middle of it. Prints the area's title as it then stands."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django


def main(file: Path) -> None:
    from audit.actions import Actor
    from hmi.backup import actions, sections
    from plant.models import Area, Plant
    from tests.cast import build_works

    build_works()
    read = sections.rows_of

    def read_while_somebody_works(table: Any, alias: str) -> Iterator[dict[str, Any]]:
        yield from list(read(table, alias))
        if table is Plant:
            Area.objects.filter(name="south").update(title="Renamed")

    sections.rows_of = read_while_somebody_works
    actions.back_up(file, Actor.system("test"))
    print(Area.objects.get(name="south").title)


if __name__ == "__main__":
    django.setup()
    main(Path(sys.argv[1]))
