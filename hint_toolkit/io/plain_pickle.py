"""Plain data as a pickle, for programs that read nothing else; `io.safe_pickle` reads it back."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray


def dump_plain(value: Any) -> bytes:
    """Plain data as a pickle that is the same bytes on every machine.

    Protocol 3. Arrays go by the names `numpy.core.multiarray._reconstruct` and `numpy.dtype`: numpy 2 keeps the first
    for old files and loads it without a warning, while numpy 1 does not know `numpy._core`, which numpy 2 would write.
    Loaded arrays can be written to.

    Args:
        value: None, bool, int (64 bit), float, str, bytes, lists, dicts with text as keys, arrays of numbers.

    Raises:
        TypeError: anything else in it.
    """
    return b"\x80\x03" + _dumped(value) + b"."


def _dumped(value: Any) -> bytes:
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, list):
        return b"](" + b"".join(map(_dumped, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(_text(key) + _dumped(item) for key, item in value.items()) + b"u"
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return _array(value)
    return _dumped_scalar(value)


def _dumped_scalar(value: Any) -> bytes:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return b"B" + struct.pack("<I", len(value)) + value
    if type(value) is int:
        return b"\x8a" + struct.pack("<Bq", 8, value)
    if type(value) is float:
        return b"G" + struct.pack(">d", value)
    raise TypeError(f"{type(value).__name__} is no plain data")


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError("the keys of a dict must be text")
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _array(value: NDArray[Any]) -> bytes:
    little = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)
    kind = b"cnumpy\ndtype\n" + _text(little.dtype.str[1:]) + b"\x89\x88\x87R"
    kind += b"(" + _dumped(3) + _text("<") + b"NNN" + _dumped(-1) + _dumped(-1) + _dumped(0) + b"tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + _dumped(0) + b"\x85" + _dumped(b"b") + b"\x87R"
    shape = b"(" + b"".join(map(_dumped, little.shape)) + b"t"
    return empty + b"(" + _dumped(1) + shape + kind + b"\x89" + _dumped(little.tobytes()) + b"tb"
