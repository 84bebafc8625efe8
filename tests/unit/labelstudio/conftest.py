"""Hands and frames for the tests of the Label Studio room."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hint_toolkit.geometry import box_around
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Frame, Hand

SIZE = (1920, 1080)


@pytest.fixture
def make_prelabel(rng: np.random.Generator) -> Callable[..., Hand]:
    """`make_prelabel(k, **changes)`: a detector's guess, somewhere in the picture, with odd decimals."""

    def make(k: int = 0, **changes: Any) -> Hand:
        points = rng.uniform([200, 150], [1700, 900]) + rng.normal(0, 60, (N_JOINTS, 2)) / 3
        values: dict[str, Any] = {
            "id": f"clip_frame{k:08d}_h0", "frame_id": f"clip_frame{k:08d}", "points": points,
            "exists": np.ones(N_JOINTS, bool), "occluded": np.zeros(N_JOINTS, bool), "box": box_around(points),
            "side": "left", "score": rng.random(N_JOINTS), "presence": 0.75, "detector": "finder-1",
            "width": SIZE[0], "height": SIZE[1], "image": f"frames/clip_frame{k:08d}.jpg", "source": "folder",
            "video_id": "clip", "frame_index": k, "time": k / 30, "licence": "CC0-1.0",
        }  # fmt: skip
        return Hand(**(values | changes))

    return make


@pytest.fixture
def make_empty(make_prelabel: Callable[..., Hand]) -> Callable[..., Hand]:
    """`make_empty(k)`: the row of a frame in which the detector found nothing."""

    def make(k: int = 0) -> Hand:
        no, nan, unsure = np.zeros(N_JOINTS, bool), np.full((N_JOINTS, 2), np.nan), np.full(N_JOINTS, np.nan)
        return make_prelabel(
            k, points=nan, exists=no, occluded=no, box=np.full(4, np.nan), side="right", score=unsure,
            presence=float("nan"), state="empty",
        )  # fmt: skip

    return make


@pytest.fixture
def frame_of() -> Callable[[Hand], Frame]:
    """The frame that a hand is in."""

    def make(hand: Hand) -> Frame:
        return Frame(
            hand.frame_id, "folder", "clip", "clip.mp4", hand.frame_index, hand.time, *SIZE, "0" * 64, hand.image,
            "drawn", "VAL", "CC0-1.0",
        )  # fmt: skip

    return make
