"""Which pictures are near-duplicates, from their fingerprints (`video/likeness.py`); no file is seen here.

Two looks, then a proof. The first 49 terms of the sketches of all pictures are multiplied with each other, block by
block; what is alike there is asked for all 124. Both are sums of whole numbers, the same on every machine. What is
left, a few pairs in a million, is laid on each other: scale and shift along either axis are found by least squares
(Lucas and Kanade 1981, first at 16 x 16, then at 32 x 32), and the thumbnails are compared where they overlap.

The similarity of a pair is 1 - d/2, d the mean squared difference of the normalised thumbnails in that one of their
64 cells (4 x 4) where it is largest. Over the whole thumbnail this would be their correlation. The worst cell decides
because a hand that has moved before a still camera changes one cell and hardly the whole: it makes another picture.

Found of planted duplicates at `NEAR` (tests/unit/sampling/test_dedupe.py), on 60
photographs and video frames of at most 400 px, on 36 synthetic ones of 256 x 192, and on 10 of those that are dim (an
eighth of the light, or haze):

                                        real    synthetic    dim
    JPEG 30 / 95                        1.00    1.00         0.80 / 1.00
    x264 crf 40                         1.00    1.00         0.00
    half / double size                  1.00    1.00         1.00
    crop 5 % (all sides, side, corner)  1.00    1.00         1.00
    shift 5 %, border repeated          1.00    1.00         1.00
    shift 5 %, black border             0.97    1.00         1.00
    brightness, contrast +-20 %         1.00    1.00         1.00
    gamma 1.2 / 0.8                     1.00    1.00         0.90 / 1.00
    crop, 0.6 x, gamma 1.2, JPEG 40     1.00    1.00         0.70
    shift, 1.5 x, +20 %, x264 crf 38    0.98    0.97         0.30
    precision                           0.98    1.00 (with the dim ones)

What counts against precision: frames of one clip some seconds apart between which hardly anything moved.

A flat picture (black, blank, a bare wall) resembles every other flat one, and is a duplicate of none. `is_flat` names
it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.video.likeness import N_COARSE, SIDE, SKETCH_NORM, check, is_flat, sketches, smooth, thumbnails

NEAR = 0.80
"""Similarity from which a pair counts as near-duplicate."""

COARSE_ALIKE, ALIKE = 0.69, 0.65
"""Cosine of the first 49 terms, and of all 124, below which a pair is not looked at."""

_ROWS, _COLUMNS, _PAIRS = 512, 4096, 512
_REACH = np.array([0.16, 0.12, 0.16, 0.12], np.float32)  # scale and shift (of half a side) along x, then y
_CELL = 4

Single = NDArray[np.float32]
Ints = NDArray[np.int64]


def near_duplicates(
    fingerprints: NDArray[np.uint8],
    *,
    groups: NDArray[np.generic] | None = None,
    within: bool = False,
    threshold: float = NEAR,
) -> tuple[Ints, Single]:
    """All pairs of pictures that are near-duplicates.

    Args:
        fingerprints: (N, 1152) uint8.
        groups: (N,) a split, a video or the like; then only pairs of two different groups are looked at.
        within: with `groups`, only pairs of one group instead.
        threshold: smallest similarity, 0..1. Below `NEAR` some pairs are missing that the sketch does not propose.

    Returns:
        (M, 2) row numbers, the smaller first, in ascending order; (M,) similarity. Memory grows with M, not with N^2.

    Raises:
        ValueError: shapes disagree, or the threshold is not in 0..1.
    """
    check(fingerprints)
    n = len(fingerprints)
    if groups is not None and groups.shape != (n,):
        raise ValueError(f"wanted {n} groups, got {groups.shape}")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be in 0..1, got {threshold}")
    code = None if groups is None else np.unique(groups, return_inverse=True)[1]
    pairs: list[Ints] = [np.empty((0, 2), np.int64)]
    values: list[Single] = [np.empty(0, np.float32)]
    for found in _proposed(fingerprints, code, within):
        for start in range(0, len(found), _PAIRS):
            some = found[start : start + _PAIRS]
            value = similarity(*(thumbnails(fingerprints[side]) for side in some.T))
            near = value >= threshold
            pairs.append(some[near])
            values.append(value[near])
    every, value = np.concatenate(pairs), np.concatenate(values)
    order = np.lexsort((every[:, 1], every[:, 0]))
    return every[order], value[order]


def _proposed(fingerprints: NDArray[np.uint8], code: NDArray[np.intp] | None, within: bool) -> Iterator[Ints]:
    """Pairs that the sketches find alike, (K, 2), a block at a time."""
    rows = np.flatnonzero(~is_flat(fingerprints))
    whole = sketches(fingerprints[rows])
    coarse, whole = _directions(whole[:, :N_COARSE]), _directions(whole)
    for top in range(0, len(rows), _ROWS):
        for left in range(top, len(rows), _COLUMNS):
            cosine = coarse[top : top + _ROWS] @ coarse[left : left + _COLUMNS].T
            i, j = np.divmod(np.flatnonzero(cosine >= COARSE_ALIKE * SKETCH_NORM**2), cosine.shape[1])
            i, j = i + top, j + left
            wanted = i < j
            if code is not None:
                wanted &= (code[rows[i]] == code[rows[j]]) == within
            i, j = i[wanted], j[wanted]
            for start in range(0, len(i), _COLUMNS):
                some, other = i[start : start + _COLUMNS], j[start : start + _COLUMNS]
                alike = np.einsum("ij,ij->i", whole[some], whole[other]) >= ALIKE * SKETCH_NORM**2
                yield np.stack([rows[some[alike]], rows[other[alike]]], axis=1)


def _directions(sketch: Single) -> Single:
    """(N, D) whole numbers, every row of length 400: a product of two is exact in float32, however it is summed."""
    length = np.sqrt(np.einsum("ij,ij->i", sketch, sketch))[:, None]
    return np.asarray(np.rint(sketch * np.float32(SKETCH_NORM) / np.maximum(length, 1)), np.float32)


def similarity(first: Single, second: Single) -> Single:
    """How alike pairs of thumbnails are after one was laid on the other.

    Args:
        first: (P, 32, 32) from `thumbnails`.
        second: (P, 32, 32).

    Returns:
        (P,) at most 1; 0 for a pair that has nothing in common. The order of the two does not matter.
    """
    # Which one is moved makes a small difference: it must not depend on their order.
    swap = (first.sum((1, 2)) < second.sum((1, 2)))[:, None, None]
    one, two = smooth(np.where(swap, second, first)), smooth(np.where(swap, first, second))
    return np.asarray(np.maximum(_laid_on(one, two), 0), np.float32)


def _laid_on(one: Single, two: Single) -> Single:
    """Similarity when `two` is moved onto `one`, both smoothed."""
    moved: Single = np.zeros((len(one), 4), np.float32)
    moved = _align(_even(smooth(_halved(one)), 2), _even(smooth(_halved(two)), 2), moved, 6)
    moved = _align(_even(one, 3), _even(two, 3), moved, 3)
    laid, valid = _warp(two, moved, 1)
    valid[:, [0, -1]] = 0
    valid[:, :, [0, -1]] = 0
    difference = (_standard(one, valid) - _standard(laid, valid)) ** 2
    cells = SIDE // _CELL
    worst = difference.reshape(-1, cells, _CELL, cells, _CELL).mean((2, 4)).max((1, 2))
    return np.asarray(1 - worst / 2, np.float32)


def _align(one: Single, two: Single, moved: Single, steps: int) -> Single:
    """Gauss-Newton steps of scale and shift along x and y, (P, 4), with contrast and brightness left free."""
    n = one.shape[1]
    place = _places(n)
    down, right = np.gradient(one, 2 / n, axis=(1, 2))
    slope = [right * place, right, down * place[:, None], down, one, np.ones_like(one)]
    jacobian = np.stack(slope, axis=1)
    # Two outer rows are left out: there a black bar may end.
    jacobian[:, :, [0, 1, -2, -1]] = 0
    jacobian[:, :, :, [0, 1, -2, -1]] = 0
    jacobian = jacobian.reshape(len(one), 6, n * n)
    normal = jacobian @ jacobian.transpose(0, 2, 1)
    normal += np.eye(6, dtype=np.float32) * (1e-3 + 0.01 * normal * (np.arange(6) < 4))
    inverse = np.linalg.inv(normal)[:, :4]
    for _ in range(steps):
        laid, valid = _warp(two, moved, 2)
        residual = ((laid - one) * valid).reshape(len(one), n * n, 1)
        step = (inverse @ (jacobian @ residual))[:, :, 0]
        moved = np.clip(moved - step, -_REACH, _REACH)
    return moved


def _warp(pictures: Single, moved: Single, border: int) -> tuple[Single, Single]:
    """Each picture read at scaled and shifted places, and 1 where that place is inside without its border."""
    n = pictures.shape[1]
    x, inside_x = _read_at(moved[:, 0], moved[:, 1], n, border)
    y, inside_y = _read_at(moved[:, 2], moved[:, 3], n, border)
    laid = np.asarray(y @ pictures @ x.transpose(0, 2, 1), np.float32)
    return laid, np.asarray(inside_y[:, :, None] * inside_x[:, None, :], np.float32)


def _read_at(scale: Single, shift: Single, n: int, border: int) -> tuple[Single, Single]:
    """(P, n, n) weights of linear interpolation along one axis; (P, n) whether a place is inside."""
    at = ((1 + scale[:, None]) * _places(n) + shift[:, None]) * np.float32(n / 2) + np.float32((n - 1) / 2)
    inside = (at >= border - 0.5) & (at <= n - 0.5 - border)
    near = np.clip(at, 0, n - 1)[:, :, None] - np.arange(n, dtype=np.float32)
    return np.asarray(np.maximum(0, 1 - np.abs(near)), np.float32), inside.astype(np.float32)


def _places(n: int) -> Single:
    """Centres of n pixels when the side runs from -1 to 1."""
    return ((2 * np.arange(n) + 1) / n - 1).astype(np.float32)


def _halved(pictures: Single) -> Single:
    n = pictures.shape[1] // 2
    return np.asarray(pictures.reshape(-1, n, 2, n, 2).mean((2, 4)))


def _even(pictures: Single, border: int) -> Single:
    """Mean 0 and deviation 1 without the border: contrast must not decide how far a step goes."""
    core = pictures[:, border:-border, border:-border]
    spread = np.maximum(core.std((1, 2), keepdims=True), 0.05)
    return np.asarray((pictures - core.mean((1, 2), keepdims=True)) / spread)


def _standard(pictures: Single, valid: Single) -> Single:
    """Mean 0 and deviation 1 over the valid pixels, 0 elsewhere."""
    count = np.maximum(valid.sum((1, 2), keepdims=True), 1)
    level = (pictures * valid).sum((1, 2), keepdims=True) / count
    centred = (pictures - level) * valid
    spread = np.sqrt((centred * centred).sum((1, 2), keepdims=True) / count)
    return np.asarray(centred / np.maximum(spread, 1e-3))
