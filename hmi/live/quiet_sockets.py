"""Autobahn writes a coloured line for its debug log for every message, whether or not anybody logs it.

In one profile of the web process with 200 screens that text took about a sixth of its time: an estimate, no benchmark.
So it gets the plain objects instead; whoever does switch its debug log on still reads everything, without colours.
"""

import sys
from typing import Final

_MODULES: Final = ("autobahn.websocket.protocol", "autobahn.twisted.websocket")
_COLOURING: Final = ("hltype", "hlval")


def leave_uncoloured() -> None:
    """Does nothing where another server than Daphne runs the application."""
    for module in (sys.modules[name] for name in _MODULES if name in sys.modules):
        for name in _COLOURING:
            if hasattr(module, name):
                setattr(module, name, _as_it_is)


def _as_it_is(thing: object) -> object:
    return thing
