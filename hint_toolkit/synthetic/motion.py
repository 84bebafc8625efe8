"""Smooth motion: hands glide through a few poses and places while the head sways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hint_toolkit.synthetic.bodies import Hand
from hint_toolkit.synthetic.scene import Scene
from hint_toolkit.synthetic.skeleton import (
    GRIPPING_POSES,
    POSE_SIZE,
    POSES,
    FloatArray,
    pose_numbers,
    rotation_from_vector,
)

FRAMES_PER_KEY = 24
# Standard deviation of a key place: x, y, z in centimetres, then a turn about x, y, z in radians.
_DRIFT = np.array([4.0, 2.5, 3.0, 0.3, 0.3, 0.3])
SWAY = 0.015  # of the image width: how far the background moves, standard deviation
MAX_SWAY = 0.04


@dataclass(frozen=True)
class Moment:
    """One instant of a moving scene.

    Attributes:
        scene: The scene with its hands where they are now.
        sway: Shift of the background as a share of the image width, (2,) x y.
    """

    scene: Scene
    sway: FloatArray


def moments(scene: Scene, rng: np.random.Generator, n_frames: int) -> Iterator[Moment]:
    """A scene in motion, starting as it is.

    Args:
        scene: The scene at frame 0.
        rng: Draws the poses and places to pass through.
        n_frames: How many instants; a new pose comes about every `FRAMES_PER_KEY` frames.

    Yields:
        `n_frames` instants; positions and their first derivative are continuous.
    """
    n_keys = max(2, 1 + round(n_frames / FRAMES_PER_KEY))
    paths = [
        _hand_path(hand, rng, n_keys, POSES if number or scene.grip is None else GRIPPING_POSES)
        for number, hand in enumerate(scene.hands)
    ]
    sway = rng.normal(0, SWAY, (n_keys, 2)).clip(-MAX_SWAY, MAX_SWAY)
    for frame in range(n_frames):
        time = frame / max(n_frames - 1, 1) * (n_keys - 1)
        hands = []
        for hand, path in zip(scene.hands, paths, strict=True):
            now = _ease(path, time)
            place, turn = now[POSE_SIZE : POSE_SIZE + 3], now[POSE_SIZE + 3 :]
            hands.append(hand.moved(now[:POSE_SIZE], rotation_from_vector(turn), place))
        yield Moment(replace(scene, hands=tuple(hands)), _ease(sway, time))


def _hand_path(hand: Hand, rng: np.random.Generator, n_keys: int, poses: tuple[str, ...]) -> FloatArray:
    """Key values (n_keys, 23): pose, shift and turn vector; the first key is the hand as it is."""
    keys = [np.concatenate([hand.pose, np.zeros(6)])]
    for _ in range(n_keys - 1):
        pose = pose_numbers(poses[int(rng.random() * len(poses))], rng)
        keys.append(np.concatenate([pose, rng.normal(0, _DRIFT)]))
    return np.stack(keys)


def _ease(keys: FloatArray, time: float) -> FloatArray:
    """Value at `time` (0 to n_keys - 1) between keys (n_keys, K), at rest on each key."""
    before = min(int(time), len(keys) - 2)
    share = (1 - np.cos(np.pi * (time - before))) / 2
    value: FloatArray = keys[before] * (1 - share) + keys[before + 1] * share
    return value
