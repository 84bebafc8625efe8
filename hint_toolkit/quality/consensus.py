"""Several people's answers to one hand -> the label they support, and how sure it is.

Points: an expectation-maximisation over annotators. Everybody has a scatter sigma (of the hand's size, from all hands
they share with others); a joint's consensus is the mean of its answers weighted by 1 / sigma^2, each weight lowered
for an answer that lies far out (Student t with 4 degrees of freedom: K. Lange et al., Robust Statistical Modeling
Using the t Distribution, JASA 84, 1989). Residuals are divided by what the mean takes from them, so that two people
do not look sharper than twenty.

Flags: A. Dawid and A. Skene (Applied Statistics 28, 1979) for yes and no: everybody has a rate of saying yes where it
is so, and where it is not; the prior of a joint is its share of yes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_SWEEPS: Final = 60
_DEGREES: Final = 4.0
_SHARPEST: Final = 0.002
"""Of the hand's size: nobody is sharper, and two equal answers do not make their authors infinitely trusted."""
_RATES: Final = (1.0, 1.0)
"""Answers of either kind that everybody is credited with before the first (add-one)."""


@dataclass(frozen=True)
class Panel:
    """N hands as A people answered them; NaN or False where somebody did not.

    Attributes:
        answered: (A, N) who answered which.
        points: (A, N, 21, 2) pixels.
        exists: (A, N, 21).
        occluded: (A, N, 21).
        sizes: (N,) pixels.
    """

    answered: Flags
    points: Floats
    exists: Flags
    occluded: Flags
    sizes: Floats


@dataclass(frozen=True)
class Consensus:
    """What the panel supports.

    Attributes:
        points: (N, 21, 2) pixels, NaN where nobody has a point.
        errors: (N, 21) standard error of either coordinate in pixels; NaN with fewer than two answers.
        exists: (N, 21).
        exists_sure: (N, 21) probability that it exists.
        occluded: (N, 21), a part of `exists`.
        occluded_sure: (N, 21) probability that it is occluded, given that it exists.
        sigma: (A,) scatter of every annotator's points, of the hand's size, either coordinate; NaN without overlap.
    """

    points: Floats
    errors: Floats
    exists: Flags
    exists_sure: Floats
    occluded: Flags
    occluded_sure: Floats
    sigma: Floats


def agree_on(panel: Panel) -> Consensus:
    """The consensus of a panel.

    A tie of flags (probability exactly one half) is decided for "exists" and for "visible", the commoner answers.
    """
    answered = np.broadcast_to(panel.answered[:, :, None], panel.exists.shape)
    exists_sure = _votes(panel.exists, answered)
    exists = exists_sure >= 0.5
    # Only who says that the joint exists says anything about where it is and whether it is hidden.
    said = answered & panel.exists
    occluded_sure = _votes(panel.occluded, said)
    points, errors, sigma = _fused(panel, said & finite(panel.points))
    known = exists & finite(points)
    return Consensus(points, errors, known, exists_sure, known & (occluded_sure > 0.5), occluded_sure, sigma)


def _fused(panel: Panel, said: Flags) -> tuple[Floats, Floats, Floats]:
    """Consensus points, their standard errors, and everybody's sigma."""
    people = len(said)
    sizes = np.where(panel.sizes > 0, panel.sizes, np.nan)[None, :, None]
    points = np.where(said[..., None], panel.points, 0.0)
    n = said.sum(axis=0)
    shared = said & (n >= 2)
    sigma = np.full(people, 0.02)
    weight = said.astype(float)
    center = _mean(points, weight)
    for _ in range(_SWEEPS):
        away = np.where(shared, ((points - center) ** 2).sum(axis=-1) / sizes**2, 0.0)
        var = sigma[:, None, None] ** 2
        robust = np.where(shared, (_DEGREES + 2) / (_DEGREES + away / var), 1.0)
        weight = np.where(said, robust / var, 0.0)
        total = weight.sum(axis=0)
        center = _mean(points, weight)
        left = np.where(shared, 1.0 - weight / np.where(total > 0, total, 1.0), 0.0)
        spent = 2.0 * left.sum(axis=(1, 2))
        # The t weights again: a few wild answers make nobody's usual scatter.
        squares = (robust * away).sum(axis=(1, 2))
        new = np.where(spent > 0, np.sqrt(squares / np.where(spent > 0, spent, 1.0)), sigma)
        new = np.maximum(new, _SHARPEST)
        moved = float(np.abs(new - sigma).max(initial=0.0))
        sigma = new
        if moved < 1e-7:
            break
    total = weight.sum(axis=0)
    errors = np.where(n >= 2, panel.sizes[:, None] / np.sqrt(np.where(total > 0, total, 1.0)), np.nan)
    alone = ~shared.any(axis=(1, 2))
    return np.where((n > 0)[..., None], center, np.nan), errors, np.where(alone, np.nan, sigma)


def _mean(points: Floats, weight: Floats) -> Floats:
    total = weight.sum(axis=0)
    return np.asarray((weight[..., None] * points).sum(axis=0) / np.where(total > 0, total, 1.0)[..., None])


def _votes(yes: Flags, said: Flags) -> Floats:
    """(N, 21) probability of yes; 0.5 where nobody answered."""
    n = said.sum(axis=0)
    share = np.where(n > 0, (yes & said).sum(axis=0) / np.maximum(n, 1), 0.5)
    sure = share.copy()
    asked = said & (n >= 2)
    if not asked.any():
        return share
    for _ in range(_SWEEPS):
        prior = _prior(sure, n)
        right, wrong = _rate(yes, asked, sure), _rate(yes, asked, 1.0 - sure)
        log = np.log(prior / (1.0 - prior))
        for a in range(len(yes)):
            given = np.where(yes[a], np.log(right[a] / wrong[a]), np.log((1 - right[a]) / (1 - wrong[a])))
            log = log + np.where(said[a], given, 0.0)
        new = np.where(n >= 2, 1.0 / (1.0 + np.exp(-np.clip(log, -500, 500))), share)
        moved = float(np.abs(new - sure).max(initial=0.0))
        sure = new
        if moved < 1e-7:
            break
    # What everybody says is so: no estimate of people's rates overrules it.
    return np.asarray(np.where((n > 0) & ((share == 0.0) | (share == 1.0)), share, sure), np.float64)


def _prior(sure: Floats, n: NDArray[np.int64]) -> Floats:
    """(1, 21) share of yes of every joint."""
    weight = n > 0
    yes = np.where(weight, sure, 0.0).sum(axis=0) + _RATES[0]
    return np.asarray((yes / (weight.sum(axis=0) + sum(_RATES)))[None], np.float64)


def _rate(yes: Flags, said: Flags, sure: Floats) -> Floats:
    """(A,) how often everybody says yes, weighted by how sure the case is."""
    hits = np.where(said & yes, sure, 0.0).sum(axis=(1, 2)) + _RATES[0]
    return np.asarray(hits / (np.where(said, sure, 0.0).sum(axis=(1, 2)) + sum(_RATES)), np.float64)


@dataclass(frozen=True)
class Disagreement:
    """A hand that somebody should decide.

    Attributes:
        row: position of the hand.
        joints: how many joints are in dispute.
        far: largest distance of two answers to a joint, of the hand's size.
        flags: joints of which existence or occlusion is disputed.
        side: whether people differ about left and right.
    """

    row: int
    joints: int
    far: float
    flags: int
    side: bool


def disagreements(
    panel: Panel, sides: Sequence[NDArray[np.object_]], *, far: float = 0.1, flags: int = 4
) -> list[Disagreement]:
    """Hands whose answers lie too far apart, the worst first.

    Args:
        panel: the answers.
        sides: (N,) "left", "right" or "" of everybody.
        far: a joint is in dispute beyond this distance of two answers, in units of the hand's size.
        flags: a hand is in dispute from so many joints with differing flags.
    """
    said = panel.answered[:, :, None] & panel.exists & finite(panel.points)
    size = np.where(panel.sizes > 0, panel.sizes, np.nan)[:, None]
    widest = np.zeros(said.shape[1:])
    for a in range(len(said)):
        for b in range(a):
            gap = np.hypot(*np.moveaxis(panel.points[a] - panel.points[b], -1, 0)) / size
            widest = np.maximum(widest, np.where(said[a] & said[b], gap, 0.0))
    answered = np.broadcast_to(panel.answered[:, :, None], panel.exists.shape)
    split = _split(panel.exists, answered) | _split(panel.occluded, answered & panel.exists)
    words = np.stack([np.where(row, side, "") for row, side in zip(panel.answered, sides, strict=True)])
    other = ((words == "left").any(axis=0)) & ((words == "right").any(axis=0))
    found = [
        Disagreement(i, int((widest[i] > far).sum()), float(widest[i].max()), int(split[i].sum()), bool(other[i]))
        for i in range(said.shape[1])
    ]
    wanted = [one for one in found if one.joints or one.flags >= flags or one.side]
    return sorted(wanted, key=lambda one: (-one.side, -one.joints, -one.flags, -one.far, one.row))


def _split(yes: Flags, said: Flags) -> Flags:
    n, k = said.sum(axis=0), (yes & said).sum(axis=0)
    return np.asarray((k > 0) & (k < n))
