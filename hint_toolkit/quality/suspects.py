"""Labels that are most likely wrong: several methods agree against them, or no hand can be like that.

Two kinds of evidence, joined into one order:

- *against*: the methods' answers are fused into their geometric median. A joint counts against its label by how many
  times farther the label lies from it than usual; where the methods differ among themselves, more is usual.
  "Usual" is the median over the dataset for that joint, visible and occluded apart: methods err systematically at a
  wrist or a hidden tip, and that is no reason to doubt people.
- *geometry*: what `quality.labels` and `quality.anatomy` name (bones too long, fingers exchanged, a joint outside the
  box or the image).

Methods that share training data share errors; so one method alone is never evidence, and a suspicion is a reason to
look, never a correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.joints import JOINTS
from hint_toolkit.quality.anatomy import check_anatomy
from hint_toolkit.quality.labels import check_labels, place
from hint_toolkit.records import Hands

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FAR: Final = 4.0
"""How many times the usual distance a label must lie from the methods' median to be named."""
FLOOR: Final = 0.02
"""Of the hand's size: distances below it are nobody's mistake, however exact the methods are elsewhere."""
_WORST: Final = 3
"""Joints whose mean makes the hand's score: one stray point is seen, and so are two fingers exchanged."""
_GEOMETRY: Final = {"bone-too-long": 4.0, "swapped-fingers": 6.0, "outside-image": 4.0, "far-outside-box": 3.0}
"""What a finding adds to a hand's score, in the same unit (times the usual distance)."""
SIDE: Final = 6.0
"""What is added when all methods that name a side name the other one."""
_SCATTER: Final = 1.5
"""Of the methods' spread: the median of three lies off by about 0.7 of it, and that has a tail."""
_SWEEPS: Final = 50


@dataclass(frozen=True)
class Suspect:
    """One hand to look at again.

    Attributes:
        row: position of the hand.
        score: the higher, the likelier the label is wrong; `FAR` and more is named.
        joints: joints that count against it, the worst first.
        reasons: in words.
    """

    row: int
    score: float
    joints: tuple[str, ...]
    reasons: tuple[str, ...]


def fuse(points: Sequence[Floats]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """The methods' answers as one: geometric median a joint (Weiszfeld 1937), which half of them cannot mislead.

    Args:
        points: (N, 21, 2) pixels each, NaN where a method says nothing.

    Returns:
        (N, 21, 2) median, NaN without an answer; (N, 21) root mean square distance from it, NaN with fewer than two;
        (N, 21) how many answered.
    """
    stacked = np.stack(points)
    said = finite(stacked)
    n = said.sum(axis=0)
    known = np.where(said[..., None], stacked, 0.0)
    center = known.sum(axis=0) / np.maximum(n, 1)[..., None]
    for _ in range(_SWEEPS):
        away = np.hypot(*np.moveaxis(stacked - center, -1, 0))
        weight = np.where(said, 1.0 / np.maximum(np.where(said, away, 1.0), 1e-6), 0.0)
        moved = (weight[..., None] * known).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12)[..., None]
        step = float(np.abs(moved - center)[n > 0].max(initial=0.0))
        center = np.where((n > 0)[..., None], moved, center)
        if step < 1e-4:
            break
    squares = np.where(said, ((stacked - center) ** 2).sum(axis=-1), 0.0).sum(axis=0)
    spread = np.sqrt(squares / np.maximum(n, 1))
    return np.where((n > 0)[..., None], center, np.nan), np.where(n >= 2, spread, np.nan), n


def against(hands: Hands, points: Sequence[Floats], sizes: Floats) -> Floats:
    """How many times farther than usual every label lies from what the methods say.

    Args:
        hands: N labelled ones.
        points: (N, 21, 2) of two or more methods.
        sizes: (N,) of the hands, pixels.

    Returns:
        (N, 21); NaN where the joint has no label or fewer than two methods answered.

    Raises:
        ValueError: fewer than two methods.
    """
    if len(points) < 2:
        raise ValueError(f"wanted two methods or more, got {len(points)}")
    center, spread, _ = fuse(points)
    labelled = hands.exists & finite(hands.points)
    scale = np.where(sizes > 0, sizes, np.nan)[:, None]
    away = np.hypot(*np.moveaxis(hands.points - center, -1, 0)) / scale
    known = labelled & np.isfinite(away) & np.isfinite(spread)
    # Where the methods differ by much, they agree against nobody: their scatter widens what is usual.
    wide = np.hypot(_usual(away, known, hands.occluded), _SCATTER * np.nan_to_num(spread) / scale)
    return np.where(known, away / wide, np.nan)


def _usual(away: Floats, known: Flags, occluded: Flags) -> Floats:
    """(N, 21) the median distance of that joint among hands in which it is visible, or occluded, as here."""
    usual = np.full(away.shape, FLOOR)
    for group in (occluded, ~occluded):
        for j in range(away.shape[1]):
            values = away[known[:, j] & group[:, j], j]
            if len(values):
                usual[group[:, j], j] = max(FLOOR, float(np.median(values)))
    return usual


def suspects(
    hands: Hands, points: Sequence[Floats], sizes: Floats, sides: Sequence[NDArray[np.object_]] = ()
) -> list[Suspect]:
    """Hands whose label should be looked at again, the most suspicious first.

    Args:
        hands: N labelled ones.
        points: (N, 21, 2) of methods; with fewer than two only geometry speaks.
        sizes: (N,) pixels.
        sides: (N,) "left", "right" or "" of methods.
    """
    times = against(hands, points, sizes) if len(points) >= 2 else np.full(hands.exists.shape, np.nan)
    reasons: list[list[str]] = [[] for _ in range(len(hands))]
    joints: list[list[str]] = [[] for _ in range(len(hands))]
    filled = np.nan_to_num(times, nan=0.0)
    score = np.sort(filled, axis=1)[:, -_WORST:].mean(axis=1)
    for i in np.flatnonzero((filled >= FAR).any(axis=1)).tolist():
        order = [j for j in np.argsort(-filled[i], kind="stable").tolist() if filled[i, j] >= FAR]
        joints[i] = [JOINTS[j] for j in order]
        score[i] = max(score[i], filled[i, order[0]] / _WORST + FAR / 2)
        named = ", ".join(f"{JOINTS[j]} {filled[i, j]:.0f}x" for j in order[:3])
        reasons[i].append(f"{len(order)} joints lie farther from what {len(points)} methods say than usual: {named}")
    _add_geometry(hands, score, joints, reasons)
    _add_sides(hands, sides, score, reasons)
    chosen = [i for i in np.argsort(-score, kind="stable").tolist() if reasons[i]]
    return [Suspect(i, float(score[i]), tuple(joints[i]), tuple(reasons[i])) for i in chosen]


def _add_geometry(hands: Hands, score: Floats, joints: list[list[str]], reasons: list[list[str]]) -> None:
    size = np.stack([hands.width, hands.height], axis=1)
    placed = place(hands, size)
    for found in [*check_labels(hands, size, placed), *check_anatomy(hands.points, placed.usable)]:
        if found.code not in _GEOMETRY:
            continue
        score[found.row] += _GEOMETRY[found.code]
        if found.field in JOINTS and found.field not in joints[found.row]:
            joints[found.row].append(found.field)
        reasons[found.row].append(f"{found.code}: {found.field} {found.text}")


def _add_sides(hands: Hands, sides: Sequence[NDArray[np.object_]], score: Floats, reasons: list[list[str]]) -> None:
    if not sides:
        return
    other = np.where(hands.side == "left", "right", "left")
    votes = np.stack([np.asarray(one, object) for one in sides])
    given, against_it = (votes != "").sum(axis=0), (votes == other).sum(axis=0)
    for i in np.flatnonzero((given >= 2) & (against_it == given)).tolist():
        score[i] += SIDE
        reasons[i].append(f"all {int(given[i])} methods say {other[i]}, the label says {hands.side[i]}")
