import numpy as np
import pytest

from hint_toolkit.metrics.dataset import (
    copies,
    heat,
    histogram,
    in_image,
    in_several,
    moved_farther,
    moves,
    same_hand_twice,
)


def test_histogram_counts_as_by_hand_and_loses_nothing():
    values = np.array([-1.0, 0, 1, 1.5, 2, 4, 4.1, np.nan, np.inf])
    found = histogram(values, np.array([0.0, 1, 2, 4]))
    assert found.counts.tolist() == [1, 2, 2]  # 0 | 1, 1.5 | 2, 4
    assert (found.below, found.above, found.unknown) == (1, 1, 2)
    assert found.counts.sum() + found.below + found.above + found.unknown == len(values)
    assert histogram(np.zeros(0), np.array([0.0, 1])).counts.tolist() == [0]


def test_a_pixel_centre_lies_half_a_pixel_inside_the_image():
    points = np.array([[[0.0, 0], [3, 1], [-0.5, -0.5]], [[1, 1], [np.nan, 1], [2, 2]]])
    found = in_image(points, np.array([4, 0]), np.array([2, 10]))
    np.testing.assert_allclose(found[0], [[0.125, 0.25], [0.875, 0.75], [0, 0]])
    assert np.isnan(found[1]).all()


def test_heat_puts_rows_from_the_top_and_counts_what_is_outside():
    fractions = np.array([[0.1, 0.9], [0.6, 0.1], [0.6, 0.4], [0, 0], [1.0, 0.5], [-0.01, 0.5], [np.nan, 0.5]])
    found = heat(fractions, 2)
    assert found.counts.tolist() == [[1, 2], [1, 0]]
    assert (found.outside, found.unknown) == (2, 1)


def grid(n, rng):
    return rng.uniform(0, 500, (n, 21, 2))


def brute(pictures, points, exists, sizes):
    pairs = []
    for i in range(len(points)):
        for j in range(i + 1, len(points)):
            both = exists[i] & exists[j]
            if pictures[i] != pictures[j] or pictures[i] < 0 or both.sum() < 5:
                continue
            gap = np.linalg.norm(points[i][both] - points[j][both], axis=1).mean()
            if gap <= 0.1 * max(sizes[i], sizes[j]):
                pairs.append([i, j])
    return pairs


def test_same_hand_twice_finds_what_a_double_loop_finds(rng):
    points = grid(60, rng)
    pictures = rng.integers(-1, 6, 60)
    exists = rng.random((60, 21)) < 0.7
    sizes = rng.uniform(80, 300, 60)
    for _ in range(40):  # near copies, some in another picture, at all distances around the limit
        i, j = rng.integers(0, 60, 2)
        points[j] = points[i] + rng.normal(0, rng.uniform(1, 30), (21, 2))
    found = same_hand_twice(pictures, points, exists, sizes).tolist()
    assert found == brute(pictures, points, exists, sizes)
    assert len(found) > 3


def test_three_labels_of_one_hand_are_three_pairs_and_few_common_joints_none(rng):
    points = np.repeat(grid(1, rng), 3, axis=0)
    exists = np.ones((3, 21), bool)
    one = np.zeros(3, np.int64)
    assert same_hand_twice(one, points, exists, np.full(3, 100.0)).tolist() == [[0, 1], [0, 2], [1, 2]]
    assert same_hand_twice(one - 1, points, exists, np.full(3, 100.0)).tolist() == []
    assert same_hand_twice(one, points, exists, np.full(3, np.nan)).tolist() == []
    exists[1, 4:] = False
    assert same_hand_twice(one, points, exists, np.full(3, 100.0)).tolist() == [[0, 2]]
    assert same_hand_twice(one[:0], points[:0], exists[:0], np.zeros(0)).shape == (0, 2)


def test_in_several_and_copies():
    assert in_several(np.array([1, 1, 2, 2, -1, -1, 3]), np.array([0, 1, 0, 0, 0, 1, 2])) == 1
    assert in_several(np.zeros(0, np.int64), np.zeros(0, np.int64)) == 0
    assert copies(np.array([5, 6, 5, 5])) == 2
    assert copies(np.zeros(0, np.int64)) == 0


def test_moves_are_distances_of_existing_known_points():
    before, after = np.zeros((1, 21, 2)), np.zeros((1, 21, 2))
    after[0, 0] = 3, 4
    before[0, 1] = np.nan
    exists = np.ones((1, 21), bool)
    exists[0, 2] = False
    found = moves(before, after, exists)
    assert found[0, 0] == 5
    assert np.isnan(found[0, 1:3]).all()
    assert (found[0, 3:] == 0).all()
    counted = moved_farther(found, np.array([0.5, 5.0]))
    assert counted.farther[:, 0].tolist() == [1, 0]  # 5 is not more than 5
    assert counted.known[:4].tolist() == [1, 0, 0, 1]
    with pytest.raises(ValueError, match="wanted"):
        moves(before, after[:, :20], exists)
