"""`preds.json`: somebody's predictions, one record a hand, matched by id and never by position.

    {"header": {"method": "...", "checkpoint": "...", "trained_on_hint": false, "input_crop": "...",
                "joint_order": "hint"},
     "predictions": [{"id": "TEST_newdays_img/<stem>", "keypoints": [[x, y], ... 21],
                      "score": [...21], "visibility": [...21], "side": "left"}]}

Coordinates are pixels of the original image. `null` or NaN is a missing point; `"keypoints": null` says that
the method found no hand there. `score`, `visibility` and `side` are optional; unknown keys are left alone.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import write_text
from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS, SIDES, TO_HINT

Floats = NDArray[np.float64]


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
    """

    ids: list[str]
    points: Floats
    score: Floats
    visibility: Floats
    side: list[str]
    header: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""

    @property
    def method(self) -> str:
        """Name of the method, "unnamed" when the header has none."""
        return str(self.header.get("method") or "unnamed")


def read_predictions(path: Path) -> Predictions:
    """Read and check a `preds.json`.

    Raises:
        InputError: not readable, not JSON, or records that are not as described; names the first five.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError("cannot be read", where=str(path), why=reason, next_step="pass --pred FILE") from error
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("is not JSON", where=str(path), why=str(error), next_step="see docs/predictions.md") from error
    if not isinstance(value, dict) or not isinstance(value.get("predictions"), list):
        raise InputError(
            'must be an object with a list "predictions"', where=str(path), next_step="see docs/predictions.md"
        )
    header = value.get("header") or {}
    order = header.get("joint_order", "hint") if isinstance(header, dict) else None
    if not isinstance(order, str) or order not in TO_HINT:
        wanted = f"an object whose joint_order is one of {', '.join(TO_HINT)}"
        raise InputError(f"must be {wanted}; got {str(order)[:40]!r}", where=f"{path.name} > header")
    issues = Issues()
    records = [_record(i, record, path.name, issues) for i, record in enumerate(value["predictions"])]
    _find_repeats(records, path.name, issues)
    issues.raise_errors("see docs/predictions.md")
    permutation = list(TO_HINT[order])
    return Predictions(
        ids=[r["id"] for r in records],
        points=_stack(records, "keypoints", (N_JOINTS, 2))[:, permutation],
        score=_stack(records, "score", (N_JOINTS,))[:, permutation],
        visibility=_stack(records, "visibility", (N_JOINTS,))[:, permutation],
        side=[r["side"] for r in records],
        header=header,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _stack(records: list[dict[str, Any]], name: str, shape: tuple[int, ...]) -> Floats:
    return np.array([r[name] for r in records], dtype=np.float64).reshape(len(records), *shape)


def _record(index: int, record: Any, file: str, issues: Issues) -> dict[str, Any]:
    """One checked record; problems go to `issues`."""
    place = f"predictions[{index}]"
    if not isinstance(record, dict) or not isinstance(record.get("id"), str) or not record["id"]:
        issues.error('must be an object with a text "id"', file=file, id=place)
        record = {"id": place}
    hand_id = record["id"]
    checked: dict[str, Any] = {"id": hand_id}
    for name, shape in (("keypoints", (N_JOINTS, 2)), ("score", (N_JOINTS,)), ("visibility", (N_JOINTS,))):
        try:
            checked[name] = _numbers(record.get(name), shape)
        except (ValueError, TypeError) as error:
            issues.error(str(error), file=file, id=hand_id, field=name)
            checked[name] = np.full(shape, np.nan)
    side = record.get("side")
    if side not in (None, "", *SIDES):
        issues.error(f"must be one of {SIDES}, got {str(side)[:20]!r}", file=file, id=hand_id, field="side")
        side = None
    checked["side"] = side or ""
    return checked


def _numbers(value: Any, shape: tuple[int, ...]) -> Floats:
    """An array of the shape; null anywhere is NaN; null for the whole is all NaN.

    Raises:
        ValueError: another shape, something that is no number, or an infinity.
    """
    if value is None:
        return np.full(shape, np.nan)
    try:
        array = np.array(_with_nan(value), dtype=np.float64)
    except (ValueError, TypeError):
        raise ValueError(f"must be numbers or null in the shape {shape}") from None
    if array.shape != shape:
        raise ValueError(f"must have shape {shape}, got {array.shape}")
    if np.isinf(array).any():
        raise ValueError("must not hold an infinity")
    return array


def _with_nan(value: Any, depth: int = 0) -> Any:
    """Lists with every null replaced; text and true/false are refused, numpy would take them for numbers."""
    if isinstance(value, list) and depth < 3:
        return [_with_nan(item, depth + 1) for item in value]
    if value is None:
        return float("nan") if depth else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    return value


def _find_repeats(records: list[dict[str, Any]], file: str, issues: Issues) -> None:
    seen: set[str] = set()
    for record in records:
        if record["id"] in seen:
            issues.error("stands there more than once", file=file, id=record["id"])
        seen.add(record["id"])


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write a `preds.json`; missing points become null, coordinates keep 4 decimals."""
    records = []
    for i, hand_id in enumerate(predictions.ids):
        record: dict[str, Any] = {"id": hand_id, "keypoints": _plain(predictions.points[i])}
        for name in ("score", "visibility"):
            values = getattr(predictions, name)[i]
            if np.isfinite(values).any():
                record[name] = _plain(values)
        if predictions.side[i]:
            record["side"] = predictions.side[i]
        records.append(record)
    head = json.dumps(predictions.header, sort_keys=True, allow_nan=False)
    body = ",\n".join(json.dumps(record, allow_nan=False) for record in records)
    write_text(path, f'{{"header": {head},\n"predictions": [\n{body}\n]}}\n')


def _plain(values: Floats) -> Any:
    """Lists with null for NaN; null for the whole when nothing is known."""
    if not np.isfinite(values).any():
        return None
    return [_rounded(row) for row in values] if values.ndim > 1 else _rounded(values)


def _rounded(row: Floats) -> list[float | None]:
    return [round(float(v), 4) if np.isfinite(v) else None for v in row]
