"""Hands with known occlusion and points as a detector gives them: what the occlusion head learns from and is judged on.

Where a detector's answers are given, they are the points, as far as the detector found this hand. Elsewhere the truth
is moved as MediaPipe moves it on synthetic hands (measured on 1,833 hands that it found; see `moved`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.match import match_predictions
from hint_toolkit.geometry import crop_window, finite, inside
from hint_toolkit.io.images import read_image
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.metrics.sizes import longer_side
from hint_toolkit.models.occlusion.cues import Cues, disagreement, hand_overlap, object_overlap
from hint_toolkit.records import Hands

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Progress = Callable[[int, int], None]

FARTHEST: Final = 0.25
"""Hand sizes: with a larger median error the detector's points are on another hand or on nothing."""
_PATCH, _REACH = 160, 2.4  # pixels kept of a hand, and around it in box sides


@dataclass(frozen=True)
class Examples:
    """N hands and their pictures.

    Attributes:
        hands: the truth; those without a picture or box are not here.
        patches: RGB around every hand, at most 160 pixels a side.
        corners: (N, 2) and
        factors: (N,): a point p of the image is `(p - corner + 0.5) * factor - 0.5` in the patch.
        real: (D, N, 21, 2) points of each detector in pixels of the image, NaN where it did not find the hand.
        objects: (M, 4) boxes by frame id; None where nobody looked.
        missed: hands that the first detector did not find; 0 without detectors.
    """

    hands: Hands
    patches: list[Any]
    corners: Floats
    factors: Floats
    real: Floats
    objects: dict[str, Floats] | None
    missed: int

    @property
    def counted(self) -> Flags:
        """(N, 21) joints whose flag is known."""
        return self.hands.exists

    def in_patch(self, i: int, points: Floats) -> Floats:
        """(21, 2) pixels of the image -> pixels of hand i's patch."""
        return np.asarray((points - self.corners[i] + 0.5) * self.factors[i] - 0.5)

    def points(self, seed: int) -> Floats:
        """(N, 21, 2) the first detector's points; where it has none, the truth moved with this seed."""
        simulated = moved(self.hands, np.random.default_rng([seed, 1]))
        if not len(self.real):
            return simulated
        found: Flags = np.asarray(finite(self.real[0]).any(axis=1))
        return np.where(found[:, None, None], self.real[0], simulated)

    def points_for(self, rng: np.random.Generator, share: float) -> Floats:
        """(N, 21, 2) as `points`, newly drawn; only a share of the hands show the detector's own points."""
        simulated = moved(self.hands, rng)
        chosen = rng.random(len(self.hands)) < share
        if not len(self.real):
            return simulated
        chosen &= finite(self.real[0]).any(axis=1)
        return np.where(chosen[:, None, None], self.real[0], simulated)

    def cues(self, points: Floats) -> Cues:
        """The further signs for these points."""
        spread = disagreement([points, *self.real[1:]]) if len(self.real) > 1 else None
        other, held = np.zeros(points.shape[:2], bool), np.zeros(points.shape[:2], bool)
        order = np.argsort(self.hands.frame_id.astype(str), kind="stable")
        for frame, rows in groupby(order.tolist(), key=lambda i: str(self.hands.frame_id[i])):
            chosen = list(rows)
            other[chosen] = hand_overlap(points[chosen])
            held[chosen] = object_overlap(points[chosen], (self.objects or {}).get(frame))
        return Cues(spread, other, None if self.objects is None else held)

    def take(self, chosen: NDArray[Any]) -> "Examples":
        """Some of the hands, by position."""
        return Examples(
            self.hands.take(chosen),
            [self.patches[i] for i in chosen],
            self.corners[chosen],
            self.factors[chosen],
            self.real[:, chosen],
            self.objects,
            self.missed,
        )


def moved(hands: Hands, rng: np.random.Generator) -> Floats:
    """The true points moved as a detector would: the hand as a whole, fingers, joints; hidden joints twice as far.

    MediaPipe on synthetic hands: median error 0.032 hand sizes for visible and 0.086 for hidden joints, the mean of a
    hand's errors has a standard deviation of 0.037.
    """
    n = len(hands)
    size = longer_side(hands.box)[:, None, None]
    center = np.where(finite(hands.points)[..., None], hands.points, 0).mean(axis=1, keepdims=True)
    angle, scale = rng.normal(0, 0.05, (n, 1)), 1 + rng.normal(0, 0.05, (n, 1, 1))
    x, y = np.moveaxis(hands.points - center, -1, 0)
    turned = np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y], axis=-1)
    finger = np.repeat(rng.normal(0, 0.018, (n, 5, 2)), 4, axis=1)
    fingers = np.concatenate([np.zeros((n, 1, 2)), finger], axis=1)
    joint = rng.normal(0, 0.018, hands.points.shape)
    far = np.where(hands.occluded, 2.4, 1.0)[..., None]
    return np.asarray(center + turned * scale + size * (rng.normal(0, 0.02, (n, 1, 2)) + far * (fingers + joint)))


def examples(
    truth: Truth,
    predictions: Sequence[Path] = (),
    *,
    objects: dict[str, Floats] | None = None,
    progress: Progress | None = None,
) -> Examples:
    """Collect the hands of a dataset.

    Args:
        truth: with pictures; hands without box or joint are left out.
        predictions: one or more detectors' answers; the first one's points are looked at.
        objects: boxes of things by frame id.
        progress: called with hands read and wanted.

    Raises:
        InputError: no hands, or pictures are missing.
    """
    hands = truth.hands
    good = np.isfinite(hands.box).all(axis=1) & (longer_side(hands.box) > 0) & hands.exists.any(axis=1)
    hands = hands.take(good)
    if not len(hands):
        raise InputError("holds no hands", where=str(truth.path))
    gone = [h.id for h in hands if not h.image or not (truth.image_root / h.image).is_file()]
    if gone:
        raise InputError(
            f"the pictures of {len(gone)} hands are missing: {shorten(gone)}",
            where=str(truth.path),
            next_step="pass a folder that holds them",
        )
    real = [_points_of(truth, path)[good] for path in predictions]
    real = [_on_the_hand(points, hands) for points in real]
    missed = int((~finite(real[0]).any(axis=1)).sum()) if real else 0
    patches, corners, factors = _patches(truth, hands, progress)
    listed = np.stack(real) if real else np.zeros((0, *hands.points.shape))
    return Examples(hands, patches, corners, factors, listed, objects, missed)


def _points_of(truth: Truth, path: Path) -> Floats:
    match = match_predictions(truth, read_predictions(path))
    if not match.found.any():
        raise InputError("has a prediction for none of these hands", where=str(path), next_step="check the ids")
    return match.points


def _on_the_hand(points: Floats, hands: Hands) -> Floats:
    """The same points, all NaN for hands where they lie on something else."""
    distance = np.linalg.norm(points - hands.points, axis=2) / longer_side(hands.box)[:, None]
    distance[~hands.exists] = np.nan
    known = np.isfinite(distance).any(axis=1)
    median = np.full(len(hands), np.inf)
    median[known] = np.nanmedian(distance[known], axis=1)
    return np.where((median <= FARTHEST)[:, None, None], points, np.nan)


def _patches(truth: Truth, hands: Hands, progress: Progress | None) -> tuple[list[Any], Floats, Floats]:
    """Picture, corner and factor of every hand."""
    import cv2

    patches, corners, factors = [], np.zeros((len(hands), 2)), np.ones(len(hands))
    before: str = ""
    image: Any = None
    for i in range(len(hands)):
        if hands.image[i] != before:
            image, before = read_image(truth.image_root / hands.image[i]), hands.image[i]
        window = crop_window(hands.box[i], image.shape[1], image.shape[0], _REACH)
        patch = image[window.y : window.y + window.height, window.x : window.x + window.width]
        factor = min(_PATCH / max(patch.shape[:2]), 1.0)
        if factor < 1:
            shape = (max(round(patch.shape[1] * factor), 1), max(round(patch.shape[0] * factor), 1))
            patch = np.asarray(cv2.resize(patch, shape, interpolation=cv2.INTER_AREA), np.uint8)
        patches.append(np.ascontiguousarray(patch))
        corners[i], factors[i] = (window.x, window.y), factor
        if progress:
            progress(i + 1, len(hands))
    return patches, corners, factors


def in_picture(hands: Hands, points: Floats) -> Flags:
    """(N, 21) which points lie in their hand's picture; where its size is not known, all finite ones do."""
    result = finite(points)
    for i in np.flatnonzero((hands.width > 0) & (hands.height > 0)):
        result[i] &= inside(points[i], int(hands.width[i]), int(hands.height[i]))
    return result
