"""3D hands as FreiHAND and HO-3D exchange them: `[xyz, verts]` in one file, or a file for each.

    pred.json                 [[21 x [x, y, z], ...], [778 x [x, y, z], ...]]    one entry an image, by position
    evaluation_xyz.json       [21 x [x, y, z], ...]                              the truth, in a folder
    evaluation_verts.json     [778 x [x, y, z], ...]

Metres. Files are read image by image, so that memory is that of the numbers (20,137 images: 0.4 GB a file), not that of
the text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.json_stream import JsonStream
from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]
XYZ_FILE, VERTS_FILE = "evaluation_xyz.json", "evaluation_verts.json"
_NEXT = "write [xyz, verts]: a list of 21 points and a list of vertices for every image, [x, y, z] in metres"


@dataclass(frozen=True)
class Hands3D:
    """3D hands in the order of the test set.

    Attributes:
        joints: (N, 21, 3), in the order, unit and axes of the file.
        vertices: (N, V, 3), likewise.
        sha256: of the file, or of both joined by a blank.
    """

    joints: Floats
    vertices: Floats
    sha256: str = ""


class _Lists(JsonStream):
    """A stream whose outermost list holds lists that are too long to decode at once."""

    def lists(self) -> Iterator[Iterator[Any]]:
        """An iterator for each inner list; each must be used up before the next."""
        self._take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield self.items()
            if not self._goes_on("]"):
                return


def read_hands3d(path: Path) -> Hands3D:
    """Read a `[xyz, verts]` file.

    Raises:
        InputError: not readable or not of this form; names file, list and image.
    """
    found: list[Floats] = []
    with _opened(path) as handle:
        stream = _Lists(handle)
        try:
            for k, images in enumerate(stream.lists()):
                if k > 1:
                    raise ValueError("must be a list of two lists, [xyz, verts]; there are more")
                found.append(_stack(images, ("xyz", "verts")[k], N_JOINTS if k == 0 else None))
            stream.end()
        except ValueError as error:
            raise InputError(str(error), where=path.name, next_step=_NEXT) from error
    if len(found) != 2 or len(found[0]) != len(found[1]):
        counts = " and ".join(str(len(part)) for part in found) or "nothing"
        raise InputError(
            "must be a list of two lists of the same length, [xyz, verts]",
            where=path.name,
            why=f"holds {counts}",
            next_step=_NEXT,
        )
    return _finite(Hands3D(found[0], found[1], stream.sha256), path.name)


def read_truth3d(folder: Path) -> Hands3D:
    """Read evaluation_xyz.json and evaluation_verts.json of a folder, or one `[xyz, verts]` file.

    Raises:
        InputError: not there, or not of this form; says where the files come from.
    """
    if folder.is_file():
        return read_hands3d(folder)
    parts, hashes = [], []
    for name, joints in ((XYZ_FILE, N_JOINTS), (VERTS_FILE, None)):
        path = folder / name
        if not path.is_file():
            raise InputError(
                "no such file",
                where=str(path),
                next_step="FreiHAND and HO-3D publish it with their evaluation sets; pass the folder as --gt",
            )
        with _opened(path) as handle:
            stream = JsonStream(handle)
            try:
                parts.append(_stack(stream.items(), name, joints))
                stream.end()
            except ValueError as error:
                raise InputError(str(error), where=name, next_step=_NEXT) from error
        hashes.append(stream.sha256)
    if len(parts[0]) != len(parts[1]):
        raise InputError(f"{XYZ_FILE} has {len(parts[0])} images and {VERTS_FILE} {len(parts[1])}", where=str(folder))
    return _finite(Hands3D(parts[0], parts[1], " ".join(hashes)), str(folder))


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError("cannot be read", where=str(path), why=reason, next_step="pass --pred FILE") from error


def _stack(images: Iterator[Any], what: str, points: int | None) -> Floats:
    """All images of a list as (N, points, 3).

    Raises:
        ValueError: an image that is not a list of 3D points, or has another number of them; names it.
    """
    arrays: list[Floats] = []
    for k, image in enumerate(images):
        try:
            array = np.array(image, dtype=np.float64)  # null becomes NaN and is reported with its image
        except (ValueError, TypeError):
            raise ValueError(f"{what} of image {k} must be numbers, in points of three") from None
        wanted = points or (len(arrays[0]) if arrays else len(array) if array.ndim else 0)
        if array.shape != (wanted, 3) or not wanted:
            raise ValueError(f"{what} of image {k} must have shape ({wanted or 'V'}, 3), got {array.shape}")
        arrays.append(array)
    return np.stack(arrays) if arrays else np.zeros((0, points or 0, 3))


def _finite(hands: Hands3D, where: str) -> Hands3D:
    bad = ~(np.isfinite(hands.joints).all(axis=(1, 2)) & np.isfinite(hands.vertices).all(axis=(1, 2)))
    if bad.any():
        images = shorten(str(k) for k in np.flatnonzero(bad))
        raise InputError(
            f"{int(bad.sum())} images have a coordinate that is no number: {images}",
            where=where,
            next_step="these benchmarks have no rule for a missing hand; write zeros, as their zero predictor does",
        )
    return hands
