"""A hand as one JSON object with every column of the data model, for formats that keep hands one by one."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.truth import FARTHEST
from hint_toolkit.records import ADDED, HAND_FIELDS, READABLE_SCHEMAS, SCHEMA_VERSION, Hand

SCHEMA = "hint-hand"
_BLANK = Hand("", "", np.zeros((21, 2)), np.zeros(21, bool), np.zeros(21, bool), np.zeros(4), "left")
"""Its columns have the shapes and types of every hand's."""


def hand_json(hand: Hand, **changed: Any) -> str:
    """One line of JSON: `schema`, then the fields of `Hand` in their order; NaN is written as null.

    Args:
        hand: to be written.
        changed: fields that are written otherwise.

    Raises:
        ValueError: a number is infinite.
    """
    values = {name: changed.get(name, getattr(hand, name)) for name in HAND_FIELDS}
    record = {"schema": f"{SCHEMA}/{SCHEMA_VERSION}", **{name: _written(value) for name, value in values.items()}}
    return json.dumps(record, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _written(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "f":
            return value.tolist()
        cells = value.astype(object)
        cells[np.isnan(value)] = None
        return cells.tolist()
    return None if isinstance(value, float) and np.isnan(value) else value


def is_hand_json(value: Any) -> bool:
    """Whether a parsed JSON value says that it is one of ours."""
    return isinstance(value, dict) and str(value.get("schema", "")).partition("/")[0] == SCHEMA


def parse_hand(text: str | bytes) -> Hand:
    """The hand of `hand_json`; fields that the data model does not have are passed over.

    Raises:
        ValueError: not JSON, or not such a hand; names the field, what was wanted and what came.
    """
    try:
        record = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not is_hand_json(record):
        raise ValueError(f"must be an object with a schema {SCHEMA}/{SCHEMA_VERSION}")
    version = str(record["schema"]).partition("/")[2]
    if version not in READABLE_SCHEMAS:
        raise ValueError(f"schema must be one of {READABLE_SCHEMAS}, got {version[:20]!r}")
    return Hand(**{name: _value(record, name) for name in HAND_FIELDS})


def _no_constant(name: str) -> None:
    raise ValueError(f"holds {name}, which is no JSON")


def _value(record: dict[str, Any], name: str) -> Any:
    """One column, checked against the type that every hand's has."""
    if name not in record:
        if name in ADDED:
            return ADDED[name][1]
        raise ValueError(f"has no field {name!r}")
    value, like = record[name], getattr(_BLANK, name)
    if isinstance(like, np.ndarray):
        return _array(value, name, like)
    if isinstance(like, float):
        return _number(value, name)
    if type(value) is not type(like):
        raise ValueError(f"{name} must be {type(like).__name__}, got {type(value).__name__}")
    if isinstance(value, str):
        value.encode()  # half a character has no place in any file; UnicodeEncodeError is a ValueError
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{name} is beyond 64 bits")
    return value


def _number(value: Any, name: str) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e300:
        raise ValueError(f"{name} must be a number or null")
    return float(value)


def _array(value: Any, name: str, like: NDArray[Any]) -> NDArray[Any]:
    """Numbers or flags of a shape; points and box within any picture."""
    cells = np.empty(like.size, dtype=object)
    cells[:] = _flat(value, name, like.shape)
    if like.dtype == np.bool_:
        if not all(isinstance(cell, bool) for cell in cells):
            raise ValueError(f"{name} must be true or false")
        return cells.astype(bool).reshape(like.shape)
    numbers = np.array([_number(cell, name) for cell in cells]).reshape(like.shape)
    if (np.abs(numbers[np.isfinite(numbers)]) > FARTHEST).any():
        raise ValueError(f"{name} must be pixels")
    return numbers


def _flat(value: Any, name: str, shape: tuple[int, ...]) -> list[Any]:
    """The cells of nested lists that have exactly this shape."""
    cells = [value]
    for size in shape:
        if not all(isinstance(cell, list) and len(cell) == size for cell in cells):
            raise ValueError(f"{name} must have shape {shape}")
        cells = [inner for cell in cells for inner in cell]
    return cells
