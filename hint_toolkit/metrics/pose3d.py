"""Errors of 3D joints and vertices as FreiHAND and HO-3D define them. Metres in, metres out.

Source: eval.py and `EvalUtil` of github.com/lmb-freiburg/freihand (arXiv 1909.04349) and github.com/shreyashampali/ho3d
(arXiv 1907.01481): mean error, PCK (`<=`) over 100 thresholds from 0 to 50 mm and the area under it by the trapezoid
rule, F-score of vertices (`<`, per image, then the mean over images).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_ROWS = 48  # x 778 vertices x 5 is below the size at which OpenBLAS splits a product


@dataclass(frozen=True)
class ErrorSums:
    """Errors of many points, added up so that no array of all of them is needed. Add, then divide once.

    Attributes:
        thresholds: (T,) metres, rising.
        total: sum of the errors, metres.
        within: (T,) how many are at most the threshold.
        points: how many there are.
    """

    thresholds: Floats
    total: float
    within: NDArray[np.int64]
    points: int

    def __add__(self, other: "ErrorSums") -> "ErrorSums":
        """Both together."""
        within, points = self.within + other.within, self.points + other.points
        return ErrorSums(self.thresholds, self.total + other.total, within, points)

    @property
    def mean(self) -> float | None:
        """Mean error in metres; every point has the same number of images, so this is the mean over points too."""
        return self.total / self.points if self.points else None

    @property
    def curve(self) -> Floats:
        """(T,) share of points within each threshold."""
        return np.asarray(self.within / max(self.points, 1))

    @property
    def auc(self) -> float | None:
        """Area under the curve over the span of the thresholds, 0..1."""
        if not self.points:
            return None
        steps, curve = np.diff(self.thresholds), self.curve
        return float((steps * (curve[1:] + curve[:-1]) / 2).sum() / steps.sum())


def error_sums(truth: Floats, predicted: Floats, thresholds: Floats) -> ErrorSums:
    """Distances between points (N, K, 3), metres, against thresholds (T,) that rise."""
    distance = np.sqrt(((truth - predicted) ** 2).sum(axis=-1)).ravel()
    first = np.searchsorted(thresholds, distance, side="left")
    counts = np.bincount(first, minlength=len(thresholds) + 1)[: len(thresholds)]
    return ErrorSums(thresholds, float(distance.sum()), counts.cumsum(), len(distance))


def nearest_distances(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Distance of every point to the nearest of the other set.

    Args:
        a: (K, 3).
        b: (M, 3).

    Returns:
        (K,) from a to b and (M,) from b to a.
    """
    # |a - b|^2 as one product. Its rounding may only choose between neighbours that are equally near to 1e-8; the
    # distance to the chosen one is then computed plainly.
    middle = b.mean(axis=0)
    p, q = a - middle, b - middle
    left = np.column_stack([p, (p * p).sum(axis=1), np.ones(len(p))])
    right = np.column_stack([-2 * q, np.ones(len(q)), (q * q).sum(axis=1)])
    # Two products, because the smallest of a row is found several times faster than that of a column.
    to_b, to_a = _smallest_of_rows(left, right), _smallest_of_rows(right, left)
    return _norm(a - b[to_b]), _norm(b - a[to_a])


def _smallest_of_rows(left: Floats, right: Floats) -> NDArray[np.int64]:
    """Column of the smallest entry of every row of `left @ right.T`, a few rows at a time.

    So few that they stay in the cache and that BLAS starts no threads, which cost ten times the product itself.
    """
    flipped = np.ascontiguousarray(right.T)
    blocks = [(left[k : k + _ROWS] @ flipped).argmin(axis=1) for k in range(0, len(left), _ROWS)]
    return np.concatenate(blocks)


def _norm(offsets: Floats) -> Floats:
    return np.asarray(np.sqrt((offsets**2).sum(axis=1)))


def f_scores(truth: Floats, predicted: Floats, thresholds: Floats) -> Floats:
    """F-score of every image at every threshold.

    Args:
        truth: (N, V, 3) metres.
        predicted: (N, W, 3) metres.
        thresholds: (T,) metres; a point counts when its nearest neighbour is nearer than that.

    Returns:
        (N, T) harmonic mean of the shares of predicted and true points that have a near neighbour; 0 where both are 0.
    """
    result = np.zeros((len(truth), len(thresholds)))
    for image, (true_points, points) in enumerate(zip(truth, predicted, strict=True)):
        one, other = nearest_distances(true_points, points)
        for k, threshold in enumerate(thresholds):
            recall, precision = float((one < threshold).mean()), float((other < threshold).mean())
            if recall + precision > 0:
                result[image, k] = 2 * recall * precision / (recall + precision)
    return result
