"""MediaPipe's hand landmarker through the Tasks API.

What it gives: 21 points in HInt's own order, the side (anatomical on an unmirrored image: never swap it)
and the confidence in that side. It gives no confidence per joint, no presence and no occlusion flag; those
columns stay NaN and false rather than being made up from something else.

Source of the conventions: https://ai.google.dev/edge/mediapipe/solutions/vision/hand_landmarker. Landmarks
are fractions of width and height measured from the top-left corner, hence the half pixel below.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import MissingExtra
from hint_toolkit.geometry import box_around, clip_box
from hint_toolkit.io.quiet import quiet
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.prelabel.base import Detection
from hint_toolkit.prelabel.mediapipe_model import model_path

BOX_MARGIN = 0.12
"""Box = points grown by this share of their longer side: HInt's boxes are 1.24 x the keypoint extent (median)."""


class MediaPipeDetector:
    """Detect hands with `hand_landmarker.task` on the CPU."""

    def __init__(self, *, model: Path | None = None, min_confidence: float = 0.5, max_hands: int = 4) -> None:
        """Load the model.

        Args:
            model: a `hand_landmarker.task`; None has it found or fetched (see `mediapipe_model`).
            min_confidence: for detection and presence, 0..1.
            max_hands: at most so many hands a picture.

        Raises:
            MissingExtra: mediapipe is not installed.
            InputError: no model.
        """
        try:
            import mediapipe as mp
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise MissingExtra("mediapipe", "prelabel") from error
        self._mp = mp
        options = vision.HandLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model_path(model))),
            running_mode=vision.RunningMode.IMAGE,
            num_hands=max_hands,
            min_hand_detection_confidence=min_confidence,
            min_hand_presence_confidence=min_confidence,
        )
        with quiet():
            self._landmarker: Any = vision.HandLandmarker.create_from_options(options)
        self.name = f"mediapipe-{version('mediapipe')}"

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """All hands in one (H, W, 3) RGB picture, in the order that MediaPipe gives."""
        height, width = image.shape[:2]
        picture = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        with quiet():
            result = self._landmarker.detect(picture)
        found = []
        for landmarks, handedness in zip(result.hand_landmarks, result.handedness, strict=True):
            points = np.array([(mark.x * width - 0.5, mark.y * height - 0.5) for mark in landmarks])
            found.append(
                Detection(
                    points=points,
                    score=np.full(N_JOINTS, np.nan),
                    box=clip_box(box_around(points, margin=BOX_MARGIN), width, height),
                    side=handedness[0].category_name.lower(),
                    presence=float("nan"),
                    side_score=float(handedness[0].score),
                )
            )
        return found

    def close(self) -> None:
        """Close the landmarker now: its own finaliser fails when the interpreter ends."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None
