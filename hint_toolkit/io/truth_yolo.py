"""YOLO-pose labels as truth."""

from pathlib import Path

from hint_toolkit.io.truth import Parsed


def yolo_file(folder: Path) -> str:
    """Path of the data file of a YOLO-pose release, relative to it; "" when there is none."""
    return "yolo/data.yaml" if (folder / "yolo/data.yaml").is_file() else ""


def read_yolo_truth(folder: Path) -> Parsed:
    """Hands of the labels of a release."""
    raise NotImplementedError(folder)
