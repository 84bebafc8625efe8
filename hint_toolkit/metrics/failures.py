"""Why a joint is wrong: every wrong joint gets exactly one named cause, every wrong hand its main one.

Tests in this order; the first that holds names the cause:

1. not found       the joint is not predicted
2. wrong hand      the hand's points sit on another annotated hand of the frame, or nowhere near their own
3. mirrored        turned over (a reflection, freely rotated and shifted) they fit much better
4. swapped finger  with the fingers in another order they fit much better; only the fingers that move are blamed
5. shifted         one offset for the whole hand explains it
6. scaled          one offset and one factor of size explain it
7. near miss       within twice the threshold
8. lost            the rest

2 to 6 look at the hand as a whole and need at least MIN_JOINTS judged joints (existing and predicted) of which
MIN_WRONG are wrong; 4 asks this of the fingers that move. "Fit much better" means that the mean error (distances in
hand sizes, cut at 1/2) falls to MUCH of what it was, and that half of the wrong joints come within twice the threshold.
A joint that the correction does not help (not within the threshold, and its error not halved) is no part of it: it
goes on to 7 and 8.

The order and the numbers are this toolkit's own. The names extend those of D. Hoiem, Y. Chodpathumwan and Q. Dai,
Diagnosing Error in Object Detectors (ECCV 2012) and of M. Ronchi and P. Perona, Benchmarking and Error Diagnosis in
Multi-Instance Pose Estimation (ICCV 2017), whose "inversion" and "swap" are 3, 4 and 2 here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.joints import FINGERS
from hint_toolkit.metrics.hand_fits import HandFits, boxes, capped_error, mean_error, overlap
from hint_toolkit.metrics.pck import pixel_distances, within
from hint_toolkit.protocol import Border

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CAUSES: Final = (
    "not found", "wrong hand", "mirrored", "swapped finger", "shifted", "scaled", "near miss", "lost",
)  # fmt: skip
NO_CAUSE: Final = -1
MUCH: Final = 0.5
MIN_JOINTS: Final = 5
MIN_WRONG: Final = 1 / 3
NOWHERE: Final = 0.01
"""Overlap (IoU) of the boxes of points and truth below which the points are somewhere else altogether."""
ON_ANOTHER: Final = 0.5
"""Overlap with another hand's box, and more than with its own, from which the points are on that hand."""
_MARGIN: Final = 0.05  # boxes of points grow by this many hand sizes, a row of points has no area


@dataclass(frozen=True)
class Failures:
    """Causes of N hands.

    Attributes:
        joints: (N, 21) index into `CAUSES`, `NO_CAUSE` where the joint is right or does not count.
        hands: (N,) the cause of most of a hand's wrong joints (the earlier in the order on a tie), or `NO_CAUSE`.
        details: (N,) text; for a swapped finger, which is taken for which ("forefinger is on middle_finger, ..").
    """

    joints: NDArray[np.int64]
    hands: NDArray[np.int64]
    details: NDArray[np.object_]

    def names(self) -> NDArray[np.object_]:
        """(N,) name of each hand's cause, "" where nothing is wrong."""
        return np.array([*CAUSES, ""], dtype=object)[self.hands]

    def counts(self, scored: Flags | None = None) -> dict[str, int]:
        """Wrong joints of every cause, in the order of the tests; only those of `scored` (N, 21) when given."""
        codes = self.joints if scored is None else self.joints[scored]
        return {name: int((codes == k).sum()) for k, name in enumerate(CAUSES)}


def find_failures(
    points: Floats,
    truth: Floats,
    exists: Flags,
    sizes: Floats,
    threshold: float,
    frames: NDArray[np.int64] | None = None,
    border: Border = "<=",
) -> Failures:
    """Name a cause for every wrong joint and every hand that has one.

    Args:
        points: predicted, (N, 21, 2) pixels, NaN where missing.
        truth: (N, 21, 2) pixels, finite where a joint exists.
        exists: (N, 21) which joints count.
        sizes: (N,) pixels, the normaliser; > 0 where a joint exists.
        threshold: in units of the size.
        frames: (N,) number of a hand's frame, to find the other hands in it; None or a negative number: no
            other hands are known.
        border: as in `pck.within`: a joint is wrong here exactly when the score says so.
    """
    judged = exists & finite(points)
    scale = np.where(sizes > 0, sizes, 1.0)
    pixels = pixel_distances(points, truth)
    wrong = judged & ~within(pixels, scale, threshold, border)
    joints = np.full(exists.shape, NO_CAUSE, np.int64)
    joints[wrong] = CAUSES.index("lost")
    joints[wrong & within(pixels, scale, 2 * threshold)] = CAUSES.index("near miss")
    joints[exists & ~judged] = CAUSES.index("not found")
    details = np.full(len(exists), "", dtype=object)
    rows = np.flatnonzero((judged.sum(axis=1) >= MIN_JOINTS) & (wrong.sum(axis=1) >= 2))
    if len(rows):
        fits = HandFits(points[rows], truth[rows], judged[rows], scale[rows])
        known = np.full(len(exists), -1) if frames is None else frames
        elsewhere = _elsewhere(fits, rows, truth, exists, scale, known, threshold)
        elsewhere &= wrong[rows].sum(axis=1) >= MIN_WRONG * judged[rows].sum(axis=1)
        joints[rows], details[rows] = _whole_hand(fits, wrong[rows], joints[rows], elsewhere, threshold)
    return Failures(joints, _main_cause(joints), details)


def _main_cause(joints: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) the most frequent cause of each row, the earlier on a tie."""
    counts = np.stack([(joints == k).sum(axis=1) for k in range(len(CAUSES))], axis=1)
    return np.asarray(np.where(counts.any(axis=1), counts.argmax(axis=1), NO_CAUSE), dtype=np.int64)


def _elsewhere(
    fits: HandFits,
    rows: NDArray[np.int64],
    truth: Floats,
    exists: Flags,
    sizes: Floats,
    frames: NDArray[np.int64],
    threshold: float,
) -> Flags:
    """Test 2 for the hands `rows`: (W,)."""
    before = mean_error(fits.plain(), fits.judged)
    predicted = boxes(fits.points, fits.judged, _MARGIN * fits.sizes)
    own = overlap(predicted, boxes(fits.truth, fits.judged, _MARGIN * fits.sizes))
    found = own < NOWHERE
    seen, other = _pairs(rows, frames)
    there = fits.judged[seen] & exists[other]
    keep = there.sum(axis=1) >= MIN_JOINTS
    seen, other, there = seen[keep], other[keep], there[keep]
    error = capped_error(fits.points[seen], truth[other], sizes[other], there)
    close = (mean_error(error, there) <= MUCH * before[seen]) & (
        2 * (there & (error <= 2 * threshold)).sum(axis=1) >= there.sum(axis=1)
    )
    box = overlap(predicted[seen], boxes(truth[other], there, _MARGIN * sizes[other]))
    np.logical_or.at(found, seen, close | ((box >= ON_ANOTHER) & (own[seen] < MUCH * box)))
    return np.asarray(found)


def _pairs(rows: NDArray[np.int64], frames: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of a hand of `rows` (its position there) and another hand of the same frame (a row of all)."""
    order = np.argsort(frames, kind="stable")
    ordered = frames[order]
    first, last = (np.searchsorted(ordered, frames[rows], side=side) for side in ("left", "right"))
    number = np.where(frames[rows] < 0, 0, last - first)  # a negative number: the frame is not known
    seen = np.repeat(np.arange(len(rows)), number)
    within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    other = order[np.repeat(first, number) + within]
    keep = other != rows[seen]
    return seen[keep], other[keep]


def _whole_hand(
    fits: HandFits, wrong: Flags, joints: NDArray[np.int64], elsewhere: Flags, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Tests 2 to 6 on (W, 21); returns the causes of the joints and the details of the hands."""
    joints, judged, before = joints.copy(), fits.judged, fits.plain()
    swapped, order, told = fits.reordered()
    moved = np.repeat(order != np.arange(5), 4, axis=1)
    moved = np.concatenate([np.zeros((len(moved), 1), bool), moved], axis=1) & judged
    mirrored, shifted, scaled = fits.turned(mirror=True), fits.shifted(), fits.scaled()
    # A joint whose counterpart does not exist goes with its finger.
    swapped_to = np.where(moved & ~told, 0.0, swapped)

    def much_better(after: Floats, part: Flags) -> Flags:
        blamed = wrong & part
        number, mended = blamed.sum(axis=1), (blamed & (after <= 2 * threshold)).sum(axis=1)
        enough = (number > 0) & (number >= MIN_WRONG * part.sum(axis=1)) & (2 * mended >= number)
        return np.asarray(enough & (mean_error(after, part) <= MUCH * mean_error(before, part)))

    left, turned = mean_error(mirrored, judged), mean_error(fits.turned(mirror=False), judged)
    # A hand turned in the plane is no mirror image, and one with its fingers in reverse order only looks like it.
    over = (left <= MUCH * turned) & (turned > threshold / 2) & (left <= mean_error(swapped, judged))
    # What one factor of size explains far better than an offset alone is not called shifted.
    offset = mean_error(shifted, judged)
    offset_alone = (mean_error(scaled, judged) > MUCH * offset) | (offset <= threshold / 2)
    free = np.ones(len(joints), bool)
    details = np.full(len(joints), "", dtype=object)
    for name, holds, after, part in (
        ("wrong hand", elsewhere, np.zeros_like(before), judged),
        ("mirrored", much_better(mirrored, judged) & over, mirrored, judged),
        ("swapped finger", much_better(swapped, moved & told), swapped_to, moved),
        ("shifted", much_better(shifted, judged) & offset_alone, shifted, judged),
        ("scaled", much_better(scaled, judged), scaled, judged),
    ):
        chosen, helped = free & holds, (after <= threshold) | (after <= MUCH * before)
        joints[chosen[:, None] & wrong & part & helped] = CAUSES.index(name)
        free &= ~holds
        if name == "swapped finger":
            details[chosen] = [_order_text(o) for o in order[chosen]]
    return joints, details


def _order_text(order: NDArray[np.int64]) -> str:
    return ", ".join(f"{FINGERS[f]} is on {FINGERS[g]}" for f, g in enumerate(order) if f != g)
