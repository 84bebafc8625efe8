"""COCO keypoints: `coco/hands.json`, and one picture a frame in `coco/images/`.

Facts about the format: cocodataset.org (format-data), pycocotools, mmpose's `BaseCocoStyleDataset`.

- v is 2 visible, 1 occluded, 0 absent; an absent joint is 0, 0, 0, as COCO asks. What is known of its place stands
  under the annotation's "hint", with all else that COCO has no field for.
- Coordinates are written without a shift: COCO's keypoints are 0-indexed pixel positions, which is our convention
  (centre of the top-left pixel 0, 0). Boxes are x1, y1, x2 - x1, y2 - y1 in the same coordinates.
- `area` is that of the box: there is no mask, and the area is what OKS divides by.
- A picture whose size nobody knows has no width and height; pycocotools does without, mmpose does not.
- Joint names are HInt's, which are mmpose's for COCO-WholeBody-Hand, in the same order (its
  `coco_wholebody_hand.py`). With `joint_names="wholebody"` every annotation has COCO-WholeBody's hand fields, too
  (`lefthand_kpts`, `lefthand_box`, `lefthand_valid`, and right), which `CocoWholeBodyHandDataset` reads.
"""

import json
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.export.frame_pictures import FramePicture, FramePictures
from hint_toolkit.io.hand_facts import facts_of, point_of
from hint_toolkit.io.truth_coco import COCO_FILE, COCO_PICTURES
from hint_toolkit.issues import Issues
from hint_toolkit.joints import BONES, JOINTS, N_JOINTS, SIDES
from hint_toolkit.records import Hand

CATEGORY = 1


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write the file, annotations first: a hand is in memory only until its line is written.

    Raises:
        InputError: a hand without box, an existing joint without coordinates, or a picture that is missing or does not
            have its stated size.
    """
    file = target / COCO_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    frames, issues = FramePictures(dataset.pictures, file.parent / COCO_PICTURES), Issues()
    with file.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write('{"annotations": [')
        number = 0
        for batch in dataset.batches():
            for hand in batch:
                if not writable(hand, issues):
                    continue
                number += 1
                record = _annotation(number, hand, frames.add(hand), options.joint_names == "wholebody")
                _line(handle, record, first=number == 1)
        issues.raise_errors("correct these hands, or leave them out")
        licences = sorted({frame.licence for frame in frames.frames.values()})
        handle.write('\n],\n"images": [')
        for frame in frames.frames.values():
            _line(handle, _image(frame, licences), first=frame.number == 1)
        handle.write("\n]")
        for key, value in _rest(dataset, frames, licences, options).items():
            handle.write(f',\n"{key}": {_text(value)}')
        handle.write("\n}\n")


def writable(hand: Hand, issues: Issues) -> bool:
    """Whether box and joints of a hand are numbers; otherwise `issues` says what is not."""
    box = bool(np.isfinite(hand.box).all() and (hand.box[2:] >= hand.box[:2]).all())
    points = bool(np.isfinite(hand.points[hand.exists]).all())
    if not box:
        issues.error("has no box, or one of negative size", id=hand.id, field="box")
    if not points:
        issues.error("has a joint that exists without coordinates", id=hand.id, field="points")
    return box and points


def _annotation(number: int, hand: Hand, frame: FramePicture, wholebody: bool) -> dict[str, Any]:
    v = np.where(hand.exists, np.where(hand.occluded, 1, 2), 0).tolist()
    keypoints: list[float] = []
    for (x, y), flag in zip(hand.points.tolist(), v, strict=True):
        keypoints += (x, y, flag) if flag else (0, 0, 0)
    x1, y1, x2, y2 = hand.box.tolist()
    box = [x1, y1, x2 - x1, y2 - y1]
    record: dict[str, Any] = {
        "id": number,
        "image_id": frame.number,
        "category_id": CATEGORY,
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": 0,
        "num_keypoints": int(hand.exists.sum()),
        "keypoints": keypoints,
        "hand_side": hand.side,
    }
    if wholebody:
        record["segmentation"] = []
        for side in SIDES:
            here = side == hand.side
            record[f"{side}hand_valid"] = here
            record[f"{side}hand_kpts"] = keypoints if here else [0] * (3 * N_JOINTS)
            record[f"{side}hand_box"] = box if here else [0, 0, 0, 0]
    return record | {"hint": facts_of(hand) | _exact(hand, box)}


def _exact(hand: Hand, box: list[float]) -> dict[str, Any]:
    """What COCO's own fields would lose: points of absent joints, and the last bit of the box's far corner."""
    known = ~hand.exists & ~np.isnan(hand.points).all(axis=1)
    absent = {str(j): point_of(*hand.points[j].tolist()) for j in np.flatnonzero(known)}
    corner = hand.box[2:].tolist()
    extra: dict[str, Any] = {"absent": absent} if absent else {}
    return extra if [box[0] + box[2], box[1] + box[3]] == corner else extra | {"corner": corner}


def _image(frame: FramePicture, licences: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": frame.number, "file_name": f"{frame.name}.jpg"}
    if frame.width:
        entry |= {"width": frame.width, "height": frame.height}
    return entry | {"license": licences.index(frame.licence) + 1}


def _rest(dataset: Dataset, frames: FramePictures, licences: list[str], options: ExportOptions) -> dict[str, Any]:
    info: dict[str, Any] = {"description": "Hands with 21 joints; v is 2 visible, 1 occluded, 0 absent"}
    info |= {"version": dataset.summary.content}
    if options.published:
        info["date_created"] = options.published
    if without := sum(not frame.width for frame in frames.frames.values()):
        info["images_without_size"] = without
        text = f"{without} pictures go without width and height, which mmpose's loader asks for"
        dataset.notes.warn(text, file="coco")
    category = {
        "id": CATEGORY,
        "name": "hand",
        "supercategory": "person",
        "keypoints": list(JOINTS),
        "skeleton": [[a + 1, b + 1] for a, b in BONES],  # COCO counts joints from 1
    }
    listed = [{"id": k, "name": name or "unknown", "url": ""} for k, name in enumerate(licences, 1)]
    return {"categories": [category], "licenses": listed, "info": info}


def _line(handle: TextIO, record: dict[str, Any], first: bool) -> None:
    handle.write(("\n" if first else ",\n") + _text(record))


def _text(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise InputError("holds an infinite number", where=str(value.get("hint", value).get("id", ""))) from error
