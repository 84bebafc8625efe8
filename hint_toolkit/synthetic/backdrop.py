"""What is behind the hands, and what the camera does to the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.synthetic.bodies import Float32Array, f32
from hint_toolkit.synthetic.options import Look

_GAMMA = f32(1 / 2.2)


def background(rng: np.random.Generator, width: int, height: int, kind: str) -> Float32Array:
    """A background without hands.

    Args:
        rng: Source of its layout and colours.
        width: Pixels.
        height: Pixels.
        kind: "scene" (a table with clutter), "plain" (one grey) or "noise" (coloured clouds).

    Returns:
        Linear RGB, shape (height, width, 3), float32.
    """
    import cv2

    if kind == "plain":
        return np.full((height, width, 3), rng.uniform(0.1, 0.8), f32)
    # Drawn at half size: it is out of focus anyway.
    small_width, small_height = max(width // 2, 1), max(height // 2, 1)
    clouds = _clouds(rng, small_width, small_height)
    picture = _table(rng, clouds) if kind == "scene" else clouds
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0)), f32)
    return np.asarray(cv2.resize(picture, (width, height)), f32)


def shifted_crop(picture: Float32Array, shift: NDArray[np.float64], width: int, height: int) -> Float32Array:
    """The middle (height, width) of a larger picture, moved by a fraction of pixels (x, y)."""
    import cv2

    left = (picture.shape[1] - width) / 2 + shift[0]
    top = (picture.shape[0] - height) / 2 + shift[1]
    matrix = np.array([[1, 0, left], [0, 1, top]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, f32)


def develop(linear: Float32Array, rng: np.random.Generator, look: Look) -> NDArray[np.uint8]:
    """Linear RGB (H, W, 3) to an 8-bit picture, with the lens's blur and the sensor's noise."""
    import cv2

    picture = np.clip(linear, 0, 1) ** _GAMMA
    if look.blur > 0:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), look.blur), f32)
    if look.noise > 0:
        picture = picture + f32(look.noise) * rng.standard_normal(picture.shape, f32)
    return (np.clip(picture, 0, 1) * f32(255) + f32(0.5)).astype(np.uint8)


def _clouds(rng: np.random.Generator, width: int, height: int) -> Float32Array:
    import cv2

    total = np.zeros((height, width, 3), f32)
    for cells in (4, 9, 24, 60):
        grid = rng.random((cells * height // width + 2, cells + 2, 3)).astype(f32)
        layer = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        total += np.asarray(layer, f32) / f32(cells**0.35)
    span = max(float(np.ptp(total)), 1e-6)
    return np.asarray((total - total.min()) / f32(span), f32)


def _table(rng: np.random.Generator, clouds: Float32Array) -> Float32Array:
    """A table top with grain, and flat clutter with soft shadows on it."""
    import cv2

    height, width = clouds.shape[:2]
    tint = np.array([1, rng.uniform(0.75, 1.0), rng.uniform(0.5, 1.0)])
    tone = (rng.uniform(0.10, 0.55) * tint).astype(f32)
    grain = np.asarray(cv2.resize(rng.random((height, 12)).astype(f32), (width, height)), f32)
    falloff = np.linspace(0.8, 1.2, height, dtype=f32)[:, None, None]
    wood = (f32(0.92) + f32(0.16) * grain)[:, :, None]
    table: Float32Array = tone * (f32(0.75) + f32(0.5) * clouds.mean(2, keepdims=True))
    table = table * falloff * wood
    for _ in range(rng.integers(3, 9)):
        mask = _clutter_mask(rng, width, height)
        fallen = np.roll(mask, (4, 3), (0, 1))
        shadow = np.asarray(cv2.GaussianBlur(fallen, (0, 0), 3), f32)[:, :, None] / f32(255)
        table = table * (1 - f32(0.45) * shadow)
        share = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.8), f32)[:, :, None] / f32(255)
        colour = muted_colour(rng, 0.1, 0.8) * (f32(0.8) + f32(0.4) * clouds[:, :, :1])
        table = table * (1 - share) + share * colour
    return table


def _clutter_mask(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    import cv2

    mask = np.zeros((height, width), np.uint8)
    x, y = rng.uniform(0, [width, height])
    unit = width / 320  # sizes below are for half of a 640 pixel wide picture
    if rng.random() < 0.5:
        radii = (rng.uniform(10, 50, 2) * unit).astype(int).tolist()
        cv2.ellipse(mask, (int(x), int(y)), radii, rng.uniform(0, 180), 0, 360, 255, -1)
    else:
        sides = (rng.uniform(8, 110, 2) * unit).tolist()
        corners = cv2.boxPoints(((x, y), sides, rng.uniform(-30, 30)))
        cv2.fillConvexPoly(mask, corners.astype(np.int32), 255)
    return mask


def muted_colour(rng: np.random.Generator, dark: float, bright: float) -> Float32Array:
    """A random linear RGB colour (3,), nearer to grey than paint is."""
    hue = rng.random(3)
    mixed = (0.6 * hue.mean() + 0.4 * hue) * rng.uniform(dark, bright)
    return np.asarray(np.clip(mixed, 0.01, 0.9), f32)
