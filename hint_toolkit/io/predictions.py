"""Somebody's predictions, one record a hand, matched by id and never by position.

The format is recognised from the content: our `preds.json`, a list of records, COCO results, an object keyed by
stem, Parquet or npz; docs/predictions.md describes each. Coordinates are pixels of the original image.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.arrow import to_arrow
from hint_toolkit.io.atomic import replacing
from hint_toolkit.io.foreign_files import FORMATS, recognise
from hint_toolkit.io.predictions_json import ParsedPredictions, read_json_predictions
from hint_toolkit.io.predictions_table import PARQUET_HEADER, read_npz_predictions, read_parquet_predictions
from hint_toolkit.joints import TO_HINT

Floats = NDArray[np.float64]
_OTHERS = {
    b"\x80": (
        "is a Python pickle, which could run code",
        "write preds.json, Parquet or npz; for a dump of HaMeR or mmpose: hint-eval import --pred FILE --gt RELEASE",
    ),
    b"\x93NUMPY": ("is a single array without ids", "write an npz with ids and keypoints; see docs/predictions.md"),
    b"\x1f\x8b": ("is packed with gzip", "unpack it with: gunzip FILE"),
    b"\x89HDF": ("is an HDF5 file", "write preds.json, Parquet or npz; see docs/predictions.md"),
}


@dataclass(frozen=True)
class Predictions:
    """Predictions of one method.

    Attributes:
        ids: one a record, unique.
        points: (N, 21, 2) pixels, HInt order, NaN where missing.
        score: (N, 21), NaN where not given.
        visibility: (N, 21), NaN where not given.
        side: "left", "right" or "" a record.
        header: as in the file.
        sha256: of the file, "" when made in memory.
        format: what the file turned out to be, "" when made in memory.
    """

    ids: list[str]
    points: Floats
    score: Floats
    visibility: Floats
    side: list[str]
    header: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    format: str = ""

    @property
    def method(self) -> str:
        """Name of the method, "unnamed" when the header has none."""
        return str(self.header.get("method") or "unnamed")


def read_predictions(path: Path, joint_order: str | None = None) -> Predictions:
    """Read and check predictions, whatever their format.

    Args:
        path: of the file.
        joint_order: a key of `joints.TO_HINT`; overrules what the file's header says. "hint" when neither says.

    Raises:
        InputError: not readable, not predictions, or records that are not as described; names the first five.
    """
    try:
        parsed = _parsed(path)
    except InputError as error:
        raise _pointed(path, error) from error
    order = parsed.header.get("joint_order", "hint") if joint_order is None else joint_order
    if not isinstance(order, str) or order not in TO_HINT:
        wanted = f"must be an object whose joint_order is one of {', '.join(TO_HINT)}; got {str(order)[:40]!r}"
        raise InputError(wanted, where=f"{path.name} > header", next_step="name the order that the joints stand in")
    records = parsed.records
    values = {name: _ordered(records.array(name), order) for name in ("points", "score", "visibility")}
    header = parsed.header if joint_order is None else parsed.header | {"joint_order": joint_order}
    return Predictions(
        ids=records.ids, side=records.side, header=header, sha256=parsed.sha256, format=parsed.format, **values
    )


def _pointed(path: Path, error: InputError) -> InputError:
    """The error, or where the file is some known program's output, the command that makes predictions of it."""
    kind = recognise(path) if path.exists() else ""
    if not kind or kind == "positions" or "pickle" in error.what:
        return error
    return InputError(
        f"looks like {FORMATS[kind]}, which knows no hands' ids",
        where=str(path),
        next_step=f"give them the dataset's ids: hint-eval import --pred {path.name} --gt RELEASE --out preds.json",
    )


def _parsed(path: Path) -> ParsedPredictions:
    try:
        with path.open("rb") as handle:
            head = handle.read(8)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError("cannot be read", where=str(path), why=reason, next_step="pass --pred FILE") from error
    for magic, (what, next_step) in _OTHERS.items():
        if head.startswith(magic):
            raise InputError(what, where=str(path), next_step=next_step)
    if head.startswith(b"PAR1"):
        return read_parquet_predictions(path)
    if head.startswith(b"PK"):
        return read_npz_predictions(path)
    return read_json_predictions(path)


def _ordered(values: Floats, order: str) -> Floats:
    """Joints in HInt's order, changed in place a few thousand hands at a time."""
    permutation = list(TO_HINT[order])
    if permutation != sorted(permutation) and values.flags.writeable:
        for begin in range(0, len(values), 4096):
            values[begin : begin + 4096] = values[begin : begin + 4096][:, permutation]
    return values


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write `preds.json`, or Parquet if the name ends so; the joints must stand in HInt's order.

    A joint order in the header is written as "hint". In JSON missing points become null and coordinates keep
    4 decimals; Parquet keeps all bits.
    """
    if path.suffix == ".parquet":
        _write_parquet(path, predictions)
        return
    head = json.dumps(_written_header(predictions), sort_keys=True, allow_nan=False)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f'{{"header": {head},\n"predictions": [\n')
        for i in range(len(predictions.ids)):
            file.write((",\n" if i else "") + json.dumps(_record(predictions, i), allow_nan=False))
        file.write("\n]}\n")


def _written_header(predictions: Predictions) -> dict[str, Any]:
    """The header, its joint order being HInt's whatever the file had that the predictions came from."""
    return {k: "hint" if k == "joint_order" else v for k, v in predictions.header.items()}


def _record(predictions: Predictions, i: int) -> dict[str, Any]:
    record: dict[str, Any] = {"id": predictions.ids[i], "keypoints": _plain(predictions.points[i])}
    for name in ("score", "visibility"):
        values = getattr(predictions, name)[i]
        if np.isfinite(values).any():
            record[name] = _plain(values)
    if predictions.side[i]:
        record["side"] = predictions.side[i]
    return record


def _write_parquet(path: Path, predictions: Predictions) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": to_arrow(np.array(predictions.ids, object)), "keypoints": to_arrow(predictions.points)}
    for name in ("score", "visibility"):
        if np.isfinite(getattr(predictions, name)).any():
            columns[name] = to_arrow(getattr(predictions, name))
    if any(predictions.side):
        columns["side"] = to_arrow(np.array(predictions.side, object))
    header = json.dumps(_written_header(predictions), sort_keys=True, allow_nan=False).encode()
    with replacing(path) as temporary:
        table = pa.table(columns).replace_schema_metadata({PARQUET_HEADER: header})
        pq.write_table(table, temporary, compression="zstd")


def _plain(values: Floats) -> Any:
    """Lists with null for NaN; null for the whole when nothing is known."""
    if not np.isfinite(values).any():
        return None
    return [_rounded(row) for row in values] if values.ndim > 1 else _rounded(values)


def _rounded(row: Floats) -> list[float | None]:
    return [round(float(v), 4) if np.isfinite(v) else None for v in row]
