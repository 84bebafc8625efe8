"""Boxes in which hands are known to be: results of hand detectors and annotations of datasets, read as they are.

Formats: Hands23's `result.json` (github.com/EvaCheng-cty/hands23_detector), VISOR's annotations (polygons of pictures
of 1920 x 1080; github.com/epic-kitchens), COCO datasets and results, CSV, and all that `io.release.read_truth` reads.
An entry that is no box is an error that names it; nothing is guessed or dropped. Numbers are taken as pixels in our
coordinates, as datasets mean them; whether a detector counts from a pixel's centre or corner is half a pixel of a box.
"""

import csv
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.box_entries import Collector, KnownBox
from hint_toolkit.io.release import read_truth

VISOR_SIZE: Final = (1920, 1080)
_HAND: Final = re.compile(r"(?:\b|_|left|right)hands?(?:\b|_)")
"""A category of hands by its name: COCO's "handbag" is none."""


@dataclass(frozen=True)
class KnownBoxes:
    """A file of boxes.

    Attributes:
        path: that was read.
        kind: one of `KINDS`.
        sha256: of the file's bytes; of the content for a dataset.
        hands: picture (file name without suffix, or frame id) -> its boxes, in the order of the file. A picture that
            is listed without a hand has none.
        objects: picture -> (M, 4) boxes of things that hands touch; pictures whose things nobody looked for are absent.
        size: width and height of the pictures that the numbers are of; None: of the pictures themselves.
    """

    path: Path
    kind: str
    sha256: str
    hands: Mapping[str, tuple[KnownBox, ...]]
    objects: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def __len__(self) -> int:
        """How many boxes of hands."""
        return sum(len(boxes) for boxes in self.hands.values())


def read_boxes(path: Path, kind: str = "auto") -> KnownBoxes:
    """Read a file of boxes.

    Args:
        path: a json, csv or Parquet file, or a dataset's folder.
        kind: one of `KINDS`, or "auto": told by the content.

    Raises:
        InputError: no such file, no format that is known, or entries that are no boxes.
    """
    if kind != "auto" and kind not in KINDS:
        raise InputError(f"no format {kind!r} of boxes", next_step=f"use one of: auto, {', '.join(KINDS)}")
    if not path.exists():
        raise InputError("no such file of boxes", where=str(path))
    suffix = path.suffix.lower()
    if kind == "csv" or (kind == "auto" and suffix in (".csv", ".tsv")):
        return _finished(path, "csv", _csv)
    if kind == "gt" or (kind == "auto" and (path.is_dir() or suffix != ".json")):
        return _dataset(path)
    content = _json(path)
    found = _kind_of(content) if kind == "auto" else kind
    if found == "gt":
        return _dataset(path)
    return _finished(path, found, lambda file, collector: _READERS[found](content, collector))


def _kind_of(content: Any) -> str:
    if isinstance(content, Mapping):
        if "video_annotations" in content:
            return "visor"
        images = content.get("images")
        if isinstance(images, list) and "annotations" not in content:
            return "hands23"
        if isinstance(images, list):
            return "coco"
    if isinstance(content, list) and (not content or (isinstance(content[0], Mapping) and "bbox" in content[0])):
        return "coco"
    return "gt"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError("is no json", where=str(path), why=str(error)) from error


def _finished(path: Path, kind: str, read: Callable[[Path, Collector], None]) -> KnownBoxes:
    collector = Collector(path)
    try:
        read(path, collector)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, csv.Error) as error:
        raise InputError(
            f"is not laid out like {kind}", where=str(path), why=f"{type(error).__name__}: {error}"
        ) from error
    collector.issues.raise_errors(f"mend {path.name}, or leave these entries out")
    if not collector.hands:
        raise InputError("names no picture", where=str(path), next_step=f"pass a {kind} file with boxes")
    return KnownBoxes(
        path=path,
        kind=kind,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        hands={stem: tuple(boxes) for stem, boxes in collector.hands.items()},
        objects={stem: np.array(boxes).reshape(-1, 4) for stem, boxes in collector.objects.items()},
        size=VISOR_SIZE if kind == "visor" else None,
    )


def _hands23(content: Any, collector: Collector) -> None:
    """Numbers are text; a thing's box is null where the hand touches nothing."""
    for image in content["images"]:
        stem = collector.picture(image["file_name"])
        things = collector.objects.setdefault(stem, [])
        for hand in image["predictions"]:
            side = str(hand["hand_side"]).removesuffix("_hand")
            collector.hand(stem, hand["hand_bbox"], side, hand.get("hand_pred_score"))
            for key in ("obj_bbox", "second_obj_bbox"):
                if hand.get(key) is not None:
                    box = collector.box(hand[key], f"{stem} {key}")
                    things += [box] if box is not None else []


def _visor(content: Any, collector: Collector) -> None:
    """Entities with polygons; hands are "left hand", "right hand" (or glove), or "hand"; other entities are things."""
    for frame in content["video_annotations"]:
        stem = collector.picture(frame["image"]["name"])
        things = collector.objects.setdefault(stem, [])
        for entity in frame["annotations"]:
            name = str(entity["name"]).lower()
            points = [point for polygon in entity.get("segments") or [] for point in polygon]
            if not points:
                continue  # an entity that is only mentioned
            xs, ys = [float(p[0]) for p in points], [float(p[1]) for p in points]
            box = [min(xs), min(ys), max(xs), max(ys)]
            words = name.split()
            if words == ["hand"] or (words[-1:] in (["hand"], ["glove"]) and words[0] in ("left", "right")):
                collector.hand(stem, box, words[0].removesuffix("hand"), None)
            else:
                thing = collector.box(box, f"{stem} {name}")
                things += [thing] if thing is not None else []


def _coco(content: Any, collector: Collector) -> None:
    """A dataset (`images` and `annotations`), or results whose `image_id` is a file name."""
    if isinstance(content, Mapping):
        names = {image["id"]: collector.picture(image["file_name"]) for image in content["images"]}
        kinds = {c["id"]: str(c["name"]).lower() for c in content.get("categories") or []}
        entries = content["annotations"]
    else:
        names, kinds, entries = {}, {}, content
    hands = {number for number, name in kinds.items() if _HAND.search(name)}
    if kinds and not hands:
        raise InputError(
            "has no category of hands",
            where=str(collector.file),
            why=f"it has {shorten(sorted(kinds.values()))}",
            next_step='call one "hand", "left_hand" or "right_hand", or leave the categories out',
        )
    for entry in entries:
        kind = kinds.get(entry.get("category_id"), "")
        if kinds and entry.get("category_id") not in hands:
            continue
        stem = names.get(entry["image_id"])
        if stem is None and isinstance(entry["image_id"], str):
            stem = collector.picture(entry["image_id"])
        if stem is None:
            what = f"image_id {entry['image_id']} names no picture; results want file names, or a dataset's images"
            collector.issues.error(what, file=collector.file)
            continue
        side = str(entry.get("side") or next((word for word in ("left", "right") if word in kind), ""))
        collector.hand(stem, _corners(entry["bbox"]), side, entry.get("score"), str(entry.get("hint_id") or ""))


def _csv(path: Path, collector: Collector) -> None:
    """Columns image (or frame, file_name), x1, y1, x2, y2, and side, score, id where they are there."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        columns = list(rows.fieldnames or [])
        name = next((column for column in ("image", "frame", "file_name") if column in columns), None)
        missing = [column for column in ("x1", "y1", "x2", "y2") if column not in columns]
        if name is None or missing:
            what = ", ".join((["image"] if name is None else []) + missing)
            raise InputError(
                f"has no column {what}", where=str(path), next_step="give image,x1,y1,x2,y2[,side,score,id]"
            )
        for row in rows:
            stem = collector.picture(row[name] or "")
            values = [row[column] for column in ("x1", "y1", "x2", "y2")]
            collector.hand(stem, values, row.get("side") or "", row.get("score"), row.get("id") or "")


def _dataset(path: Path) -> KnownBoxes:
    """Boxes of a labelled dataset; the labels' points are not looked at."""
    truth = read_truth(path)
    collector = Collector(path)
    for hand in truth.hands:
        stem = collector.picture(hand.frame_id)
        if hand.state != "empty":
            collector.hand(stem, hand.box, hand.side, None, hand.id)
    collector.issues.raise_errors("mend the dataset's boxes: hint-build check")
    return KnownBoxes(path, "gt", truth.version, {stem: tuple(boxes) for stem, boxes in collector.hands.items()})


def _corners(bbox: Any) -> Any:
    """x, y, width, height as corners; what is no four numbers stays as it is, for `Collector.box` to name."""
    try:
        x, y, width, height = (float(value) for value in bbox)
    except (TypeError, ValueError):
        return bbox
    return [x, y, x + width, y + height]


_READERS: Final[Mapping[str, Callable[[Any, Collector], None]]] = {
    "hands23": _hands23,
    "visor": _visor,
    "coco": _coco,
}
KINDS: Final = (*_READERS, "csv", "gt")
