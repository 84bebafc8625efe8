"""Fitting predicted 3D points to the truth before the error is taken. Three ways are in use, each with its name.

- `procrustes`: FreiHAND's and HO-3D's `align_w_scale`: translation, scale and an orthogonal matrix, which may be a
  REFLECTION. P. Schoenemann, Psychometrika 31 (1966); eval.py of lmb-freiburg/freihand and shreyashampali/ho3d.
- `similarity`: HaMeR's `compute_similarity_transform`: the same without reflections (S. Umeyama, TPAMI 13 (1991)).
  The two are equal unless a mirrored hand fits better, and then only `procrustes` forgives it.
- `scale_translation`: HO-3D's `align_sc_tr`: the length from the wrist to joint 4 and the wrist itself are made equal.

All take and give (N, K, 3) in metres and change no argument.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_EPSILON: Final = 1e-8
"""Added to the sizes by the official code; it makes an all-zero prediction land on the truth's mean, not on NaN."""

SCALE_JOINTS: Final = (0, 4)
"""Whose distance `scale_translation` makes equal, in HO-3D's order: the wrist and the base of the middle finger."""


class Transform(NamedTuple):
    """What `procrustes` found, so that other points of the same hand can follow (`follow`).

    Attributes:
        rotation: (N, 3, 3) orthogonal, points are rows and are multiplied with its transpose.
        scale: (N,) between the points after each set was divided by its size.
        size: (N,) of the truth.
        shift: (N, 3) mean of the truth minus mean of the prediction.
    """

    rotation: Floats
    scale: Floats
    size: Floats
    shift: Floats


def _centered(points: Floats) -> tuple[Floats, Floats]:
    mean = points.mean(axis=1, keepdims=True)
    return points - mean, mean


def procrustes(truth: Floats, predicted: Floats) -> tuple[Floats, Transform]:
    """Predictions moved onto the truth, reflections allowed, and the transform.

    Raises:
        ValueError: shapes disagree.
    """
    _check(truth, predicted)
    (a, mean_a), (b, mean_b) = _centered(truth), _centered(predicted)
    size_a = np.sqrt((a * a).sum(axis=(1, 2))) + _EPSILON
    size_b = np.sqrt((b * b).sum(axis=(1, 2))) + _EPSILON
    a, b = a / size_a[:, None, None], b / size_b[:, None, None]
    u, w, vt = np.linalg.svd(np.swapaxes(a, 1, 2) @ b)
    rotation, scale = u @ vt, w.sum(axis=1)
    moved = (b @ np.swapaxes(rotation, 1, 2)) * (scale * size_a)[:, None, None] + mean_a
    return moved, Transform(rotation, scale, size_a, (mean_a - mean_b)[:, 0])


def follow(points: Floats, transform: Transform) -> Floats:
    """Other points of the same hands by a transform that was found on their joints.

    As the official code does it: the points are not divided by the size of the prediction, so the scale is right only
    for a prediction of size 1. It is used only when the number of vertices is not that of the truth.
    """
    centered, mean = _centered(points)
    factor = (transform.scale * transform.size)[:, None, None]
    turned = centered @ np.swapaxes(transform.rotation, 1, 2)
    return np.asarray(turned * factor + transform.shift[:, None] + mean)


def similarity(truth: Floats, predicted: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Predictions moved onto the truth by a rotation, never a reflection.

    Returns:
        the moved points, and (N,) which predictions have no extent: those have no scale and lie on the truth's mean.

    Raises:
        ValueError: shapes disagree.
    """
    _check(truth, predicted)
    (a, mean_a), (b, _) = _centered(truth), _centered(predicted)
    u, w, vt = np.linalg.svd(np.swapaxes(b, 1, 2) @ a)
    sign = np.ones_like(w)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    turn = (u * sign[:, None, :]) @ vt
    extent = (b * b).sum(axis=(1, 2))
    collapsed = extent == 0
    scale = np.divide((w * sign).sum(axis=1), extent, out=np.zeros_like(extent), where=~collapsed)
    return (b @ turn) * scale[:, None, None] + mean_a, collapsed


def scale_translation(truth: Floats, predicted: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Joints in HO-3D's order, scaled and moved so that the wrist and the length to joint 4 are those of the truth.

    Returns:
        the moved points, and (N,) which predictions have no such length: those are moved and not scaled.

    Raises:
        ValueError: shapes disagree.
    """
    _check(truth, predicted)
    wrist, end = SCALE_JOINTS
    length = np.sqrt(((predicted[:, end] - predicted[:, wrist]) ** 2).sum(axis=1))
    wanted = np.sqrt(((truth[:, end] - truth[:, wrist]) ** 2).sum(axis=1))
    collapsed = length == 0
    scaled = predicted / np.where(collapsed, 1.0, length)[:, None, None] * wanted[:, None, None]
    return scaled - scaled[:, wrist : wrist + 1] + truth[:, wrist : wrist + 1], collapsed


def _check(truth: Floats, predicted: Floats) -> None:
    if truth.shape != predicted.shape or truth.ndim != 3 or truth.shape[2] != 3:
        raise ValueError(f"wanted (N, K, 3) twice, got {truth.shape} and {predicted.shape}")
