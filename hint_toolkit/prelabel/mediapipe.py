"""MediaPipe's hand landmarker: from boxes by its landmark net alone, without boxes through the Tasks API.

What it gives: 21 points in HInt's own order, the side (anatomical on an unmirrored image: never swap it), the
confidence in that side and the presence of a hand. It gives no confidence per joint and no occlusion; those stay NaN
rather than being made up from something else.

From a box it finds more and better than on the whole frame, because the palm detector wants a large, upright hand
(`refine`). What the palm detector finds is read again once along the points it gave. Numbers: docs/prelabel.md.

Source of the conventions: https://ai.google.dev/edge/mediapipe/solutions/vision/hand_landmarker. Landmarks
are fractions of width and height measured from the top-left corner, hence the half pixel below.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.geometry import box_around, clip_box
from hint_toolkit.io.quiet import quiet
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.prelabel.base import Detection, Prompt
from hint_toolkit.prelabel.landmark_net import LandmarkNet, Reading
from hint_toolkit.prelabel.mediapipe_model import model_path
from hint_toolkit.prelabel.refine import read_again, read_box
from hint_toolkit.prelabel.windows import distinct, windows_of

BOX_MARGIN: Final = 0.12
"""Box = points grown by this share of their longer side: HInt's boxes are 1.24 x the keypoint extent (median)."""

MIN_PRESENCE: Final = 0.1
"""In a box: less says that there is no hand. Of 160 boxes on empty background 90 % stayed below 0.01."""

RECIPE_VERSION: Final = 1
"""Part of the detector's name: raise it with every change that moves a point."""

WINDOWS: Final = ("auto", "always", "never")


class MediaPipeDetector:
    """Detect hands with `hand_landmarker.task` on the CPU."""

    finds_boxes = True

    def __init__(
        self,
        *,
        model: Path | None = None,
        min_confidence: float = 0.5,
        max_hands: int = 4,
        windows: str = "auto",
        threads: int = 1,
    ) -> None:
        """Load the model.

        Args:
            model: a `hand_landmarker.task`; None has it found or fetched (see `mediapipe_model`).
            min_confidence: for detection and presence, 0..1; `detect` only, a box is taken for what it is.
            max_hands: `detect` reports at most so many hands a picture.
            windows: whether `detect` looks at parts of the picture, too: "auto" if the whole shows no hand, "always"
                or "never". Ten times the time, and more false alarms.
            threads: of the landmark net.

        Raises:
            MissingExtra: mediapipe or ai-edge-litert is not installed.
            InputError: no model, or an option is out of its range.
        """
        _check(min_confidence, max_hands, windows)
        try:
            import mediapipe as mp
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise MissingExtra("mediapipe", "prelabel") from error
        self._mp, self._max_hands, self._windows = mp, max_hands, windows
        path = model_path(model)
        self._net = LandmarkNet(model=path, threads=threads)
        options = vision.HandLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path)),
            running_mode=vision.RunningMode.IMAGE,
            num_hands=max_hands,
            min_hand_detection_confidence=min_confidence,
            min_hand_presence_confidence=min_confidence,
        )
        with quiet():
            self._landmarker: Any = vision.HandLandmarker.create_from_options(options)
        self._min_confidence = min_confidence
        self.name = _name(min_confidence, max_hands, windows)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """All hands in one (H, W, 3) RGB picture, best presence first; no hand twice."""
        height, width = image.shape[:2]
        looks = [self._refined(image, self._look(image))]
        if self._windows == "always" or (self._windows == "auto" and not looks[0]):
            for x, y, wide, high in windows_of(width, height):
                raw = self._look(image[y : y + high, x : x + wide])
                looks.append(self._refined(image, [points + np.array([x, y]) for points in raw]))
        return distinct(looks)[: self._max_hands]

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The hand of each box, in the order of the boxes.

        None for a box that holds NaN, has no area in the picture or is under 4 pixels long there, and where the net
        sees no hand. The side is the net's, whatever the box's says. Two boxes around one hand give it twice.
        """
        found: list[Detection | None] = []
        for prompt in prompts:
            reading = read_box(self._net, image, prompt.box)
            seen = reading is not None and reading.presence >= MIN_PRESENCE
            found.append(_detection(reading, image) if seen and reading is not None else None)
        return found

    def close(self) -> None:
        """Close the landmarker now: its own finaliser fails when the interpreter ends."""
        self._net.close()
        if self._landmarker is not None:
            with quiet():
                self._landmarker.close()
            self._landmarker = None

    def _look(self, image: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
        """The points (21, 2) of each hand that the Tasks API finds in a picture."""
        height, width = image.shape[:2]
        picture = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        with quiet():
            result = self._landmarker.detect(picture)
        return [
            np.array([(mark.x * width - 0.5, mark.y * height - 0.5) for mark in landmarks])
            for landmarks in result.hand_landmarks
        ]

    def _refined(self, image: NDArray[np.uint8], hands: list[NDArray[np.float64]]) -> list[Detection]:
        """Each hand read again; one that the net no longer takes for a hand is dropped."""
        readings = [read_again(self._net, image, points) for points in hands]
        sure = [reading for reading in readings if reading.presence >= self._min_confidence]
        return [found for reading in sure if (found := _detection(reading, image)) is not None]


def _check(min_confidence: float, max_hands: int, windows: str) -> None:
    """Refuse options out of their range before anything is loaded."""
    if windows not in WINDOWS:
        raise InputError(f"windows={windows!r}", next_step=f"use one of: {', '.join(WINDOWS)}")
    if not 0 <= min_confidence <= 1:
        raise InputError(f"min_confidence={min_confidence}", next_step="use a number from 0 to 1")
    if max_hands < 1:
        raise InputError(f"max_hands={max_hands}", next_step="use 1 or more")


def _name(min_confidence: float, max_hands: int, windows: str) -> str:
    """Everything that changes results; options only where they are not the default."""
    changed = {
        "min_confidence": None if min_confidence == 0.5 else f"{min_confidence:g}",
        "max_hands": None if max_hands == 4 else str(max_hands),
        "windows": None if windows == "auto" else windows,
    }
    options = [f"{key}={value}" for key, value in changed.items() if value is not None]
    return ",".join([f"mediapipe-{version('mediapipe')}+box{RECIPE_VERSION}", *options])


def _detection(reading: Reading, image: NDArray[np.uint8]) -> Detection | None:
    """The reading as a detection; None if no part of the hand lies in the picture."""
    box = clip_box(box_around(reading.points, margin=BOX_MARGIN), image.shape[1], image.shape[0])
    if not (box[2:] > box[:2]).all():
        return None
    right = reading.right > 0.5
    return Detection(
        points=reading.points,
        score=np.full(N_JOINTS, np.nan),
        box=box,
        side="right" if right else "left",
        presence=reading.presence,
        side_score=reading.right if right else 1 - reading.right,
    )
