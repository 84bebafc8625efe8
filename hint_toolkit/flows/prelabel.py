"""Frames -> pre-labels: a detector over the sampled frames, resumable, never asked twice about the same picture.

Every answer of a detector is kept under the picture's hash, the boxes it was asked about, and the detector's name
with all its options. So a second run, one after a kill, and one after more frames were sampled ask only what is new.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.flows.prelabel_boxes import Prompted, prompts_of
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.flows.prelabel_look import Sight
from hint_toolkit.flows.prelabel_run import Progress, Run
from hint_toolkit.flows.prelabel_suggest import Suggestions, suggest
from hint_toolkit.io.boxes import KnownBoxes
from hint_toolkit.io.kept import Kept
from hint_toolkit.io.npz import file_sha256
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.models.occlusion.suggest import Suggester
from hint_toolkit.prelabel.base import REVIEW_PRESENCE, Detector
from hint_toolkit.records import Frame, Hands
from hint_toolkit.workspace import Workspace

RULES_VERSION: Final = 2
"""Raise it with every change of how detections become rows."""


@dataclass(frozen=True)
class PrelabelReport:
    """What the detector found.

    Attributes:
        detector: name and version.
        frames: how many.
        hands: with points.
        empty: frames without one.
        calls: of the detector in this run.
        cached: looks that an earlier run had made.
        unasked: frames without a box that the detector cannot look at as a whole.
        boxes: given boxes of hands in these frames.
        missed: of them those in which the detector saw nothing; they stay as tasks without points.
        unknown: pictures of the box file that are no frame here.
        carried: hands found only because the frame before had them.
        review: hands whose presence is below `review_below`.
        review_below: the limit, 0.9 if nobody set another.
        sides: hands whose side is not the one that the box file says.
        suggested: joints that are marked occluded beforehand.
    """

    detector: str
    frames: int
    hands: int
    empty: int
    calls: int = 0
    cached: int = 0
    unasked: int = 0
    boxes: int = 0
    missed: int = 0
    unknown: tuple[str, ...] = ()
    carried: int = 0
    review: int = 0
    review_below: float = REVIEW_PRESENCE
    sides: int = 0
    suggested: int = 0


def prelabel(
    workspace: Workspace,
    detector: Detector,
    *,
    boxes: KnownBoxes | None = None,
    carry: bool = False,
    suggester: Suggester | None = None,
    review_below: float = REVIEW_PRESENCE,
    workers: int = 1,
    recipe: Recipe | None = None,
    progress: Progress | None = None,
) -> PrelabelReport:
    """Run a detector over the sampled frames.

    A joint whose point lies outside the image is marked as not existing. A frame without a hand keeps one row of state
    "empty", and so does a known box in which the detector sees nothing, so that a person still gets to see it.

    Args:
        workspace: with frames.
        detector: open.
        boxes: in which hands are known to be: such a frame is looked at there; one without a box as a whole.
        carry: look again where the frame before, of the same clip, had hands.
        suggester: sets occlusion flags beforehand where that saves work; its probabilities are kept in any case.
        review_below: hands with a lower presence are counted for review.
        workers: processes; more than one needs `recipe`.
        recipe: how the same detector is opened in another process.
        progress: called with the frames done and their number.

    Raises:
        InputError: nothing sampled yet, a frame's picture is gone, the box file names no frame here, or the detector
            needs boxes and there are none.
    """
    if boxes is None and not detector.finds_boxes:
        raise InputError(
            f"{detector.name} finds no hands, it reads them from boxes",
            next_step="pass --boxes FILE with the boxes of hands, or pre-label with mediapipe first",
        )
    with workspace.lock(begins=False):
        frames = workspace.read_frames()
        prompted = prompts_of(boxes, frames)
        digests = {frame.id: frame.sha256 or file_sha256(workspace.root / frame.path) for frame in frames}
        kept = Kept(workspace.kept_folder, f"detections {detector.name}")
        try:
            sights = [_sight(workspace, frame, digests[frame.id], prompted) for frame in frames]
            count = Run(frames, detector, kept, workers, recipe, progress).look_at(sights, carry=carry)
        finally:
            kept.close()
        hands = Hands.of([hand for frame in frames for hand in count.rows[frame.id]])
        shown, suggestions = _suggested(workspace, hands, frames, digests, prompted, suggester, progress)
        configuration = {
            "detector": detector.name,
            "frames": [[frame.id, digests[frame.id]] for frame in frames],
            "boxes": boxes.sha256 if boxes else "",
            "carry": carry,
            "suggester": suggester.name if suggester else "",
            "rules": RULES_VERSION,
        }
        facts = {"stage": "prelabel", "configuration": configuration}
        write_table(workspace.prelabels_file, hands_to_table(shown), facts)
    found = shown.take(shown.state == "prelabel")
    return PrelabelReport(
        detector=detector.name,
        frames=len(frames),
        hands=len(found),
        empty=len(frames) - len(set(found.frame_id.tolist())),
        calls=count.calls,
        cached=len(count.used - count.fresh),
        unasked=0 if detector.finds_boxes else len(frames) - sum(map(bool, prompted.prompts.values())),
        boxes=sum(len(one) for one in prompted.prompts.values()),
        missed=count.missed,
        unknown=prompted.unknown,
        carried=count.carried,
        review=int((np.nan_to_num(found.presence, nan=1.0) < review_below).sum()),
        review_below=review_below,
        sides=count.sides,
        suggested=suggestions.ticks if suggestions else 0,
    )


def _sight(workspace: Workspace, frame: Frame, digest: str, prompted: Prompted) -> Sight:
    return Sight(frame.id, workspace.root / frame.path, digest, frame.time, prompted.prompts.get(frame.id, ()))


def _suggested(
    workspace: Workspace,
    hands: Hands,
    frames: Sequence[Frame],
    digests: dict[str, str],
    prompted: Prompted,
    suggester: Suggester | None,
    progress: Progress | None,
) -> tuple[Hands, Suggestions | None]:
    """The hands as people are to see them, and the probabilities beside them."""
    if suggester is None:
        workspace.suggestions_file.unlink(missing_ok=True)
        return hands, None
    found = suggest(workspace, hands, frames, digests, prompted.objects, suggester, progress)
    return found.hands, found
