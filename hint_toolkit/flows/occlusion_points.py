"""A detector's points for a dataset, on the pictures and on their mirror images: what it sees, and how sure that is.

The second answer stands in for a second detector: where a detector contradicts itself, it is guessing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.flows.predict import predict
from hint_toolkit.io.predictions import write_predictions
from hint_toolkit.io.release import read_truth
from hint_toolkit.prelabel.base import Detection, Detector, Prompt
from hint_toolkit.prelabel.registry import opened

Progress = Callable[[int, int], None]
_OTHER = {"left": "right", "right": "left", "": ""}


class Mirrored:
    """A detector that is shown every picture mirrored; what it answers is mirrored back."""

    def __init__(self, detector: Detector) -> None:
        """Take the detector; it stays the caller's to close."""
        self._detector = detector
        self.name = f"{detector.name}-mirrored"
        self.finds_boxes = True

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """All hands in one (H, W, 3) RGB picture."""
        found = self._detector.detect(np.ascontiguousarray(image[:, ::-1]))
        return [_back(one, image.shape[1]) for one in found]

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The hand of each box."""
        width = image.shape[1]
        turned = [replace(p, box=_mirror_box(p.box, width), side=_OTHER[p.side]) for p in prompts]
        found = self._detector.detect_in(np.ascontiguousarray(image[:, ::-1]), turned)
        return [None if one is None else _back(one, width) for one in found]

    def close(self) -> None:
        """Nothing of its own."""


def _mirror_box(box: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    return np.array([width - 1 - box[2], box[1], width - 1 - box[0], box[3]])


def _back(one: Detection, width: int) -> Detection:
    points = np.stack([width - 1 - one.points[:, 0], one.points[:, 1]], axis=1)
    return replace(one, points=points, box=_mirror_box(one.box, width), side=_OTHER[one.side])


def detected_twice(
    dataset: Path, detector: str, folder: Path, key: str, *, progress: Progress | None = None
) -> list[Path]:
    """Prediction files of a detector for a dataset, straight and mirrored; those that are there are not made again.

    Args:
        dataset: with pictures.
        detector: a name of the registry.
        folder: to write them into.
        key: part of the file names, changes with the dataset.
        progress: called with hands done and wanted, twice.

    Raises:
        InputError: no such detector, or pictures are missing.
        MissingExtra: its library is not installed.
    """
    paths = [folder / f"{key}-{detector}.json", folder / f"{key}-{detector}-mirrored.json"]
    if all(path.is_file() for path in paths):
        return paths
    truth = read_truth(dataset)
    with opened(detector) as straight:
        for path, one in zip(paths, (straight, Mirrored(straight)), strict=True):
            if path.is_file():
                continue
            answers, report = predict(truth, one, way="crop", progress=progress)
            if not report.found:
                raise InputError(f"{one.name} finds none of these hands", where=str(dataset))
            write_predictions(path, answers)
    return paths
