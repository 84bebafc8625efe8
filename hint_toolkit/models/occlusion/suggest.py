"""Suggest which joints of predicted hands are occluded. Numpy and OpenCV do; torch is for training only."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import inside
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.models.occlusion.cues import Cues, disagreement, hand_overlap, object_overlap
from hint_toolkit.models.occlusion.features import features, stack, usable
from hint_toolkit.models.occlusion.forward import logits
from hint_toolkit.models.occlusion.weights import Head, read_head
from hint_toolkit.records import Hands

Floats = NDArray[np.float64]
_BATCH = 16


class Suggester:
    """A trained head, ready to be asked.

    Attributes:
        head: the weights and what is known of them.
        name: changes with the weights: a key for what is stored.
    """

    def __init__(self, head: Head) -> None:
        """Take a head, e.g. of `weights.read_head`."""
        self.head = head
        self.name = f"occlusion-{head.digest or 'unsaved'}"

    @classmethod
    def load(cls, path: Path | None = None) -> "Suggester":
        """The head of a file, or of this package: that one has seen synthetic hands only.

        Raises:
            InputError: no such file, or it is no occlusion head of this version.
        """
        return cls(read_head(path))

    def __call__(
        self,
        image: NDArray[np.uint8],
        hands: Hands,
        *,
        others: Sequence[Floats] = (),
        objects: Floats | None = None,
        masks: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """The same as `suggest`."""
        return self.suggest(image, hands, others=others, objects=objects, masks=masks)

    def suggest(
        self,
        image: NDArray[np.uint8],
        hands: Hands,
        *,
        others: Sequence[Floats] = (),
        objects: Floats | None = None,
        masks: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """How probable it is that a joint is hidden.

        Args:
            image: (H, W, 3) RGB uint8.
            hands: all hands found in this picture, together: they may hide each other. Only points and side are used.
            others: (N, 21, 2) points of the same hands by further detectors, NaN where they found nothing.
            objects: (M, 4) boxes of things, x1, y1, x2, y2; None where nobody looked for things.
            masks: (M, H, W) their masks, likewise.

        Returns:
            (N, 21) in 0..1. NaN where a point is missing or lies outside the picture, and for a hand with fewer than
            6 points or all of them within 4 pixels.

        Raises:
            MissingExtra: OpenCV is not installed.
            InputError: the image is not (H, W, 3) uint8.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise InputError(f"a picture must be (H, W, 3) uint8, got {image.shape} {image.dtype}")
        points = hands.points
        cues = Cues(
            disagreement([points, *others]) if len(others) else None,
            hand_overlap(points),
            None if objects is None and masks is None else object_overlap(points, objects, masks),
        )
        return self.combine(self.network(image, hands), cues, image.shape[1], image.shape[0], points)

    def network(self, image: NDArray[np.uint8], hands: Hands) -> Floats:
        """Log odds of the network alone, (N, 21), not calibrated; NaN for hands that are not usable."""
        result = np.full((len(hands), N_JOINTS), np.nan)
        good = np.flatnonzero(usable(hands.points))
        for start in range(0, len(good), _BATCH):
            chosen = good[start : start + _BATCH]
            parts = [features(image, hands.points[i], hands.side[i]) for i in chosen]
            result[chosen] = logits(self.head.parameters, stack(parts))
        return result

    def combine(self, logit: Floats, cues: Cues, width: int, height: int, points: Floats) -> Floats:
        """Probabilities from log odds and signs, (N, 21); NaN for points outside a picture of the given size."""
        probability = self.head.combination.probability(logit, cues)
        return np.where(inside(points, width, height), probability, np.nan)

    def ticks(self, probability: Floats) -> NDArray[np.bool_]:
        """(N, 21) which flags to set beforehand: from the threshold on that cost the fewest key presses in training."""
        return np.nan_to_num(probability, nan=0.0) >= self.head.threshold
