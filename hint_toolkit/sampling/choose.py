"""Choosing among measured frames: scene by scene, or the most informative ones.

What is seen here are numbers of candidate frames (see `Candidates`), never pixels. A choice is greedy and exact:
the same numbers give the same frames, on every machine and in every order of the candidates' clips.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Refuse = Callable[[int, Sequence[int]], bool]
"""Whether a frame must not be chosen beside those that are: both are positions among the candidates."""
NO_HAND, BLURRED = 0.15, 0.3
"""Weight of a frame in which no hand was found, and of the blurriest one: they are taken last, not never."""
SAME_PLACE = 0.05
"""Distance of embeddings (0..2) below which a frame adds nothing to one that was chosen."""


@dataclass(frozen=True)
class Candidates:
    """Measured frames of one clip, in ascending order of `frame_index`.

    Attributes:
        frame_index: (N,) decode indices.
        time: (N,) seconds.
        sharpness: (N,) any positive measure that grows with sharpness; compared within the clip only.
        presence: (N,) confidence 0..1 that there is a hand; NaN where nobody looked.
        occlusion: (N,) likelihood 0..1 that joints are hidden; NaN likewise.
        embedding: (N, D) rows of length 1 (or 0 where nothing is known): what the frame shows, scene and pose.
    """

    frame_index: Ints
    time: Floats
    sharpness: Floats
    presence: Floats
    occlusion: Floats
    embedding: Floats

    def __len__(self) -> int:
        """How many frames."""
        return len(self.frame_index)


def scenes(candidates: Candidates, threshold: float = 0.35) -> Ints:
    """(N,) number of the scene that each candidate belongs to, from 0.

    A scene ends where the embedding jumps: by more than `threshold`, and by more than three times the median step of
    the clip, so that a shaking camera is not cut to pieces.
    """
    if not len(candidates):
        return np.zeros(0, np.int64)
    steps = np.linalg.norm(np.diff(candidates.embedding, axis=0), axis=1)
    usual = float(np.median(steps)) if len(steps) else 0.0
    cut = steps > max(threshold, 3 * usual)
    return np.concatenate([[0], np.cumsum(cut)]).astype(np.int64)


def by_scene(candidates: Candidates, wanted: int, *, ranked: bool = False, refuse: Refuse | None = None) -> Ints:
    """Positions of `wanted` frames, spread over the scenes as evenly as their lengths allow.

    Scenes take turns, the longest first; within a scene the sharpest frame of the largest gap in time comes next.
    Positions ascend, or come in the order of choice when `ranked`. What `refuse` turns down is replaced by the next.
    """
    scene = scenes(candidates)
    left = [list(np.flatnonzero(scene == k)) for k in range(int(scene.max(initial=-1)) + 1)]
    order = sorted(range(len(left)), key=lambda k: (-len(left[k]), k))
    chosen: list[int] = []
    while len(chosen) < wanted and any(left):
        for k in order:
            if left[k] and len(chosen) < wanted:
                found = _next_in_time(candidates, left[k], [i for i in chosen if scene[i] == k])
                left[k].remove(found)
                if refuse is None or not refuse(found, chosen):
                    chosen.append(found)
    return np.array(chosen if ranked else sorted(chosen), np.int64)


def _next_in_time(candidates: Candidates, left: list[int], taken: list[int]) -> int:
    """The sharpest of the frames that are farthest in time from those taken (within a fifth of the farthest)."""
    if not taken:
        return max(left, key=lambda i: (candidates.sharpness[i], -i))
    away = {i: min(abs(candidates.time[i] - candidates.time[j]) for j in taken) for i in left}
    farthest = max(away.values())
    return max((i for i in left if away[i] >= 0.8 * farthest), key=lambda i: (candidates.sharpness[i], -i))


def worth(candidates: Candidates) -> Floats:
    """(N,) how much a frame is worth by itself, 0..1: a hand is there, it is sharp, and joints may be hidden.

    Sharpness counts by its rank within the clip: cameras and scenes differ too much for one scale. A frame whose
    joints are likely hidden is worth up to half more: what is occluded is rare, and what methods fail on. Where nobody
    looked for hands (NaN), presence and occlusion count the same for all frames.
    """
    n = len(candidates)
    rank = np.argsort(np.argsort(candidates.sharpness, kind="stable"), kind="stable") / max(n - 1, 1)
    presence = np.where(np.isnan(candidates.presence), 1.0, candidates.presence)
    occlusion = np.where(np.isnan(candidates.occlusion), 0.0, candidates.occlusion)
    hand = NO_HAND + (1 - NO_HAND) * presence
    sharp = BLURRED + (1 - BLURRED) * rank
    return np.asarray(hand * sharp * (1 + 0.5 * occlusion) / 1.5, np.float64)


def informative(candidates: Candidates, wanted: int, *, ranked: bool = False, refuse: Refuse | None = None) -> Ints:
    """Positions of up to `wanted` frames that are good and unlike each other.

    The frame of the highest worth first, then always the one of the largest worth x distance to the nearest chosen
    one (farthest point, weighted). It stops before `wanted` when what is left shows nothing new (`SAME_PLACE`).
    Positions ascend, or come in the order of choice when `ranked`. What `refuse` turns down is replaced by the next.
    """
    if not len(candidates) or wanted < 1:
        return np.zeros(0, np.int64)
    value = worth(candidates)
    chosen = [int(np.argmax(value))]
    away = _distance(candidates.embedding, chosen[0])
    while len(chosen) < wanted:
        gain = np.where(away > SAME_PLACE, value * away, 0.0)
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        if refuse is not None and refuse(best, chosen):
            away[best] = 0.0
            continue
        chosen.append(best)
        away = np.minimum(away, _distance(candidates.embedding, best))
    return np.array(chosen if ranked else sorted(chosen), np.int64)


def _distance(embedding: Floats, one: int) -> Floats:
    return np.asarray(np.linalg.norm(embedding - embedding[one], axis=1))


def capped(groups: list[str], worth: Floats, cap: int) -> NDArray[np.bool_]:
    """(N,) which to keep so that no group has more than `cap`: those of the highest worth, the first among equals."""
    kept = np.zeros(len(groups), bool)
    count: dict[str, int] = {}
    for i in sorted(range(len(groups)), key=lambda i: (-worth[i], i)):
        if count.get(groups[i], 0) < cap:
            count[groups[i]] = count.get(groups[i], 0) + 1
            kept[i] = True
    return kept


def standing(clips: Sequence[str], ranks: Sequence[int], worth: Floats) -> Floats:
    """(N,) the larger, the longer a frame stays when frames must go: a fair cut takes from all clips alike.

    Every clip's first choice stands before any clip's second; among equal ranks worth decides.

    Args:
        clips: (N,) the clip of each frame.
        ranks: (N,) any numbers, the smaller the better within the clip.
        worth: (N,) 0..1.
    """
    seen: dict[str, int] = {}
    place = np.zeros(len(clips))
    for i in sorted(range(len(clips)), key=lambda i: (ranks[i], -worth[i], i)):
        place[i] = seen.get(clips[i], 0)
        seen[clips[i]] = seen.get(clips[i], 0) + 1
    return np.asarray(np.clip(worth, 0, 1) / 2 - place, np.float64)


def twins(pairs: Ints, standing: Floats) -> Ints:
    """(N,) for every frame the near-duplicate that stays in its place, -1 for a frame that stays itself.

    Frames are asked in the order of their standing; one goes if a frame like it stays. So what goes always has a twin
    among what stays, and a slow pan, each picture like the next, is thinned and not removed but for one.

    Args:
        pairs: (M, 2) of `dedupe.near_duplicates`.
        standing: (N,) larger is better, the first of equals goes before.
    """
    like: dict[int, list[int]] = {}
    for one, other in pairs.tolist():
        like.setdefault(one, []).append(other)
        like.setdefault(other, []).append(one)
    twin = np.full(len(standing), -1, np.int64)
    stays: set[int] = set()
    for i in np.argsort(-standing, kind="stable").tolist():
        kept = [k for k in like.get(i, ()) if k in stays]
        if kept:
            twin[i] = max(kept, key=lambda k: (standing[k], -k))
        else:
            stays.add(i)
    return twin
