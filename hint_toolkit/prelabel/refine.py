"""A hand from its box: four rotations, the best three refined, the one that fills the box best.

The net wants the fingers up, and a box does not say where they point. So it looks four times, keeps the three
readings that it is surest of, looks at each again along the hand that it saw, twice, and takes the reading with the
best presence x sqrt(IoU of the points' extent with the box): presence alone would let it slip to a neighbour's hand.
The first looks themselves never win: they fill the box by construction, and their points are worse.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import box_around, box_iou, clip_box
from hint_toolkit.prelabel.landmark_net import LandmarkNet, Reading, Square, square_around

Floats = NDArray[np.float64]

MIN_SIDE: Final = 4.0
"""Pixels: a box whose longer side within the picture is shorter holds no hand that anything could read."""


@dataclass(frozen=True)
class Recipe:
    """How a hand is read from its box.

    Attributes:
        scale: side of the first square in units of the box's longer side.
        rotations: how many first squares, evenly turned.
        kept: how many of them, those of the best presence, are refined.
        steps: how often each is read again along the hand that was seen; 1 or more.
    """

    scale: float = 1.5
    rotations: int = 4
    kept: int = 3
    steps: int = 2


DEFAULT_RECIPE: Final = Recipe()


def usable_box(box: Floats, width: int, height: int) -> Floats | None:
    """The part of the box (4,) inside the picture; None if it holds NaN, has no area there, or is tiny."""
    if not np.isfinite(box).all():
        return None
    inside = clip_box(np.asarray(box, float), width, height)
    sides = inside[2:] - inside[:2]
    return inside if sides.min() > 0 and sides.max() >= MIN_SIDE else None


def read_box(
    net: LandmarkNet, image: NDArray[np.uint8], box: Floats, recipe: Recipe = DEFAULT_RECIPE
) -> Reading | None:
    """The hand in a box (4,) of an (H, W, 3) RGB picture; None where `usable_box` finds none."""
    inside = usable_box(box, image.shape[1], image.shape[0])
    if inside is None:
        return None
    center, side = (inside[:2] + inside[2:]) / 2, recipe.scale * float((inside[2:] - inside[:2]).max())
    angles = [2 * np.pi * k / recipe.rotations for k in range(recipe.rotations)]
    readings = [net.read(image, Square(center, side, angle)) for angle in angles]
    readings.sort(key=lambda reading: -reading.presence)
    candidates = []
    for reading in readings[: recipe.kept]:
        for _ in range(recipe.steps):
            reading = read_again(net, image, reading.points)
            candidates.append(reading)
    return max(candidates, key=lambda reading: fit(reading, inside, image.shape[1], image.shape[0]))


def fit(reading: Reading, box: Floats, width: int, height: int) -> float:
    """How well a reading goes with a box, 0..1: presence x sqrt(IoU of box and the points' extent in the picture)."""
    extent = clip_box(box_around(reading.points), width, height)
    return reading.presence * float(np.sqrt(box_iou(extent, box)[0, 0]))


def read_again(net: LandmarkNet, image: NDArray[np.uint8], points: Floats) -> Reading:
    """The hand whose joints (21, 2) are about there, read along itself once more."""
    return net.read(image, square_around(points))
