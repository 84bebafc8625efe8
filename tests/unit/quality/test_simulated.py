from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hint_toolkit.geometry import box_around
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.quality.simulated import simulate_correction
from hint_toolkit.records import Hand, Hands


@pytest.fixture
def truth(make_hands: Callable[..., Hands]) -> Hand:
    """A hand of 200 px whose joints all exist, some occluded."""
    hand = make_hands(1)[0]
    points = np.random.default_rng(3).uniform(100, 300, (N_JOINTS, 2))
    points[:2] = [[100, 100], [300, 260]]
    exists, occluded = np.ones(N_JOINTS, bool), np.arange(N_JOINTS) % 4 == 0
    return replace(hand, points=points, exists=exists, occluded=occluded, box=box_around(points))


def far(truth: Hand) -> Hand:
    """A pre-label of which every point must be moved."""
    return replace(truth, points=truth.points + 50.0, box=truth.box + 50.0, state="prelabel")


def test_sigma_is_recovered_in_fractions_of_the_longer_side(truth: Hand) -> None:
    rng = np.random.default_rng(0)
    for sigma in (0.01, 0.03):
        errors = [
            simulate_correction(truth, start, rng, sigma=sigma).points - truth.points
            for start in (far(truth), None)
            for _ in range(300)
        ]
        assert np.std(errors) == pytest.approx(sigma * 200, rel=0.02)
        assert abs(np.mean(errors)) < 0.05 * sigma * 200


def test_points_near_enough_are_left_untouched(truth: Hand) -> None:
    shift = np.zeros((N_JOINTS, 2))
    shift[:10, 0] = 0.029 * 200
    shift[10:, 0] = 0.031 * 200
    start = replace(truth, points=truth.points + shift, state="prelabel")
    got = simulate_correction(truth, start, np.random.default_rng(0), tolerance=0.03)
    np.testing.assert_array_equal(got.points[:10], start.points[:10])
    assert (got.points[10:] != start.points[10:]).all()
    np.testing.assert_array_equal(got.box, truth.box)


def test_flips_have_the_stated_probability(truth: Hand) -> None:
    rng = np.random.default_rng(0)
    wrong = [simulate_correction(truth, None, rng, flip=0.1).occluded != truth.occluded for _ in range(600)]
    assert np.mean(wrong) == pytest.approx(0.1, abs=0.008)
    assert not (simulate_correction(truth, None, rng, flip=0.0).occluded != truth.occluded).any()


def test_existence_is_answered_rightly_and_keeps_the_detectors_point(truth: Hand) -> None:
    gone = np.arange(N_JOINTS) == 8
    right = replace(truth, exists=~gone, occluded=truth.occluded & ~gone)
    start = replace(far(truth), exists=np.arange(N_JOINTS) != 3)
    got = simulate_correction(right, start, np.random.default_rng(0), flip=1.0)
    np.testing.assert_array_equal(got.exists, ~gone)
    np.testing.assert_array_equal(got.points[8], start.points[8])
    assert not got.occluded[8]
    from_nothing = simulate_correction(right, None, np.random.default_rng(0))
    assert np.isnan(from_nothing.points[8]).all()
    assert not from_nothing.exists[8]


def test_a_joint_that_the_detector_missed_is_drawn(truth: Hand) -> None:
    start = replace(truth, points=np.where(np.arange(N_JOINTS)[:, None] == 5, np.nan, truth.points), state="prelabel")
    got = simulate_correction(truth, start, np.random.default_rng(0))
    assert got.exists[5]
    assert 0 < np.abs(got.points[5] - truth.points[5]).max() < 0.1 * 200


def test_the_box_moves_only_when_it_is_off(truth: Hand) -> None:
    rng, right_edge = np.random.default_rng(0), np.array([0, 0, 1, 0])
    near = replace(truth, box=truth.box + 5.9 * right_edge, state="prelabel")
    np.testing.assert_array_equal(simulate_correction(truth, near, rng).box, near.box)
    off = replace(truth, box=truth.box + 6.1 * right_edge, state="prelabel")
    got = simulate_correction(truth, off, rng).box
    assert (got != off.box).all()
    assert np.abs(got - truth.box).max() < 0.1 * 200


def test_side_and_identity_are_the_truths_and_chance_is_the_rngs(truth: Hand) -> None:
    start = replace(far(truth), side="left" if truth.side == "right" else "right")
    once, again, other = (simulate_correction(truth, start, np.random.default_rng(s)) for s in (1, 1, 2))
    assert (once.id, once.side) == (truth.id, truth.side)
    np.testing.assert_array_equal(once.points, again.points)
    assert (once.points != other.points).any()
