"""Means of a number a joint: end-point error in pixels, and the area under the PCK curve.

End-point error: distance in pixels of the original image. It has no upper end, so a joint without prediction cannot
count as wrong; it is left out whatever the missing rule is, and how many were left out stands beside the number.

Area under the curve: PCK is a staircase of the threshold, so its integral over a span is exact and needs no grid: a
joint at distance d is correct for every threshold from d on, which is the share (high - d) / (high - low) of the
span, cut to 0..1. mmpose and FreiHAND integrate on grids (20 and 100 thresholds) and differ in the third digit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Means:
    """Sums a joint, each (21,). Divide once.

    Attributes:
        total: of the values of the joints that count.
        scored: how many hands whose joint counts.
        hands: hands with at least one joint that counts.
    """

    total: Floats
    scored: NDArray[np.int64]
    hands: int

    @property
    def joints(self) -> int:
        """How many joints count in all."""
        return int(self.scored.sum())

    @property
    def macro(self) -> float | None:
        """Mean over the joints that have one of their mean over hands; None when none has."""
        present = self.scored > 0
        return float((self.total[present] / self.scored[present]).mean()) if present.any() else None

    @property
    def micro(self) -> float | None:
        """Mean over all joints of all hands; None when there is none."""
        return float(self.total.sum() / self.joints) if self.joints else None


def means(values: Floats, scored: Flags) -> Means:
    """Sum values (N, 21) where `scored` (N, 21) is true.

    Raises:
        ValueError: a value that counts is not finite.
    """
    if not np.isfinite(values[scored]).all():
        raise ValueError("a value that counts is not finite")
    total = np.where(scored, values, 0.0).sum(axis=0)
    return Means(total, scored.sum(axis=0), int(scored.any(axis=1).sum()))


def curve_share(distance: Floats, span: tuple[float, float]) -> Floats:
    """Share of the span for which a joint is correct, so that its mean is the area under the PCK curve.

    Args:
        distance: (N, 21) in units of the size; inf (missing) gives 0, NaN stays NaN.
        span: (low, high), low < high.

    Returns:
        (N, 21) in 0..1.

    Raises:
        ValueError: the span does not rise.
    """
    low, high = span
    if not low < high:
        raise ValueError(f"the span must rise, got {span}")
    return np.asarray(np.clip((high - distance) / (high - low), 0.0, 1.0))
