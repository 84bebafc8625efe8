"""The normaliser: the size in pixels that a distance is divided by, one a hand.

Which one the paper's npz files used is not stated anywhere; so it is an explicit choice, printed with every
number. `benchmarks/protocol.md` gives the evidence, `hint-eval normaliser` decides it for who has the files.
"""

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.protocol import NORMALISERS

Floats = NDArray[np.float64]
_SHAPE = 3 / 4  # width : height of HaMeR's network input, 192 x 256


def longer_side(boxes: Floats) -> Floats:
    """max(width, height) of boxes (N, 4): (N,)."""
    return np.asarray(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]), dtype=np.float64)


def longer_side_34(boxes: Floats) -> Floats:
    """The longer side after growing boxes (N, 4) to width:height = 3:4, which is their height: (N,)."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return np.asarray(np.maximum(height, width / _SHAPE), dtype=np.float64)


def extent_boxes(points: Floats, exists: NDArray[np.bool_]) -> Floats:
    """The tight box around the existing, finite points of every hand.

    Args:
        points: (N, 21, 2) pixels.
        exists: which of them exist, (N, 21).

    Returns:
        (N, 4) x1, y1, x2, y2; NaN for a hand without such a point.
    """
    counts = (exists & finite(points))[..., None]
    low = np.where(counts, points, np.inf).min(axis=1)
    high = np.where(counts, points, -np.inf).max(axis=1)
    boxes: Floats = np.concatenate([low, high], axis=1)
    boxes[~counts[..., 0].any(axis=1)] = np.nan
    return boxes


def hand_sizes(
    normaliser: str, boxes: Floats, points: Floats, exists: NDArray[np.bool_], scale: Floats | None = None
) -> Floats:
    """Size of every hand.

    Args:
        normaliser: a key of `protocol.NORMALISERS`.
        boxes: annotated, (N, 4) pixels.
        points: true keypoints, (N, 21, 2) pixels.
        exists: which of them exist, (N, 21).
        scale: (N,) pixels, the scale column of HaMeR's npz; needed for the normaliser "npz" only.

    Returns:
        (N,) pixels; NaN or not positive where the data do not define a size.

    Raises:
        ValueError: unknown normaliser, or "npz" without `scale`.
    """
    if normaliser not in NORMALISERS:
        raise ValueError(f"normaliser must be one of {tuple(NORMALISERS)}, got {normaliser!r}")
    if normaliser == "npz":
        if scale is None:
            raise ValueError("the normaliser npz needs the scale column of HaMeR's npz")
        return np.asarray(scale, dtype=np.float64)
    if normaliser.startswith("kp-extent"):
        boxes = extent_boxes(points, exists)
    return longer_side(boxes) if normaliser.endswith("max") else longer_side_34(boxes)
