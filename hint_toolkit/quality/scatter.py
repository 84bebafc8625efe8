"""How far each person's points scatter, from what several people answered to the same joints; no truth is needed.

The squared difference of two people's answers is, on average, the sum of their two variances, so the variances follow
from all pairs by least squares (F. Grubbs, On Estimating Precision of Measuring Instruments and Product Variability,
JASA 43, 1948). Wild answers are kept out of the averages by a cut whose loss is given back. Two people alone cannot be
told apart: both get the same sigma. What people share, such as a pre-label that nobody moved, does not show in their
differences: a sigma says how far they disagree, not how far they all err.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_SWEEPS: Final = 60
_CUT: Final = 6.0
"""Squared differences beyond so many means are wild: an honest one is with probability 0.0025."""
_SHARPEST: Final = 0.002
"""Of the hand's size: nobody is sharper, and two equal answers do not make their authors infinitely trusted."""


def scatters(points: Floats, said: Flags, sizes: Floats) -> Floats:
    """(A,) sigma of either coordinate of everybody, of the hand's size; NaN for who shares no joint with anybody.

    Args:
        points: (A, N, 21, 2) pixels.
        said: (A, N, 21) who has a point for which joint.
        sizes: (N,) pixels; hands of size 0 or NaN tell nothing.
    """
    people = len(said)
    scale = np.where(sizes > 0, sizes, np.nan)[:, None]
    rows, sums, counts = [], [], []
    for a in range(people):
        for b in range(a):
            both = said[a] & said[b] & ~np.isnan(scale)
            if not both.any():
                continue
            squares = (((points[a] - points[b]) / scale[..., None]) ** 2).sum(axis=-1)[both] / 2.0
            rows.append([float(k in (a, b)) for k in range(people)])
            sums.append(usual_mean(squares))
            # A mean of squares is as sure as it is small: its own variance is its square over the count.
            counts.append(float(both.sum()) / max(sums[-1], _SHARPEST**2) ** 2)
    if not rows:
        return np.full(people, np.nan)
    design, wanted, weight = np.array(rows), np.array(sums), np.array(counts)
    variance = _least_squares(design, wanted, weight)
    return np.where(design.any(axis=0), np.sqrt(variance), np.nan)


def usual_mean(squares: Floats) -> float:
    """Mean of exponentially distributed squares, robust against a few wild ones.

    Values beyond 6 means are left out, and the mean of the rest is raised by what an exponential distribution loses
    there; from the median on, which a half of wild values cannot move.
    """
    mean: float = float(np.median(squares) / np.log(2.0))
    kept_share = float(1.0 - _CUT * np.exp(-_CUT) / (1.0 - np.exp(-_CUT)))
    for _ in range(_SWEEPS):
        near = squares[squares <= _CUT * mean]
        new = float(near.mean() / kept_share) if len(near) else mean
        if abs(new - mean) <= 1e-9 * mean:
            break
        mean = new
    return float(mean)


def _least_squares(design: Floats, wanted: Floats, weight: Floats) -> Floats:
    """Variances that explain the pairs, none below the sharpest; where pairs leave it open, people are alike."""
    people = design.shape[1]
    common = float((weight * wanted).sum() / (2.0 * weight.sum()))
    floor = _SHARPEST**2
    free = np.ones(people, bool)
    variance = np.full(people, floor)
    for _ in range(people):
        x, rest = design[:, free], wanted - design[:, ~free] @ variance[~free]
        pull = 1e-6 * float(weight.sum()) * np.eye(x.shape[1])
        solved = np.linalg.solve((x.T * weight) @ x + pull, (x.T * weight) @ rest + pull @ np.full(x.shape[1], common))
        variance[free] = np.maximum(solved, floor)
        low = np.flatnonzero(free)[solved < floor]
        if not len(low):
            break
        free[low] = False
        if not free.any():
            break
    return variance
