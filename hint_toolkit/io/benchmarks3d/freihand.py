"""FreiHAND's evaluation set (github.com/lmb-freiburg/freihand, arXiv 1909.04349).

    evaluation/rgb/00000000.jpg ..     3,960 pictures of 224 x 224, a right hand each
    evaluation_K.json                  [3 x 3 intrinsics, ..]
    evaluation_xyz.json                [21 x [x, y, z], ..], metres: the truth, public since the challenge's end

The dataset has no boxes. The truth's joints, projected, give one, as one does for HInt; the file is opened only then.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.benchmarks3d.base import Benchmark3D, Floats, check_pictures, intrinsics
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.protocol import FREIHAND

TIPS: Final = (744, 320, 443, 555, 672)
K_FILE, XYZ_FILE = "evaluation_K.json", "evaluation_xyz.json"


def read_freihand(root: Path) -> Benchmark3D:
    """The evaluation set below this folder.

    Raises:
        InputError: files are missing, or not what they should be; one that is asked for later, when it is.
    """
    cameras = _list(root / K_FILE)
    names = tuple(f"{k:08d}" for k in range(len(cameras)))
    pictures = tuple(root / "evaluation" / "rgb" / f"{name}.jpg" for name in names)
    check_pictures(pictures, root, "FreiHAND")

    def camera(k: int) -> Floats:
        return intrinsics(cameras[k], f"{K_FILE} of picture {names[k]}")

    @cache
    def joints() -> list[Any]:
        found = _list(root / XYZ_FILE)
        if len(found) != len(names):
            raise InputError(f"{XYZ_FILE} has {len(found)} hands and {K_FILE} {len(names)}", where=str(root))
        return found

    def box(k: int) -> Floats:
        return _around(camera(k), joints()[k], f"{XYZ_FILE} of picture {names[k]}")

    origin = "around the truth's joints, projected"
    return Benchmark3D(FREIHAND, root, names, pictures, camera, box, origin, TIPS)


def _list(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError("cannot be read", where=str(path), why=error.strerror or "",
                         next_step="take FreiHAND's evaluation set, or other boxes") from error  # fmt: skip
    except ValueError as error:
        raise InputError("is no json", where=str(path), why=str(error)) from error
    if not isinstance(content, list):
        raise InputError("must be a list, one entry a picture", where=str(path))
    return content


def _around(camera: Floats, joints: object, where: str) -> Floats:
    """(4,) the tight box around projected joints."""
    try:
        points = np.array(joints, np.float64)
        good = points.shape == (N_JOINTS, 3) and bool(np.isfinite(points).all()) and bool((points[:, 2] > 0).all())
    except (TypeError, ValueError):
        good = False
    if not good:
        raise InputError(f"is no hand: {N_JOINTS} points before the camera are wanted", where=where)
    seen = points @ camera.T
    pixels = seen[:, :2] / seen[:, 2:]
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
