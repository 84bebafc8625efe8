"""Which frames to take from which video: decided by a seed before anything is decoded.

Every video draws from its own random stream, named by seed and video id, so that adding or removing a video
changes no other video's frames, and the plan is the same on every machine.
"""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

Strategy = Literal["uniform", "random"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)


@dataclass(frozen=True)
class Pick:
    """One frame that the plan wants.

    Attributes:
        frame_index: decode index, 0-based.
        reason: why, e.g. "uniform: 3rd of 12 equal parts".
    """

    frame_index: int
    reason: str


def plan_video(video_id: str, count: int, wanted: int, *, strategy: str, seed: int) -> list[Pick]:
    """Choose frames of one video.

    Args:
        video_id: names the random stream together with the seed.
        count: pictures in the video.
        wanted: how many to take; all of them when the video has fewer.
        strategy: "uniform" takes one frame at a random place in each of `wanted` equal parts of the video,
            "random" takes any `wanted` frames.
        seed: of the plan.

    Returns:
        picks in ascending order of frame_index, without repetition.

    Raises:
        ValueError: unknown strategy, or a negative count.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {STRATEGIES}, got {strategy!r}")
    if count < 0 or wanted < 0:
        raise ValueError(f"count and wanted must not be negative, got {count} and {wanted}")
    wanted = min(wanted, count)
    rng = np.random.default_rng(stream(seed, video_id))
    if strategy == "random":
        chosen = sorted(rng.permutation(count)[:wanted].tolist())
        return [Pick(k, f"random: {i} of {wanted}") for i, k in enumerate(chosen, 1)]
    edges = [count * i // wanted for i in range(wanted + 1)] if wanted else [0]
    return [
        Pick(int(rng.integers(low, high)), f"uniform: part {i} of {wanted}")
        for i, (low, high) in enumerate(pairwise(edges), 1)
    ]


def stream(seed: int, video_id: str) -> int:
    """A number for numpy's generator that depends on both, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{video_id}".encode()).digest()[:8], "big")
