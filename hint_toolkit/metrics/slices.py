"""Cuts of the scored joints by what is known about a hand: masks in, named slices out, and a value for each.

A slice keeps the rule of the whole: the macro mean over joints of the share of correct hands, within the slice
(a slice of one joint is that joint's share). Joints that a slice does not have are left out of its mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import FINGERS, JOINTS, N_JOINTS, finger_of
from hint_toolkit.metrics.intervals import Method, bootstrap_many, macro, pair, per_cluster

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MIN_HANDS: Final = 10
MIN_CLIPS: Final = 2
OCCLUDED_BINS: Final = ((0, 0), (1, 5), (6, 10), (11, N_JOINTS))
BORDER_EDGES: Final = (0.1, 0.5)
"""Of the distance to the image border, in units of the hand's size."""


@dataclass(frozen=True)
class Slice:
    """One cut.

    Attributes:
        attribute: what is cut by, e.g. "finger".
        name: of this part, e.g. "thumb".
        mask: (N, 21) which joints belong to it.
    """

    attribute: str
    name: str
    mask: Flags


@dataclass(frozen=True)
class SliceValue:
    """What a slice scores.

    Attributes:
        attribute: as in `Slice`.
        name: as in `Slice`.
        value: 0..1, None when no joint of the slice counts.
        interval: 95 % over clips, None with fewer than two.
        hands: with a joint that counts.
        joints: that count.
        clips: with a joint that counts.
        small: fewer than MIN_HANDS hands or MIN_CLIPS clips; not to be relied on.
    """

    attribute: str
    name: str
    value: float | None
    interval: tuple[float, float] | None
    hands: int
    joints: int
    clips: int
    small: bool


def joint_slices(hands: int) -> Iterator[Slice]:
    """One slice a joint, then one a finger (the wrist is one of them)."""
    every = np.ones((hands, 1), bool)
    for j, name in enumerate(JOINTS):
        yield Slice("joint", name, every & (np.arange(N_JOINTS) == j))
    fingers = np.array([finger_of(j) for j in range(N_JOINTS)])
    for finger in ("wrist", *FINGERS):
        yield Slice("finger", finger, every & (fingers == finger))


def category_slices(attribute: str, values: NDArray[np.generic]) -> Iterator[Slice]:
    """One slice a distinct text of (N,) values, in alphabetical order; an empty text is "unknown"."""
    texts = np.where(values.astype(str) == "", "unknown", values.astype(str))
    for name in sorted(set(texts.tolist())):
        yield Slice(attribute, name, _hands(texts == name))


def occlusion_slices(exists: Flags, occluded: Flags) -> Iterator[Slice]:
    """By the number of occluded joints of a hand, then by whether any joint is absent (cut off by the border)."""
    number = (exists & occluded).sum(axis=1)
    for low, high in OCCLUDED_BINS:
        name = str(low) if low == high else f"{low}+" if high == N_JOINTS else f"{low}-{high}"
        yield Slice("occluded joints", name, _hands((number >= low) & (number <= high)))
    whole = np.asarray(exists.all(axis=1))
    yield Slice("truncation", "all joints in the image", _hands(whole))
    yield Slice("truncation", "some joint absent", _hands(~whole))


def tercile_slices(attribute: str, values: Floats, unit: str) -> Iterator[Slice]:
    """Three parts of about equal size, with their edges in the name; hands whose value is NaN are "unknown".

    Args:
        attribute: what the values are.
        values: (N,) one a hand.
        unit: printed behind the edges.
    """
    known = np.isfinite(values)
    if known.any():
        edges = np.quantile(values[known], [1 / 3, 2 / 3])
        part = np.searchsorted(edges, values, side="left")
        low, high = (f"{edge:.4g}" for edge in edges)
        tail = f" {unit}" if unit else ""
        for k, name in enumerate((f"<= {low}{tail}", f"{low} to {high}{tail}", f"> {high}{tail}")):
            yield Slice(attribute, name, _hands(known & (part == k)))
    if not known.all():
        yield Slice(attribute, "unknown", _hands(~known))


def border_distance(points: Floats, exists: Flags, sizes: Floats, width: Floats, height: Floats) -> Floats:
    """Distance of the existing joint that is nearest to the image border, in units of the hand's size.

    Args:
        points: (N, 21, 2) pixels, centre of the top-left pixel (0, 0); the border is at -0.5 and width - 0.5.
        exists: (N, 21).
        sizes: (N,) pixels.
        width: (N,) of the image, 0 where unknown.
        height: (N,) likewise.

    Returns:
        (N,); negative outside the image, NaN where the image's size or the hand's is unknown or no joint exists.
    """
    size = np.stack([width, height], axis=1)[:, None, :]
    inner = np.minimum(points + 0.5, size - 0.5 - points).min(axis=2)
    nearest = np.where(exists & np.isfinite(inner), inner, np.inf).min(axis=1)
    known = np.isfinite(nearest) & (width > 0) & (height > 0) & (sizes > 0)
    return np.asarray(np.divide(nearest, sizes, out=np.full(len(points), np.nan), where=known), dtype=np.float64)


def border_slices(distance: Floats) -> Iterator[Slice]:
    """By the distance to the image border, from `border_distance`."""
    near, far = BORDER_EDGES
    known = np.isfinite(distance)
    part = np.searchsorted(BORDER_EDGES, distance, side="right")
    for k, name in enumerate((f"< {near} hand sizes", f"{near} to {far} hand sizes", f">= {far} hand sizes")):
        yield Slice("image border", name, _hands(known & (part == k)))
    if not known.all():
        yield Slice("image border", "unknown", _hands(~known))


def score_slices(
    slices: list[Slice],
    correct: Flags,
    scored: Flags,
    clusters: NDArray[np.int64],
    *,
    resamples: int = 1000,
    seed: int = 0,
    method: Method = "percentile",
) -> list[SliceValue]:
    """Value, counts and interval of every slice, all over the same draws of clips.

    Args:
        slices: any number.
        correct: (N, 21), true only where `scored` is.
        scored: (N, 21) the joints of the subset.
        clusters: (N,) number of a hand's clip, 0..C-1.
        resamples: draws.
        seed: of the draws.
        method: of the interval.
    """
    n = int(clusters.max()) + 1 if len(clusters) else 0
    if not slices or not n:
        return []
    counts = np.stack([per_cluster(scored & s.mask, clusters, n) for s in slices])
    hits = np.stack([per_cluster(correct & s.mask, clusters, n) for s in slices])
    values = macro(hits.sum(axis=1), counts.sum(axis=1))
    # One source of randomness for all; in groups, so that a long list of slices needs no more memory than a short one.
    rows = [
        bootstrap_many(hits[k : k + 16], counts[k : k + 16], resamples=resamples, seed=seed, method=method)
        for k in range(0, len(slices), 16)
    ]
    intervals = np.concatenate(rows)
    result = []
    for k, part in enumerate(slices):
        hands, clips = int((scored & part.mask).any(axis=1).sum()), int(counts[k].any(axis=1).sum())
        value = None if np.isnan(values[k]) else float(values[k])
        small, joints = hands < MIN_HANDS or clips < MIN_CLIPS, int(counts[k].sum())
        result.append(SliceValue(part.attribute, part.name, value, pair(intervals[k]), hands, joints, clips, small))
    return result


def _hands(chosen: NDArray[np.bool_]) -> Flags:
    """All joints of the chosen hands, (N,) -> (N, 21)."""
    return np.repeat(np.asarray(chosen, bool)[:, None], N_JOINTS, axis=1)
