"""Object keypoint similarity (OKS) of a hand, and its average precision (AP) as COCO defines it.

    OKS = mean over the counted joints of exp(-d^2 / (2 s^2 k^2)),  s^2 = area,  k = 2 sigma

Source: COCO's keypoint evaluation as COCO-WholeBody applies it to hands (`evaluation/myeval_lefthand.py` of
github.com/jin-s13/COCO-WholeBody; arXiv 2007.11858). Two things differ, because HInt differs: `area` there is the
segment of the whole person, here that of the hand's box, which is much stricter, so AP is not comparable with what
papers print for COCO-WholeBody; and a prediction is compared with the hand that its id names, not with the best
match in the image.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_RECALLS = np.linspace(0.0, 1.0, 101)


def hand_oks(pixels: Floats, scored: Flags, areas: Floats, sigmas: Sequence[float]) -> Floats:
    """Similarity of every hand.

    Args:
        pixels: (N, 21) distances in pixels; inf where the prediction is missing, which adds 0.
        scored: which joints count, (N, 21).
        areas: (N,) square pixels.
        sigmas: (21,) of the joints.

    Returns:
        (N,) in 0..1; NaN for a hand without a joint that counts.

    Raises:
        ValueError: a joint that counts has no truth.
    """
    if np.isnan(pixels[scored]).any():
        raise ValueError("a joint that counts has no true coordinates")
    variance = (2.0 * np.asarray(sigmas, dtype=np.float64)) ** 2
    exponent = pixels**2 / variance / (areas[:, None] + np.spacing(1.0)) / 2
    similar = np.where(scored, np.exp(-np.where(scored, exponent, 0.0)), 0.0)
    n = scored.sum(axis=1)
    result: Floats = np.full(len(pixels), np.nan)
    np.divide(similar.sum(axis=1), n, out=result, where=n > 0)
    return result


def average_precision(similarity: Floats, detected: Flags, scores: Floats, thresholds: Sequence[float]) -> Floats:
    """AP at every threshold: precision, made falling, averaged over 101 recalls from 0 to 1.

    Args:
        similarity: (N,) from `hand_oks`; NaN for a hand that does not count, whose prediction is ignored.
        detected: (N,) whether there is a prediction for the hand.
        scores: (N,) confidence in it; equal ones keep the order of the arrays.
        thresholds: (T,) a prediction is right when its similarity is at least this.

    Returns:
        (T,) in 0..1; NaN when no hand counts.
    """
    counts = np.isfinite(similarity)
    wanted = int(counts.sum())
    if not wanted:
        return np.full(len(thresholds), np.nan)
    kept = np.flatnonzero(counts & detected)
    ranked = similarity[kept[np.argsort(-scores[kept], kind="stable")]]
    return np.array([_precision(ranked >= min(threshold, 1 - 1e-10), wanted) for threshold in thresholds])


def _precision(right: Flags, wanted: int) -> float:
    """Mean interpolated precision of predictions in the order of their confidence."""
    hits = np.cumsum(right)
    precision = hits / (np.arange(1, len(right) + 1) + np.spacing(1.0))
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    # A recall that is never reached has precision 0.
    at = np.searchsorted(hits / wanted, _RECALLS, side="left")
    return float(np.append(falling, 0.0)[np.minimum(at, len(falling))].mean())
