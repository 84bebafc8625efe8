"""HaMeR's weak-perspective camera of the crop, its projection, and the same camera in the whole picture.

The head gives (s, tx, ty). The square crop of 256 pixels is seen with a focal length of 5000 pixels from so far away
that s is the hand's scale: z = 2 f / (256 s). Projected points are fractions of the crop: 0 is its centre, +-0.5 its
borders.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

IMAGE_SIZE: Final = 256
FOCAL: Final = 5000.0
_TINY: Final = 1e-9

Floats = NDArray[np.float64]


def crop_translation(camera: Any, focal: float = FOCAL, size: int = IMAGE_SIZE) -> Any:
    """(B, 3) cameras -> (B, 3) where the hand is, in metres from the camera of the crop."""
    import torch

    depth = 2 * focal / (size * camera[:, 0] + _TINY)
    return torch.stack([camera[:, 1], camera[:, 2], depth], dim=-1)


def project(points: Any, translation: Any, focal: float = FOCAL, size: int = IMAGE_SIZE) -> Any:
    """(B, P, 3) metres and (B, 3) translation -> (B, P, 2) fractions of the crop."""
    moved = points + translation[:, None]
    return (focal / size) * (moved[..., :2] / moved[..., 2:])


def full_translation(
    camera: Floats, centers: Floats, sizes: Floats, width: int, height: int, focal: float = FOCAL
) -> tuple[Floats, float]:
    """The crop's camera in the whole picture, whose principal point is its middle.

    Args:
        camera: (N, 3) s, tx, ty; of an unmirrored hand (`tx` has the other sign for a left hand's mirrored crop).
        centers: (N, 2) of the crops, pixels.
        sizes: (N,) sides of the crops, pixels.
        width: of the picture.
        height: of the picture.
        focal: of the crop.

    Returns:
        (N, 3) metres, and the focal length of the picture in pixels: that of the crop, grown with its longer side.
    """
    scaled = focal / IMAGE_SIZE * max(width, height)
    reach = sizes * camera[:, 0] + _TINY
    x = camera[:, 1] + 2 * (centers[:, 0] - width / 2) / reach
    y = camera[:, 2] + 2 * (centers[:, 1] - height / 2) / reach
    return np.stack([x, y, 2 * scaled / reach], axis=-1), scaled
