"""The release formats by name.

To add one, write one file with `write(dataset, target, options)` (see `export.base`) and add a line here.
`target` is the release folder under construction; a writer puts its files where `io/release.py` finds them.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions

FORMATS = MappingProxyType(
    {
        "parquet": "hint_toolkit.export.parquet:write",
        "hint": "hint_toolkit.export.hint:write",
        "coco": "hint_toolkit.export.coco:write",
        "hamer-npz": "hint_toolkit.export.hamer_npz:write",
        "hamer-tar": "hint_toolkit.export.hamer_tar:write",
        "webdataset": "hint_toolkit.export.webdataset:write",
        "yolo-pose": "hint_toolkit.export.yolo_pose:write",
    }
)
DOCUMENTS = MappingProxyType(
    {
        "datasheet": "hint_toolkit.export.datasheet:write",
        "card": "hint_toolkit.export.card:write",
        "croissant": "hint_toolkit.export.croissant:write",
    }
)
"""Descriptions that every release gets, written in this order after its formats."""

Writer = Callable[[Dataset, Path, ExportOptions], None]
DocumentWriter = Callable[[Dataset, Path, ExportOptions, dict[str, Any]], None]
"""`write(dataset, target, options, manifest)`: `manifest` is what `release.json` will hold, files included."""


def open_format(name: str) -> Writer:
    """The writer of a format.

    Raises:
        InputError: no such format.
    """
    if name not in FORMATS:
        raise InputError(f"no format {name!r}", next_step=f"choose from: {', '.join(FORMATS)}")
    writer: Writer = _load(FORMATS[name])
    return writer


def open_document(name: str) -> DocumentWriter:
    """The writer of a description."""
    writer: DocumentWriter = _load(DOCUMENTS[name])
    return writer


def _load(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
