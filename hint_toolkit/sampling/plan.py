"""Which frames to take from which video: decided by a seed before anything is decoded.

Every video draws from its own random stream, named by seed and video id, so that adding or removing a video
changes no other video's frames, and the plan is the same on every machine.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

Strategy = Literal["uniform", "random"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)
"""What `plan_video` knows: they need nothing but a number of pictures."""
MEASURED = ("scenes", "informative")
"""What must look at pictures first, see `sampling.choose`."""
ALL_STRATEGIES = (*STRATEGIES, "per-second", "around", *MEASURED)


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


def plan_per_second(times: Sequence[float], rate: float) -> list[Pick]:
    """The pictures nearest to a grid in time: `rate` a second, the first at the clip's start.

    Args:
        times: presentation time of every picture in seconds from the first, ascending.
        rate: pictures wanted a second.

    Returns:
        picks without repetition, ascending; a gap in time gives no picture twice.

    Raises:
        ValueError: the rate is not positive.
    """
    if not rate > 0:
        raise ValueError(f"rate must be positive, got {rate}")
    stamps = np.asarray(times, np.float64)
    if not len(stamps):
        return []
    grid = np.arange(np.floor(stamps[-1] * rate + 1e-9) + 1) / rate
    after = np.minimum(np.searchsorted(stamps, grid), len(stamps) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(grid - stamps[before] <= stamps[after] - grid, before, after)
    return [Pick(int(k), f"per second: {rate:g}") for k in np.unique(nearest)]


def plan_around(moments: Sequence[tuple[int, str]], count: int, offsets: Sequence[int] = (0,)) -> list[Pick]:
    """Pictures at moments that a source points at, and at fixed distances from them.

    Args:
        moments: (decode index, kind) in any order.
        count: pictures in the video; what falls outside is left out.
        offsets: in pictures, 0 for the moment itself.

    Returns:
        picks without repetition, ascending; a picture that several moments want names the first kind.
    """
    reasons: dict[int, str] = {}
    for index, kind in sorted(moments):
        for offset in sorted(offsets, key=abs):
            if 0 <= index + offset < count:
                reasons.setdefault(index + offset, f"around {kind or 'moment'}{f' {offset:+d}' if offset else ''}")
    return [Pick(k, reasons[k]) for k in sorted(reasons)]


def stream(seed: int, video_id: str) -> int:
    """A number for numpy's generator that depends on both, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{video_id}".encode()).digest()[:8], "big")
