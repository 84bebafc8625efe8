"""What the occlusion network sees: a crop of the hand as a right hand, its skeleton as maps, its geometry.

A left hand is mirrored as a whole picture before anything is cut, so that a hand and its mirror image give the same
numbers to the last bit. Crop coordinates: pixels of a `CROP` x `CROP` square, centre of its top-left pixel (0, 0).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import MissingExtra
from hint_toolkit.geometry import finite
from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

VERSION: Final = 1
"""Changes whenever the numbers here mean something else: weights of another version are refused."""
CROP: Final = 96
MAP_SIZES: Final = (24, 12)
"""Sides of the two feature maps that are read at the joints."""
CHANNELS: Final = 8
"""Red, green, blue, and one map a finger."""
GEOMETRY: Final = 3 * N_JOINTS
FACTOR: Final = 1.45
"""Side of the crop in units of the longer side of the points' box: what hides a hand reaches beyond its joints."""
FEWEST: Final = 6
"""A hand with fewer points says too little about where it is."""
_SMALLEST = 4.0  # pixels: points closer together than this are no hand
_SUBPIXEL = 4  # bits, for lines drawn between pixels
_LINE, _SOFT = 3, 1.0  # pixels of the crop: thickness of a drawn bone, blur over it


@dataclass(frozen=True)
class View:
    """How the crop is turned, scaled and moved against the plain one: training varies it, inference does not.

    Attributes:
        angle: radians.
        scale: > 1 shows more around the hand.
        shift: (x, y) as shares of the hand's size.
    """

    angle: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)


PLAIN: Final = View()


@dataclass(frozen=True)
class Inputs:
    """The network's inputs for N hands, float32.

    Attributes:
        picture: (N, 8, 96, 96).
        geometry: (N, 63): x and y a joint in units of the hand's size, then whether its point is missing.
        places: (N, 2, 21, 4) for either feature map: which four cells surround a joint, row by row.
        shares: (N, 2, 21, 4) the bilinear weights of these cells.
    """

    picture: Floats32
    geometry: Floats32
    places: NDArray[np.int64]
    shares: Floats32


def usable(points: Floats) -> NDArray[np.bool_]:
    """(N,) which hands of (N, 21, 2) have enough points, and these far enough apart, to be looked at."""
    known = finite(points)
    low = np.where(known[..., None], points, np.inf).min(axis=1)
    high = np.where(known[..., None], points, -np.inf).max(axis=1)
    return np.asarray((known.sum(axis=1) >= FEWEST) & ((high - low).max(axis=1) >= _SMALLEST))


def features(image: NDArray[np.uint8], points: Floats, side: str, view: View = PLAIN) -> Inputs:
    """Inputs for one hand; the leading axis has length 1.

    Args:
        image: (H, W, 3) RGB.
        points: (21, 2) pixels of the image, NaN where missing; must be `usable`.
        side: "left" or "right".
        view: of the crop.

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    if side == "left":
        image = image[:, ::-1]
        points = np.stack([image.shape[1] - 1 - points[:, 0], points[:, 1]], axis=1)
    known = finite(points)
    low, high = points[known].min(axis=0), points[known].max(axis=0)
    size = float((high - low).max())
    center = (low + high) / 2 + size * np.array(view.shift)
    step = FACTOR * size * view.scale / CROP  # image pixels a crop pixel
    turn = np.array([[np.cos(view.angle), -np.sin(view.angle)], [np.sin(view.angle), np.cos(view.angle)]])
    in_crop = (points - center) @ turn.T / step + (CROP - 1) / 2
    picture = np.empty((1, CHANNELS, CROP, CROP), np.float32)
    picture[0, :3] = _cut(image, center, step, turn)
    picture[0, 3:] = _skeleton(in_crop, known)
    geometry = np.concatenate([np.where(known[:, None], (points - center) @ turn.T / size, 0).ravel(), ~known])
    both = [_surrounding(in_crop, known, cells) for cells in MAP_SIZES]
    places, shares = np.stack([p for p, _ in both])[None], np.stack([w for _, w in both])[None]
    return Inputs(picture, geometry[None].astype(np.float32), places, shares.astype(np.float32))


def stack(parts: list[Inputs]) -> Inputs:
    """Many hands after one another."""
    names = ("picture", "geometry", "places", "shares")
    return Inputs(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _cut(image: NDArray[np.uint8], center: Floats, step: float, turn: Floats) -> Floats32:
    """The crop's colours, (3, 96, 96), about -2..2; grey outside the picture."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "video") from error
    # First the square that the crop can reach, made smaller by whole numbers: bilinear steps beyond 2 pixels flicker.
    shrink = max(int(step), 1)
    reach = int(np.ceil(step * CROP * 0.75)) + 2 * shrink
    side = -(-2 * reach // shrink) * shrink
    corner = np.floor(center - reach).astype(int)
    square = np.full((side, side, 3), 128, np.uint8)
    height, width = image.shape[:2]
    x, y = np.clip(corner, 0, [width, height])
    right, bottom = np.clip(corner + side, 0, [width, height])
    if right > x and bottom > y:
        column, row = x - corner[0], y - corner[1]
        square[row : row + bottom - y, column : column + right - x] = image[y:bottom, x:right]
    if shrink > 1:
        square = cv2.resize(square, (side // shrink, side // shrink), interpolation=cv2.INTER_AREA)
    inner = (center - corner + 0.5) / shrink - 0.5
    matrix = turn.T * (step / shrink)  # crop -> square: WARP_INVERSE_MAP takes it as it is
    offset = inner - matrix @ np.full(2, (CROP - 1) / 2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grey = (128, 128, 128)
    crop = cv2.warpAffine(square, np.column_stack([matrix, offset]), (CROP, CROP), flags=flags, borderValue=grey)
    return np.asarray((crop.transpose(2, 0, 1).astype(np.float32) - 128) / 64, np.float32)


def _skeleton(points: Floats, known: NDArray[np.bool_]) -> Floats32:
    """One map a finger, (5, 96, 96), about 0..1: the bones from wrist to tip, as far as their ends are known."""
    import cv2

    maps = np.zeros((5, CROP, CROP), np.float32)
    fixed = np.where(known[:, None], np.clip(points, -4 * CROP, 4 * CROP), 0) * 2**_SUBPIXEL
    whole = np.rint(fixed).astype(int)
    for finger in range(5):
        drawn = np.zeros((CROP, CROP), np.uint8)
        chain = [0, *range(4 * finger + 1, 4 * finger + 5)]
        for a, b in pairwise(chain):
            if known[a] and known[b]:
                ends = (int(whole[a, 0]), int(whole[a, 1])), (int(whole[b, 0]), int(whole[b, 1]))
                cv2.line(drawn, *ends, 255, _LINE, cv2.LINE_AA, _SUBPIXEL)
        maps[finger] = cv2.GaussianBlur(drawn, (0, 0), _SOFT).astype(np.float32) / 255
    return maps


def _surrounding(points: Floats, known: NDArray[np.bool_], cells: int) -> tuple[NDArray[np.int64], Floats]:
    """Four cells of a map around every joint and their weights, (21, 4) each; a missing joint's weights are 0."""
    place = np.where(known[:, None], (points + 0.5) * (cells / CROP) - 0.5, 0).clip(0, cells - 1)
    low = np.minimum(np.floor(place).astype(np.int64), cells - 2)
    x, y = (place - low).T
    weights = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x], axis=1) * known[:, None]
    first = low[:, 1] * cells + low[:, 0]
    return first[:, None] + np.array([0, 1, cells, cells + 1]), weights
