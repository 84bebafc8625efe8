"""Every measure of agreement as sums a clip and joint, so that any part of them can be pooled and drawn again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.flows.pairs import WITHIN_PALM, distances_between, flag_pairs, sizes_of, within_palm
from hint_toolkit.flows.people import People
from hint_toolkit.geometry import finite
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.metrics.agreement import Statistic, agreed, cluster_sums, kappas, macros, means, palm_lengths, roots
from hint_toolkit.metrics.agreement import value as value_of
from hint_toolkit.metrics.krippendorff import alphas, unit_sums
from hint_toolkit.metrics.pck import subset_mask, within
from hint_toolkit.protocol import HAMER_V1, SUBSETS, measure_name
from hint_toolkit.records import Hands

Floats = NDArray[np.float64]
SIGMA: Final = "sigma"
DISTANCE_SIZE: Final = "distance / hand size"
DISTANCE_PALM: Final = "distance / palm length"
SIDE: Final = "side agreement"


@dataclass(frozen=True)
class Sums:
    """A measure before it is drawn.

    Attributes:
        statistic: of sums (..., K) to a number.
        parts: (C, 21, K) sums of every cluster and joint.
        pooled: statistic of all joints together: of their summed (C, K), or of (C, 21 K) side by side.
        side_by_side: which of the two.
        joints: whether the single joints mean something.
    """

    statistic: Statistic
    parts: Floats
    pooled: Statistic
    side_by_side: bool = False
    joints: bool = True

    def __add__(self, other: "Sums") -> "Sums":
        """The same measure over more pairs."""
        return Sums(self.statistic, self.parts + other.parts, self.pooled, self.side_by_side, self.joints)

    def together(self) -> Floats:
        """(C, K) or (C, 21 K)."""
        return self.parts.reshape(len(self.parts), -1) if self.side_by_side else self.parts.sum(axis=1)

    def comparisons(self) -> Floats:
        """(21,) how many answers were compared; a pair counts once in each direction where both are taken."""
        sums = self.parts.sum(axis=0)
        width = sums.shape[-1]  # sum and count; disagreement, yes, no; or the cells of a 2 x 2 table
        return np.asarray(sums[:, {2: slice(1, 2), 3: slice(1, 3), 4: slice(0, 4)}[width]].sum(axis=-1), np.float64)

    def by_joint(self) -> list[float | None]:
        """(21,) the measure of every joint; None where it is not defined."""
        return [value_of(self.statistic, self.parts[:, j]) for j in range(N_JOINTS)]


def pair_sums(pair: tuple[Hands, Hands], clusters: NDArray[np.int64], n: int, normaliser: str) -> dict[str, Sums]:
    """All measures of two people's answers to the same hands, as sums a cluster."""

    def add(values: Floats) -> Floats:
        return cluster_sums(values, clusters, n)

    a, b = pair
    both = a.exists & b.exists & finite(a.points) & finite(b.points)
    offset = np.where(both[..., None], a.points - b.points, 0.0)
    pixels = np.hypot(offset[..., 0], offset[..., 1])
    sizes = (sizes_of(a, normaliser) + sizes_of(b, normaliser)) / 2.0
    palms = (palm_lengths(a.points, a.exists) + palm_lengths(b.points, b.exists)) / 2.0
    areas = (_area(a) + _area(b)) / 2.0
    found = {
        DISTANCE_SIZE: _mean(add, pixels / _positive(sizes)[:, None], both),
        DISTANCE_PALM: _mean(add, pixels / _positive(palms)[:, None], both),
        SIGMA: _mean(add, pixels**2 / _positive(areas)[:, None] / 2.0, both, roots),
    }
    for name, (hit, counted) in _both_ways(pair, normaliser):
        parts = add(np.stack([hit, counted], axis=-1).astype(np.float64))
        if name == WITHIN_PALM:
            found[name] = Sums(means, parts, means)
        else:
            found[name] = Sums(means, parts, macros, side_by_side=True)
    for flag, (yes_a, yes_b, asked) in flag_pairs(pair).items():
        cells = [yes_a & yes_b, yes_a & ~yes_b, ~yes_a & yes_b, ~yes_a & ~yes_b]
        parts = add(np.stack([cell & asked for cell in cells], axis=-1).astype(np.float64))
        found[f"{flag} agreement"] = Sums(agreed, parts, agreed)
        found[f"{flag} kappa"] = Sums(kappas, parts, kappas)
    same = np.zeros((len(a), N_JOINTS, 2))
    same[:, 0] = np.stack([a.side == b.side, np.ones(len(a), bool)], axis=-1)
    found[SIDE] = Sums(means, add(same), means, joints=False)
    return found


def _both_ways(pair: tuple[Hands, Hands], normaliser: str) -> Iterator[tuple[str, tuple[Floats, Floats]]]:
    """(measure, (hits, counted)) summed over the two directions, (N, 21) each."""
    for threshold in HAMER_V1.thresholds:
        for subset in SUBSETS:
            hits: Floats = np.zeros(pair[0].exists.shape)
            counts = np.zeros_like(hits)
            for truth, other in (pair, pair[::-1]):
                pixels, located = distances_between(truth, other)
                counted = subset_mask(subset, truth.exists, truth.occluded) & located
                near = within(pixels, sizes_of(truth, normaliser), threshold, HAMER_V1.border)
                hits, counts = hits + (near & counted), counts + counted
            yield measure_name(threshold, subset), (hits, counts)
    (near, counted), (near_back, counted_back) = within_palm(*pair), within_palm(*pair[::-1])
    yield WITHIN_PALM, (near.astype(np.float64) + near_back, counted.astype(np.float64) + counted_back)


def _mean(add: Any, values: Floats, counted: NDArray[np.bool_], statistic: Statistic = means) -> Sums:
    """Sum and count of the finite values that count."""
    usable = counted & np.isfinite(values)
    parts = np.stack([np.where(usable, values, 0.0), usable.astype(np.float64)], axis=-1)
    return Sums(statistic, add(parts), statistic)


def _positive(values: Floats) -> Floats:
    return np.where(values > 0, values, np.nan)


def _area(hands: Hands) -> Floats:
    """Square pixels of the box, as the similarity of keypoints has it."""
    sides = hands.box[:, 2:] - hands.box[:, :2]
    return np.asarray(sides[:, 0] * sides[:, 1], np.float64)


def alpha_sums(people: People, n: int) -> dict[str, Sums]:
    """Krippendorff's alpha of both flags, over everybody at once."""
    answered = people.rows >= 0
    at = np.maximum(people.rows, 0)
    exists = people.hands.exists[at] & answered[..., None]
    occluded = people.hands.occluded[at] & answered[..., None]
    everybody = np.broadcast_to(answered[..., None], exists.shape)
    return {
        f"{flag} alpha": Sums(
            alphas, cluster_sums(unit_sums((yes & asked).sum(axis=0), asked.sum(axis=0)), people.clusters, n), alphas
        )
        for flag, yes, asked in (("occlusion", occluded, exists), ("existence", exists, everybody))
    }
