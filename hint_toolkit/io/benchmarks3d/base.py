"""An evaluation set of 3D hands: pictures in the official order, one right hand each, a camera and a box."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.protocol import Pose3DProtocol

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Benchmark3D:
    """One evaluation set. All its hands are right hands.

    Attributes:
        protocol: of the scorer; says order, axes and how many pictures the official set has.
        root: the folder that was read.
        names: of the pictures, in the official order: "00000012" or "SM1/0000".
        pictures: their files, likewise.
        camera: place -> (3, 3) intrinsics, pixels.
        box: place -> (4,) x1, y1, x2, y2 pixels of the dataset's own box.
        box_origin: what that box is, in words.
        tips: vertices of MANO's mesh that this dataset takes for the tips of thumb, forefinger, .., little finger.
    """

    protocol: Pose3DProtocol
    root: Path
    names: tuple[str, ...]
    pictures: tuple[Path, ...]
    camera: Callable[[int], Floats]
    box: Callable[[int], Floats]
    box_origin: str
    tips: tuple[int, int, int, int, int]


def check_pictures(pictures: tuple[Path, ...], root: Path, name: str) -> None:
    """Every picture must be there.

    Raises:
        InputError: there is none, or some are missing; names the first.
    """
    if not pictures:
        raise InputError("names no picture", where=str(root), next_step=f"pass the folder of {name}'s evaluation set")
    missing = [str(path.relative_to(root)) for path in pictures if not path.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(pictures)} pictures are missing: {shorten(missing)}",
            where=str(root),
            next_step=f"unpack {name}'s evaluation set there",
        )


def intrinsics(values: object, where: str) -> Floats:
    """Numbers of a file as (3, 3) intrinsics.

    Raises:
        InputError: they are none.
    """
    try:
        matrix = np.array(values, np.float64)
        good = matrix.shape == (3, 3) and bool(np.isfinite(matrix).all()) and matrix[0, 0] > 0 and matrix[1, 1] > 0
    except (TypeError, ValueError):
        good = False
    if not good:
        raise InputError("is no camera: 3 x 3 numbers with focal lengths above 0 are wanted", where=where)
    return matrix
