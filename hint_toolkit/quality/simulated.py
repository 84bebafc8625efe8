"""A scripted annotator: truth plus known noise. To test the pipeline, and to measure a measure by it.

It stands for one person with these habits, and rows made by it are called "simulated" wherever they appear:

- A joint whose pre-label is within `tolerance` of the truth is left untouched, as people do (anchoring).
- A joint that it moves or draws lands at the truth plus Gaussian noise of `sigma` on each axis.
- Existence and side are answered rightly; each occlusion flag is wrong with probability `flip`.
- A lazy one submits some hands as they are shown.
- An edge of the box moves, if the box is more than `tolerance` off anywhere, to the truth plus the same noise.

Lengths are fractions of the longer side of the true box, so that a small hand gets small errors.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hand

SIGMA: Final = 0.015
"""About 3 px on a hand of 200 px."""
TOLERANCE: Final = 0.03
FLIP: Final = 0.02


def simulate_correction(
    truth: Hand,
    prelabel: Hand | None,
    rng: np.random.Generator,
    *,
    sigma: float = SIGMA,
    flip: float = FLIP,
    tolerance: float = TOLERANCE,
    lazy: float = 0.0,
) -> Hand:
    """What the scripted annotator makes of a hand.

    Args:
        truth: what is right; a box with an area is needed.
        prelabel: what it starts from, None for an empty task.
        rng: source of all chance. Without `lazy` the same number of draws is made for every hand.
        sigma: of the noise of a moved point.
        flip: probability of a wrong occlusion flag of an existing joint.
        tolerance: how far off a pre-label may be and still be left alone.
        lazy: probability of submitting the pre-label as it is.

    Returns:
        `truth` with other points, flags and box. Untouched values equal the pre-label's exactly. A joint that
        does not exist keeps the pre-label's point if there is one, and has none otherwise.
    """
    if lazy and prelabel is not None and rng.random() < lazy:
        same = {name: getattr(prelabel, name) for name in ("points", "exists", "occluded", "box", "side")}
        return replace(truth, **same)
    side = float((truth.box[2:] - truth.box[:2]).max())
    noise, box_noise = rng.normal(0.0, sigma * side, (N_JOINTS, 2)), rng.normal(0.0, sigma * side, 4)
    flipped = rng.random(N_JOINTS) < flip
    start = np.full((N_JOINTS, 2), np.nan) if prelabel is None else prelabel.points
    wanted = truth.exists & np.isfinite(truth.points).all(axis=1)
    moved = wanted & ~_near(start, truth.points, tolerance * side)
    points = np.where(moved[:, None], truth.points + noise, start)
    exists = truth.exists & np.isfinite(points).all(axis=1)
    return replace(
        truth,
        points=points,
        exists=exists,
        occluded=(truth.occluded ^ flipped) & exists,
        box=_box(truth.box, prelabel, box_noise, tolerance * side),
    )


def _near(start: NDArray[np.float64], truth: NDArray[np.float64], limit: float) -> NDArray[np.bool_]:
    """Which points are within the limit; a missing one is not."""
    return np.asarray(np.linalg.norm(start - truth, axis=1) <= limit)


def _box(
    truth: NDArray[np.float64], prelabel: Hand | None, noise: NDArray[np.float64], limit: float
) -> NDArray[np.float64]:
    if prelabel is not None and bool((np.abs(prelabel.box - truth) <= limit).all()):
        return prelabel.box
    return np.asarray(truth + noise)
