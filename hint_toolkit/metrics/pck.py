"""Percentage of correct keypoints (PCK), kept as counts until the last moment.

Rule of HaMeR's `EvaluatorPCK` (hamer/utils/pose_utils.py): correct when distance <= threshold x size; the
share of correct hands per joint; the mean of those shares over the joints. Where HaMeR would print NaN
because a joint has no truth in the subset, that joint is left out of the mean and named.

`within` compares as the sources do: `<=` as HaMeR, pixels with threshold x size; `<` as mmpose, pixels / size with
the threshold. In exact numbers that is one comparison; in floating point 3.6 px of 24 px is 0.15 to the one and
not to the other. (Both programs round to float32 before, so no published number can depend on it.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.protocol import Border

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Tally:
    """Counts per joint, each (21,). Add tallies, divide once.

    Attributes:
        correct: hands whose joint is correct.
        scored: hands whose joint counts.
        hands: hands with at least one joint that counts.
    """

    correct: NDArray[np.int64]
    scored: NDArray[np.int64]
    hands: int

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(self.correct + other.correct, self.scored + other.scored, self.hands + other.hands)

    @property
    def joints(self) -> int:
        """How many joints were scored in all."""
        return int(self.scored.sum())

    @property
    def per_joint(self) -> Floats:
        """Share of correct hands per joint, (21,); NaN where no hand counts."""
        shares: Floats = np.full(N_JOINTS, np.nan)
        return np.divide(self.correct, self.scored, out=shares, where=self.scored > 0)

    @property
    def macro(self) -> float | None:
        """Mean over the joints that have truth, 0..1; None when none has."""
        shares = self.per_joint[self.scored > 0]
        return float(shares.mean()) if len(shares) else None

    @property
    def micro(self) -> float | None:
        """Share of all scored joints, 0..1; None when there is none."""
        return float(self.correct.sum() / self.joints) if self.joints else None


def pixel_distances(predicted: Floats, truth: Floats) -> Floats:
    """Distance of every joint in pixels.

    Args:
        predicted: (N, 21, 2) pixels; a NaN coordinate is a missing point.
        truth: (N, 21, 2) pixels; NaN where there is none.

    Returns:
        (N, 21); inf where the prediction is missing, NaN where there is no truth.

    Raises:
        ValueError: shapes disagree.
    """
    if predicted.shape != truth.shape or truth.shape[1:] != (N_JOINTS, 2):
        raise ValueError(f"wanted (N, 21, 2) twice; got {predicted.shape}, {truth.shape}")
    x, y = predicted[..., 0] - truth[..., 0], predicted[..., 1] - truth[..., 1]
    # Not hypot, which rounds differently: HaMeR takes the root of the sum of squares.
    distance = np.sqrt(x * x + y * y)
    distance = np.where(finite(predicted), distance, np.inf)
    return np.where(finite(truth), distance, np.nan)


def distances(predicted: Floats, truth: Floats, sizes: Floats) -> Floats:
    """Distance of every joint in units of the hand's size.

    Args:
        predicted: (N, 21, 2) pixels; a NaN coordinate is a missing point.
        truth: (N, 21, 2) pixels; NaN where there is none.
        sizes: (N,) pixels, > 0.

    Returns:
        (N, 21); inf where the prediction is missing, NaN where there is no truth.

    Raises:
        ValueError: shapes disagree, or a size is not a positive number.
    """
    if predicted.shape != truth.shape or truth.shape[1:] != (N_JOINTS, 2) or sizes.shape != truth.shape[:1]:
        raise ValueError(f"wanted (N, 21, 2), (N, 21, 2), (N,); got {predicted.shape}, {truth.shape}, {sizes.shape}")
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        raise ValueError("every size must be a positive number")
    return np.asarray(pixel_distances(predicted, truth) / sizes[:, None])


def within(pixels: Floats, sizes: Floats, threshold: float, border: Border = "<=") -> Flags:
    """Which joints are near enough to the truth.

    Args:
        pixels: (N, 21) from `pixel_distances`; NaN is never near, inf likewise.
        sizes: (N,) pixels, > 0.
        threshold: in units of the size.
        border: whether a distance equal to the threshold is near ("<=", HaMeR) or not ("<", mmpose).

    Raises:
        ValueError: unknown border.
    """
    if border == "<=":
        return np.asarray(pixels <= sizes[:, None] * threshold)
    if border == "<":
        return np.asarray(pixels / sizes[:, None] < threshold)
    raise ValueError(f"border must be '<=' or '<', got {border!r}")


def subset_mask(subset: str, exists: Flags, occluded: Flags) -> Flags:
    """Which joints count in a subset, (N, 21).

    All joints that exist; visible: exists and not occluded; occluded: exists and occluded. A joint that does
    not exist counts nowhere.

    Raises:
        ValueError: unknown subset.
    """
    masks = {"all": exists, "visible": exists & ~occluded, "occluded": exists & occluded}
    if subset not in masks:
        raise ValueError(f"subset must be one of {tuple(masks)}, got {subset!r}")
    return masks[subset]


def tally(correct: Flags, scored: Flags) -> Tally:
    """Count the correct joints among those that count, both (N, 21)."""
    return Tally((correct & scored).sum(axis=0), scored.sum(axis=0), int(scored.any(axis=1).sum()))


def pck_tally(distance: Floats, scored: Flags, threshold: float) -> Tally:
    """Count the joints that are no farther than `threshold` from the truth; the border counts as correct.

    Args:
        distance: (N, 21) from `distances`.
        scored: which joints count, (N, 21).
        threshold: in units of the size.

    Raises:
        ValueError: a joint that counts has no truth.
    """
    if np.isnan(distance[scored]).any():
        raise ValueError("a joint that counts has no true coordinates")
    return tally(distance <= threshold, scored)


def first_threshold(distance: Floats, thresholds: Floats, border: Border = "<=") -> NDArray[np.int64]:
    """Number of the first threshold that lets each joint in, (N, 21); T where none does.

    Args:
        distance: (N, 21) from `distances`.
        thresholds: (T,) rising, in units of the size.
        border: as in `within`.
    """
    return np.asarray(np.searchsorted(thresholds, distance, side="left" if border == "<=" else "right"))


def pck_curve(first: NDArray[np.int64], scored: Flags, n: int) -> list[Tally]:
    """One tally a threshold, in one pass over the joints instead of one a threshold.

    Args:
        first: (N, 21) from `first_threshold`; the same for every subset.
        scored: which joints count, (N, 21).
        n: how many thresholds there are.
    """
    counts, hands = scored.sum(axis=0), int(scored.any(axis=1).sum())
    joint = np.broadcast_to(np.arange(N_JOINTS), scored.shape)[scored]
    entered = np.bincount(joint * (n + 1) + first[scored], minlength=N_JOINTS * (n + 1)).reshape(N_JOINTS, n + 1)
    correct = entered.cumsum(axis=1)[:, :n]
    return [Tally(correct[:, k], counts, hands) for k in range(n)]
