"""The meshes that the demos of HaMeR, WiLoR and Hamba write: `<picture>_<number>.obj`, a hand a file.

A file has MANO's 778 vertices, moved before the camera of the whole picture and then turned by 180 degrees about the x
axis (z tells: a hand that was not turned has all z above 0), and its 1538 triangles (14 more close the wrist). The
triangles of a left hand run the other way round, which is how the side is told. A mesh library may sort the vertices on
their way out; the triangles, whose order stays, say which vertex is which, so MANO's own triangles are needed beside
its joint regressor.

Source: `vertices_to_trimesh` in hamer/utils/renderer.py of geopavlakos/hamer, which WiLoR shares.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.foreign import NEXT, Floats, ForeignHand, regressed
from hint_toolkit.io.predictions_fitted import VERTEX_COUNT
from hint_toolkit.io.truth import FARTHEST

SUFFIX: Final = ".obj"
LARGEST: Final = 4 << 20
"""Bytes; a hand with colours has 100,000."""
_KEPT: Final = 16
"""Sets of triangles that are remembered; a run has two, of right and of left hands."""
_NAME: Final = re.compile(r"(.+)_(\d+)")
_TURNED: Final = np.array([1.0, -1.0, -1.0])
_CORNERS: Final = {
    "right": ((0, 1, 2), (1, 2, 0), (2, 0, 1)),
    "left": ((0, 2, 1), (2, 1, 0), (1, 0, 2)),
}


class Meshes:
    """Reads the meshes of one run; what one file says about vertices holds for all with the same triangles."""

    def __init__(self, mano: Mapping[str, NDArray[Any]]) -> None:
        """`mano`: as `io.mano_file.read_mano` gives it."""
        self._mano = mano
        self._known: dict[bytes, tuple[str, NDArray[np.int64]]] = {}
        self._texts: dict[str, NDArray[np.int64]] = {}

    def hand(self, path: Path, picture_folder: str = "") -> ForeignHand:
        """The hand of one file.

        Args:
            path: `<picture>_<number>.obj`.
            picture_folder: put before the picture's name, "" for none.

        Raises:
            InputError: the name or the content is not of that kind.
        """
        name = _NAME.fullmatch(path.stem)
        if name is None:
            raise InputError("must be called <picture>_<number>.obj, as the demos do", where=path.name, next_step=NEXT)
        vertices, triangles = read_obj(path, self._texts)
        if vertices.shape != (VERTEX_COUNT, 3):
            why = f"it has {len(vertices)} vertices, MANO has {VERTEX_COUNT}"
            raise InputError("is no hand of MANO", where=path.name, why=why, next_step=NEXT)
        side, places = self._places(triangles, path.name)
        behind = vertices[:, 2] <= 0
        if behind.any() and not behind.all():
            why = "a demo's mesh is moved before the camera of the picture"
            raise InputError("lies on both sides of the camera", where=path.name, why=why, next_step=NEXT)
        space = regressed(vertices[places] * (_TURNED if behind.all() else 1.0), self._mano)
        picture = f"{picture_folder}/{name[1]}" if picture_folder else name[1]
        return ForeignHand(picture, side=side, space=space)

    def _places(self, triangles: NDArray[np.int64], where: str) -> tuple[str, NDArray[np.int64]]:
        """The side, and where each of MANO's vertices stands in the file."""
        key = triangles.tobytes()
        if key not in self._known:
            found = _match(triangles, self._mano["f"])
            if found is None:
                raise InputError(
                    "its triangles are not MANO's",
                    where=where,
                    why="which vertex is which, and which side it is, cannot be told",
                    next_step="write the mesh as the demos do, or dump pred_keypoints_2d",
                )
            self._known[key] = found
        return self._known[key]


def _match(triangles: NDArray[np.int64], faces: NDArray[np.int64]) -> tuple[str, NDArray[np.int64]] | None:
    if len(triangles) < len(faces):
        return None
    given = triangles[: len(faces)]
    for side, corners in ((side, one) for side, turns in _CORNERS.items() for one in turns):
        wanted = faces[:, corners]
        places: NDArray[np.int64] = np.arange(VERTEX_COUNT)  # one that no triangle has stays where it is
        places[wanted] = given
        if (places[wanted] == given).all() and len(np.unique(places)) == VERTEX_COUNT:
            return side, places
    return None


def read_obj(path: Path, known: dict[str, NDArray[np.int64]] | None = None) -> tuple[Floats, NDArray[np.int64]]:
    """Vertices (V, 3) and triangles (F, 3) from 0 of a Wavefront file; colours, normals and textures are passed over.

    Args:
        path: the file.
        known: triangles by their text, kept from file to file: the hands of a run share them.

    Raises:
        InputError: not readable, numbers that are none, faces of other than three corners, or of vertices it lacks.
    """
    where = path.name
    known = {} if known is None else known
    try:
        if path.stat().st_size > LARGEST:
            raise InputError("is too large for the mesh of a hand", where=where, next_step=NEXT)
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise InputError("cannot be read", where=where, why=error.strerror or "", next_step=NEXT) from error
    text = "\n".join(line for line in lines if line.startswith("f "))
    if text not in known:
        if len(known) >= _KEPT:
            known.clear()
        known[text] = _triangles(text, where)
    try:
        vertices = _vertices([line for line in lines if line.startswith("v ")])
    except ValueError as error:
        raise InputError("is no mesh", where=where, why=str(error)[:100], next_step=NEXT) from error
    triangles = known[text]
    if vertices.ndim != 2 or vertices.shape[1] != 3 or not (np.abs(vertices) < FARTHEST).all():
        raise InputError("has a vertex that is no three numbers", where=where, next_step=NEXT)
    if len(triangles) and not (triangles.min() >= 0 and triangles.max() < len(vertices)):
        raise InputError("has a face of vertices that it lacks", where=where, next_step=NEXT)
    return vertices, triangles


def _vertices(lines: list[str]) -> Floats:
    """The first three numbers of every line; all at once where all lines are of one kind."""
    words = " ".join(lines).split()
    width = len(words) // max(len(lines), 1)
    if width > 3 and len(words) == width * len(lines) and words[::width] == ["v"] * len(lines):
        return np.array([list(map(float, words[k::width])) for k in (1, 2, 3)]).T
    return np.array([line[2:].split()[:3] for line in lines], np.float64)


def _triangles(text: str, where: str) -> NDArray[np.int64]:
    corners = [line[2:].split() for line in text.splitlines()]
    if wrong := next((len(one) for one in corners if len(one) != 3), 0):
        raise InputError(f"has a face of {wrong} corners", where=where, why="MANO has triangles", next_step=NEXT)
    try:
        plain = [[corner.partition("/")[0] for corner in one] for one in corners]
        return np.array(plain, np.int64).reshape(-1, 3) - 1
    except ValueError as error:
        raise InputError("is no mesh", where=where, why=str(error)[:100], next_step=NEXT) from error
