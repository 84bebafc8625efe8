"""YOLO-pose (ultralytics): `yolo/data.yaml`, and one picture and one label file a frame.

    yolo/images/<split>/<folder>/<frame id>.jpg      yolo/labels/<split>/<folder>/<frame id>.txt

A label file holds all hands of its frame, in the order of their ids; what a line means stands in `io/yolo_labels.py`.
Lines must stay pure, so ids and all else that they cannot say are in `yolo/hands.jsonl`, one hand a line, which
ultralytics does not look at: the points of absent joints, of joints outside of the picture (v = 0 in the label) and
boxes that reach outside of it (cut in the label).

Two classes keep the side. ultralytics mirrors pictures while it trains and changes no class by that, so a left hand
would be taught as a right one. It mirrors keypoint data only when data.yaml has a `flip_idx`
(`ultralytics/data/augment.py`): ours has none. Mirroring does not exchange the joints of a hand, so who trains one
class may add the identity.
"""

import json
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hint_toolkit.errors import InputError, one_line
from hint_toolkit.export.base import Dataset, ExportOptions
from hint_toolkit.export.coco import writable
from hint_toolkit.export.frame_pictures import FramePicture, FramePictures
from hint_toolkit.io.hand_facts import facts_of, point_of
from hint_toolkit.io.truth_yolo import YOLO_FOLDER, YOLO_HANDS
from hint_toolkit.io.yolo_labels import CLASSES, SPLITS, format_line, inside
from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS, SIDES
from hint_toolkit.records import Hand

_DATA = f"""\
# Hands with {N_JOINTS} joints: wrist, then thumb, forefinger, middle, ring and pinky finger from base to tip.
# Without "path", ultralytics takes the folder of this file.
train: images/train
val: images/val
test: images/test
kpt_shape: [{N_JOINTS}, 3]
# No flip_idx on purpose: ultralytics then mirrors no picture. Mirrored, a left hand is a right one, but would keep its
# class. For one class of hands: give every line class 0 and add flip_idx: [0, 1, 2, .., 20], mirroring moves no joint.
names:
  0: {CLASSES[0]}
  1: {CLASSES[1]}
"""


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write labels and pictures; a hand is in memory only until its line is written.

    A hand whose picture has no known size is left out and named in `dataset.notes`.

    Raises:
        InputError: a hand has no box or a joint without coordinates, a split is
            none of TRAIN, VAL, TEST, or a picture is missing or does not have its stated size.
    """
    root = target / YOLO_FOLDER
    for split in SPLITS.values():
        # ultralytics wants the folders of all splits to be there, also of those without a hand.
        (root / "images" / split).mkdir(parents=True, exist_ok=True)
    (root / "data.yaml").write_text(_DATA, "utf-8")
    frames, issues = FramePictures(dataset.pictures, root / "images"), Issues()
    with (root / YOLO_HANDS).open("w", encoding="utf-8", newline="\n") as handle:
        for batch in dataset.batches():
            for hand in batch:
                _write_hand(hand, root, frames, handle, issues, dataset.notes)
    issues.raise_errors("correct these hands, or leave them out")


def _write_hand(hand: Hand, root: Path, frames: FramePictures, handle: TextIO, issues: Issues, notes: Issues) -> None:
    if not writable(hand, issues):
        return
    if hand.split not in SPLITS:
        raise InputError(f"no split of YOLO: {one_line(repr(hand.split))}", where=hand.id, next_step="name it TRAIN")
    frame = frames.add(hand, SPLITS[hand.split])
    if not frame.width:
        text = "is left out: the size of its picture is not known, and labels are fractions of it"
        notes.error(text, id=hand.id, field="width")
        return
    line, record = _labelled(hand, frame)
    file = root / "labels" / SPLITS[hand.split] / f"{frame.name}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8", newline="\n") as labels:
        labels.write(f"{line}\n" if line else "")
    handle.write(f"{json.dumps(record, ensure_ascii=False, allow_nan=False)}\n")


def _labelled(hand: Hand, frame: FramePicture) -> tuple[str, dict[str, Any]]:
    """The hand's line in the labels, and its line in `hands.jsonl`."""
    flags = np.where(hand.exists, np.where(hand.occluded, 1, 2), 0)
    shown = hand.exists & inside(hand.points, frame.width, frame.height)
    written = np.where(shown, flags, 0)
    line = format_line(SIDES.index(hand.side), hand.box, hand.points, written, frame.width, frame.height)
    if not line:
        shown = np.zeros_like(shown)
    kept = ~shown & ~np.isnan(hand.points).all(axis=1)
    record: dict[str, Any] = {"label": f"{SPLITS[hand.split]}/{frame.name}.txt", "in_label": bool(line)}
    record |= {"side": hand.side, "width": frame.width, "height": frame.height} | facts_of(hand)
    if kept.any():
        points = hand.points.tolist()
        record["kept"] = {str(j): [*point_of(*points[j]), int(flags[j])] for j in np.flatnonzero(kept)}
    limit = [frame.width - 0.5, frame.height - 0.5]
    if not line or (hand.box < -0.5).any() or (hand.box[2:] > limit).any() or (hand.box[:2] > limit).any():
        record["box"] = hand.box.tolist()
    return line, record
