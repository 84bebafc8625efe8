"""OKS and its AP against hand-worked cases and an independently written loop."""

import numpy as np
import pytest

from hint_toolkit.metrics.oks import average_precision, hand_oks
from hint_toolkit.metrics.pck import pixel_distances
from hint_toolkit.protocol import HAND_SIGMAS, OKS_THRESHOLDS
from tests.reference import coco_oks


def test_the_sigmas_are_coco_wholebodys():
    """In the order and unit of its evaluation code; arXiv 2007.11858."""
    published = [0.29, 0.22, 0.35, 0.37, 0.47, 0.26, 0.25, 0.24, 0.35, 0.18, 0.24]
    published += [0.22, 0.26, 0.17, 0.21, 0.21, 0.32, 0.2, 0.19, 0.22, 0.31]
    np.testing.assert_allclose(HAND_SIGMAS, np.array(published) / 10)
    assert OKS_THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def test_one_joint_by_hand():
    # d = 2 sigma s makes the exponent -1/2.
    pixels = np.full((1, 21), np.nan)
    pixels[0, 3] = 2 * HAND_SIGMAS[3] * 100
    scored = np.isfinite(pixels)
    assert hand_oks(pixels, scored, np.array([1e4]), HAND_SIGMAS)[0] == pytest.approx(np.exp(-0.5), abs=1e-12)


def test_a_missing_joint_adds_nothing_and_a_hand_without_joints_has_no_similarity():
    pixels = np.zeros((2, 21))
    pixels[0, 0] = np.inf
    scored = np.ones((2, 21), bool)
    scored[1] = False
    got = hand_oks(pixels, scored, np.array([100.0, 100.0]), HAND_SIGMAS)
    assert got[0] == pytest.approx(20 / 21)
    assert np.isnan(got[1])
    pixels[0, 4] = np.nan
    with pytest.raises(ValueError, match="no true coordinates"):
        hand_oks(pixels, scored, np.array([100.0, 100.0]), HAND_SIGMAS)


def test_precision_by_hand():
    # Ranked: right, wrong, right; the fourth hand is never found. Recall 1/4 at precision 1, 2/4 at 2/3.
    similarity = np.array([0.9, 0.1, 0.8, 0.9])
    detected = np.array([True, True, True, False])
    got = average_precision(similarity, detected, np.array([3.0, 2, 1, 9]), [0.5])
    assert got[0] == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)


def test_everything_right_is_one_nothing_found_is_zero_and_nothing_to_find_is_not_a_number():
    ones = np.ones(5)
    assert average_precision(ones, ones > 0, ones, [0.5, 1.0]).tolist() == pytest.approx([1.0, 1.0])
    assert average_precision(ones, ones < 0, ones, [0.5]).tolist() == [0.0]
    assert np.isnan(average_precision(ones * np.nan, ones > 0, ones, [0.5])).all()


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_plain_loop(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    truth = rng.uniform(0, 300, (n, 21, 2))
    pred = truth + rng.normal(0, rng.uniform(0.5, 12, (n, 1, 1)), truth.shape)
    pred[rng.random((n, 21)) < 0.1] = np.nan
    pred[rng.random(n) < 0.2] = np.nan
    scored = rng.random((n, 21)) < rng.choice([0.1, 0.9])
    areas, scores = rng.uniform(2e3, 9e4, n), np.round(rng.random(n), 1)
    got = hand_oks(pixel_distances(pred, truth), scored, areas, HAND_SIGMAS)
    wanted = [coco_oks.oks(*hand, HAND_SIGMAS) for hand in zip(pred, truth, scored, areas, strict=True)]
    np.testing.assert_allclose(got, [np.nan if s is None else s for s in wanted], atol=1e-12)
    detected = np.isfinite(pred).all(axis=2).any(axis=1)
    flat = [s if found or s is None else -1 for s, found in zip(wanted, detected, strict=True)]
    if all(s is None for s in flat):
        return
    for threshold, ap in zip(OKS_THRESHOLDS, average_precision(got, detected, scores, OKS_THRESHOLDS), strict=True):
        assert ap == pytest.approx(coco_oks.average_precision(flat, scores.tolist(), threshold), abs=1e-12)
