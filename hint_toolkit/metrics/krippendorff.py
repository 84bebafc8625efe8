"""Krippendorff's alpha for yes/no answers of any number of people, with answers missing.

K. Krippendorff, Content Analysis (2nd ed. 2004), chapter 11: alpha = 1 - D_o / D_e over the pairs of answers within a
unit. For two values this needs three sums, so that clusters can be drawn without looking at the units again:
the disagreeing pairs of every unit, 2 n_yes n_no / (m - 1) with m answers, and how often either value was said.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def unit_sums(yes: NDArray[np.int64], answers: NDArray[np.int64]) -> Floats:
    """What every unit adds; sum it over whatever belongs together, then call `alphas`.

    Args:
        yes: (N, J) how many people said yes.
        answers: (N, J) how many answered; a unit with fewer than two says nothing about agreement.

    Returns:
        (N, J, 3): disagreement, yes, no.
    """
    counted = answers >= 2
    no = np.where(counted, answers - yes, 0)
    yes = np.where(counted, yes, 0)
    apart = 2.0 * yes * no / np.maximum(answers - 1, 1)
    return np.stack([apart, yes, no], axis=-1).astype(np.float64)


def alphas(sums: Floats) -> Floats:
    """Alpha of (..., 3) sums; NaN where everybody always said the same value, which leaves nothing to tell apart."""
    apart, yes, no = sums[..., 0], sums[..., 1], sums[..., 2]
    expected = 2.0 * yes * no / np.maximum(yes + no - 1, 1)
    result: Floats = np.full(np.shape(apart), np.nan)
    np.divide(apart, expected, out=result, where=expected > 0)
    return np.asarray(1.0 - result, np.float64)
