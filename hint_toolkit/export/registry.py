"""The release formats by name.

To add one, write one file with `write(hands, source, target)` and add a line here. `source` is the folder
that the hands' `image` column is relative to, `target` the release folder under construction.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from hint_toolkit.errors import InputError
from hint_toolkit.records import Hands

FORMATS = MappingProxyType({"parquet": "hint_toolkit.export.parquet:write", "hint": "hint_toolkit.export.hint:write"})

Writer = Callable[[Hands, Path, Path], None]


def open_format(name: str) -> Writer:
    """The writer of a format.

    Raises:
        InputError: no such format.
    """
    if name not in FORMATS:
        raise InputError(f"no format {name!r}", next_step=f"choose from: {', '.join(FORMATS)}")
    module, _, attribute = FORMATS[name].partition(":")
    writer: Writer = getattr(importlib.import_module(module), attribute)
    return writer
