"""The truth of a picture, and how it is written to and read from JSON.

Points are pixels, x right, y down; the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import SIDES
from hint_toolkit.synthetic.skeleton import FloatArray

GENERATOR = "hint_toolkit.synthetic"
TRUTH_VERSION = 1
TRUTH_FILE = "truth.json"
_DECIMALS = 4


@dataclass(frozen=True)
class HandTruth:
    """Exact truth of one hand in one picture.

    Attributes:
        side: "left" or "right".
        points: The 21 keypoints in pixels, shape (21, 2), HInt/OpenPose order (wrist, then thumb,
            forefinger, middle, ring, pinky from base to tip). Absent joints keep their place
            outside the image.
        exists: Inside the image, shape (21,), bool.
        occluded: Exists and is hidden from the camera, shape (21,), bool.
        box: x1 y1 x2 y2 in pixels around the existing joints, clipped to the image's pixel area
            (-0.5 to width - 0.5), shape (4,). All zeros when no joint exists.
    """

    side: str
    points: NDArray[np.float64]
    exists: NDArray[np.bool_]
    occluded: NDArray[np.bool_]
    box: NDArray[np.float64]


def truth_to_json(hand: HandTruth) -> dict[str, Any]:
    """One hand as plain JSON values, coordinates rounded to 4 decimals."""
    return {
        "side": hand.side,
        "points": hand.points.round(_DECIMALS).tolist(),
        "exists": hand.exists.tolist(),
        "occluded": hand.occluded.tolist(),
        "box": hand.box.round(_DECIMALS).tolist(),
    }


def read_truth(path: Path) -> dict[str, list[list[HandTruth]]]:
    """Read the truth of a folder of clips.

    Args:
        path: The file `truth.json`, or the folder that holds it.

    Returns:
        For each clip's file name, for each frame, its hands.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The content is not what `write_demo_clips` writes; one line says where.
    """
    path = Path(path)
    path = path / TRUTH_FILE if path.is_dir() else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    try:
        return _parse(content)
    except _WrongField as error:
        raise ValueError(f"{path}: {error}") from None


class _WrongField(ValueError):
    def __init__(self, place: str, wanted: str, got: object) -> None:
        shown = repr(got)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        super().__init__(f"{place}: want {wanted}, got {shown}")


def _parse(content: Any) -> dict[str, list[list[HandTruth]]]:
    _require(isinstance(content, dict), "top level", "an object", content)
    generator, version = content.get("generator"), content.get("version")
    _require(generator == GENERATOR, "generator", repr(GENERATOR), generator)
    _require(version == TRUTH_VERSION, "version", repr(TRUTH_VERSION), version)
    clips = content.get("clips")
    _require(isinstance(clips, dict), "clips", "an object", clips)
    return {name: _parse_clip(f"clips[{name!r}]", clip) for name, clip in clips.items()}


def _parse_clip(place: str, clip: Any) -> list[list[HandTruth]]:
    _require(isinstance(clip, dict), place, "an object", clip)
    frames = clip.get("frames")
    _require(isinstance(frames, list), f"{place}.frames", "a list", frames)
    parsed = []
    for number, hands in enumerate(frames):
        spot = f"{place}.frames[{number}]"
        _require(isinstance(hands, list), spot, "a list of hands", hands)
        parsed.append([_parse_hand(f"{spot}[{k}]", hand) for k, hand in enumerate(hands)])
    return parsed


def _parse_hand(place: str, hand: Any) -> HandTruth:
    _require(isinstance(hand, dict), place, "an object", hand)
    _require(hand.get("side") in SIDES, f"{place}.side", " or ".join(SIDES), hand.get("side"))
    points = _numbers(f"{place}.points", hand.get("points"), (21, 2))
    exists = _flags(f"{place}.exists", hand.get("exists"))
    occluded = _flags(f"{place}.occluded", hand.get("occluded"))
    box = _numbers(f"{place}.box", hand.get("box"), (4,))
    wrong = [joint for joint in range(21) if occluded[joint] and not exists[joint]]
    _require(not wrong, f"{place}.occluded", "existing joints only", wrong)
    return HandTruth(hand["side"], points, exists, occluded, box)


def _numbers(place: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    wanted = f"{' x '.join(map(str, shape))} finite numbers"
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise _WrongField(place, wanted, value) from None
    _require(array.shape == shape and bool(np.isfinite(array).all()), place, wanted, value)
    return array


def _flags(place: str, value: Any) -> NDArray[np.bool_]:
    good = isinstance(value, Sequence) and len(value) == 21
    good = good and all(isinstance(flag, bool) for flag in value)
    _require(good, place, "21 times true or false", value)
    return np.array(value, dtype=np.bool_)


def _require(good: bool, place: str, wanted: str, got: object) -> None:
    if not good:
        raise _WrongField(place, wanted, got)
