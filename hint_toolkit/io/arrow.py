"""Numpy arrays to Arrow and back through their buffers.

`pyarrow.array` and `Array.to_numpy` do the same, but import pandas on their first call, which costs a fifth of
a second: as much as scoring forty thousand hands. Nulls are not handled here; callers refuse them first.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_arrow(values: NDArray[Any]) -> Any:
    """An Arrow array of a numpy array: text, bool or numbers; every axis after the first is a fixed-size list.

    Args:
        values: (N, ...) of dtype object (text only, one axis), bool, or a number type.

    Raises:
        TypeError: an object that is no text.
    """
    import pyarrow as pa

    flat = np.ascontiguousarray(values).reshape(-1)
    if values.dtype == object:
        return _text_to_arrow(pa, flat.tolist())
    if values.dtype == np.bool_:
        data = np.packbits(flat, bitorder="little")
        array = pa.Array.from_buffers(pa.bool_(), len(flat), [None, pa.py_buffer(data)])
    else:
        array = pa.Array.from_buffers(pa.from_numpy_dtype(flat.dtype), len(flat), [None, pa.py_buffer(flat)])
    for size in reversed(values.shape[1:]):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array


def _text_to_arrow(pa: Any, texts: list[str]) -> Any:
    data = [_encoded(text) for text in texts]
    offsets = np.zeros(len(data) + 1, np.int32)
    np.cumsum([len(piece) for piece in data], out=offsets[1:])
    return pa.StringArray.from_buffers(len(data), pa.py_buffer(offsets), pa.py_buffer(b"".join(data)))


def _encoded(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError(f"wanted text, got {type(text).__name__}")
    return text.encode("utf-8")


def _text_from_arrow(array: Any) -> NDArray[Any]:
    """Each different text is made once: most columns hold a handful (source, split, state..)."""
    coded = array.dictionary_encode()
    words = np.empty(len(coded.dictionary), object)
    words[:] = coded.dictionary.to_pylist()
    return np.asarray(words[from_arrow(coded.indices)])


def from_arrow(array: Any) -> NDArray[Any]:
    """The numpy array of an Arrow array without nulls; nested fixed-size lists become further axes."""
    import pyarrow as pa

    shape = [len(array)]
    while pa.types.is_fixed_size_list(array.type):
        shape.append(array.type.list_size)
        array = array.flatten()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _text_from_arrow(array).reshape(shape)
    _, data = array.buffers()
    first, last = array.offset, array.offset + len(array)
    if data is None or first == last:
        return np.zeros(shape, array.type.to_pandas_dtype())
    if pa.types.is_boolean(array.type):
        bits = np.unpackbits(np.frombuffer(data, np.uint8), count=last, bitorder="little")
        return bits[first:last].astype(bool).reshape(shape)
    return np.frombuffer(data, array.type.to_pandas_dtype())[first:last].reshape(shape)
