"""Named arrays of an npz file, only those asked for, each checked against its own header before it is read."""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.safe_pickle import load_plain

LARGEST = 8 << 30
"""Bytes that one array may have unpacked; more is taken for a trap."""
_BROKEN: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError,
    SyntaxError, MemoryError, TypeError, KeyError, IndexError, AttributeError,
)  # fmt: skip
# The header of an array is a Python literal and its bytes come through zip: every way that these can fail, no more.


def npz_names(path: Path) -> list[str]:
    """Names of the arrays in a file.

    Raises:
        InputError: not a zip of arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except _BROKEN as error:
        raise _not_npz(path, error) from error


def read_npz(path: Path, wanted: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The wanted arrays, as far as the file has them.

    Raises:
        InputError: not an npz file, or one of the arrays is damaged or is no plain data; names it.
    """
    found = {}
    present = set(npz_names(path))
    for name in (name for name in wanted if name in present):
        try:
            with zipfile.ZipFile(path) as archive:
                info = archive.getinfo(f"{name}.npy")
                if info.file_size > LARGEST:
                    raise ValueError(f"unpacks to {info.file_size} bytes")
                found[name] = parse_npy(archive.read(info))
        except _BROKEN as error:
            raise InputError(
                "cannot be read",
                where=f"{path.name} > {name}",
                why=str(error) or type(error).__name__,
                next_step="save it again with numpy.savez, text as arrays of type str",
            ) from error
    return found


def parse_npy(data: bytes) -> NDArray[Any]:
    """One array from the bytes of an npy file; object arrays only if they hold plain data.

    Raises:
        ValueError: the header is wrong, does not fit the bytes, or the objects are not plain data.
    """
    numpy_format: Any = np.lib.format  # numpy ships it without types
    if not _fits(data):
        return _objects(data)
    loaded: NDArray[Any] = numpy_format.read_array(io.BytesIO(data), allow_pickle=False)
    return loaded


def _header(data: bytes) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, dtype and the number of header bytes."""
    numpy_format: Any = np.lib.format
    handle = io.BytesIO(data)
    old = numpy_format.read_magic(handle) == (1, 0)
    shape, _, dtype = (numpy_format.read_array_header_1_0 if old else numpy_format.read_array_header_2_0)(handle)
    return shape, dtype, handle.tell()


def _fits(data: bytes) -> bool:
    """Whether this is an array without objects; its bytes must be as many as the header says."""
    shape, dtype, begin = _header(data)
    if dtype.hasobject:
        return False
    count = 1
    for size in shape:
        count *= size
    if count < 0 or count * dtype.itemsize != len(data) - begin:
        raise ValueError(f"says shape {shape} of {dtype}, but holds {len(data) - begin} bytes")
    return True


def _objects(data: bytes) -> NDArray[Any]:
    shape, _, begin = _header(data)
    value = load_plain(data[begin:])
    if not isinstance(value, np.ndarray) or value.shape != shape:
        raise ValueError("the objects do not have the shape of the header")
    return value


def texts(values: NDArray[Any]) -> list[str]:
    """An array of text as a list; bytes are UTF-8, whatever was an object must be text.

    Raises:
        ValueError: something else than text stands there.
    """
    listed = values.reshape(-1).tolist()
    result = [item.decode("utf-8") if isinstance(item, bytes) else item for item in listed]
    wrong = [type(item).__name__ for item in result if not isinstance(item, str)]
    if wrong:
        raise ValueError(f"must be text, got {wrong[0]}")
    return result


def file_sha256(path: Path) -> str:
    """sha256 of a file, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _not_npz(path: Path, error: BaseException) -> InputError:
    return InputError("is not a readable npz file", where=str(path), why=str(error), next_step="save it again")
