"""Intervals by resampling clips, because hands of one clip are alike.

TEST_ego4d_img has 8.7 hands a clip (59 at most); resampling joints instead gives intervals about three times
too narrow. So a clip is drawn with all its hands or not at all, and the score is computed again as a whole.

Two ways to cut the drawn scores:

- `percentile`: their 2.5 % and 97.5 % quantiles.
- `bca`: quantiles moved for bias (z0, the share of draws below the score) and skewness (a, from leaving one
  clip out at a time): B. Efron, Better Bootstrap Confidence Intervals, JASA 82 (1987); B. Efron and
  R. Tibshirani, An Introduction to the Bootstrap (1993), section 14.3. Clips as the unit: A. Davison and
  D. Hinkley, Bootstrap Methods and their Application (1997), section 3.8.

Both are widened for a small number n of clips, where a bootstrap is too narrow: the tails are those of Student's t
with n - 1 degrees of freedom, times sqrt(n / (n - 1)) (T. Hesterberg, What Teachers Should Know About the
Bootstrap, The American Statistician 69 (2015), "expanded percentile"). With 200 clips that is hardly visible.

All sums are sums of whole numbers small enough to be exact, so the same seed gives the same bytes whatever
the order in which a matrix library adds.
"""

from collections.abc import Callable
from statistics import NormalDist
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Method = Literal["percentile", "bca"]
METHODS: Final[tuple[Method, ...]] = ("percentile", "bca")

_NORMAL = NormalDist()
_BLOCK = 4_000_000  # weights held at once, so that 20,000 clusters need no more memory than 1,000
_EXACT_FLOAT32 = 2**24  # whole numbers up to here are exact in float32


def cluster_bootstrap(
    correct: Flags,
    scored: Flags,
    clusters: Numbers,
    *,
    resamples: int = 1000,
    seed: int = 0,
    method: Method = "percentile",
) -> tuple[float, float] | None:
    """95 % interval of the macro mean over joints, clusters drawn with replacement.

    Args:
        correct: (N, 21), true only where `scored` is.
        scored: (N, 21).
        clusters: (N,) number of the clip that a hand belongs to, 0..C-1.
        resamples: how many.
        seed: of the draw.
        method: "percentile" or "bca".

    Returns:
        (low, high) in 0..1, or None when fewer than two clusters have a scored joint.

    Raises:
        ValueError: unknown method.
    """
    n = int(clusters.max()) + 1 if len(clusters) else 0
    hits, counts = (per_cluster(flags, clusters, n) for flags in (correct, scored))
    return pair(bootstrap_many(hits, counts, resamples=resamples, seed=seed, method=method))


class ByCluster:
    """Sums over clusters of the same hands, many times: the hands are put in order once.

    Attributes:
        n: how many clusters; every number 0..n-1 must occur.
    """

    def __init__(self, clusters: Numbers) -> None:
        """Order the hands by cluster; (N,) numbers as `numpy.unique` gives them."""
        self.n = int(clusters.max()) + 1 if len(clusters) else 0
        self._order = np.argsort(clusters, kind="stable")
        self._starts = np.searchsorted(clusters[self._order], np.arange(self.n))

    def sums(self, values: NDArray[np.generic]) -> Floats:
        """(N, J) -> (n, J). Flags count as 0 and 1."""
        if not self.n:
            return np.zeros((0, values.shape[1]))
        kind = np.int32 if values.dtype == np.bool_ else np.float64
        ordered = values[self._order]
        ordered = ordered.view(np.int8) if values.dtype == np.bool_ else ordered
        return np.asarray(np.add.reduceat(ordered, self._starts, axis=0, dtype=kind), dtype=np.float64)


def per_cluster(values: NDArray[np.generic], clusters: Numbers, n: int) -> Floats:
    """Sums over the hands of every cluster: values (N, J) -> (n, J). Flags count as 0 and 1."""
    width = values.shape[1]
    flat = (clusters[:, None] * width + np.arange(width)).ravel()
    if values.dtype == np.bool_:  # much the most frequent case, and faster without weights
        sums = np.bincount(flat[values.ravel().astype(bool)], minlength=n * width)
    else:
        sums = np.bincount(flat, weights=values.ravel().astype(np.float64), minlength=n * width)
    return np.asarray(sums.reshape(n, width), dtype=np.float64)


def bootstrap_many(
    hits: NDArray[np.generic],
    counts: NDArray[np.generic],
    *,
    resamples: int = 1000,
    seed: int = 0,
    method: Method = "percentile",
    level: float = 0.95,
) -> Floats:
    """Intervals of many measures over the same clips, all with the same draws.

    Args:
        hits: (..., C, J) whole numbers a clip and joint: correct joints, or a difference of two such counts.
        counts: broadcasts against `hits` without being copied, e.g. (3, 1, C, J) for hits (3, T, C, J).
        resamples: how many.
        seed: of the draw.
        method: "percentile" or "bca".
        level: share of repetitions in which the interval should hold the true value.

    Returns:
        (..., 2) low and high of the macro mean over joints; NaN where fewer than two clips have a scored joint
        (`pair` makes that None). A clip that a measure does not use is drawn like every other and adds nothing.

    Raises:
        ValueError: unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    dimensions = max(hits.ndim, counts.ndim)
    hit, count = _float(hits, dimensions), _float(counts, dimensions)
    used: Flags = np.asarray(count.any(axis=-1))
    anywhere = used.reshape(-1, used.shape[-1]).any(axis=0) if used.size else np.zeros(0, bool)
    hit, count = hit[..., anywhere, :], count[..., anywhere, :]
    shape = np.broadcast_shapes(hit.shape[:-2], count.shape[:-2])
    result = np.full((*shape, 2), np.nan)
    if not anywhere.any():
        return result
    drawn = _drawn(hit, count, resamples, seed)
    clips = np.broadcast_to(used.sum(axis=-1), shape)
    tails, enough = _tails(clips, level), clips >= 2
    quantiles = _vector(_NORMAL.cdf, tails) if method == "percentile" else _bca_quantiles(hit, count, drawn, tails)
    for place in np.ndindex(shape):
        if enough[place]:
            values = drawn[place]
            result[place] = np.quantile(values[np.isfinite(values)], quantiles[place])
    return result


def _float(values: NDArray[np.generic], dimensions: int) -> Floats:
    """As floats with leading axes of length 1 up to the wanted number."""
    return np.asarray(values, np.float64).reshape((1,) * (dimensions - values.ndim) + values.shape)


def pair(interval: Floats) -> tuple[float, float] | None:
    """One row of `bootstrap_many` as plain numbers, None where it is not defined."""
    low, high = float(interval[0]), float(interval[1])
    return None if np.isnan(low) else (low, high)


def macro(hits: Floats, totals: Floats) -> Floats:
    """Mean over the last axis of hits / totals, joints without truth left out; NaN where no joint has any."""
    present = totals > 0
    shares = np.divide(hits, totals, out=np.zeros(np.broadcast_shapes(hits.shape, totals.shape)), where=present)
    number = present.sum(axis=-1)
    mean = shares.sum(axis=-1) / np.maximum(number, 1)
    return np.asarray(np.where(number > 0, mean, np.nan), dtype=np.float64)


def _drawn(hits: Floats, counts: Floats, resamples: int, seed: int) -> Floats:
    """The macro mean of every draw: (..., resamples)."""
    n = hits.shape[-2]
    largest = max(float(np.abs(hits).max()), float(counts.max())) * n
    kind = np.float32 if largest < _EXACT_FLOAT32 else np.float64
    columns = [np.moveaxis(a, -2, 0).reshape(n, -1).astype(kind) for a in (hits, counts)]
    both, cut = np.concatenate(columns, axis=1), columns[0].shape[1]
    rng, step, parts = np.random.default_rng(seed), max(_BLOCK // n, 1), []
    for first in range(0, resamples, step):
        rows = min(step, resamples - first)
        chosen = rng.integers(0, n, (rows, n)) + np.arange(rows)[:, None] * n
        weights = np.bincount(chosen.ravel(), minlength=rows * n).reshape(rows, n).astype(kind)
        sums = (weights @ both).astype(np.float64)
        shapes = [(rows, *a.shape[:-2], a.shape[-1]) for a in (hits, counts)]
        parts.append(macro(sums[:, :cut].reshape(shapes[0]), sums[:, cut:].reshape(shapes[1])))
    return np.moveaxis(np.concatenate(parts), 0, -1)


def _tails(clips: NDArray[np.generic], level: float) -> Floats:
    """Normal scores of the two ends, widened for the number of clips: (...,) -> (..., 2)."""
    free = np.maximum(np.asarray(clips, np.float64) - 1, 1)
    z = _NORMAL.inv_cdf((1 + level) / 2)
    # Student's t by its expansion in 1 / degrees of freedom (Abramowitz and Stegun 26.7.5).
    terms = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    student = z + sum(term / free ** (k + 1) for k, term in enumerate(terms))
    wide = student * np.sqrt((free + 1) / free)
    return np.stack([-wide, wide], axis=-1)


def percentile_ends(clips: int, level: float = 0.95) -> tuple[float, float]:
    """Which quantiles of the draws are the ends of a percentile interval over so many clips."""
    low, high = _vector(_NORMAL.cdf, _tails(np.asarray(clips), level))
    return float(low), float(high)


def _bca_quantiles(hits: Floats, counts: Floats, drawn: Floats, tails: Floats) -> Floats:
    """Which quantiles of the draws are the ends of the BCa interval, from normal scores `tails`: both (..., 2)."""
    total_hits, total_counts = hits.sum(axis=-2), counts.sum(axis=-2)
    value = macro(total_hits, total_counts)[..., None]
    without_one = macro(total_hits[..., None, :] - hits, total_counts[..., None, :] - counts)
    # A clip without a joint of this measure leaves the value as it is, and is no part of its jackknife.
    used = np.broadcast_to(counts.any(axis=-1), without_one.shape) & np.isfinite(without_one)
    number = np.maximum(used.sum(axis=-1, keepdims=True), 1)
    middle = np.where(used, without_one, 0.0).sum(axis=-1, keepdims=True) / number
    leverage = np.where(used, middle - without_one, 0.0)
    square, cube = (leverage**2).sum(axis=-1), (leverage**3).sum(axis=-1)
    skew = np.divide(cube, 6 * square**1.5, out=np.zeros_like(cube), where=square > 1e-24)
    valid = np.maximum(np.isfinite(drawn).sum(axis=-1), 1)
    same = np.abs(drawn - value) <= 1e-12  # a draw that gives the score itself is half below it
    below = ((drawn < value) & ~same).sum(axis=-1) + same.sum(axis=-1) / 2
    share = np.clip(below / valid, 0.5 / valid, 1 - 0.5 / valid)
    bias = _vector(_NORMAL.inv_cdf, share)[..., None]
    moved = bias + tails
    return _vector(_NORMAL.cdf, bias + moved / (1 - skew[..., None] * moved))


def _vector(function: Callable[[float], float], values: Floats) -> Floats:
    return np.asarray(np.vectorize(function, otypes=[np.float64])(values), dtype=np.float64)
