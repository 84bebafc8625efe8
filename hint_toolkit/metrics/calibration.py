"""Whether probabilities mean what they say, and what one gains by leaving the least certain joints out.

Reliability: among joints with a predicted probability near p, a share p should be visible (bins of equal
width; expected calibration error as in Naeini et al., AAAI 2015). Risk and coverage: keep the most confident
share of the joints and look at the PCK of what is kept (selective prediction; El-Yaniv and Wiener, JMLR 2010).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BINS = 10
KEPT = tuple(round(0.05 * k, 2) for k in range(1, 21))
"""Shares of the joints at which the curve is written down, 5 % to all."""


@dataclass(frozen=True)
class Reliability:
    """Bins of equal width over 0..1, each array (B,). Bin k is [k/B, (k+1)/B); the last one holds 1.0, too.

    Attributes:
        count: joints in the bin.
        predicted: sum of their probabilities.
        visible: how many of them are visible.
    """

    count: NDArray[np.int64]
    predicted: Floats
    visible: NDArray[np.int64]

    @property
    def ece(self) -> float | None:
        """Expected calibration error: |mean probability - share visible| weighted by the joints of a bin."""
        n = int(self.count.sum())
        return float(np.abs(self.predicted - self.visible).sum() / n) if n else None

    def rows(self) -> list[dict[str, float | int | None]]:
        """One dict a bin: low, high, count, mean predicted and share visible (None in an empty bin)."""
        edges = [k / len(self.count) for k in range(len(self.count) + 1)]
        rows: list[dict[str, float | int | None]] = []
        for k, count in enumerate(self.count.tolist()):
            mean = float(self.predicted[k] / count) if count else None
            share = float(self.visible[k] / count) if count else None
            rows.append(
                {"low": edges[k], "high": edges[k + 1], "count": count, "predicted": mean, "visible": share},
            )
        return rows


def reliability(truth: Flags, value: Floats, bins: int = BINS) -> Reliability:
    """Count probabilities into bins.

    Args:
        truth: (M,) whether a joint is visible.
        value: (M,) in 0..1.
        bins: how many.

    Raises:
        ValueError: a probability outside 0..1.
    """
    if not ((value >= 0) & (value <= 1)).all():
        raise ValueError("a probability must lie in 0..1")
    # Compared with the edges k / bins themselves: value * bins would round a value on an edge to either side.
    place = np.searchsorted(np.arange(1, bins) / bins, value, side="right")
    return Reliability(
        np.bincount(place, minlength=bins).astype(np.int64),
        np.bincount(place, weights=value, minlength=bins).astype(np.float64),
        np.bincount(place[truth], minlength=bins).astype(np.int64),
    )


def brier(truth: Flags, value: Floats) -> float | None:
    """Mean squared difference of probability and truth (0 or 1); None without joints."""
    return float(np.mean((value - truth) ** 2)) if len(truth) else None


@dataclass(frozen=True)
class RiskCoverage:
    """PCK of the most confident share of the joints.

    Attributes:
        kept: shares, as `KEPT`.
        pck: share of correct joints among those kept, 0..1.
        aurc: area under the risk: mean of 1 - PCK over keeping 1, 2, .. all joints; lower is better.
        aurc_best: the same for a confidence that puts every correct joint before every wrong one.
        aurc_random: the same for a confidence that says nothing: 1 - PCK.
    """

    kept: tuple[float, ...]
    pck: tuple[float, ...]
    aurc: float
    aurc_best: float
    aurc_random: float


def risk_coverage(correct: Flags, confidence: Floats) -> RiskCoverage | None:
    """Curve and area. Joints of equal confidence are kept together, in proportion: the expected hits of any order.

    Args:
        correct: (M,) whether a joint lies within the threshold.
        confidence: (M,) finite.

    Returns:
        the curve, or None without joints.
    """
    n = len(correct)
    if not n:
        return None
    hits = _hits(correct, confidence)
    shares = tuple(float(np.interp(share * n, np.arange(n + 1), hits) / (share * n)) for share in KEPT)
    return RiskCoverage(
        KEPT, shares, _area(hits), _area(_hits(correct, correct.astype(np.float64))), float(1 - hits[-1] / n)
    )


def _hits(correct: Flags, confidence: Floats) -> Floats:
    """Expected correct joints among the k most confident, for k = 0..M: (M + 1,)."""
    _, place = np.unique(-confidence, return_inverse=True)
    ends = np.concatenate([[0], np.bincount(place).cumsum()])
    at_ends = np.concatenate([[0], np.bincount(place, weights=correct).cumsum()])
    return np.asarray(np.interp(np.arange(len(correct) + 1), ends, at_ends), dtype=np.float64)


def _area(hits: Floats) -> float:
    return float(np.mean(1 - hits[1:] / np.arange(1, len(hits))))
