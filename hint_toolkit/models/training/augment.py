"""What training does to a crop, and to everything that must follow the pixels.

Figures of HaMeR's configuration (arXiv 2312.05251; github.com/geopavlakos/hamer): the square is scaled by
1 + 0.3 clip(N, -1, 1), turned by 30 degrees x clip(N, -2, 2) in 6 of 10 crops, shifted by 0.02 clip(N, -1, 1) of its
side in x and in y, always; every colour is multiplied by U(0.8, 1.2) and cut to 0..255. Nothing is flipped at random:
left hands are always shown mirrored, as right ones.

A turn by t degrees shows the picture turned by -t (clockwise on the screen is positive, y is down). 2D points, 3D
joints and the global orientation turn with it; the fingers' pose and the shape do not know of it.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.models.hamer.crop import MEAN, SIZE, STD

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Augmentation:
    """How much is done; all zeros does nothing.

    Attributes:
        scale: largest change of the square's side, as a share.
        rotation: degrees of one standard deviation; twice as much at most.
        rotation_share: of the crops that are turned at all.
        shift: largest, as a share of the square's side.
        colour: largest change of a colour channel, as a share.
    """

    scale: float = 0.3
    rotation: float = 30.0
    rotation_share: float = 0.6
    shift: float = 0.02
    colour: float = 0.2

    @property
    def idle(self) -> bool:
        """Whether nothing is done."""
        return not (self.scale or (self.rotation and self.rotation_share) or self.shift or self.colour)


NOTHING: Final = Augmentation(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class View:
    """What is done to one crop.

    Attributes:
        scale: of the square's side.
        turn: degrees.
        shift: of the square's centre, (x, y) as shares of its side.
        colour: factors of red, green and blue.
    """

    scale: float = 1.0
    turn: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


def draw(rng: np.random.Generator, how: Augmentation) -> View:
    """A view by chance; every call takes the same number of numbers, whatever `how` says."""
    x, y, size, turn = rng.standard_normal(4)
    turned, *colour = rng.random(4)
    return View(
        scale=1 + how.scale * float(np.clip(size, -1, 1)),
        turn=how.rotation * float(np.clip(turn, -2, 2)) if turned < how.rotation_share else 0.0,
        shift=(how.shift * float(np.clip(x, -1, 1)), how.shift * float(np.clip(y, -1, 1))),
        colour=(_factor(colour[0], how), _factor(colour[1], how), _factor(colour[2], how)),
    )


def _factor(uniform: float, how: Augmentation) -> float:
    return 1 + how.colour * (2 * uniform - 1)


def crop_matrix(center: Floats, size: float, view: View) -> Floats:
    """(2, 3): pixels of the picture -> pixels of the crop, whose pixel 128 is the (shifted) centre of the square.

    Args:
        center: (2,) pixels.
        size: side of the square before it is scaled, pixels.
        view: what is done.
    """
    factor = SIZE / (size * view.scale)
    linear = factor * turn_matrix(view)[:2, :2]
    moved = center + size * np.array(view.shift)
    return np.concatenate([linear, (SIZE / 2 - linear @ moved)[:, None]], axis=1)


def turn_matrix(view: View) -> Floats:
    """(3, 3) by which the view turns the picture, and 3D points about the axis of view."""
    angle = -np.radians(view.turn)
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def moved_points(points: Floats, matrix: Floats) -> Floats:
    """(P, 2) pixels of the picture -> fractions of the crop: 0 its centre, +-0.5 its borders."""
    return np.asarray((points @ matrix[:, :2].T + matrix[:, 2]) / SIZE - 0.5, np.float64)


def cut_view(image: NDArray[np.uint8], matrix: Floats, view: View) -> NDArray[np.float32]:
    """The crop as the network wants it: (3, 256, 256) float32, normalised RGB; beyond the picture all is black.

    Args:
        image: (H, W, 3) RGB, of a left hand already mirrored.
        matrix: of `crop_matrix`.
        view: whose colours are used.
    """
    import cv2

    patch: NDArray[Any] = cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR)
    coloured = np.clip(patch.astype(np.float32) * np.array(view.colour, np.float32), 0, 255)
    mean, std = (255 * np.array(v, np.float32) for v in (MEAN, STD))
    return np.ascontiguousarray(((coloured - mean) / std).transpose(2, 0, 1), np.float32)


def turned_orientation(orientation: Floats, view: View) -> Floats:
    """(3,) global orientation, radians about an axis, after the view has turned the picture."""
    import cv2

    matrix = turn_matrix(view) @ cv2.Rodrigues(np.asarray(orientation, np.float64))[0]
    return np.asarray(cv2.Rodrigues(matrix)[0].reshape(3), np.float64)
