"""Several people's answers to one hand -> the label they support, and how sure it is.

Points: everybody has a scatter sigma (`scatter.py`). A joint's consensus is the mean of its answers weighted by
1 / sigma^2, each weight lowered for an answer that lies far out (Student t with 4 degrees of freedom: K. Lange et al.,
Robust Statistical Modeling Using the t Distribution, JASA 84, 1989).

Flags: A. Dawid and A. Skene (Applied Statistics 28, 1979) for yes and no: everybody has a rate of saying yes where it
is so, and where it is not; the prior of a joint is its share of yes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.quality.scatter import scatters

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_SWEEPS: Final = 60
_DEGREES: Final = 4.0
_STILL: Final = 1e-6
"""Pixels: the consensus has come to rest."""
_CREDIT: Final = (9.0, 1.0)
"""Right and wrong answers that everybody is credited with before the first: few answers shall not make a liar."""
_ROUNDS: Final = 1000


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
    sizes = np.where(panel.sizes > 0, panel.sizes, np.nan)[None, :, None]
    points = np.where(said[..., None], panel.points, 0.0)
    n = said.sum(axis=0)
    sigma = scatters(panel.points, said, panel.sizes)
    known = sigma[~np.isnan(sigma)]
    var = np.where(np.isnan(sigma), np.median(known) if len(known) else 1.0, sigma)[:, None, None] ** 2
    weight = said / var
    # From the median on: a wild answer of the sharpest person would hold a mean that begins at itself.
    center = np.where((n >= 3)[..., None], _median(panel.points, said), _mean(points, weight))
    for _ in range(_SWEEPS):
        away = np.nan_to_num(((points - center) ** 2).sum(axis=-1) / sizes**2)
        weight = np.where(said, (_DEGREES + 2) / (_DEGREES + away / var) / var, 0.0)
        moved, center = center, _mean(points, weight)
        if float(np.abs(moved - center).max(initial=0.0)) < _STILL:
            break
    # A near answer weighs more than 1 / sigma^2 in the mean, but makes it no surer than that.
    total = np.minimum(weight, said / var).sum(axis=0)
    errors = np.where(n >= 2, panel.sizes[:, None] / np.sqrt(np.where(total > 0, total, 1.0)), np.nan)
    only = points.sum(axis=0)  # of one answer: itself, to the last bit
    center = np.where((n == 1)[..., None], only, center)
    return np.where((n > 0)[..., None], center, np.nan), errors, sigma


def _median(points: Floats, said: Flags) -> Floats:
    """(N, 21, 2) middle answer of either coordinate; 0 where nobody answered."""
    ordered = np.sort(np.where(said[..., None], points, np.inf), axis=0)
    n = np.maximum(said.sum(axis=0), 1)[None, ..., None]
    low, high = (np.take_along_axis(ordered, k, axis=0)[0] for k in ((n - 1) // 2, n // 2))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.any(said, axis=0)[:, :, None], (low + high) / 2.0, 0.0))


def _mean(points: Floats, weight: Floats) -> Floats:
    total = weight.sum(axis=0)
    return np.asarray((weight[..., None] * points).sum(axis=0) / np.where(total > 0, total, 1.0)[..., None])


def _votes(yes: Flags, said: Flags) -> Floats:
    """(N, 21) probability of yes; 0.5 where nobody answered."""
    n = said.sum(axis=0)
    share = np.where(n > 0, (yes & said).sum(axis=0) / np.maximum(n, 1), 0.5)
    asked = said & (n >= 2)
    if not asked.any():
        return share
    sure = share.copy()
    for _ in range(_ROUNDS):
        prior = _prior(sure, n)
        hit = _rate(yes, asked, sure, _CREDIT)
        false = _rate(yes, asked, 1.0 - sure, _CREDIT[::-1])
        log = np.log(prior / (1.0 - prior))
        for a in range(len(yes)):
            given = np.where(yes[a], np.log(hit[a] / false[a]), np.log((1 - hit[a]) / (1 - false[a])))
            log = log + np.where(said[a], given, 0.0)
        new = np.where(n >= 2, 1.0 / (1.0 + np.exp(-np.clip(log, -500, 500))), share)
        moved, sure = float(np.abs(new - sure).max(initial=0.0)), new
        if moved < 1e-6:
            break
    # What everybody says is so: no estimate of people's rates overrules it.
    return np.asarray(np.where((n > 0) & ((share == 0.0) | (share == 1.0)), share, sure), np.float64)


def _prior(sure: Floats, n: NDArray[np.int64]) -> Floats:
    """(1, 21) share of yes of every joint, with one of either kind before the first."""
    weight = n > 0
    yes = np.where(weight, sure, 0.0).sum(axis=0) + 1.0
    return np.asarray((yes / (weight.sum(axis=0) + 2.0))[None], np.float64)


def _rate(yes: Flags, said: Flags, sure: Floats, credit: tuple[float, ...]) -> Floats:
    """(A,) how often everybody says yes, weighted by how sure the case is."""
    hits = np.where(said & yes, sure, 0.0).sum(axis=(1, 2)) + credit[0]
    return np.asarray(hits / (np.where(said, sure, 0.0).sum(axis=(1, 2)) + sum(credit)), np.float64)


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
