"""Replay: points that another program made, out of any file that docs/predictions.md describes.

A hand is found by its id and by nothing else: the id of the prompt must be in the file, letter by letter. Where it is
not, there is no detection, and `missing` counts it; where the file says that its method found nothing, there is none
either, which is an answer and not counted. The picture and the box of a prompt are not looked at.

What the file gives is passed on: scores, sides, and visibility as its opposite, the probability of occlusion. Missing
points stay NaN.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.prelabel.base import Detection, Prompt
from hint_toolkit.prelabel.top_down import hand


class ReplayDetector:
    """Hands out of a prediction file.

    Attributes:
        missing: how many prompts so far had an id that is not in the file, or none.
    """

    finds_boxes = False

    def __init__(self, *, predictions: Path | None = None, joint_order: str | None = None) -> None:
        """Read the file.

        Args:
            predictions: JSON, Parquet or npz.
            joint_order: a key of `joints.TO_HINT`; overrules what the file says.

        Raises:
            InputError: no file named, or it is not one of predictions.
        """
        if predictions is None:
            raise InputError("replay needs a prediction file", next_step="pass --predictions FILE")
        self._all = read_predictions(Path(predictions), joint_order)
        self._row = {name: row for row, name in enumerate(self._all.ids)}
        self.missing = 0
        method = re.sub(r"[^\w.+-]+", "_", self._all.method)[:40]
        order = [] if joint_order is None else [f"joint_order={joint_order}"]
        self.name = ",".join([f"replay-{method}-{self._all.sha256[:12]}", *order])

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """A file knows hands by their ids, not by the picture.

        Raises:
            InputError: always.
        """
        raise InputError("replay works from boxes with ids only", next_step="give it the hands that the file names")

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The file's hand of each prompt's id, in the order of the prompts."""
        return [self._one(image, prompt) for prompt in prompts]

    def close(self) -> None:
        """Nothing is held open."""

    def _one(self, image: NDArray[np.uint8], prompt: Prompt) -> Detection | None:
        row = self._row.get(prompt.id) if prompt.id else None
        if row is None:
            self.missing += 1
            return None
        points, score = self._all.points[row].copy(), self._all.score[row].copy()
        found = hand(points, score, image, self._all.side[row] or prompt.side)
        return found and replace(found, occlusion=np.clip(1 - self._all.visibility[row], 0, 1))
