"""Did a person correct a pre-label, or accept it? How far points were moved, and who accepts too much.

Accepting is no fault by itself: a good pre-label is right. It becomes visible where one person accepts far more than
others do on the same kind of hands. That is tested on hands, because the joints of a hand are accepted together, with
a design effect, because the hands of a clip are alike (L. Kish, Survey Sampling, 1965, chapter 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

UNTOUCHED: Final = 1e-3
"""Pixels: a point that comes back from the page within this was not dragged."""
BINS: Final = (0.01, 0.02, 0.05, 0.10)
"""Upper ends of the distances that are counted, of the hand's size; beyond the last is a bin of its own."""
BIN_NAMES: Final = ("untouched", "to 1 %", "to 2 %", "to 5 %", "to 10 %", "farther")
NUDGE: Final = 0.01
"""Of the hand's size: who moves no point farther and changes no flag has accepted the hand."""
FEWEST: Final = 20
"""Hands that a person must have answered before anything is said about them."""
LEVEL: Final = 0.01
"""Chance that anybody among all is named by mistake."""
HALF: Final = 0.5
"""Who corrects more than this part of what the others correct is not named, however sure the difference is."""


def moved(start: Floats, points: Floats) -> Floats:
    """(N, 21) pixels between (N, 21, 2) shown and answered points; NaN where one of them is missing."""
    offset = points - start
    return np.asarray(np.hypot(offset[..., 0], offset[..., 1]), np.float64)


def binned(pixels: Floats, sizes: Floats, counted: Flags) -> NDArray[np.int64]:
    """How many joints fall into each of `BIN_NAMES`: (6, 21) counts.

    Args:
        pixels: (N, 21) from `moved`.
        sizes: (N,) pixels.
        counted: (N, 21) which joints take part; those without a distance do not.
    """
    usable = counted & np.isfinite(pixels) & (sizes > 0)[:, None]
    share = np.where(usable, pixels, 0.0) / np.where(sizes > 0, sizes, 1.0)[:, None]
    number = 1 + np.searchsorted(np.array(BINS), share, side="left")
    number = np.where(pixels <= UNTOUCHED, 0, number)
    return np.stack([(usable & (number == k)).sum(axis=0) for k in range(len(BIN_NAMES))])


@dataclass(frozen=True)
class Acceptance:
    """How often one person accepted hands as they were shown.

    Attributes:
        name: who.
        hands: that were shown with a pre-label and submitted.
        accepted: of them as they were.
        expected: share that is accepted where it can be told from others; NaN if there is nothing to compare with.
        chance: probability of so many acceptances or more if this person accepted like the others; NaN likewise.
        named: whether this person accepts too much.
    """

    name: str
    hands: int
    accepted: int
    expected: float
    chance: float
    named: bool


def acceptances(
    names: Sequence[str],
    people: NDArray[np.int64],
    accepted: Flags,
    clusters: NDArray[np.int64],
    needed: float | None = None,
) -> list[Acceptance]:
    """Compare everybody with all the others.

    Args:
        names: (A,) of people.
        people: (N,) who answered, positions in `names`.
        accepted: (N,) whether the hand was submitted as it was shown.
        clusters: (N,) number of the clip.
        needed: share of hands that need a correction, from hands labelled without a pre-label. With it, nobody is
            expected to accept more than the rest; it also judges a person who is alone.

    Returns:
        (A,) in the order of the names.
    """
    found = []
    for a, name in enumerate(names):
        mine = people == a
        n, k = int(mine.sum()), int(accepted[mine].sum())
        expected, spread = _expected(accepted[~mine], clusters[~mine])
        if needed is not None and not (expected < 1.0 - needed):  # also where there are no others
            expected = 1.0 - needed
        if np.isnan(expected) or not n:
            found.append(Acceptance(name, n, k, float("nan"), float("nan"), False))
            continue
        spread = max(spread, _spread(accepted[mine], clusters[mine]))
        chance = at_least(k / spread, n / spread, expected)
        corrects_little = (n - k) < HALF * (1.0 - expected) * n
        named = n >= FEWEST and corrects_little and chance < LEVEL / len(names)
        found.append(Acceptance(name, n, k, expected, chance, named))
    return found


def _expected(accepted: Flags, clusters: NDArray[np.int64]) -> tuple[float, float]:
    """Share of acceptances, with one of either kind before the first, and its design effect."""
    n = len(accepted)
    if n < FEWEST:
        return float("nan"), 1.0
    return (float(accepted.sum()) + 1.0) / (n + 2.0), _spread(accepted, clusters)


def _spread(accepted: Flags, clusters: NDArray[np.int64]) -> float:
    """Design effect of the share: its variance over clips, by that of independent hands; at least 1."""
    n, p = len(accepted), float(accepted.mean())
    _, number = np.unique(clusters, return_inverse=True)
    c = int(number.max()) + 1 if n else 0
    if c < 2 or p in (0.0, 1.0):
        return 1.0
    rests = np.bincount(number, weights=accepted - p, minlength=c)
    return max(1.0, float((rests**2).sum() * c / (c - 1) / (n * p * (1.0 - p))))


def at_least(k: float, n: float, p: float) -> float:
    """P(X >= k) of a binomial; effective numbers are rounded to the side of the accused."""
    trials, hits = int(np.floor(n)), int(np.floor(k))
    hits = min(hits, trials)
    if p >= 1.0 or hits <= 0:
        return 1.0
    if trials > 1000:  # exact sums of huge binomials are slow; the normal tail with a continuity correction is near
        from statistics import NormalDist

        z = (hits - 0.5 - trials * p) / np.sqrt(trials * p * (1.0 - p))
        return 1.0 - NormalDist().cdf(float(z))
    return float(min(1.0, sum(comb(trials, i) * p**i * (1.0 - p) ** (trials - i) for i in range(hits, trials + 1))))
