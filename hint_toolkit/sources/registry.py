"""The sources by name.

To add one, write one file with `find(request) -> Found` (see `sources.base`) and add a line here.
"""

import importlib
from collections.abc import Callable
from types import MappingProxyType

from hint_toolkit.errors import InputError
from hint_toolkit.sources.base import Found, Request

SOURCES = MappingProxyType(
    {
        "folder": "hint_toolkit.sources.folder:find",
        "ego4d": "hint_toolkit.sources.ego4d:find",
        "visor": "hint_toolkit.sources.visor:find",
        "youtube": "hint_toolkit.sources.youtube:find",
        "hint": "hint_toolkit.sources.hint:find",
    }
)
"""`ego4d`, `visor`, `youtube` name their rows ego4d, visor, newdays; `hint` takes the source from the names."""

Finder = Callable[[Request], Found]


def open_source(name: str) -> Finder:
    """The finder of a source.

    Raises:
        InputError: no such source.
    """
    if name not in SOURCES:
        raise InputError(f"no source {name!r}", next_step=f"choose from: {', '.join(SOURCES)}")
    module, _, attribute = SOURCES[name].partition(":")
    finder: Finder = getattr(importlib.import_module(module), attribute)
    return finder
