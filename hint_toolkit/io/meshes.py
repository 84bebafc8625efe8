"""One mesh a hand as .obj or .ply, before the camera of its picture: x right, y down, z away from the viewer, metres.

A program that expects y upwards shows the hand upside down; turn it by 180 degrees about x. The picture's camera has
the focal length that the prediction names and its principal point in the picture's middle.
"""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.io.atomic import write_bytes

FORMATS: Final = ("obj", "ply")
_ODD: Final = re.compile(r"[^\w.#+=@ -]")
_DIGITS: Final = 9
"""Of a number in .obj: micrometres also for a hand that is a hundred metres away (a weak-perspective camera)."""


def write_mesh(
    folder: Path, name: str, vertices: NDArray[Any], faces: NDArray[np.int64], side: str, kind: str = "obj"
) -> Path:
    """Write one hand.

    Args:
        folder: made if there is none.
        name: id of the hand; its slashes become folders.
        vertices: (V, 3) metres before the camera: a left hand is a left hand.
        faces: (F, 3) triangles of a right hand, their normals outwards. A left hand is a mirrored right one, so its
            triangles are turned round to keep their normals outwards.
        side: "left" or "right".
        kind: "obj" (text) or "ply" (binary, float32).

    Returns:
        the file.

    Raises:
        InputError: no such format.
        MissingExtra: trimesh is not installed.
    """
    if kind not in FORMATS:
        raise InputError(f"no format {kind!r} of meshes", next_step=f"use one of: {', '.join(FORMATS)}")
    try:
        import trimesh
    except ImportError as error:
        raise MissingExtra("trimesh", "models") from error
    turned = faces if side != "left" else faces[:, ::-1]
    mesh = trimesh.Trimesh(np.asarray(vertices, np.float64), turned, process=False, validate=False)
    if kind == "obj":
        options = {"include_normals": False, "include_color": False, "digits": _DIGITS, "header": ""}
        data = mesh.export(file_type="obj", **options)
    else:
        data = mesh.export(file_type="ply", vertex_normal=False)
    path = mesh_path(folder, name, kind)
    write_bytes(path, data.encode() if isinstance(data, str) else data)
    return path


def mesh_path(folder: Path, name: str, kind: str) -> Path:
    """Where the mesh of a hand lies. An id is somebody's text: no part of it leads out of the folder."""
    parts = [_ODD.sub(lambda odd: f"%{ord(odd[0]):02x}", part) for part in name.replace("\\", "/").split("/")]
    safe = [part if part.strip(". ") else "_" for part in parts]
    return folder.joinpath(*safe[:-1], f"{safe[-1]}.{kind}")
