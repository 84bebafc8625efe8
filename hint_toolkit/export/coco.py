"""coco."""

from pathlib import Path

from hint_toolkit.export.base import Dataset, ExportOptions


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write coco."""
    raise NotImplementedError
