"""Boxes of a file -> prompts of the sampled frames, in the frames' own pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.boxes import KnownBoxes
from hint_toolkit.prelabel.base import Prompt
from hint_toolkit.records import Frame


@dataclass(frozen=True)
class Prompted:
    """What a file of boxes says about the frames.

    Attributes:
        prompts: frame id -> its boxes; none where the file lists the picture without a hand.
        objects: frame id -> (M, 4) boxes of things.
        unknown: pictures of the file that are no frame here.
    """

    prompts: Mapping[str, tuple[Prompt, ...]]
    objects: Mapping[str, NDArray[np.float64]]
    unknown: tuple[str, ...] = ()


def prompts_of(boxes: KnownBoxes | None, frames: Sequence[Frame]) -> Prompted:
    """Join by the frame's id or the name of its picture.

    Raises:
        InputError: no picture of the file is a frame here.
    """
    if boxes is None:
        return Prompted({}, {})
    names: dict[str, Frame] = {}
    for frame in frames:
        names.setdefault(Path(frame.path).stem, frame)
    names |= {frame.id: frame for frame in frames}
    unknown = tuple(stem for stem in boxes.hands if stem not in names)
    if len(unknown) == len(boxes.hands):
        raise InputError(
            "names no frame of this workspace",
            where=str(boxes.path),
            why=f"it has {shorten(unknown, 2)}, the workspace {shorten([frame.id for frame in frames], 2)}",
            next_step="pass the boxes of these frames",
        )
    prompts, objects = {}, {}
    for stem, found in boxes.hands.items():
        known_frame = names.get(stem)
        if known_frame is None:
            continue
        scale = _scale(boxes, known_frame)
        prompts[known_frame.id] = tuple(
            Prompt((one.box + 0.5) * scale - 0.5, one.side, one.score, boxes.kind, one.id) for one in found
        )
        if stem in boxes.objects:
            objects[known_frame.id] = (boxes.objects[stem] + 0.5) * scale - 0.5
    return Prompted(prompts, objects, unknown)


def _scale(boxes: KnownBoxes, frame: Frame) -> NDArray[np.float64]:
    """(4,) factors from the file's pictures to the frame."""
    width, height = boxes.size or (frame.width, frame.height)
    return np.array([frame.width / width, frame.height / height] * 2)
