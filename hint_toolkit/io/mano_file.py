"""MANO_RIGHT.pkl, read without running what it asks for and without chumpy or scipy.

The licensed file is a Python 2 pickle: numpy arrays, a sparse matrix of scipy, and arrays wrapped by chumpy, a library
that no longer installs. Anything in a pickle may name any function to call; here nine names are known, the six that are
not numpy's own become inert records, and every other name ends the reading.
"""

import io
import pickle
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError

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


class _Record:
    """An object of a class that is not run: whatever was set on it."""

    def __init__(self, *_: Any) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        """Keep it, and nothing else."""
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("holds an object whose state is no table")
        self.state = state

    def plain(self) -> NDArray[Any]:
        """The array that it stands for."""
        raise pickle.UnpicklingError("holds an object that stands for no array")


class _Ch(_Record):
    """chumpy.ch.Ch: an array."""

    def plain(self) -> NDArray[Any]:
        return _plain(self.state["x"])


class _Select(_Record):
    """chumpy.reordering.Select: some numbers of an array, in another shape."""

    def plain(self) -> NDArray[Any]:
        numbers = _plain(self.state["a"]).ravel()[_plain(self.state["idxs"]).ravel().astype(np.int64)]
        return numbers.reshape(tuple(int(n) for n in self.state["preferred_shape"]))


class _Csc(_Record):
    """scipy.sparse.csc_matrix: column by column."""

    def plain(self) -> NDArray[Any]:
        shape = tuple(int(n) for n in self.state.get("_shape", self.state.get("shape", ())))
        data, rows, starts = (_plain(self.state[name]) for name in ("data", "indices", "indptr"))
        dense = np.zeros(shape, np.asarray(data).dtype)
        columns = np.repeat(np.arange(shape[1]), np.diff(starts))
        np.add.at(dense, (rows, columns), data)
        return dense


def _plain(value: Any) -> NDArray[Any]:
    found = value.plain() if isinstance(value, _Record) else value
    return np.asarray(found)


def _encode(text: str, _: str = "latin1") -> bytes:
    return text.encode("latin1")


def _known() -> dict[tuple[str, str], Any]:
    from numpy._core.multiarray import _reconstruct

    known: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _encode,
        ("__builtin__", "set"): set,
        ("builtins", "set"): set,
        ("chumpy.ch", "Ch"): _Ch,
        ("chumpy", "Ch"): _Ch,
        ("chumpy.reordering", "Select"): _Select,
    }
    for module in ("scipy.sparse.csc", "scipy.sparse._csc"):
        known[module, "csc_matrix"] = _Csc
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        known[module, "_reconstruct"] = _reconstruct
    return known


class _Reader(pickle.Unpickler):
    """Knows a handful of names."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._names = _known()

    def find_class(self, module: str, name: str) -> Any:
        """The class or its stand-in."""
        if (module, name) not in self._names:
            raise pickle.UnpicklingError(f"asks to run {module[:60]}.{name[:60]}, which is not data")
        return self._names[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Nothing lies outside of the file."""
        raise pickle.UnpicklingError("refers to something outside of the file")


def read_mano(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a MANO file, those of `SHAPES`, in float64 and int64.

    Args:
        path: MANO_RIGHT.pkl as it was downloaded, or the same arrays pickled by a newer Python.

    Raises:
        InputError: no such file, it is not one, asks to run something, or an array is missing or misshapen.
    """
    try:
        content = _Reader(path.read_bytes()).load()
        if not isinstance(content, dict):
            raise pickle.UnpicklingError("is no table of arrays")
        found = {name: _plain(content[name]) for name in SHAPES if name in content}
    except OSError as error:
        raise InputError("no such MANO file", where=str(path), next_step=GET) from error
    except Exception as error:  # a broken pickle raises anything
        raise InputError("is no MANO file", where=str(path), why=f"{error}"[:200], next_step=GET) from error
    found["shapedirs"] = found.get("shapedirs", np.zeros(0))[..., :10]
    wrong = [f"{name} {found[name].shape if name in found else 'missing'}" for name, shape in SHAPES.items()
             if name not in found or found[name].shape != shape or found[name].dtype.kind not in "fiu"]  # fmt: skip
    if wrong:
        raise InputError("does not hold MANO's arrays", where=str(path), why="; ".join(wrong), next_step=GET)
    whole = ("kintree_table", "f")
    # The root's parent is 2^32 - 1 in the file; as int64 it must become -1.
    found["kintree_table"] = found["kintree_table"].astype(np.int64)
    found["kintree_table"][found["kintree_table"] >= 16] = -1
    return {name: found[name].astype(np.int64 if name in whole else np.float64) for name in SHAPES}
