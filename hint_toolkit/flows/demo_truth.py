"""The exact truth of the demo's own clips, under the ids that the chain gives to their hands."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from hint_toolkit.geometry import match_boxes
from hint_toolkit.records import Frame, Hand, Hands, frame_facts
from hint_toolkit.synthetic import HandTruth

MIN_IOU = 0.2
GENERATOR = "generator"
"""`annotator` of every row of exact truth."""


def truth_of_tasks(
    frames: Sequence[Frame], prelabels: Hands, clips: Mapping[str, Sequence[Sequence[HandTruth]]]
) -> tuple[Hands, int]:
    """Exact truth for every pre-label, by overlap of boxes.

    Args:
        frames: that were sampled.
        prelabels: a row a detected hand, or one of state "empty" a frame without.
        clips: video file name -> for each frame, its hands.

    Returns:
        rows whose id is that of the pre-label, and the number of hands in the sampled frames that have no
        pre-label and therefore reach no annotator. An "empty" row stands for the frame's first hand. A
        pre-label that overlaps no hand has no row.
    """
    by_frame: dict[str, list[Hand]] = defaultdict(list)
    for hand in prelabels:
        by_frame[hand.frame_id].append(hand)
    rows, lost = [], 0
    for frame in frames:
        true = clips[frame.video][frame.frame_index]
        guessed = by_frame[frame.id]
        pairs = _pairs(true, guessed)
        lost += len(true) - len(pairs)
        rows += [_row(true[i], guessed[j], frame) for i, j in pairs]
    return Hands.of(sorted(rows, key=lambda row: row.id)), lost


def _pairs(true: Sequence[HandTruth], guessed: Sequence[Hand]) -> list[tuple[int, int]]:
    if len(guessed) == 1 and guessed[0].state == "empty":
        return [(0, 0)] if true else []
    boxes = [np.array([hand.box for hand in hands]).reshape(-1, 4) for hands in (true, guessed)]
    return match_boxes(boxes[0], boxes[1], MIN_IOU)


def _row(true: HandTruth, prelabel: Hand, frame: Frame) -> Hand:
    return Hand(
        id=prelabel.id,
        points=true.points,
        exists=true.exists,
        occluded=true.occluded,
        box=true.box,
        side=true.side,
        annotator=GENERATOR,
        state="submitted",
        **frame_facts(frame),
    )


def truth_of_release(tasks: Hands, released: Hands) -> Hands:
    """Exact truth under the released ids, for the hands that were released.

    The released id is looked up by the pre-label's key, which the stem begins with: an annotator may have
    corrected the side that the stem ends in.
    """
    by_key = {hand_id: i for i, hand_id in enumerate(tasks.id)}
    keys = [hand_id.rsplit("/", 1)[-1][:-2] for hand_id in released.id]
    kept = np.array([key in by_key for key in keys], dtype=bool)
    positions = np.array([by_key[key] for key in keys if key in by_key], dtype=np.int64)
    return tasks.take(positions).replace(id=released.id[kept], image=released.image[kept])
