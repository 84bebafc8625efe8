"""Pictures with their predicted hands drawn, and one sheet of all: for a look at what a model gave."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from hint_toolkit.flows.predict_inputs import Sheet
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.overlay import Image, contact_sheet, draw_hand
from hint_toolkit.prelabel.base import Detection

SHEET: Final = "contact_sheet.jpg"
_MOST: Final = 60
_COLUMNS: Final = 5
_THUMB: Final = 400
"""Pixels of a small picture's longer side."""
_HAND: Final = 160.0
"""Pixels: lines are drawn in their plain width on a hand of this size."""


class Overlay:
    """A folder of drawn pictures."""

    def __init__(self, folder: Path) -> None:
        """Nothing is written yet."""
        self.folder = folder

    def draw(self, sheet: Sheet, answers: Sequence[Detection | None]) -> None:
        """Write one picture with its hands; one without any is written, too."""
        image = read_image(sheet.picture)
        for hand, one in zip(sheet.hands, answers, strict=True):
            box = None if hand.prompt is None else hand.prompt.box
            points = np.full((N_JOINTS, 2), np.nan) if one is None else one.points
            occluded = np.zeros(N_JOINTS, bool) if one is None else one.occlusion > 0.5
            size = _HAND if box is None else float((box[2:] - box[:2]).max())
            scale = float(np.clip(size / _HAND, 0.5, 5.0))
            image = draw_hand(image, points, np.ones(N_JOINTS, bool), occluded, box=box, scale=scale)
        write_jpg(self._path(sheet), image)

    def finish(self, sheets: Sequence[Sheet]) -> Path:
        """Write the sheet of the first 60 pictures."""
        small = [_small(read_image(self._path(sheet))) for sheet in sheets[:_MOST] if self._path(sheet).is_file()]
        if small:
            write_jpg(self.folder / SHEET, contact_sheet(small, _COLUMNS))
        return self.folder / SHEET

    def _path(self, sheet: Sheet) -> Path:
        return self.folder / f"{sheet.picture.stem}.jpg"


def _small(image: Image) -> Image:
    import cv2

    factor = _THUMB / max(image.shape[:2])
    if factor >= 1:
        return image
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
