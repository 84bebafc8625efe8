"""Lines of YOLO-pose labels: `class cx cy w h` and 21 times `x y v`, all but class and v as fractions of the picture.

Fractions are measured from the corner of the picture, 0 at the left edge of the first pixel and 1 at the right edge of
the last (ultralytics scales them by width and height and crops and mirrors about the edges). Our pixel 0 is the
centre of the first pixel, so x = fraction * width - 0.5, and the same with y and height.

ultralytics leaves out a picture with all its hands when a coordinate of a keypoint is above 1.01 or any number
below -0.01 (`verify_image_label`; older versions allow no margin), so nothing outside of 0..1 is ever written.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import clip_box
from hint_toolkit.joints import N_JOINTS

CLASSES: Final = ("left_hand", "right_hand")
SPLITS: Final = {"TRAIN": "train", "VAL": "val", "TEST": "test"}
DECIMALS = 9
"""5e-10 of the picture: 2e-6 pixels in a picture of 4,000."""
_LOW, _HIGH = -0.01, 1.01
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LabelLine:
    """One hand.

    Attributes:
        kind: index of the class.
        box: (4,) x1, y1, x2, y2 pixels.
        points: (21, 2) pixels; NaN where v is 0.
        flags: (21,) v: 0 absent, 1 occluded, 2 visible.
    """

    kind: int
    box: Floats
    points: Floats
    flags: NDArray[np.int64]


def inside(points: Floats, width: int, height: int) -> NDArray[np.bool_]:
    """(21,) whether points (21, 2) lie in the picture, edges included."""
    limit = np.array([width, height]) - 0.5
    return np.asarray(((points >= -0.5) & (points <= limit)).all(axis=1))


def format_line(kind: int, box: Floats, points: Floats, flags: NDArray[np.int64], width: int, height: int) -> str:
    """A line of labels; the box is cut to the picture, a point with v = 0 is 0 0 0.

    Args:
        kind: index of the class.
        box: (4,) pixels.
        points: (21, 2) pixels, inside of the picture where v > 0.
        flags: (21,) v.
        width: of the picture.
        height: of the picture.

    Returns:
        the line without its end; "" when no part of the box lies in the picture.
    """
    x1, y1, x2, y2 = (clip_box(box, width, height) + 0.5).tolist()
    if x2 <= x1 or y2 <= y1:
        return ""
    numbers = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]
    words = [str(kind), *(f"{value:.{DECIMALS}f}" for value in numbers)]
    for (x, y), flag in zip((points + 0.5).tolist(), flags.tolist(), strict=True):
        words.append(f"{x / width:.{DECIMALS}f} {y / height:.{DECIMALS}f} {flag}" if flag else "0 0 0")
    return " ".join(words)


def parse_line(line: str, dimensions: int, width: int, height: int) -> LabelLine:
    """Read a line.

    Args:
        line: of a label file.
        dimensions: numbers a joint: 3, or 2 where v is not written and a joint below 0 is absent (ultralytics' rule).
        width: of the picture.
        height: of the picture.

    Raises:
        ValueError: says what is wrong.
    """
    words = line.split()
    if len(words) != 5 + dimensions * N_JOINTS:
        raise ValueError(f"must have {5 + dimensions * N_JOINTS} numbers, got {len(words)}")
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        raise ValueError("must be numbers") from None
    if not np.isfinite(values).all() or values[0] != round(values[0]) or values[0] < 0:
        raise ValueError("must be finite numbers that begin with the index of a class")
    cx, cy, w, h = values[1:5].tolist()
    joints = values[5:].reshape(N_JOINTS, dimensions)
    flags = joints[:, 2] if dimensions == 3 else np.where((joints < 0).any(axis=1), 0, 2)
    if not np.isin(flags, (0, 1, 2)).all():
        raise ValueError("v must be 0, 1 or 2")
    shown = joints[flags > 0, :2]
    if not _fractions(np.concatenate([values[1:5], shown.ravel()])):
        raise ValueError("must be fractions of the picture, 0 to 1")
    size = np.array([width, height], dtype=np.float64)
    corners = np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
    points = np.where(flags[:, None] > 0, joints[:, :2] * size - 0.5, np.nan)
    return LabelLine(int(values[0]), corners * np.tile(size, 2) - 0.5, points, flags.astype(np.int64))


def _fractions(values: Floats) -> bool:
    return bool(((values >= _LOW) & (values <= _HIGH)).all())
