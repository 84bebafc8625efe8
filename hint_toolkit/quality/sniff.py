"""What is wrong with predictions as a whole: the order, unit, axis or side that somebody mistook.

`sniff` tries a fixed set of mistakes. For each it undoes the mistake and looks whether nearly every hand then lies
nearer to the truth. It changes nothing: it names the likely cause, the numbers that speak for it, and what mends it.
One mistake can hide another, so the best explanation is taken off and the search starts again.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import Floats, finite
from hint_toolkit.quality.mistakes import Hypothesis, Scene, candidates

ENOUGH_HANDS = 5
SHARE = 0.75  # of the hands that must fit clearly better
CLEARLY = 0.8  # times the error before
GAIN = 0.10  # of PCK, at least
THRESHOLD = 0.10
CAP = 0.5  # sizes; beyond it a joint is simply lost
FREEDOM = 0.01  # sizes: what an explanation pays for each number that it takes from the truth, hand by hand
ROUNDS = 3


@dataclass(frozen=True)
class Diagnosis:
    """One likely mistake.

    Attributes:
        cause: short key, e.g. "order:mano", "unit:crop", "mirrored:left"; for programs.
        text: one sentence with the evidence.
        remedy: what to change, and with which option.
        hands: how many hands were looked at.
        share: of them that fit clearly better with the mistake undone (without truth: that show it).
        before: PCK@0.1 of these hands as they are, None without truth.
        after: PCK@0.1 with the mistake undone, None without truth.
    """

    cause: str
    text: str
    remedy: str
    hands: int
    share: float
    before: float | None = None
    after: float | None = None


def sniff(scene: Scene, *, sample: int = 2000, seed: int = 0) -> list[Diagnosis]:
    """The mistakes that explain why predictions lie far from the truth; empty where nothing does.

    Args:
        scene: predictions and truth.
        sample: at most so many hands are looked at.
        seed: of their choice.

    Returns:
        the diagnoses, in the order in which they have to be mended.
    """
    scene = _sampled(scene, sample, seed)
    found: list[Diagnosis] = []
    seen: set[str] = set()
    for _ in range(ROUNDS if len(scene.points) >= ENOUGH_HANDS else 0):
        best = _best(scene, seen)
        if best is None:
            break
        diagnosis, hypothesis = best
        found.append(diagnosis)
        seen.add(hypothesis.candidate.family)
        scene = _undone(scene, hypothesis)
    return found


def _sampled(scene: Scene, sample: int, seed: int) -> Scene:
    """Hands that have something to compare, at most `sample` of them, partners with them where both are chosen."""
    usable = finite(scene.points) & scene.exists & finite(scene.truth)
    size = (scene.box[:, 2:] - scene.box[:, :2]).max(axis=1)
    chosen = np.flatnonzero((usable.sum(axis=1) >= 3) & (size > 0))
    if len(chosen) > sample:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, sample, replace=False))
    place = np.full(len(scene.points), -1)
    place[chosen] = np.arange(len(chosen))
    partner = scene.partner[chosen]
    partner = np.where(partner >= 0, place[partner], -1)
    parts = {name: getattr(scene, name)[chosen] for name in ("points", "truth", "exists", "box", "side", "size")}
    return Scene(**parts, partner=partner)


def _best(scene: Scene, seen: set[str]) -> tuple[Diagnosis, Hypothesis] | None:
    """The explanation that leaves the smallest error, if one explains enough."""
    size = (scene.box[:, 2:] - scene.box[:, :2]).max(axis=1)
    plain = _error(scene, scene.points, size)
    best, best_left = None, np.inf
    for hypothesis in candidates(scene):
        if hypothesis.candidate.family in seen:
            continue
        group, moved = hypothesis.group, hypothesis.points
        after = _error(scene, moved, size)
        diagnosis = _judge(scene, hypothesis, size, plain, after)
        left = float(np.nanmean(np.where(group, after, plain))) + FREEDOM * hypothesis.candidate.freedom
        if diagnosis is not None and left < best_left - 1e-9:
            best, best_left = (diagnosis, hypothesis), left
    return best


def _judge(scene: Scene, hypothesis: Hypothesis, size: Floats, before: Floats, after: Floats) -> Diagnosis | None:
    """A diagnosis where the evidence is enough."""
    group = hypothesis.group & np.isfinite(before) & np.isfinite(after)
    n = int(group.sum())
    if n < ENOUGH_HANDS:
        return None
    share = float((after[group] < CLEARLY * before[group]).mean())
    was, becomes = _pck(scene, scene.points, size, group), _pck(scene, hypothesis.points, size, group)
    if share < SHARE or becomes - was < GAIN:
        return None
    candidate = hypothesis.candidate
    text = f"{candidate.what}: {share:.0%} of {n} hands then fit better, PCK@0.1 {was:.1%} -> {becomes:.1%}"
    return Diagnosis(candidate.cause, text, candidate.remedy, n, share, was, becomes)


def _distance(scene: Scene, points: Floats, size: Floats) -> Floats:
    """(N, 21) in box sizes, NaN where there is nothing to compare."""
    away: Floats = np.hypot(*np.moveaxis(points - scene.truth, 2, 0)) / size[:, None]
    return np.asarray(np.where(scene.exists, away, np.nan))


def _error(scene: Scene, points: Floats, size: Floats) -> Floats:
    """(N,) mean over the joints of the capped distance, NaN for a hand without any."""
    away = np.minimum(_distance(scene, points, size), CAP)
    known = np.isfinite(away)
    total = np.where(known, away, 0.0).sum(axis=1)
    mean: Floats = np.divide(total, known.sum(axis=1), out=np.full(len(total), np.nan), where=known.any(axis=1))
    return mean


def _pck(scene: Scene, points: Floats, size: Floats, group: NDArray[np.bool_]) -> float:
    away = _distance(scene, points, size)[group]
    known = np.isfinite(away)
    return float((away[known] <= THRESHOLD).mean()) if known.any() else 0.0


def _undone(scene: Scene, hypothesis: Hypothesis) -> Scene:
    points = np.where(hypothesis.group[:, None, None], hypothesis.points, scene.points)
    return replace(scene, points=points)
