"""How far two people agree about the same hands: share of equal answers, Cohen's kappa, distance in palm lengths.

Chance-corrected agreement after Cohen (1960). The measures of the HInt paper (arXiv 2312.05251) on 90 images
labelled twice: occlusion 90.5 %, existence 100 %, 94.6 % of visible keypoints within 0.25 palm lengths.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import MIDDLE_BASE, WRIST
from hint_toolkit.metrics.intervals import percentile_ends

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
    """Percentile 95 % interval, clusters drawn with replacement, widened for few clusters (`intervals.py`).

    Args:
        statistic: turns sums (..., K) into numbers: `agreed`, `kappas`, `means`, ..
        counts: (C, K) sums of every cluster; clusters without any are left out.
        resamples: how many.
        seed: of the draw.

    Returns:
        (low, high), or None with fewer than two clusters, or when most draws leave the statistic undefined.
    """
    counts = counts[counts.any(axis=1)]
    n = len(counts)
    if n < 2:
        return None
    drawn = statistic(_weights(n, resamples, seed) @ counts)
    drawn = drawn[~np.isnan(drawn)]
    if 2 * len(drawn) < resamples:
        return None
    low, high = np.quantile(drawn, percentile_ends(n))
    return float(low), float(high)


@lru_cache(maxsize=8)
def _weights(n: int, resamples: int, seed: int) -> Floats:
    """(resamples, n) how often each cluster is drawn; kept, because a table asks for hundreds of intervals."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return drawn.astype(np.float64)


def means(sums: Floats) -> Floats:
    """(..., 2) sum and count -> the mean; NaN of nothing."""
    return _divide(sums[..., 0], sums[..., 1], sums[..., 1] > 0)


def roots(sums: Floats) -> Floats:
    """(..., 2) sum of squares and count -> the root of the mean square; NaN of nothing."""
    return np.asarray(np.sqrt(means(sums)), np.float64)


def macros(sums: Floats) -> Floats:
    """(..., 2 J) hits and counts of J joints, one after the other -> mean over the joints of their shares.

    A joint that never counts is left out, as in the protocol; NaN where none counts.
    """
    joints = sums.reshape(*sums.shape[:-1], -1, 2)
    counts = joints[..., 1] > 0
    shares = np.nan_to_num(means(joints))
    return _divide(shares.sum(axis=-1), counts.sum(axis=-1).astype(np.float64), counts.sum(axis=-1) > 0)


def cluster_sums(values: Floats, clusters: NDArray[np.int64], n: int) -> Floats:
    """(N, ...) -> (n, ...) sums of the hands of every cluster."""
    result = np.zeros((n, *values.shape[1:]))
    np.add.at(result, clusters, values)
    return result


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
