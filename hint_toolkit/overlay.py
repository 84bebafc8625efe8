"""Hands drawn on pictures in the style of HInt's own overlays: a colour a finger, white core visible, black occluded.

Pictures are RGB uint8 arrays (H, W, 3) and are never changed in place. Points are pixels with the centre of the
top-left pixel at (0, 0). OpenCV's drawing functions share that convention; its `shift` argument gives 1/16 pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import MissingExtra
from hint_toolkit.joints import BONES, FINGER_COLORS, N_JOINTS, finger_of

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Color = tuple[int, int, int]

WHITE: Final[Color] = (255, 255, 255)
BLACK: Final[Color] = (0, 0, 0)
GREY: Final[Color] = (128, 128, 128)
WRONG: Final[Color] = (0, 255, 255)  # cyan: red would be taken for a bone of the ring finger
_SHIFT: Final = 4
_FAR: Final = 1e6  # pixels; beyond this OpenCV's fixed-point numbers overflow


def _rgb(hexadecimal: str) -> Color:
    red, green, blue = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


JOINT_COLORS: Final[tuple[Color, ...]] = tuple(_rgb(FINGER_COLORS[finger_of(j)]) for j in range(N_JOINTS))


def _cv2() -> Any:
    """OpenCV, loaded on first use.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "report") from error
    return cv2


@dataclass(frozen=True)
class Crop:
    """A square cut out of a picture and resized.

    Attributes:
        image: (size, size, 3).
        origin: column and row of the square's top-left pixel in the picture; may be negative.
        scale: pixels of the crop per pixel of the picture.
    """

    image: Image
    origin: tuple[int, int]
    scale: float

    def points(self, points: Floats) -> Floats:
        """Points (..., 2) of the picture in pixels of the crop; pixel edges, not centres, fall on each other."""
        return (np.asarray(points, float) - self.origin + 0.5) * self.scale - 0.5

    def box(self, box: Floats) -> Floats:
        """A box (4,) of the picture in pixels of the crop."""
        return self.points(np.asarray(box, float).reshape(2, 2)).reshape(4)


def crop(image: Image, box: Floats, factor: float = 1.5, size: int = 384) -> Crop:
    """The square around a box, `factor` times its longer side, resized to `size`; grey where the picture ends.

    Args:
        image: (H, W, 3).
        box: (4,) x1, y1, x2, y2 pixels.
        factor: side of the square in units of the box's longer side.
        size: side of the result, pixels.

    Raises:
        ValueError: the box is not finite.
    """
    box = np.asarray(box, float)
    if not np.isfinite(box).all():
        raise ValueError(f"a crop needs a finite box, got {box.tolist()}")
    cv2 = _cv2()
    height, width = image.shape[:2]
    # A box from somebody's file can have any size and place; the canvas must not follow it into gigabytes.
    side = int(np.clip(math.ceil(factor * float((box[2:] - box[:2]).max())), 2, 2 * max(height, width)))
    corner = np.clip((box[:2] + box[2:]) / 2 - side / 2, -_FAR, _FAR)
    x, y = (int(v) for v in np.floor(corner + 0.5))
    canvas = np.full((side, side, 3), GREY[0], np.uint8)
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
    if left < right and top < bottom:
        canvas[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return Crop(cv2.resize(canvas, (size, size), interpolation=method), (x, y), size / side)


def draw_hand(
    image: Image, points: Floats, exists: Flags, occluded: Flags, *, box: Floats | None = None, scale: float = 1.0
) -> Image:
    """One hand: a bone wherever both ends exist, a dot for each joint.

    Args:
        image: (H, W, 3), left alone.
        points: (21, 2) pixels.
        exists: (21,); joints that do not exist, or whose point is not finite, are not drawn.
        occluded: (21,); decides the core of the dot, black or white.
        box: (4,) drawn thin when given.
        scale: of line widths and dots.

    Returns:
        a new picture.
    """
    canvas = image.copy()
    if box is not None and np.isfinite(box).all():
        _draw_box(canvas, np.asarray(box, float), scale)
    _draw_bones(canvas, points, exists, scale)
    _draw_dots(canvas, points, exists, occluded, scale)
    return canvas


def draw_comparison(
    image: Image,
    truth: Floats,
    pred: Floats,
    exists: Flags,
    occluded: Flags,
    *,
    wrong: Flags | None = None,
    box: Floats | None = None,
    scale: float = 1.0,
) -> Image:
    """Truth as `draw_hand` draws it; prediction with dashed bones and crosses; a cyan line where they disagree.

    Truth has dark outlines and the prediction white ones, so that they differ without their colours too.

    Args:
        image: (H, W, 3), left alone.
        truth: (21, 2) pixels.
        pred: (21, 2) pixels, NaN where nothing was predicted.
        exists: (21,) which joints have a truth; predictions of other joints get no cross.
        occluded: (21,) as in `draw_hand`.
        wrong: (21,) joints to connect with their truth; None connects none.
        box: (4,) drawn thin when given.
        scale: of line widths, dots and crosses.

    Returns:
        a new picture.
    """
    canvas = image.copy()
    if box is not None and np.isfinite(box).all():
        _draw_box(canvas, np.asarray(box, float), scale)
    _draw_bones(canvas, truth, exists, scale)
    predicted = _drawable(pred, np.ones(N_JOINTS, bool))
    both = predicted & _drawable(truth, exists)
    for a, b in BONES:
        if predicted[a] and predicted[b]:
            _dashed(canvas, pred[a], pred[b], JOINT_COLORS[b], scale)
    for joint in np.flatnonzero(both & wrong) if wrong is not None else ():
        _line(canvas, truth[joint], pred[joint], WRONG, 1.6 * scale)
    _draw_dots(canvas, truth, exists, occluded, scale)
    for joint in np.flatnonzero(both):
        _cross(canvas, pred[joint], JOINT_COLORS[joint], scale)
    return canvas


def contact_sheet(images: Sequence[Image], columns: int, gap: int = 4) -> Image:
    """Pictures in rows of `columns`, each in the top-left of a cell as large as the largest; white between them.

    Raises:
        ValueError: no picture, or less than one column.
    """
    if not images or columns < 1:
        raise ValueError(f"a contact sheet needs pictures and a column, got {len(images)} and {columns}")
    columns = min(columns, len(images))
    height, width = (max(image.shape[axis] for image in images) + gap for axis in (0, 1))
    sheet = np.full((math.ceil(len(images) / columns) * height - gap, columns * width - gap, 3), 255, np.uint8)
    for k, image in enumerate(images):
        y, x = k // columns * height, k % columns * width
        sheet[y : y + image.shape[0], x : x + image.shape[1]] = image
    return sheet


def _drawable(points: Floats, exists: Flags) -> Flags:
    return np.asarray(exists & np.isfinite(points).all(axis=1))


def _fixed(point: Floats) -> tuple[int, int]:
    """A point in OpenCV's fixed-point numbers."""
    x, y = np.round(np.clip(point, -_FAR, _FAR) * (1 << _SHIFT)).astype(int)
    return int(x), int(y)


def _line(canvas: Image, start: Floats, end: Floats, color: Color, width: float) -> None:
    cv2 = _cv2()
    cv2.line(canvas, _fixed(start), _fixed(end), color, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def _dot(canvas: Image, point: Floats, radius: float, color: Color) -> None:
    cv2 = _cv2()
    cv2.circle(canvas, _fixed(point), max(1, round(radius * (1 << _SHIFT))), color, -1, cv2.LINE_AA, _SHIFT)


def _draw_bones(canvas: Image, points: Floats, exists: Flags, scale: float) -> None:
    """All dark outlines first, so that no outline cuts the colour of a neighbour."""
    drawn = _drawable(points, exists)
    bones = [(a, b) for a, b in BONES if drawn[a] and drawn[b]]
    for a, b in bones:
        _line(canvas, points[a], points[b], BLACK, 3.0 * scale)
    for a, b in bones:
        _line(canvas, points[a], points[b], JOINT_COLORS[b], 2.0 * scale)


def _draw_dots(canvas: Image, points: Floats, exists: Flags, occluded: Flags, scale: float) -> None:
    for joint in np.flatnonzero(_drawable(points, exists)):
        _dot(canvas, points[joint], 4.5 * scale, BLACK)
        _dot(canvas, points[joint], 3.8 * scale, JOINT_COLORS[joint])
        _dot(canvas, points[joint], 2.0 * scale, BLACK if occluded[joint] else WHITE)


def _draw_box(canvas: Image, box: Floats, scale: float) -> None:
    x1, y1, x2, y2 = box
    corners = [np.array(p) for p in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))]
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        _line(canvas, start, end, WHITE, scale)


def _dashed(canvas: Image, start: Floats, end: Floats, color: Color, scale: float) -> None:
    """Dashes of equal length; a far-off point makes them longer instead of more."""
    start, end = np.clip(start, -_FAR, _FAR), np.clip(end, -_FAR, _FAR)
    parts = int(np.clip(float(np.hypot(*(end - start))) / (5.0 * scale), 1, 201)) | 1
    for k in range(0, parts, 2):
        a, b = start + (end - start) * (k / parts), start + (end - start) * ((k + 1) / parts)
        _line(canvas, a, b, WHITE, 2.2 * scale)
        _line(canvas, a, b, color, 0.8 * scale)


def _cross(canvas: Image, point: Floats, color: Color, scale: float) -> None:
    for width, arm, ink in ((3.4, 5.0, WHITE), (1.6, 4.6, color)):
        for direction in ((1.0, 1.0), (1.0, -1.0)):
            reach = np.array(direction) * arm * scale
            _line(canvas, point - reach, point + reach, ink, width * scale)
