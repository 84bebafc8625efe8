"""Boxes and points in pixels. Everything here takes and gives numpy arrays and changes no argument.

Convention of the whole package: x right, y down, the centre of the top-left pixel is (0, 0). A box is
(x1, y1, x2, y2) with x1 <= x2 and y1 <= y2; its width is x2 - x1 (no "+1").
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Window(NamedTuple):
    """A rectangle of whole pixels inside an image: columns x..x+width-1, rows y..y+height-1."""

    x: int
    y: int
    width: int
    height: int


def box_around(points: Floats, exists: NDArray[np.bool_] | None = None, margin: float = 0.0) -> Floats:
    """The tight box of the existing points, grown by `margin` times its longer side on every side.

    Args:
        points: (21, 2) or (K, 2) pixels.
        exists: which points count; all finite ones when None.
        margin: fraction of the longer side added on each side.

    Returns:
        (4,) x1, y1, x2, y2; NaN when no point counts.
    """
    chosen = np.isfinite(points).all(axis=1)
    if exists is not None:
        chosen &= exists
    if not chosen.any():
        return np.full(4, np.nan)
    low, high = points[chosen].min(axis=0), points[chosen].max(axis=0)
    grow = margin * float((high - low).max())
    return np.concatenate([low - grow, high + grow])


def clip_box(box: Floats, width: int, height: int) -> Floats:
    """The part of the box that lies in an image of the given size, in pixel-centre coordinates."""
    limit = np.array([width - 0.5, height - 0.5] * 2)
    return np.clip(box, -0.5, limit)


def box_iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box of `a` (N, 4) with every box of `b` (M, 4): (N, M), 0 for empty boxes."""
    a, b = np.asarray(a, float).reshape(-1, 4), np.asarray(b, float).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(axis=2)
    area_a = np.clip(a[:, 2:] - a[:, :2], 0, None).prod(axis=1)
    area_b = np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1)
    union = area_a[:, None] + area_b[None, :] - inter
    result: Floats = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return result


def match_boxes(a: Floats, b: Floats, min_iou: float) -> list[tuple[int, int]]:
    """One-to-one pairs (i of `a`, j of `b`), best overlap first, none below `min_iou`."""
    iou = box_iou(a, b)
    pairs = []
    while iou.size and iou.max() >= min_iou and iou.max() > 0:
        i, j = np.unravel_index(int(iou.argmax()), iou.shape)
        pairs.append((int(i), int(j)))
        iou[i, :], iou[:, j] = -1.0, -1.0
    return pairs


def crop_window(box: Floats, width: int, height: int, factor: float) -> Window:
    """The pixels that touch the square around a box, `factor` times its longer side, cut to the image.

    Args:
        box: (4,) pixels.
        width: of the image.
        height: of the image.
        factor: side of the square in units of the box's longer side.

    Returns:
        whole pixels, at least 1 x 1; a point p of the image is p - (x, y) in the crop.
    """
    # Plain numbers: thousands of single boxes come here, and numpy needs ten times as long for four of them.
    x1, y1, x2, y2 = (float(value) for value in box)
    half = factor * max(x2 - x1, y2 - y1) / 2
    x, width = _pixels((x1 + x2) / 2, half, width)
    y, height = _pixels((y1 + y2) / 2, half, height)
    return Window(x, y, width, height)


def _pixels(center: float, half: float, size: int) -> tuple[int, int]:
    """First pixel and number of pixels that a stretch touches, cut to an axis of so many pixels."""
    low = min(max(math.floor(center - half + 0.5), 0), size - 1)
    high = min(max(math.ceil(center + half + 0.5), low + 1), size)
    return low, high - low


def finite(points: Floats) -> NDArray[np.bool_]:
    """Which points have two finite coordinates; shape of `points` without its last axis, which has length 2."""
    # Two comparisons of whole planes: numpy's `all` over an axis of length 2 is several times slower.
    return np.asarray(np.isfinite(points[..., 0]) & np.isfinite(points[..., 1]))


def inside(points: Floats, width: int, height: int) -> NDArray[np.bool_]:
    """Which points lie on a pixel of an image of the given size; shape of `points` without its last axis."""
    low, high = points >= -0.5, points < np.array([width - 0.5, height - 0.5])
    return np.asarray((low & high).all(axis=-1))
