"""Hands as other people's programs write them: known by their picture, without the ids of a dataset.

mmpose, HaMeR, WiLoR and their like look at a picture and write what they find in it. Which hand of a dataset a found
hand is, they do not know; `flows.foreign` says it, by picture, side and box. Here is what their readers share.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.truth import FARTHEST, PICTURES
from hint_toolkit.joints import MANO_TIPS, N_JOINTS, SIDES, TO_HINT

Floats = NDArray[np.float64]
Mano = Callable[[], Mapping[str, NDArray[Any]]]
"""Gives the arrays of `io.mano_file.read_mano` when they are needed, and not before."""

FOCAL_A_PIXEL: Final = 5000 / 256
"""Focal length of HaMeR's whole-picture camera, in units of the picture's longer side. WiLoR and Hamba took it over."""
NEXT: Final = "see docs/predictions.md"


def _nan(*shape: int) -> Callable[[], Floats]:
    return lambda: np.full(shape, np.nan)


@dataclass(frozen=True)
class ForeignHand:
    """One hand that somebody's program found.

    Attributes:
        picture: its name as the file has it, or the file's own name where that is the picture's.
        points: (21, 2) pixels of the picture, HInt order, NaN where missing; all NaN where only `space` is known.
        score: (21,), NaN where not given.
        box: (4,) x1, y1, x2, y2 pixels, NaN where not given.
        side: "left", "right" or "".
        presence: confidence in the hand, NaN where not given.
        space: (21, 3) metres before the camera of the whole picture, x right, y down, z away; None where not known.
        focal: of that camera, pixels; NaN: HaMeR's rule, `FOCAL_A_PIXEL` times the longer side.
        size: width and height of the picture as the program saw it, (0, 0) where it does not say.
    """

    picture: str
    points: Floats = field(default_factory=_nan(N_JOINTS, 2))
    score: Floats = field(default_factory=_nan(N_JOINTS))
    box: Floats = field(default_factory=_nan(4))
    side: str = ""
    presence: float = float("nan")
    space: Floats | None = None
    focal: float = float("nan")
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class ForeignHands:
    """What one program wrote.

    Attributes:
        hands: in the order of the file.
        pictures: names of all pictures that it says it looked at, those without a hand as well.
        format: in words.
        sha256: of the file; of all files one after the other where it is a folder.
    """

    hands: list[ForeignHand]
    pictures: list[str]
    format: str
    sha256: str = ""


def projected(hand: ForeignHand, width: int, height: int) -> Floats:
    """The points (21, 2) of a hand in its picture: those it has, else its joints in space through HaMeR's camera.

    The principal point is the middle of the picture, (width / 2, height / 2); a joint behind the camera is NaN.
    """
    if hand.space is None or np.isfinite(hand.points).any():
        return hand.points
    focal = hand.focal if np.isfinite(hand.focal) else FOCAL_A_PIXEL * max(width, height)
    middle = np.array([width / 2, height / 2])
    depth = np.where(hand.space[:, 2:] > 0, hand.space[:, 2:], np.nan)
    return np.asarray(focal * hand.space[:, :2] / depth + middle)


def regressed(vertices: Floats, mano: Mapping[str, NDArray[Any]]) -> Floats:
    """(778, 3) vertices of a MANO mesh -> (21, 3) joints in HInt's order.

    16 joints are means of vertices, weighted by MANO's `J_regressor`, and the five tips are vertices. A regressed joint
    follows the skin of the posed hand; the joint about which the model bends lies elsewhere where a finger is bent. The
    map is linear, so a mirrored hand has mirrored joints.
    """
    joints = np.concatenate([mano["J_regressor"] @ vertices, vertices[list(MANO_TIPS)]])
    return np.asarray(joints[list(TO_HINT["mano"])])


def numbers(value: Any, shapes: tuple[tuple[int, ...], ...], where: str) -> Floats:
    """An array of one of the shapes; axes of length 1 in front are left away, null is NaN.

    Raises:
        InputError: no numbers, another shape, an infinity, or a coordinate that no picture has.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError("must be numbers", where=where, next_step=NEXT) from error
    while array.ndim > len(shapes[0]) and array.shape[0] == 1:
        array = array[0]
    if array.shape not in shapes:
        wanted = " or ".join(map(str, shapes))
        raise InputError(f"must have shape {wanted}, got {array.shape}", where=where, next_step=NEXT)
    if (np.abs(array) > FARTHEST).any():
        raise InputError("holds an infinity, or a number that is no coordinate", where=where, next_step=NEXT)
    return array


def side_of(value: Any, where: str) -> str:
    """The side that a program writes: a word, or whether it is the right hand; "" for nothing.

    Raises:
        InputError: something else.
    """
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        if value.lower() in SIDES:
            return value.lower()
        raise InputError(f"must be left or right, got {value[:20]!r}", where=where, next_step=NEXT)
    right = float(numbers(value, ((),), where))
    if right not in (0.0, 1.0):
        raise InputError(f"must be 0 (left) or 1 (right), got {right:g}", where=where, next_step=NEXT)
    return SIDES[int(right)]


def without_suffix(name: str) -> str:
    """A picture's name with / between its parts and without .jpg and the like; other dots stay."""
    path = PurePosixPath(name.replace("\\", "/"))
    return str(path.with_suffix("")) if path.suffix.lower() in PICTURES else str(path)
