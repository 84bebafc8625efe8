"""datasheet."""

from pathlib import Path
from typing import Any

from hint_toolkit.export.base import Dataset, ExportOptions


def write(dataset: Dataset, target: Path, options: ExportOptions, manifest: dict[str, Any]) -> None:
    """Write datasheet."""
