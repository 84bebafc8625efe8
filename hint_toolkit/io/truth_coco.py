"""COCO keypoint annotations as truth: one file with `images` and `annotations`, 21 joints a hand.

COCO's third number (cocodataset.org, "keypoint detection"): 0 not labelled, 1 labelled but not visible, 2 visible;
here absent, occluded, visible. Many hand sets (FreiHAND, OneHand10K in mmpose's files) write 1 for every labelled
joint and never 2; such a file knows nothing of occlusion, its joints count as visible, and a warning says so.
COCO-WholeBody's `lefthand_kpts` and `righthand_kpts` are read as two hands of their person.

Files of `export/coco.py` carry under "hint" of every annotation what COCO has no field for (id, source, split, ..);
it is believed where it does not contradict the annotation's own fields, which a person may have edited since.
"""

from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.hand_facts import read_facts, read_points, with_facts
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.io.json_stream import JsonStream
from hint_toolkit.io.truth import FARTHEST, Parsed, blank_columns, id_of_picture
from hint_toolkit.issues import Issues
from hint_toolkit.joints import JOINTS, N_JOINTS, SIDES
from hint_toolkit.records import HAND_FIELDS, Hands

_NEXT = "see docs/predictions.md for the formats of a truth"

COCO_FILE = "coco/hands.json"
COCO_PICTURES = "images"
"""Beside the file; a picture's `file_name` is relative to it, as `data_prefix` and its like want it."""
_SAME_CORNER = 1e-6  # pixels; x + (x2 - x) is x2 but for the last bit


def coco_file(folder: Path) -> str:
    """Path of the COCO file in a release, or in its folder `coco`, relative to it; "" when there is none."""
    here = COCO_FILE.rpartition("/")[2]
    if folder.name == COCO_FILE.partition("/")[0] and (folder / here).is_file():
        return here
    return COCO_FILE if (folder / COCO_FILE).is_file() else ""


def read_coco_truth(path: Path) -> Parsed:
    """A COCO json file with keypoints of hands, or a release that holds one.

    Ids are `<HInt folder>/<stem>` or `<stem>` of the picture, with `#<annotation id>` behind it where a picture
    has several hands, and `_l` / `_r` for hands of COCO-WholeBody.

    Raises:
        InputError: not JSON, no images and annotations, or annotations that are not as described.
    """
    folder, path = (path, path / coco_file(path)) if path.is_dir() else (path.parent, path)
    try:
        with path.open("rb") as handle:
            parts = _parts(handle)
    except (ValueError, RecursionError, OSError) as error:
        raise InputError("is not JSON", where=str(path), why=str(error), next_step=_NEXT) from error
    if not isinstance(parts.get("images"), list) or not isinstance(parts.get("annotations"), list):
        wanted = 'must be a COCO file with lists "images" and "annotations"'
        raise InputError(wanted, where=str(path), next_step=_NEXT)
    issues, notes = Issues(), Issues()
    pictures = _pictures(parts["images"], path.name, issues)
    rows = [row for k, a in enumerate(parts["annotations"]) for row in _rows(k, a, pictures, path.name, issues)]
    issues.raise_errors(_NEXT)
    if not rows:
        raise InputError("holds no annotation with 21 joints", where=str(path), next_step=_NEXT)
    order = _order(parts.get("categories"), path.name, notes)
    parsed = _parsed(rows, order, pictures, path.name, notes)
    return _with_hint(parsed, rows, folder, path) if any(row["hint"] for row in rows) else parsed


def _parts(handle: BinaryIO) -> dict[str, Any]:
    """The top-level values that count; the annotations without what is bulky and not used."""
    stream, parts = JsonStream(handle), dict[str, Any]()
    for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
        if key in ("images", "annotations") and stream.peek() == "[":
            parts[key] = [_slim(item) for item in stream.items()]
        else:
            value = stream.value()
            parts |= {key: value} if key in ("images", "annotations", "categories") else {}
    stream.end()
    return parts


def _slim(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {k: v for k, v in item.items() if k not in ("segmentation", "face_kpts", "foot_kpts")}


def _pictures(listed: list[Any], file: str, issues: Issues) -> dict[Any, dict[str, Any]]:
    """Image id -> its entry."""
    pictures: dict[Any, dict[str, Any]] = {}
    for k, entry in enumerate(listed):
        place = f"images[{k}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), int | str):
            issues.error('must be an object with an "id"', file=file, id=place)
        elif not isinstance(entry.get("file_name"), str) or not entry["file_name"]:
            issues.error("must be text", file=file, id=place, field="file_name")
        elif entry["id"] in pictures:
            issues.error(f"id {entry['id']} stands there more than once", file=file, id=place)
        else:
            pictures[entry["id"]] = entry
    return pictures


def _rows(k: int, item: Any, pictures: dict[Any, Any], file: str, issues: Issues) -> list[dict[str, Any]]:
    """The hands of one annotation: its keypoints, or the two hands of a whole body."""
    place = f"annotations[{k}]"
    if not isinstance(item, dict):
        issues.error("must be an object", file=file, id=place)
        return []
    image = item.get("image_id")
    if not isinstance(image, int | str) or image not in pictures:
        issues.error(f"{str(image)[:40]!r} is no image of the file", file=file, id=place, field="image_id")
        return []
    hint = item["hint"] if isinstance(item.get("hint"), dict) else {}
    found = {"": ("keypoints", "bbox")}
    if "lefthand_kpts" in item and not hint:
        found = {side: (f"{side}hand_kpts", f"{side}hand_box") for side in SIDES if item.get(f"{side}hand_valid", True)}
    rows = []
    for side, (points, box) in found.items():
        try:
            row = {"points": _numbers(item, points, 3 * N_JOINTS).reshape(N_JOINTS, 3), "box": _numbers(item, box, 4)}
            row |= _hint(hint, f"{place} > hint", file, issues)
        except ValueError as error:
            issues.error(str(error), file=file, id=f"{place} id {str(item.get('id'))[:40]}")
            continue
        rows.append(row | {"image": image, "annotation": item.get("id"), "body": side, "side": _side(side, item)})
    return rows


def _hint(hint: dict[str, Any], place: str, file: str, issues: Issues) -> dict[str, Any]:
    """The facts, the points of absent joints and the box's far corner that our own files carry."""
    corner = hint.get("corner")
    return {
        "hint": read_facts(hint, issues, file=file, place=place),
        "absent": read_points(hint.get("absent", {}), 2),
        "corner": None if corner is None else _numbers(hint, "corner", 2),
    }


def _with_hint(parsed: Parsed, rows: list[dict[str, Any]], folder: Path, file: Path) -> Parsed:
    """The same hands with what our own files carry along; pictures are named where they are there."""
    hands = parsed.hands
    points, box, image = hands.points.copy(), hands.box.copy(), hands.image.copy()
    pictures = (file.parent / COCO_PICTURES).relative_to(folder).as_posix()
    for i, row in enumerate(rows):
        if not row["hint"]:
            continue
        points[i][~hands.exists[i]] = np.nan
        for joint, point in row["absent"].items():
            if not hands.exists[i, joint]:
                points[i, joint] = point
        if row["corner"] is not None and (np.abs(row["corner"] - box[i, 2:]) < _SAME_CORNER).all():
            box[i, 2:] = row["corner"]
        name = f"{pictures}/{image[i]}"
        image[i] = name if (folder / name).is_file() else ""
    columns = {name: getattr(hands, name) for name in HAND_FIELDS} | {"points": points, "box": box, "image": image}
    parsed.hands = Hands(with_facts(columns, [row["hint"] for row in rows]))
    return parsed


def _numbers(item: dict[str, Any], field: str, size: int) -> Any:
    value = item.get(field)
    good = isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if not good or len(value) != size:  # type: ignore[arg-type]
        raise ValueError(f"{field} must be {size} numbers")
    try:
        array = np.array(value, dtype=np.float64)
    except OverflowError:
        array = np.full(size, np.inf)
    if not (np.abs(array) <= FARTHEST).all():
        raise ValueError(f"{field} must be finite pixels")
    return array


def _side(body: str, item: dict[str, Any]) -> str:
    given = body or item.get("hand_side") or item.get("side") or item.get("handedness")
    return given if given in SIDES else ""


def _order(categories: Any, file: str, notes: Issues) -> list[int]:
    """Where each of our joints stands, by the names in the file; HInt's order where there are no such names."""
    entry = categories[0] if isinstance(categories, list) and categories else None
    names = entry.get("keypoints") if isinstance(entry, dict) else None
    if isinstance(names, list) and all(isinstance(n, str) for n in names) and sorted(names) == sorted(JOINTS):
        return [names.index(name) for name in JOINTS]
    if isinstance(names, list) and len(names) == N_JOINTS:
        notes.warn("unknown joint names: the joints are taken to stand in HInt's order", file=file, id="categories")
    return list(range(N_JOINTS))


def _parsed(rows: list[dict[str, Any]], order: list[int], pictures: dict[Any, Any], file: str, notes: Issues) -> Parsed:
    """Hands, aliases and notes of the checked rows."""
    n = len(rows)
    values = np.stack([row["points"] for row in rows])[:, order]
    box = np.stack([row["box"] for row in rows])
    flags = values[:, :, 2]
    exists = flags > 0
    occluded = exists & (flags < 2)
    if exists.any() and not (flags >= 2).any() and not all(row["hint"] for row in rows):
        text = "v is never 2: occlusion is unknown, every joint counts as visible"
        notes.warn(text, file=file, id="annotations", field="keypoints")
        occluded = np.zeros_like(exists)
    names, aliases = _names(rows, pictures)
    stems = [parse_stem(name.rsplit("/", 1)[-1].split("#")[0]) for name in names]
    side = [row["side"] or stem.side for row, stem in zip(rows, stems, strict=True)]
    if "" in side:
        notes.warn(f"{side.count('')} hands have no side; they are called right", file=file, id="annotations")
    folders = [parse_folder(name.split("/")[0]) or ("TEST", Path(file).stem, "img") for name in names]
    entries = [pictures[row["image"]] for row in rows]
    columns = blank_columns(n) | {"id": names, "points": values[:, :, :2], "exists": exists, "occluded": occluded}
    columns |= {"box": np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)}
    columns |= {"side": [s or "right" for s in side], "image": [entry["file_name"] for entry in entries]}
    columns |= {"frame_id": [str(row["image"]) for row in rows], "video_id": [s.video_id for s in stems]}
    columns |= {name: [f[k] for f in folders] for k, name in enumerate(("split", "source", "subset"))}
    columns |= {"frame_index": [s.frame_index for s in stems]}
    columns |= {key: [_pixels(entry.get(key)) for entry in entries] for key in ("width", "height")}
    return Parsed(Hands(columns), "COCO", aliases=aliases, issues=notes)


def _pixels(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= FARTHEST else 0


def _names(rows: list[dict[str, Any]], pictures: dict[Any, Any]) -> tuple[list[str], dict[str, tuple[int, ...]]]:
    """The id of every hand, and the other names that predictions may use: image id and `#<annotation id>`."""
    people = {(row["image"], str(row["annotation"])) for row in rows}
    crowded = Counter(image for image, _ in people)
    names, aliases = [], dict[str, tuple[int, ...]]()
    for k, row in enumerate(rows):
        name = id_of_picture(pictures[row["image"]]["file_name"])
        name += f"#{row['annotation']}" if crowded[row["image"]] > 1 else ""
        names.append(name + (f"_{row['body'][0]}" if row["body"] else ""))
        for alias in {str(row["image"]), f"#{row['annotation']}"}:
            aliases[alias] = (*aliases.get(alias, ()), k)
    return names, aliases
