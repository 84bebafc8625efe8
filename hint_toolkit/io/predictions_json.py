"""Predictions in JSON: our `preds.json`, a plain list of records, COCO results, or an object keyed by stem.

Which of them it is, is seen from the first characters and keys. Read as a stream: the memory that it takes is that
of the arrays (at most 672 bytes a hand) and of the ids, plus some 20 MB, however large the file is.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.io.json_stream import JsonStream
from hint_toolkit.io.predictions_records import Collector

_DOCS = "see docs/predictions.md"
_BARE_3D = re.compile(r"\[\s*\[\s*\[\s*\[\s*[-\d]")
_BARE_2D = re.compile(r"\[\s*\[\s*(\[\s*)?[-\d]")
_COCO_TRUTH = ("images", "annotations")


@dataclass
class ParsedPredictions:
    """What the reader of one format gives, before the joint order is applied."""

    records: Collector
    format: str
    sha256: str
    header: dict[str, Any] = field(default_factory=dict)


def read_json_predictions(path: Path) -> ParsedPredictions:
    """Any of the JSON spellings.

    Raises:
        InputError: not JSON, not predictions, or records that are not as described; names the first five.
    """
    try:
        with path.open("rb") as handle:
            return _read(JsonStream(handle), path)
    except (ValueError, RecursionError) as error:
        raise InputError("is not JSON", where=str(path), why=str(error), next_step=_DOCS) from error
    except OSError as error:
        raise InputError("cannot be read", where=str(path), why=str(error.strerror), next_step=_DOCS) from error


def _read(stream: JsonStream, path: Path) -> ParsedPredictions:
    first = stream.peek()
    if first == "[":
        _refuse_positions(stream.head(), path)
        collector, how = _list(stream, Collector(path.name, "record"))
        if collector.empty:
            raise InputError('must be an object with a list "predictions", or a list of records', where=str(path))
        header: dict[str, Any] = {}
    elif first == "{":
        collector, how, header = _object(stream, path)
    else:
        stream.value()  # says what is wrong, if it is no JSON at all
        raise InputError('must be an object with a list "predictions"', where=str(path), next_step=_DOCS)
    if not collector.hopeless:
        stream.end()
    collector.finish()
    return ParsedPredictions(collector, how, stream.sha256, header)


def _list(stream: JsonStream, collector: Collector) -> tuple[Collector, str]:
    coco = False
    for record in stream.items():
        coco = coco or (isinstance(record, dict) and "image_id" in record)
        collector.add(record)
        if collector.hopeless:
            break
    return collector, "COCO results" if coco else "list of records"


def _object(stream: JsonStream, path: Path) -> tuple[Collector, str, dict[str, Any]]:
    """preds.json if there is a key "predictions", else one hand a key."""
    header: Any = {}
    records: Collector | None = None
    by_stem = Collector(path.name, "record")
    for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
        if key == "predictions":
            if stream.peek() != "[" or records is not None:
                raise InputError('must be an object with a list "predictions", once', where=str(path), next_step=_DOCS)
            records = _list(stream, Collector(path.name))[0]
            if records.hopeless:
                break
        elif key == "header":
            header = stream.value()
        elif key in _COCO_TRUTH and stream.peek() == "[":
            _refuse_coco_truth(path)
        else:
            value = stream.value()
            if records is None and not by_stem.hopeless:
                by_stem.add(_keyed(key, value))
    if records is not None:
        return records, "preds.json", _checked_header(header, path)
    if not by_stem.empty:
        return by_stem, "object keyed by stem", _checked_header(header, path)
    raise InputError('must be an object with a list "predictions"', where=str(path), next_step=_DOCS)


def _keyed(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return value | {"id": key}
    return {"id": key, "keypoints": value}


def _checked_header(header: Any, path: Path) -> dict[str, Any]:
    """The header, if it is an object that can be written down again with the results."""
    if header is None:
        return {}
    if not isinstance(header, dict):
        raise InputError("must be an object", where=f"{path.name} > header", next_step=_DOCS)
    try:
        json.dumps(header, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(
            "must not hold NaN, an infinity or half a character",
            where=f"{path.name} > header",
            why=str(error),
            next_step="write null, or text",
        ) from error
    return header


def _refuse_positions(head: str, path: Path) -> None:
    """Lists of bare numbers: 3D submissions, and 2D without ids.

    Raises:
        InputError: it is one of them.
    """
    if _BARE_3D.match(head):
        raise InputError(
            "holds lists of 3D points by position, as FreiHAND and HO-3D want them ([xyz, verts])",
            where=str(path),
            why="2D scoring joins records by id",
            next_step="score it with: hint-eval pose3d --pred FILE; with the set's cameras, in 2D: hint-eval import",
        )
    if _BARE_2D.match(head):
        raise InputError(
            "holds points without ids",
            where=str(path),
            why="hands are joined by id, never by position",
            next_step='write {"<stem>": [[x, y], ..]} or records with "id"; see docs/predictions.md',
        )


def _refuse_coco_truth(path: Path) -> None:
    raise InputError(
        "holds COCO annotations, not predictions",
        where=str(path),
        next_step="pass it with --gt; predictions are a list of COCO results",
    )
