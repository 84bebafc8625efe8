"""HO-3D's evaluation sets, v2 and v3 (github.com/shreyashampali/ho3d, arXiv 1907.01481).

    evaluation.txt                      11,524 (v2) or 20,137 (v3) lines SEQUENCE/ID: the order of every file
    evaluation/SEQUENCE/rgb/ID.png      the picture, in v3 a .jpg
    evaluation/SEQUENCE/meta/ID.pkl     camMat (3, 3), handBoundingBox (4,) x1, y1, x2, y2, and more

The pkl are pickles of Python 2. They are read as plain data (`io.safe_pickle`), one at a time, when they are needed.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.benchmarks3d.base import Benchmark3D, Floats, check_pictures, intrinsics
from hint_toolkit.io.safe_pickle import load_plain
from hint_toolkit.protocol import Pose3DProtocol

TIPS: Final = (744, 333, 444, 555, 672)
LIST_FILE: Final = "evaluation.txt"
_SUFFIXES: Final = (".png", ".jpg")
_PACKAGES: Final = ("numpy",)
"""Of arrays and nothing else; naming one is what admits pickles of Python 2."""
_LARGEST: Final = 16 << 20


def read_ho3d(root: Path, protocol: Pose3DProtocol) -> Benchmark3D:
    """The evaluation set below this folder.

    Args:
        root: HO3D_v2 or HO3D_v3.
        protocol: `protocol.HO3D_V2` or `HO3D_V3`; the layout is one.

    Raises:
        InputError: files are missing, or not what they should be; a pkl when it is asked for.
    """
    names = _names(root / LIST_FILE)
    folders = {name: root / "evaluation" / name.partition("/")[0] for name in names}
    pictures = tuple(_picture(folders[name] / "rgb", name.partition("/")[2]) for name in names)
    check_pictures(pictures, root, "HO-3D")

    @lru_cache(maxsize=8)  # camera and box of a picture are asked for one after the other
    def meta(k: int) -> dict[str, Any]:
        return _meta(folders[names[k]] / "meta" / f"{names[k].partition('/')[2]}.pkl", root)

    def of(k: int, key: str) -> tuple[Any, str]:
        where = f"evaluation/{names[k].replace('/', '/meta/')}.pkl > {key}"
        if key not in meta(k):
            raise InputError("is not there", where=where, next_step="take the official evaluation set, or other boxes")
        return meta(k)[key], where

    def camera(k: int) -> Floats:
        return intrinsics(*of(k, "camMat"))

    def box(k: int) -> Floats:
        return _box(*of(k, "handBoundingBox"))

    return Benchmark3D(protocol, root, names, pictures, camera, box, "the dataset's handBoundingBox", TIPS)


def _names(path: Path) -> tuple[str, ...]:
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=str(path), why=str(getattr(error, "strerror", "") or error),
                         next_step="pass the folder of HO-3D, HO3D_v2 or HO3D_v3") from error  # fmt: skip
    for number, line in enumerate(lines, 1):
        parts = line.split("/")
        if len(parts) != 2 or not all(part and part not in (".", "..") and "\\" not in part for part in parts):
            raise InputError(f"{line[:60]!r} is no SEQUENCE/ID", where=f"{path}, line {number}")
    if len(set(lines)) < len(lines):
        twice = next(line for k, line in enumerate(lines) if line in lines[:k])
        raise InputError(f"names {twice} twice", where=str(path))
    return tuple(lines)


def _picture(folder: Path, stem: str) -> Path:
    found = [path for suffix in _SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()]
    return found[0] if found else folder / f"{stem}{_SUFFIXES[0]}"


def _meta(path: Path, root: Path) -> dict[str, Any]:
    where = str(path.relative_to(root))
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError("is too large for the facts of one picture", where=where)
        content = load_plain(path.read_bytes(), records=True, packages=_PACKAGES)
    except OSError as error:
        raise InputError("cannot be read", where=where, why=error.strerror or "",
                         next_step="take the official evaluation set; without meta give other boxes and --place wrist",
                         ) from error  # fmt: skip
    except ValueError as error:
        raise InputError("is no pickle of plain data", where=where, why=str(error)[:160]) from error
    if not isinstance(content, dict):
        raise InputError("holds no table", where=where)
    return content


def _box(values: Any, where: str) -> Floats:
    try:
        box = np.array(values, np.float64).reshape(-1)
        good = box.shape == (4,) and bool(np.isfinite(box).all()) and bool((box[2:] > box[:2]).all())
    except (TypeError, ValueError):
        good = False
    if not good:
        raise InputError("is no box x1, y1, x2, y2 with an area", where=where)
    return box
