"""What a set of labels looks like: where hands lie, how large they are, which are there twice, what people moved.

Arrays in, counts out. Pixels of the original image, centre of the top-left pixel (0, 0).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import finite
from hint_toolkit.joints import N_JOINTS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

NEAR: Final = 0.1
"""Of the box's longer side: two labels of one picture that are nearer to each other on average are of one hand."""
ENOUGH: Final = 5
"""Joints that two hands must have in common before they can be called alike."""


class Histogram(NamedTuple):
    """Counts between edges; what lies on an edge belongs to the bin that begins there, the last edge to the last bin.

    Attributes:
        counts: (B,) values in each bin.
        below: values under the first edge.
        above: values over the last.
        unknown: values that are not finite.
    """

    counts: Counts
    below: int
    above: int
    unknown: int


class Heat(NamedTuple):
    """Counts on a grid over the image.

    Attributes:
        counts: (bins, bins), the first row at the top of the image.
        outside: points that lie on no pixel of their image.
        unknown: points without coordinates, or in an image of unknown size.
    """

    counts: Counts
    outside: int
    unknown: int


class Moved(NamedTuple):
    """How many points were moved farther than each limit.

    Attributes:
        farther: (L, 21) points moved by more than the limit.
        known: (21,) points of which it is known.
    """

    farther: Counts
    known: Counts


def histogram(values: Floats, edges: Floats) -> Histogram:
    """Count values between rising edges, (B + 1,) of them."""
    known = values[np.isfinite(values)]
    counts = np.histogram(known, edges)[0].astype(np.int64)
    below, above = int((known < edges[0]).sum()), int((known > edges[-1]).sum())
    return Histogram(counts, below, above, int(values.size - known.size))


def in_image(points: Floats, width: Counts, height: Counts) -> Floats:
    """Points as fractions of their image, 0..1 from its left and upper edge.

    Args:
        points: (N, K, 2) pixels.
        width: (N,) of the images; 0 where it is unknown.
        height: likewise.

    Returns:
        (N, K, 2); NaN where size or point is unknown.
    """
    size = np.stack([width, height], axis=1).astype(float)
    size[(size <= 0).any(axis=1)] = np.nan
    # The first pixel's centre is (0, 0), so the image begins half a pixel before it.
    return np.asarray((points + 0.5) / size[:, None, :])


def heat(fractions: Floats, bins: int) -> Heat:
    """Count points on a grid.

    Args:
        fractions: (..., 2) from `in_image`.
        bins: cells along each side.
    """
    flat = fractions.reshape(-1, 2)
    known = flat[finite(flat)]
    within = ((known >= 0) & (known < 1)).all(axis=1)
    cell = np.floor(known[within] * bins).astype(np.int64)
    counts = np.bincount(cell[:, 1] * bins + cell[:, 0], minlength=bins * bins).reshape(bins, bins)
    return Heat(counts, int((~within).sum()), len(flat) - len(known))


def same_hand_twice(pictures: Counts, points: Floats, exists: Flags, sizes: Floats) -> Counts:
    """Pairs of hands in one picture whose joints lie on each other: most likely one hand, labelled twice.

    Args:
        pictures: (N,) number of the picture; below 0 where it is unknown.
        points: (N, 21, 2) pixels.
        exists: (N, 21) which of them count.
        sizes: (N,) longer sides of the boxes, pixels; NaN where unknown, and then nothing is near.

    Returns:
        (P, 2) positions, the smaller first, sorted: pairs with at least `ENOUGH` joints in common and a mean distance
        of at most `NEAR` times the larger size.
    """
    order = np.argsort(pictures, kind="stable")
    order = order[pictures[order] >= 0]
    found: list[Counts] = []
    for step in range(1, len(order)):
        first, second = order[:-step], order[step:]
        together = pictures[first] == pictures[second]
        if not together.any():
            break
        a, b = first[together], second[together]
        found.append(np.asarray(np.stack([a, b], axis=1)[_alike(a, b, points, exists, sizes)]))
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *found])
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))])


def _alike(a: Counts, b: Counts, points: Floats, exists: Flags, sizes: Floats) -> Flags:
    common = exists[a] & exists[b] & finite(points[a]) & finite(points[b])
    gap = np.where(common[..., None], points[a] - points[b], 0.0)
    total, n = np.sqrt((gap * gap).sum(axis=2)).sum(axis=1), common.sum(axis=1)
    return np.asarray((n >= ENOUGH) & (total <= NEAR * np.fmax(sizes[a], sizes[b]) * n))


def in_several(things: Counts, groups: Counts) -> int:
    """How many things are in more than one group, of (N,) numbers each; a thing below 0 is unknown and left out."""
    pairs = np.unique(np.stack([things, groups], axis=1)[things >= 0], axis=0)
    return int((np.unique(pairs[:, 0], return_counts=True)[1] > 1).sum())


def copies(keys: NDArray[np.int64]) -> int:
    """How many hands repeat an earlier one, from a key a hand that is equal for equal hands."""
    return int(len(keys) - len(np.unique(keys)))


def moves(before: Floats, after: Floats, exists: Flags) -> Floats:
    """How far each point was moved, (N, 21) pixels; NaN where a joint is absent or either point is unknown.

    Args:
        before: (N, 21, 2) what the detector gave.
        after: (N, 21, 2) what people made of it.
        exists: (N, 21) joints that exist, as people say.
    """
    if before.shape != after.shape or after.shape[1:] != (N_JOINTS, 2):
        raise ValueError(f"wanted (N, 21, 2) twice; got {before.shape}, {after.shape}")
    known = exists & finite(before) & finite(after)
    gap = np.where(known[..., None], after - before, np.nan)
    return np.asarray(np.sqrt((gap * gap).sum(axis=2)))


def moved_farther(distance: Floats, limits: Floats) -> Moved:
    """Count the points of each joint that were moved by more than each limit.

    Args:
        distance: (N, 21), NaN where unknown.
        limits: (L,) in the same unit.
    """
    farther = np.stack([(distance > limit).sum(axis=0) for limit in limits]) if len(limits) else np.zeros((0, N_JOINTS))
    return Moved(farther.astype(np.int64), np.isfinite(distance).sum(axis=0))
