"""hamer_npz."""

from pathlib import Path

from hint_toolkit.export.base import Dataset, ExportOptions


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write hamer_npz."""
    raise NotImplementedError
