"""How far two people agree about the same hands: share of equal answers, Cohen's kappa, distance in palm lengths.

Chance-corrected agreement after Cohen (1960). The measures of the HInt paper (arXiv 2312.05251) on 90 images
labelled twice: occlusion 90.5 %, existence 100 %, 94.6 % of visible keypoints within 0.25 palm lengths.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import MIDDLE_BASE, WRIST

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Statistic = Callable[[Floats], Floats]

PALM_SHARE = 0.25
"""Of a palm length: the paper's limit."""


def tables(a: Flags, b: Flags, counted: Flags, clusters: NDArray[np.int64]) -> Floats:
    """2 x 2 counts a cluster: both yes, only A, only B, both no.

    Args:
        a: (N, J) answers of A.
        b: (N, J) answers of B.
        counted: (N, J) which of them take part.
        clusters: (N,) number of the clip, 0..C-1.

    Returns:
        (C, 4).
    """
    n = int(clusters.max()) + 1 if len(clusters) else 0
    result = np.zeros((n, 4))
    for column, cell in enumerate((a & b, a & ~b, ~a & b, ~a & ~b)):
        np.add.at(result[:, column], clusters, (cell & counted).sum(axis=1))
    return result


def agreed(counts: Floats) -> Floats:
    """Share of equal answers of (..., 4) counts; NaN without any, for `value` and `interval` to remove."""
    total = counts.sum(axis=-1)
    equal = counts[..., 0] + counts[..., 3]
    return _divide(equal, total, total > 0)


def kappas(counts: Floats) -> Floats:
    """Cohen's kappa of (..., 4) counts; NaN where chance alone already agrees always (one answer only)."""
    total = counts.sum(axis=-1)
    safe = np.where(total > 0, total, 1.0)
    yes_a, yes_b = (counts[..., 0] + counts[..., 1]) / safe, (counts[..., 0] + counts[..., 2]) / safe
    chance = yes_a * yes_b + (1 - yes_a) * (1 - yes_b)
    equal = (counts[..., 0] + counts[..., 3]) / safe
    # One answer only makes chance 1 up to rounding: ask the counts, not the float.
    only_one = (counts[..., 1] + counts[..., 2] == 0) & ((counts[..., 0] == 0) | (counts[..., 3] == 0))
    return _divide(equal - chance, 1 - chance, (total > 0) & ~only_one)


def _divide(a: Floats, b: Floats, where: Flags) -> Floats:
    """Quotient, NaN elsewhere."""
    nothing: Floats = np.full(np.shape(where), np.nan)
    return np.asarray(np.divide(a, b, out=nothing, where=where), dtype=np.float64)


def value(statistic: Statistic, counts: Floats) -> float | None:
    """A statistic of all clusters together; (C, 4) counts -> a number, None where it is not defined."""
    result = float(statistic(counts.sum(axis=0)))
    return None if np.isnan(result) else result


def interval(
    statistic: Statistic, counts: Floats, *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """Percentile 95 % interval, clusters drawn with replacement.

    Args:
        statistic: `agreed` or `kappas`.
        counts: (C, 4) from `tables`; clusters without counts are left out.
        resamples: how many.
        seed: of the draw.

    Returns:
        (low, high), or None with fewer than two clusters, or when most draws leave the statistic undefined.
    """
    counts = counts[counts.any(axis=1)]
    n = len(counts)
    if n < 2:
        return None
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    drawn = statistic(weights @ counts)
    drawn = drawn[~np.isnan(drawn)]
    if 2 * len(drawn) < resamples:
        return None
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def palm_lengths(points: Floats, exists: Flags) -> Floats:
    """Distance of wrist and middle_finger1 in pixels, (N,); NaN where one of them is absent or they coincide.

    Args:
        points: (N, 21, 2) pixels.
        exists: (N, 21).
    """
    offset = points[:, MIDDLE_BASE] - points[:, WRIST]
    length = np.hypot(offset[:, 0], offset[:, 1])
    usable = exists[:, WRIST] & exists[:, MIDDLE_BASE] & (length > 0)
    return np.where(usable, length, np.nan)
