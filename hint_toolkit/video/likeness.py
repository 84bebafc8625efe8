"""A short fingerprint of a picture, by which the same camera picture is known again.

A near-duplicate is the same camera picture after re-encoding, scaling, a crop or shift of up to 5 % of a side, or
another brightness, contrast or gamma (about 20 %). A picture in which the hand or the camera has moved is another
picture; so is a mirror image, and a picture inside wide black bars. `sampling/dedupe.py` compares fingerprints.

A fingerprint is 1,152 bytes, always:

    0         version of this layout, 1
    1         mean brightness, grey levels
    2         contrast: standard deviation, quarters of a grey level, at most 255
    3         detail: standard deviation that a quadratic surface leaves over, likewise
    4..1027   thumbnail, 32 x 32, row by row: 128 + 32 z, z = (grey - mean) / standard deviation
    1028..    sketch, 124 bytes: 128 + where edges of which direction are, coarse terms first

Mean and deviation are those of the thumbnail without its two outer rows, so that a black bar of up to 6 % at a side
does not change the rest. The thumbnail is area-averaged in whole numbers: the same pixels give the same bytes on every
machine. The sketch is computed from the thumbnail in float64 and rounded to a byte, which no order of summation moves
except by chance (about once in 1e11). The sketch only proposes pairs; the thumbnail decides.

The sketch is a histogram of oriented gradients (Dalal and Triggs 2005) in Fourier terms of the direction and cosine
terms of the place, each divided by its usual size. Signs of a plain DCT (pHash) do not survive a shift of 5 %.
"""

from functools import cache
from math import isqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

VERSION = 1
SIDE = 32
"""Rows and columns of the thumbnail."""
UNIT = 32
"""Bytes of the thumbnail per standard deviation."""
SKETCH_NORM = 400
"""Length of the sketch as a vector; a scalar product of two stays a whole number below 2**24."""
N_SKETCH = 124
N_COARSE = 49
"""Terms of the sketch that come first and suffice for a first look."""
LENGTH = 4 + SIDE * SIDE + N_SKETCH
FLAT_DETAIL = 4
"""Below one grey level of detail (4 quarters) a picture is flat: there is nothing to know it by."""

_RING = 2
_MARGIN = 3  # the edge of a black bar reaches this far
_CELLS = 5
_LUMA = np.array([77, 150, 29], np.float64)  # Rec. 601 in 256ths
# Usual size of a term by harmonic of the direction (0, 1, 2) and order of the place (0..8), in units of 1e-4;
# root mean square over 140 photographs and video frames and 44 synthetic pictures.
_USUAL = (
    (1, 246, 185, 133, 112, 82, 63, 57, 47),
    (344, 217, 172, 169, 149, 118, 108, 85, 81),
    (430, 200, 190, 138, 122, 97, 86, 79, 68),
)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Real = TypeVar("Real", np.float32, np.float64)


def fingerprint(image: NDArray[np.uint8]) -> Bytes:
    """The fingerprint of a picture.

    Args:
        image: (H, W, 3) uint8, RGB, any size from 1 x 1.

    Returns:
        (1152,) uint8.

    Raises:
        ValueError: not such a picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"wanted (H, W, 3) uint8, got {image.shape} {image.dtype}")
    grey = _area_grey(image)
    core = grey[_RING:-_RING, _RING:-_RING]
    n, total = core.size, int(core.sum())
    spread = isqrt(max(n * int((core * core).sum()) - total * total, 0))  # n times the standard deviation
    steps = ((grey * n - total) * (2 * UNIT) + spread) // (2 * spread) if spread else np.zeros_like(grey)
    thumbnail = np.clip(steps + 128, 0, 255).astype(np.uint8)
    contrast, detail = min(4 * spread // (n * 256), 255), _detail(core)
    head = np.array([VERSION, total // (n * 256), contrast, detail], np.uint8)
    sketch = _sketch(thumbnail) if detail >= FLAT_DETAIL else np.full(N_SKETCH, 128, np.uint8)
    return np.concatenate([head, thumbnail.ravel(), sketch])


def check(fingerprints: Bytes) -> None:
    """Make sure that this is (N, 1152) uint8 of this version.

    Raises:
        ValueError: it is not.
    """
    if fingerprints.ndim != 2 or fingerprints.shape[1] != LENGTH or fingerprints.dtype != np.uint8:
        raise ValueError(f"wanted (N, {LENGTH}) uint8, got {fingerprints.shape} {fingerprints.dtype}")
    if (fingerprints[:, 0] != VERSION).any():
        raise ValueError(f"fingerprints are not all of version {VERSION}: make them again")


def is_flat(fingerprints: Bytes) -> NDArray[np.bool_]:
    """(N,) which pictures have no detail to know them by: black, blank, a bare wall."""
    return np.asarray(fingerprints[:, 3] < FLAT_DETAIL)


def thumbnails(fingerprints: Bytes) -> NDArray[np.float32]:
    """(N, 32, 32) grey in standard deviations from the mean."""
    pixels = fingerprints[:, 4 : 4 + SIDE * SIDE].astype(np.float32)
    return np.asarray((pixels - 128) / UNIT, np.float32).reshape(-1, SIDE, SIDE)


def sketches(fingerprints: Bytes) -> NDArray[np.float32]:
    """(N, 124) whole numbers, vectors of length 400 but for rounding; all zero for a flat picture."""
    return fingerprints[:, 4 + SIDE * SIDE :].astype(np.float32) - 128


@cache
def _bands(n: int) -> tuple[tuple[int, NDArray[np.float32]], ...]:
    """For each of 32 equal parts of n pixels: its first pixel, and each pixel's share in 32nds (they sum to n)."""
    parts = []
    for part in range(SIDE):
        low, high = n * part, n * (part + 1)
        pixel = np.arange(low // SIDE, -(-high // SIDE))
        share = np.minimum((pixel + 1) * SIDE, high) - np.maximum(pixel * SIDE, low)
        parts.append((int(pixel[0]), share.astype(np.float32)))
    return tuple(parts)


def _area_grey(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Mean grey level of 32 x 32 equal parts in 256ths, 0..65280; exact, as every sum is a whole number."""
    height, width = image.shape[:2]
    rows = np.empty((SIDE, width * 3), np.float32)
    for part, (first, share) in enumerate(_bands(height)):
        # At most 255 H: a whole number that float32 holds exactly up to 65,793 rows.
        rows[part] = share @ image[first : first + len(share)].reshape(len(share), -1).astype(np.float32)
    grey = rows.reshape(SIDE, width, 3).astype(np.float64) @ _LUMA
    out = np.empty((SIDE, SIDE))
    for part, (first, share) in enumerate(_bands(width)):
        out[:, part] = grey[:, first : first + len(share)] @ share.astype(np.float64)
    return out.astype(np.int64) // (height * width)


def _detail(core: NDArray[np.int64]) -> int:
    """Quarter grey levels that the best quadratic surface leaves over: a shaded wall has none."""
    n = len(core)
    basis = np.linalg.qr(np.vander(np.linspace(-1, 1, n), 3, increasing=True))[0]
    terms = basis.T @ core @ basis
    terms[np.add.outer(np.arange(3), np.arange(3)) > 2] = 0
    left = core - basis @ terms @ basis.T
    return min(int(np.sqrt((left * left).mean()) * 4 / 256), 255)


@cache
def _places() -> tuple[Floats, NDArray[np.int64]]:
    """(5, 32) cosine terms of soft cells along a side, and the (5, 5) order of each pair of terms."""
    at = (np.arange(SIDE) + 0.5) / SIDE * _CELLS - 0.5
    cells = np.maximum(0, 1 - np.abs(at - np.arange(_CELLS)[:, None]))
    cosines = np.cos(np.pi * np.arange(_CELLS)[:, None] * (np.arange(_CELLS) + 0.5) / _CELLS)
    cosines /= np.linalg.norm(cosines, axis=1, keepdims=True)
    return cosines @ cells, np.add.outer(np.arange(_CELLS), np.arange(_CELLS))


def smooth(pictures: NDArray[Real]) -> NDArray[Real]:
    """(N, n, n) pictures, each pixel mixed 1:2:1 with its neighbours both ways; the border repeats."""
    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    return np.asarray((down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]) / 4, pictures.dtype)


def _raw_sketch(thumbnail: Bytes) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Terms before they are divided by their usual size, with harmonic and order of each; coarse orders first."""
    z = np.clip((thumbnail.astype(np.float64) - 128) / UNIT, -3, 3)
    down, right = np.gradient(smooth(z[None])[0])
    strength = np.sqrt(down * down + right * right) + 1e-6
    x, y = right / strength, down / strength
    weight = np.sqrt(strength)
    inside = np.pad(np.ones((SIDE - 2 * _MARGIN, SIDE - 2 * _MARGIN)), _MARGIN)
    weight *= inside
    weight /= weight.sum()
    place, order = _places()
    excess = weight - inside / inside.sum()  # over edges that are everywhere alike
    waves = np.stack([excess, weight * x, weight * y, weight * (x * x - y * y), weight * 2 * x * y])
    terms = place @ waves @ place.T
    orders = np.broadcast_to(order, terms.shape).ravel()
    harmonics = np.repeat([0, 1, 1, 2, 2], order.size)
    sequence = np.argsort(orders, kind="stable")[1:]  # the first is zero by construction
    return terms.ravel()[sequence], harmonics[sequence], orders[sequence]


def _sketch(thumbnail: Bytes) -> Bytes:
    """(124,) bytes from (32, 32)."""
    terms, harmonic, order = _raw_sketch(thumbnail)
    terms = terms / np.asarray(_USUAL, np.float64)[harmonic, order]
    scaled = np.rint(SKETCH_NORM * terms / max(float(np.linalg.norm(terms)), 1e-12))
    return np.asarray(np.clip(scaled, -127, 127) + 128, np.uint8)
