"""YOLO-pose labels as truth: our own with `hands.jsonl` beside them, or anybody's data.yaml with labels and pictures.

Lines are read as `io/yolo_labels.py` says. Where `hands.jsonl` is, it names the hand of every line and holds what
labels cannot say; without it ids are made from the pictures' names, sizes come from the pictures, and what must be
assumed is said.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError, one_line
from hint_toolkit.io.flat_yaml import read_flat_yaml
from hint_toolkit.io.hand_facts import read_facts, read_points, with_facts
from hint_toolkit.io.truth import FARTHEST, Parsed, blank_columns
from hint_toolkit.io.yolo_foreign import read_foreign
from hint_toolkit.io.yolo_labels import CLASSES, LabelLine, parse_line
from hint_toolkit.issues import Issues
from hint_toolkit.joints import SIDES
from hint_toolkit.records import Hands

YOLO_FOLDER = "yolo"
YOLO_HANDS = "hands.jsonl"
_DATA = "data.yaml"
_NEXT = "export it again; without hands.jsonl the labels are read alone"


def yolo_file(folder: Path) -> str:
    """Path of the data file of YOLO-pose in a folder, relative to it; "" when there is none."""
    if (folder / YOLO_FOLDER / _DATA).is_file():
        return f"{YOLO_FOLDER}/{_DATA}"
    try:
        return _DATA if b"kpt_shape" in (folder / _DATA).read_bytes() else ""
    except OSError:
        return ""


def read_yolo_truth(folder: Path) -> Parsed:
    """Hands of the labels in a release or a folder with a data.yaml.

    Raises:
        InputError: data.yaml is none, lines or `hands.jsonl` are not as described, or the size of a picture is not
            known; the first five places are named.
    """
    data = folder / yolo_file(folder)
    try:
        settings = read_flat_yaml(data.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("cannot be read", where=str(data), why=one_line(str(error))) from error
    if (data.parent / YOLO_HANDS).is_file():
        return _read_own(folder, data.parent)
    return read_foreign(folder, data, settings)


@dataclass
class _Rows:
    """Columns of hands in the making."""

    facts: list[dict[str, Any]] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, facts: dict[str, Any], **values: Any) -> None:
        self.facts.append(facts)
        for name, value in values.items():
            self.columns.setdefault(name, []).append(value)


def _read_own(folder: Path, root: Path) -> Parsed:
    issues, notes, rows = Issues(), Issues(), _Rows()
    labels = _Labels(root / "labels")
    for number, line in enumerate(_lines(root / YOLO_HANDS), 1):
        place = f"line {number}"
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("must be an object")
            values = _hand(record, labels, place, notes)
        except RecursionError:
            issues.error("is nested too deeply", file=YOLO_HANDS, id=place)
        except (ValueError, OverflowError) as error:
            issues.error(one_line(str(error)), file=YOLO_HANDS, id=place)
        else:
            picture = root / "images" / f"{record['label'].removesuffix('.txt')}.jpg"
            values["image"] = picture.relative_to(folder).as_posix() if picture.is_file() else ""
            rows.add(read_facts(record, issues, file=YOLO_HANDS, place=place), **values)
    for name, extra in labels.unnamed():
        issues.error(f"{extra} lines that {YOLO_HANDS} does not name", file=name)
    issues.raise_errors(_NEXT)
    if not rows.facts:
        raise InputError("names no hand", where=str(root / YOLO_HANDS), next_step=_NEXT)
    n = len(rows.facts)
    columns = blank_columns(n) | dict.fromkeys(("id", "frame_id", "source", "split", "subset"), [""] * n) | rows.columns
    return Parsed(Hands(with_facts(columns, rows.facts)), "YOLO-pose", issues=notes)


def _lines(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8") as handle:
            yield from handle
    except (OSError, ValueError) as error:
        raise InputError("cannot be read", where=str(file), why=one_line(str(error))) from error


class _Labels:
    """Label files, read in turn: hands of a frame stand in `hands.jsonl` in the order of their lines."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._used: Counter[str] = Counter()
        self._name, self._lines = "", list[str]()

    def next(self, name: str) -> tuple[str, int]:
        """The next line of a file, and its number.

        Raises:
            ValueError: there is none.
        """
        self._open(name)
        self._used[name] += 1
        number = self._used[name]
        if number > len(self._lines):
            raise ValueError(f"labels/{name} has only {len(self._lines)} lines")
        return self._lines[number - 1], number

    def unnamed(self) -> Iterator[tuple[str, int]]:
        """Files with more lines than were asked for, and how many more."""
        for file in sorted(self._root.rglob("*.txt")):
            name = file.relative_to(self._root).as_posix()
            self._open(name)
            if len(self._lines) > self._used[name]:
                yield f"labels/{name}", len(self._lines) - self._used[name]

    def _open(self, name: str) -> None:
        if name == self._name:
            return
        if name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"leads out of its folder: {name!r}")
        try:
            text = (self._root / name).read_text("utf-8", errors="replace")  # what is no text is no number
        except OSError as error:
            raise ValueError(f"labels/{name} cannot be read") from error
        self._name, self._lines = name, [line for line in text.splitlines() if line.strip()]


def _hand(record: dict[str, Any], labels: _Labels, place: str, notes: Issues) -> dict[str, Any]:
    """Points, flags, box, side and size of one line of `hands.jsonl`.

    Raises:
        ValueError: it or its label is not as described.
    """
    name, side = record.get("label"), record.get("side")
    if not isinstance(name, str) or side not in SIDES or not isinstance(record.get("id"), str):
        raise ValueError("must have an id, a label and a side")
    width, height = (record.get(key) for key in ("width", "height"))
    if type(width) is not int or type(height) is not int or not 0 < min(width, height) <= max(width, height) < FARTHEST:
        raise ValueError("width and height must be pixels")
    kept = read_points(record.get("kept", {}), 3)
    found = None
    if record.get("in_label", True):
        text, number = labels.next(name)
        try:
            found = parse_line(text, 3, width, height)
            if found.kind >= len(CLASSES):
                raise ValueError(f"there is no class {found.kind}")
        except ValueError as error:
            raise ValueError(f"labels/{name} line {number} {error}") from None
        if SIDES[found.kind] != side:
            notes.warn(f"says {side}, the label {SIDES[found.kind]}, which is used", file=YOLO_HANDS, id=place)
            side = SIDES[found.kind]
    return {"side": side, "width": width, "height": height} | _points(found, kept) | {"box": _box(found, record)}


def _points(found: LabelLine | None, kept: dict[int, list[float]]) -> dict[str, Any]:
    points = np.full((21, 2), np.nan) if found is None else found.points.copy()
    flags = np.zeros(21, np.int64) if found is None else found.flags.copy()
    for joint, (x, y, flag) in kept.items():
        if flags[joint] == 0:  # a person who labels it since knows better
            points[joint], flags[joint] = (x, y), flag if flag in (1, 2) else 0
    return {"points": points, "exists": flags > 0, "occluded": flags == 1}


def _box(found: LabelLine | None, record: dict[str, Any]) -> Any:
    if found is not None and "box" not in record:
        return found.box
    box = record.get("box")
    good = isinstance(box, list) and len(box) == 4 and all(type(v) in (int, float) and abs(v) <= FARTHEST for v in box)
    if not good:
        raise ValueError("box must be 4 numbers")
    return np.array(box, dtype=np.float64)
