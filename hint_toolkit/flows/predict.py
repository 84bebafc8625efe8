"""A baseline's predictions for the hands of a release: from the given box, or from a crop around it.

Two ways: "box" gives the detector the box and lets it look as it does best; "crop" cuts a square around the box and
takes, of all hands that the detector finds there by itself, the one that fits the box. The header says which.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.geometry import box_iou, crop_window
from hint_toolkit.io.images import read_image
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.prelabel.base import Detection, Detector, Prompt
from hint_toolkit.records import Hand

Progress = Callable[[int, int], None]
WAYS: Final = ("box", "crop")
CROP_FACTOR: Final = 2.5
"""The detector sees a square of this many box sides; palm detectors need the wrist and arm around the hand."""
MIN_IOU: Final = 0.1
_INPUT: Final = {
    "box": "the given bbox and side, by the detector's own crop",
    "crop": f"square of {CROP_FACTOR} x the longer side of the given bbox, cut to the image",
}


@dataclass(frozen=True)
class PredictReport:
    """How far it came."""

    hands: int
    found: int


def predict(
    truth: Truth, detector: Detector, *, way: str = "box", progress: Progress | None = None
) -> tuple[Predictions, PredictReport]:
    """Run a detector on every hand of the truth; only picture, box, side and id are used, never the points.

    A hand that the detector does not find gets a record with no keypoints, which scores as wrong.

    Args:
        truth: with pictures.
        detector: open.
        way: "box": the detector's `detect_in` with the box and, as for the paper's numbers, the side; "crop":
            `detect` in a crop.
        progress: called with hands done and wanted.

    Raises:
        InputError: pictures are missing or not readable, a hand has no box, or there is no such way.
    """
    if way not in WAYS:
        raise InputError(f"no way {way!r} to predict", next_step=f"use one of: {', '.join(WAYS)}")
    hands = truth.hands
    if not len(hands):
        raise InputError("holds no hands", where=str(truth.path))
    gone = [h.id for h in hands if not h.image or not (truth.image_root / h.image).is_file()]
    if gone:
        raise InputError(
            f"the pictures of {len(gone)} hands are missing: {shorten(gone)}",
            where=str(truth.path),
            next_step="pass a --gt folder that holds the jpg files",
        )
    points: NDArray[np.float64] = np.full((len(hands), N_JOINTS, 2), np.nan)
    score: NDArray[np.float64] = np.full((len(hands), N_JOINTS), np.nan)
    side = [""] * len(hands)
    for i, hand in enumerate(hands):
        image = read_image(truth.image_root / hand.image)
        best = predict_hand(image, hand, detector, way=way)
        if best is not None:
            points[i], score[i], side[i] = best.points, best.score, best.side
        if progress:
            progress(i + 1, len(hands))
    header = header_of(detector, _INPUT[way])
    found = int(np.isfinite(points).all(axis=(1, 2)).sum())
    nothing: NDArray[np.float64] = np.full((len(hands), N_JOINTS), np.nan)
    predictions = Predictions(hands.id.tolist(), points, score, nothing, side, header)
    return predictions, PredictReport(len(hands), found)


def header_of(detector: Detector, input_crop: str) -> dict[str, Any]:
    """What a header says about the model: its name, and what it says of itself in `facts` (checkpoint, crop, ..)."""
    header: dict[str, Any] = {
        "method": detector.name,
        "detector": detector.name,
        "checkpoint": "",
        "input_crop": input_crop,
        "joint_order": "hint",
    }
    if detector.name.startswith("mediapipe"):
        header |= {"checkpoint": "hand_landmarker.task, float16/1", "trained_on_hint": False}
    return header | dict(getattr(detector, "facts", {}))


def predict_hand(image: NDArray[np.uint8], hand: Hand, detector: Detector, *, way: str = "box") -> Detection | None:
    """The detector's hand in a hand's box, in pixels of the whole image; or None.

    Args:
        image: (H, W, 3) RGB.
        hand: its box, and with `way` "box" also its side and id, are used.
        detector: open.
        way: "box", or "crop": the detection in the crop that overlaps the box most.

    Raises:
        InputError: the hand has no box.
    """
    if not np.isfinite(hand.box).all():
        raise InputError("has no box to look in", where=hand.id)
    if way == "box":
        return detector.detect_in(image, [Prompt(hand.box, hand.side, origin="gt", id=hand.id)])[0]
    return in_crop(image, hand.box, detector)


def in_crop(image: NDArray[np.uint8], box: NDArray[np.float64], detector: Detector) -> Detection | None:
    """Of all hands that a detector finds in the crop around a box (4,), the one that fits the box; or None."""
    height, width = image.shape[:2]
    window = crop_window(box, width, height, CROP_FACTOR)
    crop = image[window.y : window.y + window.height, window.x : window.x + window.width]
    detections = detector.detect(np.ascontiguousarray(crop))
    if not detections:
        return None
    corner = np.array([window.x, window.y], dtype=np.float64)
    boxes = np.array([found.box for found in detections]) + np.tile(corner, 2)
    overlap = box_iou(box[None], boxes)[0]
    best = int(overlap.argmax())
    if overlap[best] < MIN_IOU:
        return None
    chosen = detections[best]
    return Detection(
        points=chosen.points + corner,
        score=chosen.score,
        box=boxes[best],
        side=chosen.side,
        presence=chosen.presence,
        side_score=chosen.side_score,
    )
