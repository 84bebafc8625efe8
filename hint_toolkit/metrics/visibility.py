"""How well a number a joint tells visible joints from hidden ones: AP, ROC-AUC, F1.

Truth is one boolean a joint (visible or not), a prediction one number in 0..1, the probability that the joint
is visible. A measure that the data do not define is None: AP and ROC-AUC want both classes, F1 wants at
least one visible joint in truth or prediction. Where both are defined, the values are scikit-learn's
(`average_precision_score`, `roc_auc_score`, `f1_score`).
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Measure = Callable[[Flags, Floats], float | None]

VISIBLE_FROM = 0.5
"""A joint is called visible from this probability on; 0.5 itself counts as visible."""


def _groups(truth: Flags, value: Floats) -> tuple[Floats, Floats]:
    """Visible and hidden joints among those of equal value, (G,) each, from the highest value down."""
    _, place = np.unique(-value, return_inverse=True)
    size = int(place.max()) + 1 if len(place) else 0
    visible, hidden = (np.bincount(place[chosen], minlength=size) for chosen in (truth, ~truth))
    return visible.astype(np.float64), hidden.astype(np.float64)


def average_precision(truth: Flags, value: Floats) -> float | None:
    """Area under precision over recall as a step function: the sum of (R_n - R_{n-1}) P_n.

    n runs over the distinct values, so that joints of equal value enter together and the order of the file
    cannot matter. A constant value gives the share of visible joints.

    Args:
        truth: (M,) whether a joint is visible.
        value: (M,) finite.

    Returns:
        0..1, or None when only one class is there: with nothing to tell apart, 1.0 would be a gift.
    """
    if not truth.any() or truth.all():
        return None
    visible, hidden = _groups(truth, value)
    found, taken = visible.cumsum(), (visible + hidden).cumsum()
    return float((visible / found[-1] * (found / taken)).sum())


def roc_auc(truth: Flags, value: Floats) -> float | None:
    """Probability that a visible joint has the higher value than a hidden one; a tie counts one half.

    Args:
        truth: (M,) whether a joint is visible.
        value: (M,) finite.

    Returns:
        0..1, or None when only one class is there.
    """
    if not truth.any() or truth.all():
        return None
    visible, hidden = _groups(truth, value)
    below = hidden.sum() - hidden.cumsum()
    return float((visible * (below + hidden / 2)).sum() / (visible.sum() * hidden.sum()))


def f1(truth: Flags, value: Floats) -> float | None:
    """2 TP / (2 TP + FP + FN) of the visible class at `VISIBLE_FROM`; None when no joint is or is called visible."""
    called = value >= VISIBLE_FROM
    both, all_of_them = int((truth & called).sum()), int(truth.sum() + called.sum())
    return 2 * both / all_of_them if all_of_them else None


def per_joint(measure: Measure, truth: Flags, value: Floats, counted: Flags) -> list[float | None]:
    """A measure for every joint by itself.

    Args:
        measure: e.g. `average_precision`.
        truth: (N, J).
        value: (N, J), finite where counted.
        counted: (N, J) which joints take part.

    Returns:
        J values, None where the measure is not defined.
    """
    columns = range(truth.shape[1])
    return [measure(truth[counted[:, j], j], value[counted[:, j], j]) for j in columns]


def micro(measure: Measure, truth: Flags, value: Floats, counted: Flags) -> float | None:
    """A measure over all counted joints in one pool; arguments as `per_joint`."""
    return measure(truth[counted], value[counted])


def macro(values: Iterable[float | None]) -> float | None:
    """Mean of the defined values; None when there is none."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
