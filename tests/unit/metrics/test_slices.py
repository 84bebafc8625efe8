"""Slices: every cut is a partition, and a slice's value is the score of that part."""

import numpy as np
import pytest

from hint_toolkit.joints import JOINTS
from hint_toolkit.metrics.pck import tally
from hint_toolkit.metrics.slices import (
    Slice,
    border_distance,
    border_slices,
    category_slices,
    joint_slices,
    occlusion_slices,
    score_slices,
    tercile_slices,
)


@pytest.fixture
def flags(rng):
    exists = rng.random((60, 21)) < 0.9
    exists[:10] = True
    occluded = exists & (rng.random((60, 1)) < rng.random((60, 21)))
    occluded[:5] = False
    return exists, occluded


def by_attribute(slices):
    found = {}
    for one in slices:
        found.setdefault(one.attribute, []).append(one)
    return found


def test_every_cut_counts_every_joint_once(flags, rng):
    exists, occluded = flags
    sizes = rng.uniform(10, 20, 60)
    sizes[3] = np.nan
    slices = [
        *joint_slices(60),
        *occlusion_slices(exists, occluded),
        *category_slices("side", np.array(["left", "right", ""] * 20)),
        *tercile_slices("hand size", sizes, "px"),
        *border_slices(np.append(rng.uniform(-1, 1, 59), np.nan)),
    ]
    cuts = by_attribute(slices)
    assert set(cuts) == {"joint", "finger", "occluded joints", "truncation", "side", "hand size", "image border"}
    for attribute, parts in cuts.items():
        assert (np.sum([part.mask for part in parts], axis=0) == 1).all(), attribute
    assert [one.name for one in cuts["joint"]] == list(JOINTS)
    assert [one.name for one in cuts["occluded joints"]] == ["0", "1-5", "6-10", "11+"]


def test_hands_fall_into_the_slice_that_their_flags_say():
    exists = np.ones((4, 21), bool)
    exists[3, 20] = False
    occluded = np.zeros((4, 21), bool)
    occluded[1, :5] = occluded[2, :6] = occluded[3, :11] = True
    inside = {(s.attribute, s.name): np.flatnonzero(s.mask[:, 0]).tolist() for s in occlusion_slices(exists, occluded)}
    assert inside == {
        ("occluded joints", "0"): [0],
        ("occluded joints", "1-5"): [1],
        ("occluded joints", "6-10"): [2],
        ("occluded joints", "11+"): [3],
        ("truncation", "all joints in the image"): [0, 1, 2],
        ("truncation", "some joint absent"): [3],
    }


def test_terciles_print_their_edges():
    low, middle, high = tercile_slices("hand size", np.arange(9.0), "px")
    assert (low.name, middle.name, high.name) == ("<= 2.667 px", "2.667 to 5.333 px", "> 5.333 px")
    assert [np.flatnonzero(s.mask[:, 0]).tolist() for s in (low, middle, high)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_a_value_on_an_edge_is_in_the_lower_part():
    low, middle, high = tercile_slices("hand size", np.arange(7.0), "")
    assert [s.name for s in (low, middle, high)] == ["<= 2", "2 to 4", "> 4"]
    assert [np.flatnonzero(s.mask[:, 0]).tolist() for s in (low, middle, high)] == [[0, 1, 2], [3, 4], [5, 6]]


def test_border_distance_by_hand():
    points = np.full((4, 21, 2), 50.0)
    points[0, 0] = [4.5, 30]  # 5 px from the left border at -0.5
    points[1, 0] = [98.5, 30]  # 1 px from the right border at 99.5, but the joint does not exist
    points[2, 0] = [30, -10.5]  # outside
    exists = np.ones((4, 21), bool)
    exists[1, 0] = False
    width, height = np.array([100.0, 100, 100, 0]), np.full(4, 101.0)
    found = border_distance(points, exists, np.full(4, 10.0), width, height)
    np.testing.assert_allclose(found, [0.5, 4.95, -1.0, np.nan])
    near, middle, far, unknown = border_slices(np.array([0.05, 0.1, 0.5, np.nan]))
    assert [s.mask[:, 0].tolist().index(True) for s in (near, middle, far, unknown)] == [0, 1, 2, 3]


def test_a_slice_scores_like_the_whole_restricted_to_it(flags, rng):
    exists, occluded = flags
    correct = exists & (rng.random(exists.shape) < 0.6)
    slices = [*joint_slices(60), *occlusion_slices(exists, occluded)]
    for part, found in zip(slices, score_slices(slices, correct, exists, np.arange(60) // 3), strict=True):
        expected = tally(correct & part.mask, exists & part.mask)
        assert found.value == (None if expected.macro is None else pytest.approx(expected.macro))
        assert (found.hands, found.joints) == (expected.hands, expected.joints)
        if found.interval:
            assert found.interval[0] <= found.value <= found.interval[1]


def test_small_slices_are_marked_and_empty_ones_have_no_value():
    ones = np.ones((12, 21), bool)
    first = np.zeros((12, 21), bool)
    first[:9] = True
    slices = [Slice("x", "all", ones), Slice("x", "nine hands", first), Slice("x", "none", ~ones)]
    whole, nine, none = score_slices(slices, ones, ones, np.arange(12) // 4)
    assert (whole.small, nine.small, none.small) == (False, True, True)
    assert (none.value, none.interval, none.hands, none.joints, none.clips) == (None, None, 0, 0, 0)
    (one_clip,) = score_slices(slices[:1], ones, ones, np.zeros(12, int))
    assert (one_clip.small, one_clip.interval, one_clip.clips) == (True, None, 1)


def test_nothing_in_nothing_out():
    empty = np.zeros((0, 21), bool)
    assert score_slices(list(joint_slices(0)), empty, empty, np.zeros(0, int)) == []
