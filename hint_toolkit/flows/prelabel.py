"""Frames -> pre-labels: a detector over the sampled frames, resumable, never run twice on the same frame."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hint_toolkit.geometry import inside
from hint_toolkit.io.images import read_image
from hint_toolkit.io.parquet import hands_to_table
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.prelabel.base import Detection, Detector
from hint_toolkit.records import Frame, Hand, Hands, frame_facts, hand_schema
from hint_toolkit.workspace import Stage, Workspace, stage_configuration

Progress = Callable[[int, int], None]
_BATCH = 32


@dataclass(frozen=True)
class PrelabelReport:
    """What the detector found."""

    frames: int
    hands: int
    empty: int
    detector: str


def prelabel(workspace: Workspace, detector: Detector, *, progress: Progress | None = None) -> PrelabelReport:
    """Run a detector over the sampled frames.

    A joint whose point lies outside the image is marked as not existing. A
    frame without a hand keeps one row of state "empty", so that a person still gets to see it.

    Raises:
        InputError: nothing sampled yet, or a frame's picture is gone.
    """
    with workspace.lock():
        frames = workspace.read_frames()
        configuration = {"detector": detector.name, "frames": [[frame.id, frame.sha256] for frame in frames]}
        if stage_configuration(workspace.prelabels_file) != configuration:
            stage = Stage(workspace, "prelabel", configuration)
            tables = []
            for start in range(0, len(frames), _BATCH):
                work = partial(_batch, workspace, detector, frames, start, progress)
                tables.append(stage.table(str(start), work))
            stage.finish(workspace.prelabels_file, tables, hand_schema())
        hands = workspace.read_prelabels()
    empty = int((hands.state == "empty").sum())
    return PrelabelReport(len(frames), len(hands) - empty, empty, detector.name)


def _batch(workspace: Workspace, detector: Detector, frames: list[Frame], start: int, progress: Progress | None) -> Any:
    """Rows of one batch of frames."""
    hands: list[Hand] = []
    for k, frame in enumerate(frames[start : start + _BATCH], start + 1):
        hands += hands_of(frame, detector.detect(read_image(workspace.root / frame.path)), detector.name)
        if progress:
            progress(k, len(frames))
    return hands_to_table(Hands.of(hands))


def hands_of(frame: Frame, detections: list[Detection], detector: str) -> list[Hand]:
    """Rows for one frame: its hands from left to right, or one row of state "empty"."""
    common = frame_facts(frame) | {"detector": detector}
    nothing = np.zeros(N_JOINTS, bool)
    if not detections:
        blank: dict[str, Any] = {"points": np.full((N_JOINTS, 2), np.nan), "exists": nothing, "occluded": nothing}
        return [Hand(id=f"{frame.id}_h0", box=np.full(4, np.nan), side="right", state="empty", **blank, **common)]
    ordered = sorted(detections, key=lambda d: (float(d.box[0] + d.box[2]), float(d.box[1] + d.box[3])))
    return [
        Hand(
            id=f"{frame.id}_h{k}",
            points=found.points,
            exists=inside(found.points, frame.width, frame.height),
            occluded=nothing,
            score=found.score,
            box=found.box,
            side=found.side,
            presence=found.presence,
            side_score=found.side_score,
            state="prelabel",
            **common,
        )
        for k, found in enumerate(ordered)
    ]
