"""The square pictures of 256 pixels that HaMeR sees, and the way back to pixels of the whole picture.

Two recipes stand in the reference, and their crops differ by a third:

- "demo": the box doubled, grown to 3:4 (width to height), its longer side taken; large hands are blurred before they
  are made small.
- "hint": twice the longer side of HInt's box, never blurred: what the published numbers were measured with.

Left hands are seen mirrored, as right ones. Pixels count from the centre of the top-left pixel, (0, 0), in the crop as
in the picture, and the crop's pixel 128 is the box's centre.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError

SIZE: Final = 256
MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)
"""ImageNet's, of RGB in 0..1."""
Recipe = Literal["hint", "demo"]
RECIPES: Final[tuple[Recipe, ...]] = ("hint", "demo")
_GROWTH: Final = 2.0
_SHAPE: Final = (192.0, 256.0)
_BLUR_FROM: Final = 1.1
"""Of 512 pixels: a crop that is larger is blurred by the recipe "demo"."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Square:
    """What part of a picture a crop shows.

    Attributes:
        center: (2,) pixels.
        size: side in pixels.
        right: whether it is a right hand; a left one's crop is mirrored.
    """

    center: Floats
    size: float
    right: bool

    def to_pixels(self, points: Floats) -> Floats:
        """(P, 2) fractions of the crop, as the network gives them -> (P, 2) pixels of the picture."""
        turned = points if self.right else points * np.array([-1.0, 1.0])
        return np.asarray(turned * self.size + self.center, np.float64)


def square_of(box: Floats, side: str, recipe: Recipe = "hint") -> Square:
    """The part of the picture that shows a hand.

    Args:
        box: (4,) x1, y1, x2, y2 pixels.
        side: "left" or "right", of the person.
        recipe: "hint" or "demo".

    Raises:
        InputError: a box without area, or another side.
    """
    if side not in ("left", "right"):
        raise InputError("HaMeR must know whether a hand is left or right", next_step="give boxes with sides")
    width, height = (float(v) for v in box[2:] - box[:2])
    if not (np.isfinite(box).all() and width > 0 and height > 0):
        raise InputError(f"{box.tolist()} is no box with an area")
    size = _GROWTH * max(width, height)
    if recipe == "demo":
        ratio = _SHAPE[1] / _SHAPE[0]
        size = max(size, _GROWTH * width * ratio)
    return Square((box[:2] + box[2:]) / 2, size, side == "right")


def cut(image: NDArray[np.uint8], square: Square, recipe: Recipe = "hint") -> NDArray[np.float32]:
    """One crop as the network wants it: (3, 256, 256) float32, normalised RGB.

    Args:
        image: (H, W, 3) RGB uint8.
        square: what to show; beyond the picture all is black.
        recipe: "demo" blurs what is made much smaller, "hint" does not.
    """
    width = image.shape[1]
    source: NDArray[Any] = image if square.right else image[:, ::-1]
    center = square.center if square.right else np.array([width - 1 - square.center[0], square.center[1]])
    if recipe == "demo" and square.size / SIZE / 2 > _BLUR_FROM:
        source = _blurred(source, (square.size / SIZE / 2 - 1) / 2, center, square.size)
    patch = _sampled(source, center, square.size)
    if source.dtype == np.uint8:
        patch = np.rint(patch)  # whole grey levels, as OpenCV gives them for such a picture
    scaled = (patch - 255.0 * np.array(MEAN)) / (255.0 * np.array(STD))
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), np.float32)


def _sampled(source: NDArray[Any], center: Floats, size: float) -> Floats:
    """(256, 256, 3) of the square, bilinear in double precision; outside of the picture all is 0.

    OpenCV 4 rounds positions to 1/32 of a pixel and OpenCV 5 does not, which is up to 5 grey levels on noise; so the
    numbers would depend on who installed what. This equals OpenCV 5 to one level.
    """
    step = size / SIZE
    offset = (np.arange(SIZE) - SIZE / 2) * step
    xs, ys = center[0] + offset, center[1] + offset
    x0, y0 = np.floor(xs).astype(int), np.floor(ys).astype(int)
    fx, fy = (xs - x0)[None, :, None], (ys - y0)[:, None, None]
    # Only the part that is seen: the picture may be large, and mirrored.
    left, top_row = max(int(x0[0]), 0), max(int(y0[0]), 0)
    source = np.ascontiguousarray(source[top_row : max(int(y0[-1]) + 2, 0), left : max(int(x0[-1]) + 2, 0)])
    if not source.size:
        return np.zeros((SIZE, SIZE, 3))
    x0, y0 = x0 - left, y0 - top_row
    rows = _with_border(source, y0, axis=0)
    upper, lower = _with_border(rows[0], x0, axis=1), _with_border(rows[1], x0, axis=1)
    top = upper[0] * (1 - fx) + upper[1] * fx
    bottom = lower[0] * (1 - fx) + lower[1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, np.float64)


def _with_border(values: NDArray[Any], first: NDArray[np.int64], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows (or columns) at these positions and at the next ones; 0 where there are none."""
    n = values.shape[axis]
    found = []
    for places in (first, first + 1):
        taken = np.take(values, np.clip(places, 0, n - 1), axis=axis)
        there = (places >= 0) & (places < n)
        shape = [1] * values.ndim
        shape[axis] = len(places)
        found.append(np.where(there.reshape(shape), taken, 0).astype(np.float64))
    return found[0], found[1]


def _blurred(image: NDArray[np.uint8], sigma: float, center: Floats, size: float) -> Floats:
    """The picture blurred; only what the crop can see of it is computed, the rest is left as it is."""
    import cv2

    reach = int(4 * sigma + 0.5)
    height, width = image.shape[:2]
    low = np.maximum(np.floor(center - size / 2).astype(int) - reach - 2, 0)
    high = np.minimum(np.ceil(center + size / 2).astype(int) + reach + 3, [width, height])
    result = image.astype(np.float64)
    if (high > low).all():
        # Two reaches: what lies beyond the part that is seen still bleeds into it.
        outer = np.maximum(low - reach, 0), np.minimum(high + reach, [width, height])
        part = result[outer[0][1] : outer[1][1], outer[0][0] : outer[1][0]]
        soft = cv2.GaussianBlur(part, (2 * reach + 1, 2 * reach + 1), sigma, borderType=cv2.BORDER_REPLICATE)
        x, y = low - outer[0]
        seen = soft[y : y + high[1] - low[1], x : x + high[0] - low[0]]
        result[low[1] : high[1], low[0] : high[0]] = seen
    return result


def grey_levels(crops: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey levels 0..255 of normalised crops (N, 3, 256, 256), for a look at them."""
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (MEAN, STD))
    return np.asarray((crops * std + mean) * 255.0, np.float32)
