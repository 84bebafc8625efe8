"""Object arrays of npz files without running what they hold.

A pickle is a program: loading one from a stranger runs the stranger's code. HaMeR-like npz files nevertheless
keep file names as object arrays. This unpickler admits numbers, text, lists, tuples and numpy arrays, and
builds arrays by its own few lines: numpy's C code never sees the state that the file asks for.
"""

import codecs
import io
import pickle
import pickletools
from typing import Any

import numpy as np
from numpy.typing import NDArray

_REFUSED = frozenset(
    {
        *("PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"),
        *("BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER", "DUP", "DICT", "EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("EMPTY_SET", "ADDITEMS", "FROZENSET"),
    }
)
"""Instructions that lists of text and numbers do not need. Keys of dicts and sets are hashed, and the hash of a tuple
that holds one tuple twice, thirty levels deep, never ends."""
_PLAIN_KINDS = "biufUSO"  # bool, int, unsigned, float, text, bytes, object


class _Type:
    """Stands in for `numpy.dtype`: keeps the code, and the byte order that the state names."""

    def __init__(self, code: Any = "O", *_: Any) -> None:
        self.code, self.swapped = str(code), False

    def __setstate__(self, state: Any) -> None:
        self.swapped = state[1] == ">"

    def plain(self) -> np.dtype[Any]:
        """The real dtype, if it is one of the plain kinds."""
        made = np.dtype(self.code)
        if made.kind not in _PLAIN_KINDS or made.fields or made.subdtype:
            raise pickle.UnpicklingError(f"holds an array of type {self.code}")
        return made.newbyteorder(">" if self.swapped else "<")


class _Array:
    """Stands in for `numpy.ndarray` until `plain` builds it."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        self.state = tuple(state)

    def plain(self, budget: "_Budget") -> NDArray[Any]:
        """The real array."""
        _, shape, kind, by_column, data = self.state
        dtype = kind.plain()
        if dtype.kind == "O":
            flat = np.empty(len(data), dtype=object)
            flat[:] = [budget.plain(item) for item in data]
        else:
            flat = np.frombuffer(data, dtype=dtype)
        return flat.reshape(tuple(shape), order="F" if by_column else "C")


def _scalar(kind: _Type, data: bytes = b"") -> Any:
    return np.frombuffer(data, dtype=kind.plain(), count=1)[0].item()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    return codecs.encode(text, "latin1")  # what pickle writes for bytes in old protocols; no other codec


def _no_bytes() -> bytes:
    return b""  # what pickle writes for empty bytes in old protocols


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
}
for _room in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_room}.multiarray", "_reconstruct"] = _Array
    _ADMITTED[f"{_room}.multiarray", "scalar"] = _scalar


class _Unpickler(pickle.Unpickler):
    """Finds nothing but `_ADMITTED`."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name.

        Raises:
            pickle.UnpicklingError: any other name.
        """
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"asks to run {module}.{name}, which is not data") from None


class _Budget:
    """How many values may come out: few bytes can name one list over and over, and unfold without end."""

    def __init__(self, left: int) -> None:
        self.left = left

    def plain(self, value: Any) -> Any:
        """A value with every stand-in replaced by what it stands for."""
        self.left -= 1
        if self.left < 0:
            raise pickle.UnpicklingError("unfolds to far more than the file holds")
        if isinstance(value, _Array):
            return value.plain(self)
        if isinstance(value, list | tuple):
            return type(value)(self.plain(item) for item in value)
        if isinstance(value, _Type):
            raise pickle.UnpicklingError("holds a type instead of data")
        return value


def _inspect(data: bytes) -> None:
    """Read the instructions without obeying them.

    A store at position 2^31 would make the C unpickler allocate gigabytes.
    """
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in _REFUSED:
            raise pickle.UnpicklingError(f"holds the instruction {opcode.name}")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= len(data):
            raise pickle.UnpicklingError("stores far outside its memory")


def load_plain(data: bytes) -> Any:
    """What a pickle holds, if that is plain data.

    Raises:
        ValueError: it is damaged, or asks for anything else than arrays, numbers, text, lists and tuples.
    """
    try:
        _inspect(data)
        return _Budget(16 * len(data)).plain(_Unpickler(io.BytesIO(data)).load())
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except Exception as error:  # a damaged pickle fails in any way it likes; all of them mean the same
        raise ValueError(f"{type(error).__name__}: {error}") from None
