"""What a detector is: an RGB picture in, hands with confidence out.

To add a detector, write one file with a class that has `name`, `detect` and `close`, and add one line to
`registry.DETECTORS`; the contract test in tests/unit/prelabel runs over the whole registry.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


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
    """

    points: NDArray[np.float64]
    score: NDArray[np.float64]
    box: NDArray[np.float64]
    side: str
    presence: float
    side_score: float


class Detector(Protocol):
    """The interface of every detector."""

    name: str
    """Name and version, e.g. "mediapipe-1.2.2": the key that results are stored under."""

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """All hands in one (H, W, 3) RGB picture, best first."""
        ...

    def close(self) -> None:
        """Free what the detector holds; it is not used after."""
        ...
