"""Looking at parts of a picture, where hands are too small for the palm detector; and one hand reported once.

Nine windows of half the width and height, a quarter of each apart, cover the picture so that a hand up to a quarter
of it lies whole in at least one. A hand is then seen by several windows: the copies are merged.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from hint_toolkit.geometry import Window, box_iou
from hint_toolkit.prelabel.base import Detection

STEPS: Final = 3
"""Windows along each side."""

MIN_SIDE: Final = 32
"""Pixels: a picture whose windows would be smaller is not cut up."""

SAME_BOX_IOU: Final = 0.3
"""Boxes of one side, or from two looks at a picture, that overlap more hold one hand."""

SAME_POINTS: Final = 0.15
"""Two hands whose joints lie closer (median, in units of the smaller box's longer side) are one."""


def windows_of(width: int, height: int) -> list[Window]:
    """Nine overlapping windows of half the width and height, row by row; none for a tiny picture."""
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    if min(half_width, half_height) < MIN_SIDE:
        return []
    xs = [round(k * (width - half_width) / (STEPS - 1)) for k in range(STEPS)]
    ys = [round(k * (height - half_height) / (STEPS - 1)) for k in range(STEPS)]
    return [Window(x, y, half_width, half_height) for y in ys for x in xs]


def distinct(looks: Sequence[Sequence[Detection]]) -> list[Detection]:
    """Every hand once, best presence first.

    Args:
        looks: what each look at one picture found. Within a look a left and a right hand whose boxes overlap are
            two, unless their joints coincide, because the hands of a person often touch; between looks, and for
            two of one side, overlapping boxes are enough.
    """
    numbered = [(number, found) for number, look in enumerate(looks) for found in look]
    numbered.sort(key=lambda item: -np.nan_to_num(item[1].presence, nan=-1.0))
    kept: list[tuple[int, Detection]] = []
    for number, found in numbered:
        if not any(
            same_hand(found, other, boxes=number != earlier or found.side == other.side) for earlier, other in kept
        ):
            kept.append((number, found))
    return [found for _, found in kept]


def same_hand(a: Detection, b: Detection, *, boxes: bool) -> bool:
    """Whether two detections are of one hand: their joints nearly coincide or, with `boxes`, their boxes overlap."""
    if boxes and box_iou(a.box, b.box)[0, 0] >= SAME_BOX_IOU:
        return True
    size = min(float((found.box[2:] - found.box[:2]).max()) for found in (a, b))
    return float(np.median(np.linalg.norm(a.points - b.points, axis=1))) < SAME_POINTS * size
