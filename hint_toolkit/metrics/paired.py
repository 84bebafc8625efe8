"""Is method B better than method A: paired differences over clips, with interval, p and what could be seen at all.

Both methods are scored on the same joints, so that the counts of a clip are the same and its hits differ. All
three answers take the clip as the unit:

- interval: cluster bootstrap of the difference (`intervals.bootstrap_many` on the difference of the hits);
- p: if the methods are alike, then in every clip their answers could be exchanged, which flips the sign of the
  clip's contribution. p is the share of sign patterns with a difference at least as large (two-sided). All 2^C
  patterns where they are few; random ones otherwise, and then p = (1 + larger) / (1 + drawn), which is never 0.
  R. Fisher, The Design of Experiments (1935), section 21; B. Phipson and G. Smyth, Permutation P-values Should
  Never Be Zero, Stat. Appl. Genet. Mol. Biol. 9 (2010).
- detectable: the true difference that such a test finds in 80 % of repetitions, (z_(1 - alpha/2) + z_0.8) x SE.

Over many comparisons: S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scand. J. Stat. 6 (1979).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.metrics.intervals import Method, bootstrap_many, macro, pair

Floats = NDArray[np.float64]
PERMUTATIONS = 9999
_NORMAL = NormalDist()
_BLOCK = 4_000_000  # signs held at once


@dataclass(frozen=True)
class Difference:
    """B minus A for one measure.

    Attributes:
        value: macro mean over joints of the difference of shares, -1..1; None when no joint counts.
        interval: 95 %, None with fewer than two clips.
        p: two-sided, one comparison alone; None with fewer than two clips.
        smallest_p: no p below this can come out of so few clips, whatever the data.
        standard_error: of `value` over clips; None with fewer than two.
        clips: that have a scored joint.
    """

    value: float | None
    interval: tuple[float, float] | None
    p: float | None
    smallest_p: float | None
    standard_error: float | None
    clips: int


def paired_differences(
    hits_a: NDArray[np.generic],
    hits_b: NDArray[np.generic],
    counts: NDArray[np.generic],
    *,
    resamples: int = 1000,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    method: Method = "percentile",
) -> list[Difference]:
    """B minus A for M measures over the same clips.

    Args:
        hits_a: (M, C, J) correct joints of a clip; a missing hand has none.
        hits_b: likewise.
        counts: (M, C, J) scored joints.
        resamples: draws of the interval.
        permutations: at most so many sign patterns, the observed one not counted.
        seed: of draws and patterns.
        method: of the interval.

    Raises:
        ValueError: shapes disagree, or permutations is not positive.
    """
    if not hits_a.shape == hits_b.shape == counts.shape or hits_a.ndim != 3 or permutations < 1:
        shapes = f"{hits_a.shape}, {hits_b.shape}, {counts.shape}"
        raise ValueError(f"wanted three arrays (M, C, J) and permutations > 0; got {shapes}, {permutations}")
    gap, scored = np.asarray(hits_b, np.float64) - np.asarray(hits_a, np.float64), np.asarray(counts, np.float64)
    values = macro(gap.sum(axis=1), scored.sum(axis=1))
    intervals = bootstrap_many(gap, scored, resamples=resamples, seed=seed, method=method)
    shares = contributions(gap, scored)
    p, smallest = sign_flip_p(shares, permutations=permutations, seed=seed)
    clips, errors = scored.any(axis=2).sum(axis=1), standard_errors(gap, scored)
    result = []
    for m, value in enumerate(values):
        enough = clips[m] >= 2
        result.append(
            Difference(
                value=None if np.isnan(value) else float(value),
                interval=pair(intervals[m]),
                p=float(p[m]) if enough else None,
                smallest_p=float(smallest[m]) if enough else None,
                standard_error=float(errors[m]) if enough else None,
                clips=int(clips[m]),
            )
        )
    return result


def contributions(gap: Floats, counts: Floats) -> Floats:
    """What every clip adds to the macro difference: (M, C, J) twice -> (M, C), whose sum over C is the difference."""
    totals = counts.sum(axis=1, keepdims=True)
    present = totals > 0
    parts = np.divide(gap, totals, out=np.zeros_like(gap), where=np.broadcast_to(present, gap.shape))
    return np.asarray(parts.sum(axis=2) / np.maximum(present.sum(axis=2), 1), dtype=np.float64)


def sign_flip_p(shares: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0) -> tuple[Floats, Floats]:
    """Two-sided p of the sum of every row, signs of the columns exchangeable under the null hypothesis.

    Args:
        shares: (M, C) contributions of the clips; clips that are 0 in a row do not matter for it.
        permutations: how many random patterns; with 2^(C-1) patterns or fewer all are taken instead.
        seed: of the random patterns, which all rows share.

    Returns:
        p (M,) and the smallest p that is possible for each row (M,); 1 for a row of zeros.
    """
    # A clip without a difference flips into itself: leaving it out makes small tests exact more often.
    moving = shares[:, np.any(shares != 0, axis=0)] if shares.size else shares[:, :0]
    n = moving.shape[1]
    observed = np.abs(moving.sum(axis=1))
    # Sums in another order differ in the last digits; a tie must count as a tie.
    bar = observed - 1e-9 * np.abs(moving).sum(axis=1)
    exact = n == 0 or 2 ** (n - 1) <= permutations + 1
    total = 2 ** max(n - 1, 0) if exact else permutations
    larger = np.zeros(len(moving))
    rng, step = np.random.default_rng(seed), max(_BLOCK // max(n, 1), 1)
    for first in range(0, total, step):
        rows = min(step, total - first)
        signs = _all_signs(first, rows, n) if exact else 1.0 - 2.0 * rng.integers(0, 2, (rows, n), dtype=np.int8)
        larger += (np.abs(signs @ moving.T) >= bar).sum(axis=0)
    p = larger / total if exact else (1 + larger) / (1 + total)
    flips = np.minimum((moving != 0).sum(axis=1) - 1.0, 1000.0)
    smallest = np.maximum(np.exp2(-np.maximum(flips, 0.0)), 0.0 if exact else 1 / (1 + total))
    return np.asarray(p, np.float64), np.asarray(smallest, np.float64)


def _all_signs(first: int, rows: int, n: int) -> Floats:
    """Patterns number first.. of n signs; the first sign stays +, since a pattern and its negative are one."""
    bits = np.arange(first, first + rows)[:, None] >> np.arange(max(n - 1, 0)) & 1
    return np.concatenate([np.ones((rows, min(n, 1))), 1.0 - 2.0 * bits], axis=1)


def standard_errors(gap: Floats, counts: Floats) -> Floats:
    """Standard error over clips of the macro mean of gap / counts, (M, C, J) twice -> (M,).

    Linearised ratio: clip c moves joint j by (gap - share x counts) / total, so that clips of different size
    and with different joints are treated right (W. Cochran, Sampling Techniques (1977), section 6.4).
    """
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(gap.sum(axis=1, keepdims=True), totals, out=np.zeros_like(totals), where=totals > 0)
    residuals = contributions(gap - share * counts, counts)
    clips = counts.any(axis=2).sum(axis=1)
    scale = clips / np.maximum(clips - 1, 1)
    return np.asarray(np.sqrt(scale * (residuals**2).sum(axis=1)), dtype=np.float64)


def detectable(
    standard_error: float | None, *, comparisons: int = 1, level: float = 0.05, power: float = 0.8
) -> float | None:
    """The true difference that is found with the given power by a two-sided test.

    Args:
        standard_error: over clips.
        comparisons: how many are controlled for; the level of each is then level / comparisons (Holm's first step).
        level: of the whole.
        power: share of repetitions in which it is found.

    Returns:
        None without a standard error, or with one of 0: methods that never differ do not say how differences vary.
    """
    if not standard_error or standard_error < 1e-12:
        return None
    return (_NORMAL.inv_cdf(1 - level / (2 * comparisons)) + _NORMAL.inv_cdf(power)) * standard_error


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values: reject where they are below the level, and the chance of any false rejection stays there.

    A None is no test: it stays None and is not counted.
    """
    tests = sorted((value, place) for place, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    highest = 0.0
    for rank, (value, place) in enumerate(tests):
        highest = max(highest, min(1.0, (len(tests) - rank) * value))
        adjusted[place] = highest
    return adjusted
