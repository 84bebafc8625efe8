"""FreiHAND's and HO-3D's `[xyz, verts]` as 2D predictions: joints by position, brought into pictures by the cameras.

The file knows no pictures. FreiHAND's evaluation pictures are called by their position, `00000000.jpg` and so on; for
another set the names stand in a file, one a line, as HO-3D's `evaluation.txt` has them. Cameras are a list of 3 x 3
matrices, as FreiHAND's `evaluation_K.json`. Joints must stand before the camera of the picture: those about the wrist,
as HaMeR's eval.py writes them, are only good for aligned 3D scores.
"""

import json
from pathlib import Path
from typing import Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.foreign import Floats, ForeignHand
from hint_toolkit.io.pose3d import read_hands3d
from hint_toolkit.joints import TO_HINT

CAMERAS_FILE: Final = "evaluation_K.json"
AXES: Final = {"opencv": (1.0, 1.0, 1.0), "opengl": (1.0, -1.0, -1.0)}


def position_hands(
    path: Path, cameras: Path | None, names: Path | None = None, *, order: str = "freihand", axes: str = "opencv"
) -> list[ForeignHand]:
    """The hand of every picture, in pixels.

    Args:
        path: `[xyz, verts]`, metres.
        cameras: `evaluation_K.json`.
        names: a picture a line; None: `00000000`, `00000001`, ..
        order: of the joints, a key of `joints.TO_HINT`.
        axes: a key of `AXES`; HO-3D's are "opengl".

    Raises:
        InputError: no cameras, other numbers of them, names or pictures, or joints that stand before no camera.
    """
    if cameras is None:
        raise InputError(
            "holds 3D points by position, and pixels need cameras",
            where=path.name,
            next_step=f"pass --cameras {CAMERAS_FILE}, or score in 3D: hint-eval pose3d --pred FILE",
        )
    hands = read_hands3d(path)
    n = len(hands.joints)
    matrices = read_cameras(cameras)
    listed = _names(names, n)
    if not n == len(matrices) == len(listed):
        raise InputError(
            f"has {n} hands, {len(matrices)} cameras and {len(listed)} names",
            where=path.name,
            why="they belong together by position",
            next_step="pass the files of one set",
        )
    joints = hands.joints[:, list(TO_HINT[order])] * np.array(AXES[axes])
    if n and not (joints[..., 2] > 0).all():
        wrist = (hands.joints[:, 0] == 0).all()
        raise InputError(
            f"{int((joints[..., 2] <= 0).any(axis=1).sum())} hands do not stand before the camera",
            where=path.name,
            why="joints are relative to the wrist" if wrist else f"read with {axes} axes",
            next_step="write joints in the camera's space" if wrist else "pass --axes opengl, or opencv",
        )
    flat = np.einsum("nij,nkj->nki", matrices, joints)
    points = flat[..., :2] / flat[..., 2:]
    return [ForeignHand(name, points[k]) for k, name in enumerate(listed)]


def read_cameras(path: Path) -> Floats:
    """(N, 3, 3) matrices of a JSON list.

    Raises:
        InputError: not that.
    """
    try:
        matrices = np.array(json.loads(path.read_bytes()), np.float64)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError("is no list of cameras", where=str(path), next_step=f"pass {CAMERAS_FILE}") from error
    if matrices.ndim != 3 or matrices.shape[1:] != (3, 3) or not np.isfinite(matrices).all():
        raise InputError("must be a list of 3 x 3 matrices", where=str(path), next_step=f"pass {CAMERAS_FILE}")
    return matrices


def _names(path: Path | None, n: int) -> list[str]:
    if path is None:
        return [f"{k:08d}" for k in range(n)]
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=str(path), next_step="pass a text file, a picture a line") from error
