"""Predictions as tables: Parquet and npz, with the columns id, keypoints, and perhaps score, visibility, side.

Parquet: `id` (text), `keypoints` or `points` (lists of 21 x 2, of 21 x 3 with the score, or flat), `score`,
`visibility` (lists of 21), `side`; a header as JSON in the file's metadata under `hint_predictions`.
npz: `ids` or `imgname` (N texts), `keypoints` (or `points`, `hand_keypoints_2d`, `pred_keypoints_2d`) of
(N, 21, 2), (N, 21, 3) or flat, `score`, `visibility` (N, 21), `side` (N texts) or `right` (N, 0 or 1);
`joint_order` and `method`, one text each.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.arrow import from_arrow
from hint_toolkit.io.npz import file_sha256, read_npz, texts
from hint_toolkit.io.predictions_json import ParsedPredictions
from hint_toolkit.io.predictions_records import Collector
from hint_toolkit.joints import N_JOINTS

PARQUET_HEADER = b"hint_predictions"
ID_COLUMNS = ("id", "ids", "imgname", "file_name", "image_id")
POINT_COLUMNS = ("keypoints", "points", "hand_keypoints_2d", "pred_keypoints_2d")
_OPTIONAL = ("score", "visibility", "side", "right")
_ROWS = 8192
_NEXT = "see docs/predictions.md"


def read_parquet_predictions(path: Path) -> ParsedPredictions:
    """A Parquet table.

    Raises:
        InputError: not Parquet, a column is missing, or rows that are not as described.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = _columns(names, path) + [name for name in ("score", "visibility", "side") if name in names]
            header = _header(file.schema_arrow.metadata or {}, path)
            collector = Collector(path.name, "row")
            for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
                _add(collector, batch.rename_columns(["id", "keypoints", *batch.schema.names[2:]]))
                if collector.hopeless:
                    break
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        raise InputError("is not a readable Parquet file", where=str(path), why=str(error), next_step=_NEXT) from error
    collector.finish()
    return ParsedPredictions(collector, "Parquet", file_sha256(path), header)


def _columns(names: list[str], path: Path) -> list[str]:
    """Which column is the id and which the points."""
    found = [next((name for name in known if name in names), "") for known in (ID_COLUMNS, POINT_COLUMNS)]
    for name, known in zip(found, (ID_COLUMNS, POINT_COLUMNS), strict=True):
        if not name:
            why = f"it has {', '.join(names)[:200] or 'none'}"
            raise InputError(f"has no column {' or '.join(known)}", where=str(path), why=why, next_step=_NEXT)
    return found


def _header(metadata: Any, path: Path) -> dict[str, Any]:
    try:
        header = json.loads(metadata.get(PARQUET_HEADER, b"{}"))
        json.dumps(header, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        where = f"{path.name} > metadata > {PARQUET_HEADER.decode()}"
        raise InputError("must be a JSON object", where=where, next_step=_NEXT)
    return header


def _add(collector: Collector, batch: Any) -> None:
    """One batch of rows: as arrays where the lists are plain, row by row where they are not."""
    import pyarrow as pa

    columns = {name: batch.column(name) for name in batch.schema.names}
    ids = columns["id"]
    points = _numbers(columns["keypoints"], (2, 3)) if pa.types.is_string(ids.type) and not ids.null_count else None
    values = {n: _numbers(columns[n], (1,)) if n in columns else np.zeros(0) for n in ("score", "visibility")}
    if points is None or any(value is None for value in values.values()) or "" in (names := ids.to_pylist()):
        for record in batch.to_pylist():
            collector.add({key: value for key, value in record.items() if value is not None or key == "keypoints"})
        collector.flush()
        return
    points = points.reshape(len(ids), N_JOINTS, -1)
    score, visibility = (values[name] if name in columns else None for name in ("score", "visibility"))
    if score is None and points.shape[2] == 3:
        score = points[:, :, 2]
    sides = columns["side"].to_pylist() if "side" in columns else [""] * len(ids)
    collector.add_arrays(names, points[:, :, :2], score, visibility, sides)


def _numbers(column: Any, widths: tuple[int, ...]) -> Any:
    """(n, 21 * width) of a column of lists, nested or flat, NaN for null rows and numbers; None if it is not that."""
    import pyarrow as pa

    valid = from_arrow(column.is_valid())
    kept = column.drop_null()
    flat = kept
    while _is_list(flat.type):
        flat = flat.flatten()
    if not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)) or not len(kept):
        return None
    numbers: NDArray[np.float64] = from_arrow(flat.cast(pa.float64(), safe=False))
    if flat.null_count:
        numbers = np.where(from_arrow(flat.is_valid()), numbers, np.nan)
    width = len(numbers) // len(kept)
    if width not in [N_JOINTS * w for w in widths] or not _regular(kept, width):
        return None
    result = np.full((len(column), width), np.nan)
    result[valid] = numbers.reshape(len(kept), width)
    return result[:, :N_JOINTS] if widths == (1,) else result


def _regular(column: Any, width: int) -> bool:
    """Whether every list has the same length on every level: 21 x w, or 21 * w in one."""
    import pyarrow.compute as pc

    lengths = []
    while _is_list(column.type):
        unique = pc.unique(pc.list_value_length(column)).to_pylist()
        if len(unique) != 1:
            return False
        lengths.append(unique[0])
        column = column.flatten()
    return lengths in ([width], [N_JOINTS, width // N_JOINTS])


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def read_npz_predictions(path: Path) -> ParsedPredictions:
    """An npz of arrays.

    Raises:
        InputError: not npz, an array is missing or has another shape, or rows that are not as described.
    """
    arrays = read_npz(path, (*ID_COLUMNS, *POINT_COLUMNS, *_OPTIONAL, "joint_order", "method"))
    id_name, point_name = _columns(list(arrays), path)
    ids = _texts(arrays[id_name], f"{path.name} > {id_name}")
    n = len(ids)
    shapes = [(n, N_JOINTS, 2), (n, N_JOINTS, 3), (n, 2 * N_JOINTS), (n, 3 * N_JOINTS)]
    points = _array(arrays, point_name, shapes, path).reshape(n, N_JOINTS, -1 if n else 2)
    score = _array(arrays, "score", [(n, N_JOINTS)], path) if "score" in arrays else None
    if score is None and points.shape[2] == 3:
        score = points[:, :, 2]
    visibility = _array(arrays, "visibility", [(n, N_JOINTS)], path) if "visibility" in arrays else None
    collector = Collector(path.name, "row")
    for k in (k for k, name in enumerate(ids) if not name):
        collector.issues.error("must be a text", file=path.name, id=f"row[{k}]", field=id_name)
    collector.add_arrays(ids, points[:, :, :2], score, visibility, _sides(arrays, n, path))
    collector.finish()
    header: dict[str, Any] = {}
    for name in ("joint_order", "method"):
        if name in arrays:
            header[name] = "".join(_texts(arrays[name], f"{path.name} > {name}")[:1])
    return ParsedPredictions(collector, "npz", file_sha256(path), header)


def _sides(arrays: dict[str, NDArray[Any]], n: int, path: Path) -> list[str]:
    if "side" in arrays:
        sides = _texts(arrays["side"], f"{path.name} > side")
    elif "right" in arrays:
        right = _array(arrays, "right", [(n,), (n, 1)], path).reshape(n)
        if not np.isin(right, (0, 1)).all():
            raise InputError("must be 0 or 1", where=f"{path.name} > right", next_step=_NEXT)
        sides = np.where(right == 1, "right", "left").tolist()
    else:
        return [""] * n
    if len(sides) != n:
        raise InputError(f"must hold {n} texts, got {len(sides)}", where=f"{path.name} > side", next_step=_NEXT)
    return sides


def _texts(values: NDArray[Any], where: str) -> list[str]:
    try:
        return texts(values)
    except ValueError as error:
        raise InputError(str(error), where=where, next_step=_NEXT) from error


def _array(arrays: dict[str, NDArray[Any]], name: str, shapes: list[tuple[int, ...]], path: Path) -> Any:
    """A float64 array of one of the shapes; None among objects is NaN."""
    value = arrays[name]
    try:
        if value.dtype.kind not in "fiuO":
            raise ValueError
        value = value.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError("must be numbers", where=f"{path.name} > {name}", next_step=_NEXT) from error
    if value.shape not in shapes:
        wanted = f"must have shape {' or '.join(map(str, shapes))}, got {value.shape}"
        raise InputError(wanted, where=f"{path.name} > {name}", next_step=_NEXT)
    return value
