"""Detections of one frame -> rows: hands from left to right, and what people still have to find."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.flows.prelabel_look import Seen
from hint_toolkit.geometry import clip_box, inside
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.prelabel.base import Detection, Prompt
from hint_toolkit.records import Frame, Hand, frame_facts

Row = tuple[NDArray[np.float64], Prompt | None, Detection | None]


def rows_of(frame: Frame, seen: Seen, detector: str) -> tuple[list[Hand], int]:
    """Rows of a frame, and in how many of them the detector's side is not the given one.

    A known box in which nothing was seen becomes a row of state "empty" with its box; a frame with neither hand nor
    box one without. A box that brings an id of this frame (`<frame id>_h<k>`) keeps it; the others are numbered from
    left to right with what is free. A hand whose side the detector does not say has that of its box.
    """
    common = frame_facts(frame) | {"detector": detector}
    found: list[Row] = [(one.box, prompt, one) for one, prompt in zip(seen.found, seen.prompts, strict=True)]
    found += [(clip_box(prompt.box, frame.width, frame.height), prompt, None) for prompt in seen.missed]
    found = [row for row in found if row[2] is not None or bool((row[0][2:] > row[0][:2]).all())]
    if not found:
        return [_empty(f"{frame.id}_h0", np.full(4, np.nan), "right", common)], 0
    found.sort(key=lambda row: (float(row[0][0] + row[0][2]), float(row[0][1] + row[0][3])))
    rows, differ = [], 0
    for hand_id, (box, prompt, one) in zip(_ids(frame.id, found), found, strict=True):
        if one is None:
            rows.append(_empty(hand_id, box, (prompt.side if prompt else "") or "right", common))
            continue
        given = prompt.side if prompt else ""
        # What the frame before was taken for is no second opinion.
        differ += bool(prompt and prompt.origin != "previous" and given and one.side and given != one.side)
        rows.append(_hand(hand_id, replace(one, side=one.side or given or "right"), frame, common))
    return rows, differ


def _ids(frame_id: str, found: list[Row]) -> list[str]:
    """Given ids where they are of this frame, numbers that are free for the others."""
    given = [prompt.id if prompt and prompt.id.startswith(f"{frame_id}_h") else "" for _, prompt, _ in found]
    given = [one if one and given.index(one) == k else "" for k, one in enumerate(given)]
    free = (name for k in range(2 * len(found) + 1) if (name := f"{frame_id}_h{k}") not in given)
    return [one or next(free) for one in given]


def _hand(hand_id: str, found: Detection, frame: Frame, common: dict[str, Any]) -> Hand:
    return Hand(
        id=hand_id,
        points=found.points,
        exists=inside(found.points, frame.width, frame.height),
        occluded=np.zeros(N_JOINTS, bool),
        score=found.score,
        box=found.box,
        side=found.side,
        presence=found.presence,
        side_score=found.side_score,
        state="prelabel",
        **common,
    )


def _empty(hand_id: str, box: NDArray[np.float64], side: str, common: dict[str, Any]) -> Hand:
    nothing = np.zeros(N_JOINTS, bool)
    return Hand(
        id=hand_id,
        points=np.full((N_JOINTS, 2), np.nan),
        exists=nothing,
        occluded=nothing,
        box=box,
        side=side,
        state="empty",
        **common,
    )
