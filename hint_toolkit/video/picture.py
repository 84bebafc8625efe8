"""Decoded pictures as arrays: RGB, upright, and their fingerprint."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB, rotation of the container applied."""


def upright(frame: Any) -> Image:
    """RGB pixels with the container's display matrix applied, as ffmpeg and players show them.

    Args:
        frame: PyAV video frame.

    Returns:
        (H, W, 3) uint8; quarter turns and mirroring, as ffmpeg's autorotation makes them. Other angles are
        left alone: they would need pixels that are not in the file.
    """
    return displayed(frame.to_ndarray(format="rgb24"), display_matrix(frame))


def pixel_hash(image: Image) -> str:
    """sha256 of size and RGB bytes: proves that two decoded pictures are the same."""
    digest = hashlib.sha256(f"{image.shape[1]}x{image.shape[0]}:".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def display_matrix(frame: Any) -> NDArray[np.float64] | None:
    """The (2, 2) part that turns and mirrors: shown x, y = stored x, y @ matrix; None when there is none.

    PyAV ties a frame and its side data in a circle, so a frame that was asked lives until Python collects
    garbage: ask one frame of a clip, not every one.
    """
    try:
        data = frame.side_data["DISPLAYMATRIX"]
    except KeyError:
        return None
    matrix = np.frombuffer(bytes(data), np.int32).reshape(3, 3)[:2, :2] / 65536
    length = np.abs(matrix).max()
    return matrix / length if length else None


def displayed(pixels: Image, matrix: NDArray[np.float64] | None) -> Image:
    """The pixels turned and mirrored by the matrix."""
    if matrix is None:
        return pixels
    turned = np.rint(matrix)
    if np.abs(matrix - turned).max() > 0.02 or np.abs(turned).sum() != 2:
        return pixels  # not a multiple of 90 degrees
    x_sign, y_sign = turned.sum(axis=0)
    if turned[0, 0] == 0:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[:: int(y_sign), :: int(x_sign)])
