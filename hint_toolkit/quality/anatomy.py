"""Hands that no hand can be: a joint too far from its neighbours, two fingers exchanged.

A picture shortens bones and never lengthens them, so only what is too long tells something. Lengths are compared
within one hand, in units of a typical hand's bones, as the hand's size in pixels is not known.

Thresholds were measured on posed synthetic hands (`synthetic.skeleton`, all poses, every direction of view, joints
moved by 6 % of the palm at random); docs/check.md has the rates.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import Floats, finite
from hint_toolkit.joints import BONES, FINGERS, JOINTS, N_JOINTS
from hint_toolkit.quality.labels import Found

TOO_LONG = 1.8
"""A joint whose bones are all this many times as long as the longest other bone, both in units of typical ones."""
ENOUGH_BONES = 8
"""Known bones of a hand; with fewer nothing is said."""
SMALLEST = 20.0
"""Pixels: in a hand whose longer side is shorter, the rounding of coordinates alone moves joints too far to tell."""
SWAP_GAIN = 0.75
"""A swap that shortens the hand by so many typical bones."""

_TYPICAL: Final = np.array(
    [3.4, 3.2, 3.3, 2.7, 8.1, 4.5, 2.6, 2.2, 8.0, 5.0, 3.0, 2.3, 7.7, 4.6, 2.8, 2.3, 7.4, 3.6, 2.1, 2.0]
)
"""Centimetres: bones of the synthetic hand in the order of `joints.BONES`."""
_BETWEEN: Final = ((1, 5, 6.0), (5, 9, 2.2), (9, 13, 2.1), (13, 17, 1.9))
"""Thumb's base to the knuckles in their order around the palm, and typical distances in centimetres."""
_PARENTS, _CHILDREN = np.array(BONES).T
_TOUCHING: Final = tuple(np.flatnonzero((j == _PARENTS) | (j == _CHILDREN)) for j in range(N_JOINTS))


def _swaps() -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Two fingers exchanged, whole or from the knuckle on, and the permutation that undoes it."""
    for f, g in combinations(range(5), 2):
        for first in (1, 2):
            permutation = np.arange(N_JOINTS)
            a, b = np.arange(4 * f + first, 4 * f + 5), np.arange(4 * g + first, 4 * g + 5)
            permutation[a], permutation[b] = b, a
            part = "" if first == 1 else ", from the knuckle on,"
            yield f"{FINGERS[f]} and {FINGERS[g]}{part}", permutation


def check_anatomy(points: Floats, usable: NDArray[np.bool_]) -> list[Found]:
    """Misplaced joints, and swapped fingers among the joints that are not.

    Args:
        points: (N, 21, 2) pixels.
        usable: (N, 21) joints that exist, have a point and are not in doubt for another reason.
    """
    known = usable & finite(points)
    high = np.where(known[:, :, None], points, -np.inf).max(axis=1)
    low = np.where(known[:, :, None], points, np.inf).min(axis=1)
    known &= (np.where(np.isfinite(high), high, 0) - np.where(np.isfinite(low), low, 0)).max(axis=1)[
        :, None
    ] >= SMALLEST
    at = np.where(known[:, :, None], points, 0.0)
    found = list(_too_long(at, known))
    for one in found:  # one stray joint is no exchange of two fingers
        known[one.row, JOINTS.index(one.field)] = False
    return [*found, *_swapped(at, known)]


def _lengths(points: Floats, known: NDArray[np.bool_]) -> Floats:
    """(N, 20) bones in units of typical ones, NaN where an end is not known."""
    vectors = points[:, _CHILDREN] - points[:, _PARENTS]
    length = np.hypot(vectors[..., 0], vectors[..., 1]) / _TYPICAL
    return np.where(known[:, _CHILDREN] & known[:, _PARENTS], length, np.nan)


def _too_long(points: Floats, known: NDArray[np.bool_]) -> Iterator[Found]:
    """The joint of each hand that stands out most; bones at both sides must be too long."""
    length = _lengths(points, known)
    high, low = np.nan_to_num(length, nan=-np.inf), np.nan_to_num(length, nan=np.inf)
    ratio = np.zeros((len(points), N_JOINTS))
    for j, touching in enumerate(_TOUCHING):
        others = np.delete(high, touching, axis=1)
        near, rest = low[:, touching].min(axis=1), others.max(axis=1)
        sure = np.isfinite(near) & ((others >= 0).sum(axis=1) >= ENOUGH_BONES) & (rest > 0)
        ratio[sure, j] = near[sure] / rest[sure]
    for i in np.flatnonzero((ratio > TOO_LONG).any(axis=1)):
        j = int(ratio[i].argmax())
        text = f"lies {ratio[i, j]:.1f} times as far from its neighbours as the longest other bone allows"
        yield Found("bone-too-long", int(i), JOINTS[j], text)


def _swapped(points: Floats, known: NDArray[np.bool_]) -> Iterator[Found]:
    """The exchange that shortens each hand most, if it does so by much."""
    plain = _cost(points, known)
    length = _lengths(points, known)
    scale = np.sort(np.nan_to_num(length), axis=1)[:, -3]  # the third longest: a misplaced joint does not change it
    scale[np.isfinite(length).sum(axis=1) < ENOUGH_BONES] = 0.0
    names, gains = [], []
    for name, permutation in _swaps():
        moved = permutation[permutation != np.arange(N_JOINTS)]
        gain = plain - _cost(points[:, permutation], known[:, permutation])
        names.append(name)
        gains.append(np.where(known[:, moved].all(axis=1) & (scale > 0), gain, 0.0))
    best = np.stack(gains, axis=1)
    for i in np.flatnonzero(best.max(axis=1) > SWAP_GAIN * scale):
        yield Found("swapped-fingers", int(i), "keypoints", f"{names[int(best[i].argmax())]} seem to be exchanged")


def _cost(points: Floats, known: NDArray[np.bool_]) -> Floats:
    """(N,) length of all bones and of the way around the palm, in typical lengths; what is not known adds nothing."""
    total = np.nansum(_lengths(points, known), axis=1)
    for a, b, typical in _BETWEEN:
        gap = points[:, a] - points[:, b]
        total += np.where(known[:, a] & known[:, b], np.hypot(gap[:, 0], gap[:, 1]) / typical, 0.0)
    return np.asarray(total)
