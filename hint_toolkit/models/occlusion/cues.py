"""Further signs that a joint is hidden, and how they are put together with the network's.

- Detectors disagree most where they cannot see: the spread of their points in palm lengths.
- A joint inside another hand's outline, or inside a thing's box or mask, may lie behind it.

Which signs there are differs from picture to picture: one detector, no object boxes. So there is one small logistic
model for every set of signs (8 of them), each fitted on joints that have all of its signs; nothing is filled in for a
sign that is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.joints import MIDDLE_BASE, WRIST

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SIGNS: Final = ("disagreement", "hand", "object")
_LEAST_SPREAD = 1e-3  # palm lengths: below it detectors agree to the pixel
_RIDGE = 1e-3
_ITERATIONS = 50


def palm_lengths(points: Floats) -> Floats:
    """(N,) wrist to base of the middle finger, in pixels; NaN where one of them is missing or they coincide."""
    length = np.linalg.norm(points[:, MIDDLE_BASE] - points[:, WRIST], axis=1)
    return np.where(length > 0, length, np.nan)


def disagreement(points_by_detector: Sequence[Floats]) -> Floats:
    """How far apart detectors put a joint: (N, 21) in palm lengths, NaN where fewer than two of them place it.

    It is the root mean square distance of the points to their mean. The palm length is the median over detectors.

    Args:
        points_by_detector: (N, 21, 2) pixels each, the same hands in the same order.
    """
    if not points_by_detector:
        raise ValueError("disagreement needs at least one detector's points")
    points = np.stack(points_by_detector)  # (D, N, 21, 2)
    known = finite(points)
    count = known.sum(axis=0)
    filled = np.where(known[..., None], points, 0.0)
    mean = filled.sum(axis=0) / np.maximum(count, 1)[..., None]
    square = np.where(known, ((filled - mean) ** 2).sum(axis=-1), 0.0).sum(axis=0)
    palms = np.stack([palm_lengths(p) for p in points_by_detector])
    palm = np.full(palms.shape[1], np.nan)
    some = np.isfinite(palms).any(axis=0)
    palm[some] = np.nanmedian(palms[:, some], axis=0)
    return np.where(count >= 2, np.sqrt(square / np.maximum(count, 1)) / palm[:, None], np.nan)


def hull(points: Floats) -> Floats:
    """Corners of the convex hull of (K, 2) finite points, counter-clockwise for y up (Andrew's monotone chain)."""
    ordered = sorted(set(map(tuple, points.tolist())))
    if len(ordered) < 3:
        return np.array(ordered).reshape(-1, 2)
    halves = []
    for line in (ordered, ordered[::-1]):
        chain: list[tuple[float, ...]] = []
        for p in line:
            while len(chain) > 1 and _cross(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        halves += chain[:-1]
    return np.array(halves)


def _cross(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def in_hull(corners: Floats, points: Floats) -> Flags:
    """Which of (K, 2) points lie in or on a hull of `hull`; NaN points and hulls without area: none."""
    if len(corners) < 3:
        return np.zeros(len(points), bool)
    edge = np.roll(corners, -1, axis=0) - corners
    to = points[:, None] - corners
    return np.asarray((edge[:, 0] * to[..., 1] - edge[:, 1] * to[..., 0] >= 0).all(axis=1))


def hand_overlap(points: Floats) -> Flags:
    """(N, 21) which joints lie in the outline of another hand; (N, 21, 2) are all hands found in one picture."""
    inside = np.zeros(points.shape[:2], bool)
    outlines = [hull(hand[finite(hand)]) for hand in points]
    for i in range(len(points)):
        for j, corners in enumerate(outlines):
            if i != j:
                inside[i] |= in_hull(corners, points[i])
    return inside


def object_overlap(points: Floats, boxes: Floats | None = None, masks: Flags | None = None) -> Flags:
    """(N, 21) which joints lie in a thing's box or mask; (N, 21, 2) pixels of the picture.

    Args:
        points: NaN where missing; these lie in nothing.
        boxes: (M, 4) x1, y1, x2, y2.
        masks: (M, H, W), true where the thing is.
    """
    inside = np.zeros(points.shape[:2], bool)
    for box in np.zeros((0, 4)) if boxes is None else boxes:
        within: Any = (points >= box[:2]) & (points <= box[2:])
        inside |= within.all(axis=-1)
    if masks is not None and len(masks):
        covered: Flags = np.asarray(masks.any(axis=0))
        pixel = np.floor(np.where(finite(points)[..., None], points, -1) + 0.5).astype(np.int64)
        good: Any = (pixel >= 0).all(axis=-1) & (pixel < np.array(covered.shape[::-1])).all(axis=-1)
        column, row = np.moveaxis(np.where(good[..., None], pixel, 0), -1, 0)
        inside |= good & covered[row, column]
    return inside


@dataclass(frozen=True)
class Cues:
    """The signs for N hands; None where there is none of the kind.

    Attributes:
        disagreement: (N, 21) palm lengths, NaN for single joints without.
        hand: (N, 21) flags, or 0 and 1 with NaN for joints without.
        object: likewise.
    """

    disagreement: Floats | None = None
    hand: Flags | Floats | None = None
    object: Flags | Floats | None = None

    def columns(self) -> dict[str, Floats]:
        """Sign -> (N, 21) numbers for the logistic models, NaN where missing; overlaps are 0 and 1."""
        found: dict[str, Floats] = {}
        if self.disagreement is not None:
            found["disagreement"] = np.log(np.maximum(self.disagreement, _LEAST_SPREAD))
        for name in ("hand", "object"):
            flags = getattr(self, name)
            if flags is not None:
                found[name] = flags.astype(np.float64)
        return found


@dataclass(frozen=True)
class Combination:
    """Logistic models, one a set of signs.

    Attributes:
        models: "+"-joined names of the signs ("" for none) -> offset, factor of the network's log odds, then one factor
            a sign, in the order of `SIGNS`.
        alone: offset and factor for disagreement without the network, () if it was not fitted.
    """

    models: dict[str, tuple[float, ...]] = field(default_factory=lambda: {"": (0.0, 1.0)})
    alone: tuple[float, ...] = ()

    def probability(self, logit: Floats, cues: Cues) -> Floats:
        """(N, 21) probability that a joint is occluded; each joint by the largest model whose signs it has."""
        columns = cues.columns()
        result = np.full(logit.shape, np.nan)
        for key in sorted(self.models, key=lambda k: (k.count("+") + bool(k), k)):
            names = _names(key)
            if not set(names) <= set(columns):
                continue
            value = _linear(self.models[key], [logit, *(columns[name] for name in names)])
            result = np.where(np.isfinite(value), _sigmoid(value), result)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"models": {key: list(value) for key, value in self.models.items()}, "alone": list(self.alone)}


def fit_combination(logit: Floats, cues: Cues, occluded: Flags, counted: Flags) -> Combination:
    """Fit one logistic model for every set of the signs that are there.

    Args:
        logit: (N, 21) of the network, NaN where it says nothing.
        cues: for the same hands.
        occluded: (N, 21) truth.
        counted: (N, 21) joints that take part.
    """
    columns = cues.columns()
    names = [name for name in SIGNS if name in columns]
    models = {}
    for chosen in range(2 ** len(names)):
        subset = [name for k, name in enumerate(names) if chosen >> k & 1]
        values = np.stack([logit, *(columns[name] for name in subset)], axis=-1)
        used = counted & np.isfinite(values).all(axis=-1)
        models["+".join(subset)] = _logistic(values[used], occluded[used], start=(0.0, 1.0) + (0.0,) * len(subset))
    alone: tuple[float, ...] = ()
    if "disagreement" in columns:
        spread = columns["disagreement"]
        used = counted & np.isfinite(spread)
        alone = _logistic(spread[used][:, None], occluded[used], start=(0.0, 0.0))
    return Combination(models, alone)


def _names(key: str) -> list[str]:
    return key.split("+") if key else []


def _linear(factors: Sequence[float], values: Sequence[Floats]) -> Floats:
    result = np.full_like(values[0], factors[0])
    for factor, value in zip(factors[1:], values, strict=True):
        result = result + factor * value
    return result


def _sigmoid(value: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(value, -40, 40))))


def _logistic(values: Floats, truth: Flags, start: Sequence[float]) -> tuple[float, ...]:
    """Offset and factors by Newton's method, with a weak pull to `start`, which is also the answer without data."""
    design = np.column_stack([np.ones(len(values)), values])
    prior = np.array(start, np.float64)
    factors = prior.copy()
    for _ in range(_ITERATIONS):
        p = _sigmoid(design @ factors)
        slope = design.T @ (truth - p) - _RIDGE * (factors - prior)
        curve = design.T @ (design * (p * (1 - p))[:, None]) + _RIDGE * np.eye(len(prior))
        step = np.linalg.solve(curve, slope)
        factors = factors + step * min(1.0, 4 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-10:
            break
    return tuple(float(v) for v in factors)
