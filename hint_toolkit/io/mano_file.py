"""MANO_RIGHT.pkl, read without running what it asks for, and without chumpy or scipy.

The licensed file is a Python 2 pickle: numpy arrays, a sparse matrix of scipy, and arrays that chumpy wraps, a library
that no longer installs. `io.safe_pickle` keeps the state of such objects without looking their classes up; here they
become arrays. Any other name in the file ends the reading.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.safe_pickle import Kept, load_plain

SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "v_template": (778, 3),
    "shapedirs": (778, 3, 10),
    "posedirs": (778, 3, 135),
    "J_regressor": (16, 778),
    "weights": (778, 16),
    "kintree_table": (2, 16),
    "f": (1538, 3),
}
"""What the model needs of it. The pose space (`hands_components`, `hands_mean`) is not among it: HaMeR has its own."""
GET: Final = "register at mano.is.tue.mpg.de, download mano_v1_2 and take models/MANO_RIGHT.pkl"
PACKAGES: Final = ("chumpy", "scipy.sparse")
LARGEST: Final = 64 << 20
"""Bytes; the licensed file has 4 million."""
_WHOLE: Final = ("kintree_table", "f")
_DENSE: Final = 1 << 22
"""Numbers of a sparse matrix that is filled up; MANO's has 12,448."""


def read_mano(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a MANO file, those of `SHAPES`, in float64 and int64.

    Args:
        path: MANO_RIGHT.pkl as it was downloaded, or the same arrays pickled by a newer Python.

    Raises:
        InputError: no such file, it is not one, asks to run something, or an array is missing, misshapen or no numbers.
    """
    where = str(path)
    try:
        if path.stat().st_size > LARGEST:
            raise InputError("is too large for a MANO file", where=where, next_step=GET)
        data = path.read_bytes()
    except OSError as error:
        raise InputError("no such MANO file", where=where, why=error.strerror or "", next_step=GET) from error
    try:
        content = load_plain(data, records=True, packages=PACKAGES)
        if not isinstance(content, dict):
            raise ValueError("is no table of arrays")
        found = {name: _array(content[name]) for name in SHAPES if name in content}
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError("is no MANO file", where=where, why=f"{error}"[:200], next_step=GET) from error
    if "shapedirs" in found:
        found["shapedirs"] = found["shapedirs"][..., :10]
    if wrong := [told for name in SHAPES if (told := _wrong(name, found.get(name)))]:
        raise InputError("does not hold MANO's arrays", where=where, why="; ".join(wrong), next_step=GET)
    whole = {name: found[name].astype(np.int64) for name in _WHOLE}
    # The root's parent is 2^32 - 1 in the file; as int64 it must become -1.
    whole["kintree_table"][whole["kintree_table"] >= 16] = -1
    return {name: whole[name] if name in whole else found[name].astype(np.float64) for name in SHAPES}


def _wrong(name: str, values: NDArray[Any] | None) -> str:
    """What is wrong with an array, "" if nothing is."""
    if values is None:
        return f"{name} missing"
    if values.shape != SHAPES[name]:
        return f"{name} {values.shape} instead of {SHAPES[name]}"
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        return f"{name} holds other things than numbers"
    if name == "f" and not ((values >= 0) & (values < SHAPES["v_template"][0])).all():
        return "f names vertices that there are not"
    return ""


def _array(value: Any) -> NDArray[Any]:
    """The array that a value of the file stands for.

    Raises:
        ValueError: an object of a kind that is not known to stand for one.
    """
    if not isinstance(value, Kept):
        return np.asarray(value)
    state, kind = value.state, value.of.rpartition(".")[2]
    if value.of.startswith("chumpy"):
        # reordering.Select: some numbers of an array, in another shape. Others keep theirs in `x`.
        if "idxs" in state:
            numbers = _array(state["a"]).ravel()[_array(state["idxs"]).ravel().astype(np.int64)]
            return numbers.reshape([int(size) for size in state["preferred_shape"]])
        if "x" in state:
            return _array(state["x"])
    if kind.startswith(("csc_", "csr_")):
        return _dense(state, by_column=kind.startswith("csc_"))
    raise ValueError(f"holds a {value.of[:60]}, which stands for no array")


def _dense(state: dict[str, Any], *, by_column: bool) -> NDArray[Any]:
    """A sparse matrix of scipy, filled up; numbers at the same place are added, as scipy does."""
    shape = tuple(int(size) for size in state.get("_shape", state.get("shape", ())))
    if len(shape) != 2 or min(shape) < 0 or shape[0] * shape[1] > _DENSE:
        raise ValueError(f"holds a sparse matrix of shape {shape}")
    data, places, starts = (_array(state[name]) for name in ("data", "indices", "indptr"))
    lines = np.repeat(np.arange(shape[by_column]), np.diff(starts))
    dense = np.zeros(shape, data.dtype)
    np.add.at(dense, (places, lines) if by_column else (lines, places), data)
    return dense
