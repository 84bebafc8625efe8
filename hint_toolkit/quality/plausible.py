"""What predictions give away without any truth: coordinates that are no pixels, bones that no hand has.

Less can be said than by `sniff`: mirrored or shifted hands look like hands. Thresholds are wide on purpose; noise
of a tenth of the hand's box must not raise a word.
"""

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import Floats
from hint_toolkit.joints import BONES
from hint_toolkit.quality.mistakes import orders
from hint_toolkit.quality.sniff import ENOUGH_HANDS, Diagnosis

SHARE = 0.8
MOST_HANDS = 0.7  # of posed hands in a right order at most 0.35 get shorter bones by another order, measured
SHORTER = 0.88  # and by this much in the median
ENOUGH_FOR_ORDER = 10
_PIXELS = "write pixels of the original image"


def sniff_alone(points: Floats, *, sample: int = 2000, seed: int = 0) -> list[Diagnosis]:
    """Likely mistakes in (N, 21, 2) predictions, NaN where missing, without a truth; empty where nothing stands out."""
    whole = points[np.isfinite(points).all(axis=(1, 2))]
    if len(whole) < ENOUGH_HANDS:
        return []
    if len(whole) > sample:
        whole = whole[np.sort(np.random.default_rng(seed).choice(len(whole), sample, replace=False))]
    return [found for found in (_unit(whole), _order(whole)) if found is not None]


def _unit(points: Floats) -> Diagnosis | None:
    """Coordinates that cannot be pixels of whole images."""
    low, high = np.quantile(points, [0.02, 0.98])
    extent = (points.max(axis=1) - points.min(axis=1)).max(axis=1)
    typical = float(np.median(extent))
    center = (points.max(axis=1) + points.min(axis=1)) / 2
    one_place = bool((np.quantile(center, 0.9, axis=0) - np.quantile(center, 0.1, axis=0)).max() < 0.5 * typical)
    rooted = float((np.abs(points[:, 0]).max(axis=1) < 0.02 * extent).mean())
    evidence = f"98 % of the coordinates lie between {low:.3g} and {high:.3g}, a hand is {typical:.3g} wide"
    n = len(points)
    if rooted >= SHARE or (typical < 0.3 and low < -0.02 and high < 1.5):
        unit = "metres" if typical < 1.5 else "millimetres"
        what = f"x and y look like 3D joints in {unit}: {evidence}"
        remedy = "project the joints to the image; 3D joints are scored with: hint-eval pose3d"
        return Diagnosis(f"unit:{unit}", what, remedy, n, max(rooted, 0.0))
    small = float((np.abs(points).max(axis=(1, 2)) < 1.5).mean())
    if small >= SHARE:
        if low < -0.02 and one_place:
            key, what = "unit:crop-centred", "coordinates look like -0.5..0.5 of a crop"
        elif one_place and typical > 0.3:
            key, what = "unit:crop-fraction", "coordinates look like fractions of a crop"
        else:
            key, what = "unit:image-fraction", "coordinates look like fractions of the image"
        return Diagnosis(key, f"{what}: {evidence}", f"{_PIXELS} (map them back by the image or crop)", n, small)
    middle = np.median(center, axis=0)
    if one_place and np.ptp(middle) < 0.2 * typical and (np.abs(middle) < 1.5 * typical).all() and (middle > 0).all():
        what = f"all hands lie at the same place, as in crops of about {2 * middle.mean():.0f} pixels: {evidence}"
        remedy = f"{_PIXELS}: map them back by each crop's centre and size"
        return Diagnosis("unit:crop-pixels", what, remedy, n, 1.0)
    return None


def _order(points: Floats) -> Diagnosis | None:
    """An order in which the bones would be much shorter, or a thumb where the little finger should be."""
    if len(points) < ENOUGH_FOR_ORDER:
        return None
    plain = _bones(points)
    best, best_ratio = None, SHORTER
    for candidate, permutation in orders():
        length = _bones(points[:, list(permutation)])
        share, ratio = float((length < plain).mean()), float(np.median(length) / np.median(plain))
        if share >= MOST_HANDS and ratio < best_ratio:
            text = f"{candidate.what}: the bones of {share:.0%} of {len(points)} hands get shorter, to {ratio:.0%}"
            best, best_ratio = Diagnosis(candidate.cause, text, candidate.remedy, len(points), share), ratio
    return best or _pinky_first(points)


def _pinky_first(points: Floats) -> Diagnosis | None:
    """The thumb's base lies nearest to the wrist; the total length of the bones does not see a swap of fingers."""
    bases: NDArray[np.float64] = np.linalg.norm(points[:, 1::4] - points[:, :1], axis=2)
    share = float(((bases[:, 4] < 0.7 * bases[:, 0]) & (bases[:, 4] < bases[:, 1:4].min(axis=1))).mean())
    if share < SHARE:
        return None
    found = next(candidate for candidate, _ in orders() if candidate.cause == "order:reversed-fingers")
    text = f"{found.what}: the last finger of {share:.0%} of {len(points)} hands begins where a thumb does"
    return Diagnosis(found.cause, text, found.remedy, len(points), share)


def _bones(points: Floats) -> Floats:
    """(N,) total length of the 20 bones."""
    parents, children = np.array(BONES).T
    return np.asarray(np.linalg.norm(points[:, children] - points[:, parents], axis=2).sum(axis=1))
