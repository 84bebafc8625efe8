"""Corrections of whole hands, each the best of its kind: what is left of the error when it is made.

A correction is turned over, turned, shifted, resized, or has its fingers in another order. `failures` asks which of
them explains a wrong hand. Points are (W, 21, 2) pixels; errors (W, 21) are in hand sizes and cut at CAP, so that a
finger far away does not hide what happened to the others.
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Plane = NDArray[np.complex128]

_ORDERS: Final = np.array([p for p in permutations(range(5)) if p != tuple(range(5))])
_CELLS: Final = np.array([[p[f] == g for p in _ORDERS] for f in range(5) for g in range(5)], dtype=np.float64)
"""(25, 119): which cells (finger as predicted, true finger) of a 5 x 5 table an order sums."""
CAP: Final = 0.5
_MAX_SCALE: Final = 3.0


@dataclass(frozen=True)
class HandFits:
    """Predicted and true points of W hands, and the corrections.

    Attributes:
        points: predicted, (W, 21, 2).
        truth: (W, 21, 2).
        judged: (W, 21) which joints exist and are predicted; at least one in every hand.
        sizes: (W,) pixels, > 0.
    """

    points: Floats
    truth: Floats
    judged: Flags
    sizes: Floats

    def plain(self) -> Floats:
        """Errors as they are."""
        return self._errors(self.points)

    def turned(self, *, mirror: bool) -> Floats:
        """Errors after the best rotation and shift, of the points or of their mirror image."""
        points, _ = _centred(self.points, self.judged)
        truth, middle = _centred(self.truth, self.judged)
        points = np.conj(points) if mirror else points
        angle = np.angle((truth * np.conj(points)).sum(axis=1, keepdims=True))
        numbers = points * np.exp(1j * angle) + middle
        return self._errors(np.stack([numbers.real, numbers.imag], axis=-1))

    def shifted(self) -> Floats:
        """Errors after taking the median offset away; the median, so that a lost finger does not pull."""
        return self._errors(self.points - self._offset(self.points))

    def scaled(self) -> Floats:
        """Errors after the best factor (1/3 to 3) about the middle, and the median offset that is left then."""
        points, _ = _centred(self.points, self.judged)
        truth, _ = _centred(self.truth, self.judged)
        along = (truth * np.conj(points)).real.sum(axis=1)
        square = (np.abs(points) ** 2).sum(axis=1)
        factor = np.divide(along, square, out=np.ones_like(square), where=square > 0)
        resized = self.points * np.clip(factor, 1 / _MAX_SCALE, _MAX_SCALE)[:, None, None]
        return self._errors(resized - self._offset(resized))

    def reordered(self) -> tuple[Floats, NDArray[np.int64], Flags]:
        """Errors with the fingers in the best other order, and that order.

        Returns:
            errors (W, 21), each at the finger as predicted; order (W, 5): the points predicted as finger f lie on the
            true finger order[f]; (W, 21) which of the errors can be told, because both joints exist. The others are
            as without a new order.
        """
        number, before = len(self.points), self.plain()
        fingers = (number, 5, N_JOINTS // 5)
        points, truth = (a[:, 1:].reshape(*fingers, 2) for a in (self.points, self.truth))
        usable, plain = self.judged[:, 1:].reshape(fingers), before[:, 1:].reshape(fingers)
        cost: Floats = np.zeros((number, 5, *fingers[1:]))
        known = usable[:, :, None] & usable[:, None]
        for f in range(5):
            for g in range(5):
                both = known[:, f, g]
                # A pair that cannot be compared keeps its error: no order gains by a missing joint.
                cost[:, f, g] = np.where(both, capped_error(points[:, f], truth[:, g], self.sizes, both), plain[:, f])
        order = _ORDERS[(cost.sum(axis=3).reshape(number, 25) @ _CELLS).argmin(axis=1)]
        place = np.arange(number)[:, None], np.arange(5), order
        errors, told = (a[place].reshape(number, N_JOINTS - 1) for a in (cost, known))
        return np.hstack([before[:, :1], errors]), order, np.hstack([self.judged[:, :1], told])

    def _errors(self, points: Floats) -> Floats:
        return capped_error(points, self.truth, self.sizes, self.judged)

    def _offset(self, points: Floats) -> Floats:
        """Median offset of the judged joints from the truth, (W, 1, 2)."""
        offset = np.where(self.judged, np.moveaxis(points - self.truth, 2, 0), np.inf)
        ordered = np.sort(offset, axis=2)  # five times faster than nanmedian
        number = self.judged.sum(axis=1)
        ends = np.stack([(number - 1) // 2, number // 2], axis=1)
        return np.moveaxis(np.take_along_axis(ordered, ends[None], axis=2).mean(axis=2), 0, 1)[:, None, :]


def capped_error(points: Floats, truth: Floats, sizes: Floats, judged: Flags) -> Floats:
    """Distance (W, K) of points (W, K, 2) in hand sizes (W,), cut at CAP; 0 where not judged."""
    offset = np.where(judged[..., None], points - truth, 0.0)
    distance = np.hypot(offset[..., 0], offset[..., 1]) / sizes[:, None]
    return np.asarray(np.minimum(distance, CAP), dtype=np.float64)


def mean_error(errors: Floats, part: Flags) -> Floats:
    """(W,) mean over the joints of `part`, 0 where there is none."""
    return np.asarray(np.where(part, errors, 0.0).sum(axis=1) / np.maximum(part.sum(axis=1), 1), dtype=np.float64)


def boxes(points: Floats, chosen: Flags, margin: Floats) -> Floats:
    """Tight boxes (W, 4) around the chosen points (W, K, 2), grown by (W,) pixels: a row of points has an area, too."""
    low = np.where(chosen[..., None], points, np.inf).min(axis=1) - margin[:, None]
    high = np.where(chosen[..., None], points, -np.inf).max(axis=1) + margin[:, None]
    return np.concatenate([low, high], axis=1)


def overlap(a: Floats, b: Floats) -> Floats:
    """Intersection over union of row i of `a` with row i of `b`: (W, 4) twice -> (W,)."""
    sides = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None)
    inner = sides.prod(axis=1)
    areas = [(box[:, 2:] - box[:, :2]).prod(axis=1) for box in (a, b)]
    return np.asarray(inner / (areas[0] + areas[1] - inner), dtype=np.float64)


def _centred(points: Floats, judged: Flags) -> tuple[Plane, Plane]:
    """Judged points as complex numbers about their mean (0 elsewhere), and that mean: (W, 21), (W, 1)."""
    numbers = np.where(judged, points[..., 0] + 1j * points[..., 1], 0)
    middle = numbers.sum(axis=1, keepdims=True) / np.maximum(judged.sum(axis=1, keepdims=True), 1)
    return np.where(judged, numbers - middle, 0), middle
