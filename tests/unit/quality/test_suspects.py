"""Planted label errors are found first; what is only hard is not."""

import numpy as np
import pytest

from hint_toolkit.joints import JOINTS
from hint_toolkit.quality.suspects import FAR, against, fuse, suspects


@pytest.fixture
def labelled(make_hands):
    """300 hands of 200 px; the labels are 2 px off the truth, three methods 4 px; all joints lie inside the image."""
    rng = np.random.default_rng(0)
    hands = make_hands(300, clips=50)
    base = rng.uniform(100, 300, (300, 1, 2))
    grid = np.array([[(j % 5) * 40.0, (j // 5) * 40.0] for j in range(21)])
    truth = base + grid
    hands = hands.replace(
        points=truth + rng.normal(0, 2, truth.shape),
        exists=np.ones((300, 21), bool),
        occluded=rng.random((300, 21)) < 0.3,
        box=np.concatenate([base[:, 0] - 10, base[:, 0] + 190], axis=1),
        width=np.full(300, 640),
        height=np.full(300, 640),
    )
    return hands, truth, [truth + rng.normal(0, 4, truth.shape) for _ in range(3)], np.full(300, 200.0)


def test_the_geometric_median_is_not_misled_by_one():
    points = [np.full((1, 21, 2), v) for v in (1.0, 1.0, 500.0)]
    center, spread, n = fuse(points)
    np.testing.assert_allclose(center, 1.0, atol=1e-3)
    assert n[0, 0] == 3
    assert spread[0, 0] == pytest.approx(np.sqrt(2 * 499.0**2 / 3), rel=1e-3)


def test_the_geometric_median_equals_scipy():
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    points = rng.normal(0, 10, (5, 1, 21, 2))
    center, _, _ = fuse(list(points))
    for j in range(3):
        cloud = points[:, 0, j]
        best = minimize(lambda c, cloud=cloud: np.hypot(*(cloud - c).T).sum(), cloud.mean(axis=0), tol=1e-10).x
        np.testing.assert_allclose(center[0, j], best, atol=2e-3)


def test_missing_answers():
    points = [np.zeros((1, 21, 2)), np.zeros((1, 21, 2))]
    points[1][0, 3:] = np.nan
    points[0][0, 4:] = np.nan
    center, spread, n = fuse(points)
    assert n[0, :5].tolist() == [2, 2, 2, 1, 0]
    assert np.isnan(center[0, 4]).all()
    assert np.isnan(spread[0, 3])
    assert spread[0, 0] == 0


def test_planted_errors_come_first(labelled):
    hands, _truth, methods, sizes = labelled
    points = hands.points.copy()
    moved = [3, 17, 40, 99, 123]
    for i in moved:
        points[i, 8] += 60  # a tip in another place
    swapped = [5, 77]
    for i in swapped:
        points[i, 5:9], points[i, 13:17] = points[i, 13:17].copy(), points[i, 5:9].copy()
    found = suspects(hands.replace(points=points), methods, sizes)
    assert {one.row for one in found[:7]} == {*moved, *swapped}
    assert all(one.score > FAR for one in found[:7])
    one = next(one for one in found if one.row == 3)
    assert one.joints[0] == JOINTS[8]
    assert len(found) < 20  # of 293 right labels hardly any is named


def test_clean_labels_are_hardly_ever_named(labelled):
    hands, _, methods, sizes = labelled
    named = [one for one in suspects(hands, methods, sizes) if one.score >= FAR]
    assert len(named) <= 3


def test_methods_that_differ_agree_against_nobody(labelled):
    hands, truth, methods, sizes = labelled
    rng = np.random.default_rng(2)
    wild = [method.copy() for method in methods]
    for method in wild:
        method[7] = truth[7] + rng.normal(0, 60, (21, 2))
    assert 7 not in {one.row for one in suspects(hands, wild, sizes) if one.score >= FAR}


def test_a_joint_that_all_methods_place_elsewhere_is_their_habit(labelled):
    hands, _, methods, sizes = labelled
    biased = [method.copy() for method in methods]
    for method in biased:
        method[:, 0] += 30  # every method puts the wrist somewhere else, in every hand
    times = against(hands, biased, sizes)
    assert np.median(times[:, 0]) < 1.5
    assert not [one for one in suspects(hands, biased, sizes) if one.score >= FAR and one.joints[:1] == ("wrist",)]


def test_the_side(labelled):
    hands, _, methods, sizes = labelled
    sides = [hands.side.copy() for _ in methods]
    for one in sides:
        one[11] = "right" if hands.side[11] == "left" else "left"
    sides[0][12] = "right" if hands.side[12] == "left" else "left"  # one of three only
    found = {one.row: one for one in suspects(hands, methods, sizes, sides)}
    assert "methods say" in found[11].reasons[-1]
    assert 12 not in found


def test_one_method_is_no_evidence(labelled):
    hands, _, methods, sizes = labelled
    points = hands.points.copy()
    points[3, 8] += 60
    with pytest.raises(ValueError, match="two methods"):
        against(hands, methods[:1], sizes)
    assert 3 not in {one.row for one in suspects(hands.replace(points=points), methods[:1], sizes) if one.joints}


def test_nothing_to_look_at(labelled):
    hands, _, methods, sizes = labelled
    none = hands.take(np.zeros(0, int))
    assert suspects(none, [method[:0] for method in methods], sizes[:0]) == []
    blank = hands.replace(exists=np.zeros((300, 21), bool), occluded=np.zeros((300, 21), bool))
    assert np.isnan(against(blank, methods, sizes)).all()
