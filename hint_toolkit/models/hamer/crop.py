"""The square pictures of 256 pixels that HaMeR sees, and the way back to pixels of the whole picture.

Three recipes stand in the reference, and their crops differ by a third and more:

- "demo": the box doubled, grown to 3:4 (width to height), its longer side taken; large hands are blurred before they
  are made small.
- "hint": twice the longer side of HInt's box, never blurred: what the published numbers were measured with.
- "stored": the box as it is, grown to 3:4, its longer side taken, never blurred: FreiHAND and HO-3D, whose evaluation
  files store boxes that were enlarged before.

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
_MEAN_LEVELS: Final = np.array([255.0 * v for v in MEAN], np.float32)
_STD_LEVELS: Final = np.array([255.0 * v for v in STD], np.float32)
Recipe = Literal["hint", "demo", "stored"]
RECIPES: Final[tuple[Recipe, ...]] = ("hint", "demo", "stored")
_GROWTH: Final[dict[Recipe, float]] = {"hint": 2.0, "demo": 2.0, "stored": 1.0}
_SHAPE: Final = (192.0, 256.0)
_BLUR_SIZE: Final = 512
_BLUR_FROM: Final = 1.1
"""The recipe "demo" blurs what a crop larger than 1.1 x 512 pixels shows."""

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
        recipe: one of `RECIPES`.

    Raises:
        InputError: a box without area, or another side.
    """
    if side not in ("left", "right"):
        raise InputError("HaMeR must know whether a hand is left or right", next_step="give boxes with sides")
    width, height = (float(v) for v in box[2:] - box[:2])
    if not (np.isfinite(box).all() and width > 0 and height > 0):
        raise InputError(f"{box.tolist()} is no box with an area")
    size = _GROWTH[recipe] * max(width, height)
    if recipe != "hint":
        ratio = _SHAPE[1] / _SHAPE[0]
        size = max(size, _GROWTH[recipe] * width * ratio)
    return Square((box[:2] + box[2:]) / 2, size, side == "right")


def cut(image: NDArray[np.uint8], square: Square, recipe: Recipe = "hint") -> NDArray[np.float32]:
    """One crop as the network wants it: (3, 256, 256) float32, normalised RGB. Arguments as of `levels`."""
    return np.ascontiguousarray(normalised(levels(image, square, recipe)).transpose(2, 0, 1))


def levels(
    image: NDArray[np.uint8], square: Square, recipe: Recipe = "hint"
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """One crop in grey levels, (256, 256, 3) RGB: a quarter of the bytes of what the network wants.

    Args:
        image: (H, W, 3) RGB uint8.
        square: what to show; beyond the picture all is black.
        recipe: "demo" blurs what is made much smaller, the others do not.

    Returns:
        uint8; float32 where it was blurred, because the reference leaves such a crop between grey levels.
    """
    sigma = (square.size / _BLUR_SIZE - 1) / 2 if recipe == "demo" and square.size > _BLUR_FROM * _BLUR_SIZE else 0.0
    source, center = _seen(image, square, int(4 * sigma + 0.5))
    if not source.size:
        return np.zeros((SIZE, SIZE, 3), np.uint8)
    if sigma:
        return _sampled(_blurred(source, sigma), center, square.size)
    sampled = _sampled(source, center, square.size)
    return np.rint(sampled, out=sampled).astype(np.uint8)  # whole grey levels, as OpenCV gives them


def normalised(grey: Any) -> Any:
    """(.., 3) grey levels of RGB -> float32 as the network wants them; arrays and torch's tensors alike.

    Single precision, one difference and one quotient, both rounded alike everywhere: the same bits from either library.
    """
    if isinstance(grey, np.ndarray):
        return (grey.astype(np.float32) - _MEAN_LEVELS) / _STD_LEVELS
    import torch

    mean, std = (torch.from_numpy(v).to(grey.device) for v in (_MEAN_LEVELS, _STD_LEVELS))
    return (grey.float() - mean) / std


def _seen(image: NDArray[np.uint8], square: Square, margin: int) -> tuple[NDArray[np.uint8], Floats]:
    """The part of the picture, mirrored for a left hand, that a crop shows, and the crop's centre in it.

    Args:
        image: (H, W, 3).
        square: of the crop.
        margin: pixels around it that bleed into it; the part ends with the picture.
    """
    height, width = image.shape[:2]
    mirrored = np.array([width - 1 - square.center[0], square.center[1]])
    center = square.center if square.right else mirrored
    low = np.clip(np.floor(center - square.size / 2) - margin, 0, [width, height]).astype(int)
    high = np.clip(np.floor(center + square.size / 2) + 2 + margin, 0, [width, height]).astype(int)
    columns = slice(low[0], high[0]) if square.right else slice(width - high[0], width - low[0])
    part = image[low[1] : high[1], columns]
    return np.ascontiguousarray(part if square.right else part[:, ::-1]), center - low


def _sampled(source: NDArray[Any], center: Floats, size: float) -> NDArray[np.float32]:
    """(256, 256, 3) of the square, bilinear; outside of the source all is 0.

    Positions are taken in double precision. OpenCV 4 rounds them to 1/32 of a pixel and OpenCV 5 does not, which is up
    to 5 grey levels on noise; so the numbers would depend on who installed what. This equals OpenCV 5 to one level.
    """
    height, width = source.shape[:2]
    (x0, x1), across = _taps(center[0], size, width)
    (y0, y1), down = _taps(center[1], size, height)
    # Rows first, and colours as columns of their own: few long copies instead of many of three bytes.
    rows = source.reshape(height, width * 3)[np.concatenate([y0, y1])]
    lines, (left, right) = np.arange(3), np.repeat(across, 3, axis=1)
    wide: NDArray[np.float32] = rows.take((x0[:, None] * 3 + lines).ravel(), axis=1) * left
    wide += rows.take((x1[:, None] * 3 + lines).ravel(), axis=1) * right
    sampled: NDArray[np.float32] = wide[:SIZE] * down[0][:, None]
    sampled += wide[SIZE:] * down[1][:, None]
    return sampled.reshape(SIZE, SIZE, 3)


def _taps(center: float, size: float, n: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Along one axis of n pixels: the (2, 256) neighbours of each sample, and their (2, 256) weights, 0 outside."""
    at = center + (np.arange(SIZE) - SIZE / 2) * (size / SIZE)
    first = np.floor(at)
    near = first.astype(np.int64) + np.array([[0], [1]])
    weights = np.stack([1 - (at - first), at - first])
    inside = (near >= 0) & (near < n)
    return np.clip(near, 0, n - 1), np.where(inside, weights, 0.0).astype(np.float32)


def _blurred(source: NDArray[np.uint8], sigma: float) -> Floats:
    """Gaussian over 4 sigma to each side; beyond the border the border goes on."""
    import cv2

    reach = 2 * int(4 * sigma + 0.5) + 1
    soft = cv2.GaussianBlur(source.astype(np.float64), (reach, reach), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(soft, np.float64)


def grey_levels(crops: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey levels 0..255 of normalised crops (N, 3, 256, 256), for a look at them."""
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (MEAN, STD))
    return np.asarray((crops * std + mean) * 255.0, np.float32)
