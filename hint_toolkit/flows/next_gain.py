"""Does the order of `hint-build next` pay? A labelled set is labelled again, in that order and in random ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.flows.match import match_predictions
from hint_toolkit.flows.next import clip_numbers, doubts, slices_of
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.io.release import read_truth
from hint_toolkit.metrics.pck import pixel_distances
from hint_toolkit.metrics.sizes import longer_side
from hint_toolkit.sampling.value import OFF, Candidates, rank

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
SHARES: Final = (0.05, 0.1, 0.2, 0.3, 0.5)
UNKNOWN: Final = 0.5
"""Standard error of a slice of which fewer than two clips are labelled: nothing is known about a share."""


@dataclass(frozen=True)
class Gain:
    """One point of the curve.

    Attributes:
        labelled: hands labelled so far.
        share: of all hands.
        wrong: share of all wrong pre-label joints among them, in the order of `next`.
        wrong_random: the same in random order: mean, 2.5 % and 97.5 % of the rounds.
        error: mean standard error of the detector's PCK over the slices, in the order of `next`.
        error_random: the same in random order.
    """

    labelled: int
    share: float
    wrong: float
    wrong_random: tuple[float, float, float]
    error: float
    error_random: tuple[float, float, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def simulate_gain(
    truth: Path, predictions: Sequence[Path], *, weight: float = 0.5, seed: int = 0, rounds: int = 200
) -> list[Gain]:
    """Label a labelled set again.

    Args:
        truth: any labelled dataset.
        predictions: the pre-labels first, then other detectors' answers.
        weight: see `sampling.value.rank`.
        seed: of the ties and of the random orders.
        rounds: random orders.

    Raises:
        InputError: fewer than two prediction files, or unreadable ones.
    """
    if len(predictions) < 2:
        raise InputError("wants the pre-labels and at least one other detector", next_step="repeat --predictions")
    read = read_truth(truth)
    hands = read.hands
    points = [match_predictions(read, read_predictions(path)).points for path in predictions]
    guesses = hands.replace(
        points=points[0], exists=np.isfinite(points[0]).all(axis=2), occluded=hands.occluded & False
    )
    doubt, _ = doubts(guesses, points[1:])
    known = slices_of(hands.replace(state=["prelabel"] * len(hands)), {})
    candidates = Candidates(hands.id.tolist(), clip_numbers(hands), known, doubt, {}, np.zeros(len(hands), bool))
    distances = pixel_distances(points[0], hands.points)
    wrong = hands.exists & ~(distances <= OFF * longer_side(hands.box)[:, None])
    return gains(candidates, wrong, hands.exists, weight=weight, seed=seed, rounds=rounds)


def gains(
    candidates: Candidates,
    wrong: Flags,
    scored: Flags,
    *,
    weight: float = 0.5,
    seed: int = 0,
    rounds: int = 200,
    shares: Sequence[float] = SHARES,
) -> list[Gain]:
    """The curve for given candidates.

    Args:
        candidates: all of them open.
        wrong: (N, 21) joints that the pre-label has wrong.
        scored: (N, 21) joints that count.
        weight: see `sampling.value.rank`.
        seed: of ties and random orders.
        rounds: random orders.
        shares: of the hands, where the curve is read.
    """
    order = np.array([one.position for one in rank(candidates, seed=seed, weight=weight)], np.int64)
    rng = np.random.default_rng(seed)
    others = [rng.permutation(len(order)) for _ in range(rounds)]
    total = max(int(wrong.sum()), 1)
    per_hand, counted = wrong.sum(axis=1), scored.sum(axis=1)
    groups = _groups(candidates)
    found = []
    for share in shares:
        n = max(round(share * len(order)), 1)
        read = _reader(per_hand, counted, candidates.clips, groups, total)
        chosen, random = read(order[:n]), np.array([read(other[:n]) for other in others])
        found.append(Gain(n, n / len(order), chosen[0], _span(random[:, 0]), chosen[1], _span(random[:, 1])))
    return found


def _span(values: Floats) -> tuple[float, float, float]:
    """Mean, 2.5 % and 97.5 %."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def _groups(candidates: Candidates) -> list[Flags]:
    """One mask a slice, slices of fewer than two clips left out: no order can say anything about them."""
    masks = []
    for values in candidates.slices.values():
        texts = np.array(values)
        masks += [texts == name for name in sorted(set(values))]
    return [mask for mask in masks if len(set(candidates.clips[mask].tolist())) > 1]


def _reader(
    wrong: NDArray[np.int64], counted: NDArray[np.int64], clips: NDArray[np.int64], groups: Sequence[Flags], total: int
) -> Callable[[NDArray[np.int64]], tuple[float, float]]:
    """What a set of labelled hands says: share of the wrong joints found, mean standard error over the slices."""

    def read(chosen: NDArray[np.int64]) -> tuple[float, float]:
        inside = np.zeros(len(clips), bool)
        inside[chosen] = True
        errors = [_error(wrong[m], counted[m], clips[m]) for m in (group & inside for group in groups)]
        return float(wrong[chosen].sum() / total), float(np.mean(errors)) if errors else 0.0

    return read


def _error(wrong: NDArray[np.int64], counted: NDArray[np.int64], clips: NDArray[np.int64]) -> float:
    """Standard error of a share over clips (Cochran, Sampling Techniques, 1977, ratio of cluster totals)."""
    _, place = np.unique(clips, return_inverse=True)
    n = int(place.max()) + 1 if len(place) else 0
    if n < 2 or not counted.sum():
        return UNKNOWN
    hits, sizes = (np.bincount(place, weights=v, minlength=n) for v in (wrong, counted))
    rest = hits - hits.sum() / sizes.sum() * sizes
    error = float(np.sqrt(n / (n - 1) * (rest**2).sum()) / sizes.sum())
    # Few clips may agree by chance: two that are both right do not prove that all are.
    return min(UNKNOWN, max(error, UNKNOWN / n))
