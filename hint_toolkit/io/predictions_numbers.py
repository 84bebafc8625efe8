"""Lists of numbers as they come out of JSON, to arrays: all of a batch at once, or one with its complaint."""

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]
SHAPES = ((N_JOINTS, 2), (N_JOINTS, 3), (2 * N_JOINTS,), (3 * N_JOINTS,))
"""How keypoints may be written: points, points with a score, or either of them flat."""
_KINDS = {float, int, type(None)}
_flat = chain.from_iterable


def block(values: list[Any], rows: bool = True) -> Floats | None:
    """(n, 21, 2 or 3) of n lists, or (n, 21) without `rows`; null entries are NaN; None where it is not that plain."""
    kept = [k for k, value in enumerate(values) if value is not None]
    listed = [values[k] for k in kept]
    width = 1
    try:
        lengths = set(map(len, listed))
        if rows and lengths == {N_JOINTS}:
            lengths = set(map(len, _flat(listed)))
            flat = list(_flat(_flat(listed)))
            width = lengths.pop() if len(lengths) == 1 else 0
        else:
            flat = list(_flat(listed))
            width = lengths.pop() // N_JOINTS if len(lengths) == 1 else 0
        if width not in ((2, 3) if rows else (1,)) or len(flat) != len(kept) * N_JOINTS * width:
            return None
        if not set(map(type, flat)) <= _KINDS:
            return None
        array = np.array(flat, dtype=np.float64).reshape(len(kept), N_JOINTS, width)
    except (TypeError, ValueError, OverflowError):
        return None
    result = array
    if len(kept) < len(values):
        result = np.full((len(values), N_JOINTS, width), np.nan)
        result[kept] = array
    return result if rows else result[:, :, 0]


def numbers(value: Any, shapes: tuple[tuple[int, ...], ...]) -> Floats | None:
    """An array of one of the shapes; null anywhere is NaN; None for null.

    Raises:
        ValueError: another shape, or something that is no number.
    """
    if value is None:
        return None
    try:
        array = np.array(_with_nan(value), dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"must be numbers or null in the shape {shapes[0]}") from None
    if array.shape not in shapes:
        raise ValueError(f"must have shape {shapes[0]}, got {array.shape}")
    return array


def _with_nan(value: Any, depth: int = 0) -> Any:
    """Lists with every null replaced, a null point too; text and true/false are refused, numpy would take them."""
    if isinstance(value, list) and depth < 3:
        width = next((len(item) for item in value if isinstance(item, list)), 0)
        missing: Any = [float("nan")] * width if width else float("nan")
        return [missing if item is None else _with_nan(item, depth + 1) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    return value
