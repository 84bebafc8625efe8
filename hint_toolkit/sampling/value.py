"""Which hand to label next: the one that is expected to teach most, seen over numbers, never files.

The value of a hand has two parts, each divided by its mean over the candidates, so that neither hides the other:

- *doubt*: the share of its joints that the pre-label probably has wrong (detectors disagree, or the one detector is
  unsure). Correcting a hand that is right already teaches nothing and costs a minute.
- *rarity*: how much one more hand narrows the intervals of the slices that it belongs to. The standard error of a share
  p over n independent hands is sqrt(p (1 - p) / n); hands of one clip are alike, so m of them count as
  m / (1 + (m - 1) rho) (Kish, Survey Sampling, 1965: the design effect). What is common gains little, what is rare
  much, and a new clip more than the same one again.

The order is greedy: the best hand, then the best given that one, and so on; rarity shrinks as a slice fills, so the
queue is exact although only its head is worked out again (Minoux 1978, lazy greedy: gains only fall).
A hand of a picture that is a near-duplicate of one that is labelled or stands earlier comes after all others.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.sampling.plan import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ALIKE: Final = 0.3
"""Correlation of hands of one clip in being right: HInt has 8.7 hands a clip, and intervals by clip are wider."""
_START: Final = 1.0
"""Hands that every slice is credited with, so that the first hand of an empty one has a finite value."""
OFF: Final = 0.05
"""A joint counts as wrong beyond this share of the hand's size: the strict threshold of the protocol."""


@dataclass(frozen=True)
class Candidates:
    """Hands that could be labelled, with those that are.

    Attributes:
        ids: (N,) of the hands.
        clips: (N,) number of the clip that a hand belongs to.
        slices: attribute -> (N,) name of the slice, e.g. "occluded joints" -> "1-5".
        doubt: (N,) expected share of wrong joints 0..1, NaN where nothing is known.
        like: position -> positions of hands that show the same (near-duplicate pictures).
        labelled: (N,) already answered: they fill slices and are not ranked.
    """

    ids: Sequence[str]
    clips: Ints
    slices: Mapping[str, Sequence[str]]
    doubt: Floats
    like: Mapping[int, Sequence[int]]
    labelled: NDArray[np.bool_]


@dataclass(frozen=True)
class Ranked:
    """One hand in the order of work.

    Attributes:
        position: of the hand among the candidates.
        value: what it was chosen for, 0 for a repeat; in units of the mean candidate.
        doubt: its expected share of wrong joints, NaN if unknown.
        rarity: its gain for the intervals when it was chosen, in units of the mean candidate at the start.
        repeats: position of the hand that it repeats, -1 for none.
    """

    position: int
    value: float
    doubt: float
    rarity: float
    repeats: int


def disagreement(points: Sequence[Floats], sizes: Floats) -> Floats:
    """How far detectors differ about every joint.

    Args:
        points: two or more arrays (N, 21, 2) of pixels, NaN where a detector says nothing.
        sizes: (N,) of the hands, pixels.

    Returns:
        (N, 21) root mean square distance from their mean, in units of the size; NaN with fewer than two answers.

    Raises:
        ValueError: fewer than two detectors.
    """
    if len(points) < 2:
        raise ValueError(f"wanted two detectors or more, got {len(points)}")
    stacked = np.stack(points)
    said = finite(stacked)
    n = said.sum(axis=0)
    known = np.where(said[..., None], stacked, 0.0)
    mean = known.sum(axis=0) / np.maximum(n, 1)[..., None]
    squares = np.where(said, ((known - mean) ** 2).sum(axis=-1), 0.0).sum(axis=0)
    # Two answers have one degree of freedom: dividing by n would make a pair look surer than a dozen.
    spread = np.sqrt(squares / np.maximum(n - 1, 1)) / sizes[:, None]
    return np.asarray(np.where(n >= 2, spread, np.nan), np.float64)


def expected_wrong(spread: Floats) -> Floats:
    """Expected share of wrong joints of every hand.

    If the answers scatter about the truth like a round Gaussian of variance s^2 (both axes together), one of them lies
    farther than OFF with probability exp(-OFF^2 / s^2), the tail of a Rayleigh distribution.

    Args:
        spread: (N, 21) from `disagreement`.

    Returns:
        (N,) 0..1, NaN for a hand without a known joint.
    """
    known = np.isfinite(spread)
    safe = np.where(known & (spread > 0), spread, 1.0)
    share = np.where(known & (spread > 0), np.exp(-((OFF / safe) ** 2)), 0.0)
    n = known.sum(axis=1)
    return np.asarray(np.where(n > 0, share.sum(axis=1) / np.maximum(n, 1), np.nan), np.float64)


def rank(candidates: Candidates, *, seed: int = 0, weight: float = 0.5) -> list[Ranked]:
    """All hands that are not labelled, the most valuable first.

    Args:
        candidates: see there.
        seed: breaks ties; the order of the input never does.
        weight: of rarity, 0..1; doubt has the rest.

    Raises:
        ValueError: the weight is not in 0..1.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must be in 0..1, got {weight}")
    slices = _Slices(candidates)
    open_ones = np.flatnonzero(~candidates.labelled).tolist()
    known = candidates.doubt[open_ones][np.isfinite(candidates.doubt[open_ones])]
    # Nothing known counts as the average: neither a reason to look nor one to pass by.
    usual = float(known.mean()) if len(known) else 1.0
    doubt = np.where(np.isfinite(candidates.doubt), candidates.doubt, usual) / (usual or 1.0)
    gains = np.array([slices.gain(i) for i in open_ones])
    scale = float(gains.mean()) if len(gains) and gains.mean() > 0 else 1.0

    def worth(i: int) -> tuple[float, float]:
        rarity = slices.gain(i) / scale
        return (1 - weight) * float(doubt[i]) + weight * rarity, rarity

    heap = [(-worth(i)[0], stream(seed, candidates.ids[i]), i) for i in open_ones]
    heapq.heapify(heap)
    taken = set(np.flatnonzero(candidates.labelled).tolist())
    ranked: list[Ranked] = []
    repeats: list[Ranked] = []
    while heap:
        _, tie, i = heapq.heappop(heap)
        value, rarity = worth(i)
        if heap and (-value, tie) > heap[0][:2]:
            heapq.heappush(heap, (-value, tie, i))
            continue
        twin = next((k for k in sorted(candidates.like.get(i, ())) if k in taken), -1)
        found = Ranked(i, value if twin < 0 else 0.0, float(candidates.doubt[i]), rarity, twin)
        (ranked if twin < 0 else repeats).append(found)
        if twin < 0:
            taken.add(i)
            slices.add(i)
    return ranked + repeats


class _Slices:
    """How full every slice is, counted in independent hands."""

    def __init__(self, candidates: Candidates) -> None:
        self._clips = candidates.clips.tolist()
        names = [[f"{attribute}\0{value}" for value in values] for attribute, values in candidates.slices.items()]
        self._of = list(zip(*names, strict=True)) if names else [()] * len(candidates.ids)
        self._held: dict[tuple[str, int], int] = {}
        self._full: dict[str, float] = {}
        for i in np.flatnonzero(candidates.labelled).tolist():
            self.add(i)

    def _more(self, name: str, clip: int) -> float:
        """By how many independent hands one more of this clip fills the slice."""
        m = self._held.get((name, clip), 0)
        return _counts_as(m + 1) - _counts_as(m)

    def gain(self, i: int) -> float:
        """By how much the standard errors of the hand's slices fall, for p = 1/2 of all: a sum over its slices."""
        total = 0.0
        for name in self._of[i]:
            n = _START + self._full.get(name, 0.0)
            total += n**-0.5 - (n + self._more(name, self._clips[i])) ** -0.5
        return total

    def add(self, i: int) -> None:
        """The hand is labelled."""
        for name in self._of[i]:
            clip = self._clips[i]
            self._full[name] = self._full.get(name, 0.0) + self._more(name, clip)
            self._held[name, clip] = self._held.get((name, clip), 0) + 1


def _counts_as(m: int) -> float:
    return m / (1 + (m - 1) * ALIKE) if m else 0.0
