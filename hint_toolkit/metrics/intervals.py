"""Intervals by resampling clips, because hands of one clip are alike.

TEST_ego4d_img has 8.7 hands a clip (59 at most); resampling joints instead gives intervals about three times
too narrow.
"""

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


def cluster_bootstrap(
    correct: Flags, scored: Flags, clusters: NDArray[np.int64], *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """Percentile 95 % interval of the macro mean over joints, clusters drawn with replacement.

    Args:
        correct: (N, 21), true only where `scored` is.
        scored: (N, 21).
        clusters: (N,) number of the clip that a hand belongs to, 0..C-1.
        resamples: how many.
        seed: of the draw.

    Returns:
        (low, high) in 0..1, or None when fewer than two clusters have a scored joint.
    """
    n_clusters = int(clusters.max()) + 1 if len(clusters) else 0
    hits: Floats = np.zeros((n_clusters, correct.shape[1]))
    counts: Floats = np.zeros((n_clusters, correct.shape[1]))
    np.add.at(hits, clusters, correct)
    np.add.at(counts, clusters, scored)
    used = counts.any(axis=1)
    if used.sum() < 2:
        return None
    hits, counts = hits[used], counts[used]
    n = len(hits)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    totals = weights @ counts
    shares = np.divide(weights @ hits, totals, out=np.full_like(totals, np.nan), where=totals > 0)
    # A joint that a draw left without truth is left out of that draw's mean, as in the score itself.
    present = totals > 0
    drawn = np.where(present, shares, 0.0).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    low, high = np.percentile(drawn[present.any(axis=1)], [2.5, 97.5])
    return float(low), float(high)
