"""What top-down networks share: the crop around a box, its way back to the picture, and a hand out of its joints.

A network of this kind looks at one box: the box is grown to the network's proportions and by a margin, and its
contents are scaled to the network's input. Indices of pixels are mapped to indices of pixels, as OpenCV's warpAffine
does and MMPose with it, so a point of the crop is that point of the picture with the centre of the top-left pixel at
(0, 0) on both sides. Beyond the picture everything is black, before the colours are normalised.

Sources: github.com/open-mmlab/mmpose (`bbox_xyxy2cs`, `TopdownAffine`) and ViTPose's fork of its version 0.x.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import MissingExtra
from hint_toolkit.geometry import box_around, clip_box
from hint_toolkit.prelabel.base import Detection

Floats = NDArray[np.float64]

PADDING: Final = 1.25
"""How much larger than the box the region is that the network sees: its training knew no other."""

BOX_MARGIN: Final = 0.12
"""Box of a detection = its points grown by this share of their longer side, as for every detector of this room."""

MIN_JOINTS: Final = 4
"""A hand has at least so many joints above a detector's least score: HaMeR's demo asks for more than three."""

LEAST_SCORE: Final = 0.3
"""A joint of a hand network counts as seen above this, as in MMPose's demos. Any box gives points; without a least
score, a hand that left its place would be found there for ever."""

UNKNOWN_SIDE_SCORE: Final = 0.5
"""Where neither the network nor the box says which hand it is, "right" is written with this confidence: a coin."""


@dataclass(frozen=True)
class Region:
    """The part of a picture that a network sees.

    Attributes:
        center: (2,) pixels of the picture.
        size: (2,) width and height in pixels of the picture.
    """

    center: Floats
    size: Floats

    def cut(self, image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
        """The region as (height, width, 3); the proportions of the region are those of width and height."""
        try:
            import cv2
        except ImportError as error:
            raise MissingExtra("OpenCV", "video") from error
        # By three points in float32, as MMPose has it: written down at once, the map differs in its last bits, and
        # OpenCV's sampling at 1/32 pixel makes grey levels of them.
        there = _corners(self.center, self.size[0] / 2)
        matrix = cv2.getAffineTransform(there, _corners(np.array([width, height]) / 2, width / 2))
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_CONSTANT
        crop: NDArray[np.uint8] = cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=border)
        return crop

    def to_picture(self, cells: Floats, width: int, height: int) -> Floats:
        """Points (..., 2) on a grid of width x height cells over the region, in pixels of the picture."""
        return np.asarray(cells * (self.size / np.array([width, height])) + self.center - self.size / 2)


def _corners(center: Floats, half: float) -> NDArray[np.float32]:
    """(3, 2): a centre, the point `half` above it, and the point as far to the left of that."""
    first, second = center.astype(np.float32), (center - np.array([0, half])).astype(np.float32)
    return np.stack([first, second, second - np.array([first[1] - second[1], 0], np.float32)])


def region_around(box: Floats, aspect: float, *, grow: float = PADDING, inclusive: bool = False) -> Region:
    """The region around a box.

    Args:
        box: (4,) x1, y1, x2, y2 pixels.
        aspect: width / height of the network's input; the shorter side of the box grows to it.
        grow: how much larger than that the region is.
        inclusive: as MMPose 0.x does: the box's last row and column count, so it is one pixel wider and higher and its
            centre half a pixel to the right and down; and centre and size / 200 are rounded to float32.
    """
    extra = 1.0 if inclusive else 0.0
    sides = box[2:] - box[:2] + extra
    center = box[:2] + sides / 2
    width = max(float(sides[0]), float(sides[1]) * aspect)
    size = np.array([width, width / aspect])
    if not inclusive:
        return Region(center, size * grow)
    rounded = (size / 200).astype(np.float32) * np.float32(grow) * np.float32(200)
    return Region(center.astype(np.float32).astype(float), rounded.astype(float))


def enough(score: Floats, least: float) -> bool:
    """Whether at least `MIN_JOINTS` joints (21,) score higher than `least`."""
    return int((score > least).sum()) >= MIN_JOINTS


def hand(points: Floats, score: Floats, image: NDArray[np.uint8], side: str) -> Detection | None:
    """Joints as a detection; None if none of the hand lies in the picture.

    Args:
        points: (21, 2) pixels of the picture, NaN where missing.
        score: (21,) confidence a joint.
        image: the picture.
        side: "left", "right", or "" if nobody knows.
    """
    box = clip_box(box_around(points, margin=BOX_MARGIN), image.shape[1], image.shape[0])
    if not (box[2:] > box[:2]).all():
        return None
    return Detection(
        points=points,
        score=score,
        box=box,
        side=side or "right",
        presence=float("nan"),
        side_score=float("nan") if side else UNKNOWN_SIDE_SCORE,
    )
