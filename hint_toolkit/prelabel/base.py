"""What a detector is: an RGB picture in, hands with confidence out.

To add a detector, write one file with a class that has `name`, `detect`, `detect_in` and `close`, and add one line
to `registry.DETECTORS`; the contract test in tests/unit/prelabel runs over the whole registry.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import N_JOINTS

REVIEW_PRESENCE = 0.9
"""A hand whose presence is lower is marked for review: on real pictures all wrong sides were below it."""


def _unknown() -> NDArray[np.float64]:
    return np.full(N_JOINTS, np.nan)


@dataclass(frozen=True)
class Prompt:
    """A box in which a hand is known to be.

    Attributes:
        box: (4,) x1, y1, x2, y2 pixels of the picture.
        side: "left", "right", or "" where the box's origin does not say.
        score: confidence in the box, NaN if not given.
        origin: where it comes from: "hands23", "visor", "coco", "csv", "gt", "previous" or a detector's name; "person"
            says that it is the box of a whole person.
        id: of the hand that the box belongs to, "" if none: a detection in it keeps this identity.
    """

    box: NDArray[np.float64]
    side: str = ""
    score: float = float("nan")
    origin: str = ""
    id: str = ""


@dataclass(frozen=True)
class Detection:
    """One hand that a detector found.

    Attributes:
        points: (21, 2) pixels of the given picture, HInt order.
        score: (21,) confidence per joint, NaN where the detector gives none.
        box: (4,) x1, y1, x2, y2 pixels.
        side: "left" or "right", of the person.
        presence: confidence that this is a hand, NaN if not given.
        side_score: confidence in `side`, NaN if not given.
        occlusion: (21,) probability that a joint is occluded, NaN where the detector says nothing about it.
    """

    points: NDArray[np.float64]
    score: NDArray[np.float64]
    box: NDArray[np.float64]
    side: str
    presence: float
    side_score: float
    occlusion: NDArray[np.float64] = field(default_factory=_unknown)


class Detector(Protocol):
    """The interface of every detector."""

    name: str
    """Name and version, e.g. "mediapipe-1.2.2": with all options that change results, the key they are stored under."""

    finds_boxes: bool
    """Whether `detect` works; a detector that only works from boxes raises InputError there, which says so."""

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """All hands in one (H, W, 3) RGB picture, best first."""
        ...

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The hand of each box, in the order of the boxes; None where the detector sees none in it."""
        ...

    def close(self) -> None:
        """Free what the detector holds; it is not used after."""
        ...
