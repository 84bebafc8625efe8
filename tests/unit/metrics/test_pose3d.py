"""3D errors against hand-worked cases and an independent implementation that uses scipy."""

import numpy as np
import pytest

from hint_toolkit.metrics.align import follow, procrustes, scale_translation, similarity
from hint_toolkit.metrics.pose3d import error_sums, f_scores, nearest_distances

official = pytest.importorskip("tests.reference.official3d", reason="needs scipy", exc_type=ImportError)
STEPS = np.linspace(0, 0.05, 100)


def hands(rng, n=6, k=21, noise=0.01):
    truth = rng.normal(0, 0.04, (n, k, 3)) + rng.normal(0, 0.3, (n, 1, 3))
    turn = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0] * rng.choice([-1, 1], (n, 1, 1))
    pred = truth @ turn * rng.uniform(0.5, 2, (n, 1, 1)) + rng.normal(0, 0.2, (n, 1, 3))
    return truth, pred + rng.normal(0, noise, pred.shape)


def test_alignments_equal_the_official_code(rng):
    truth, pred = hands(rng, 30)
    moved, transform = procrustes(truth, pred)
    turned, flat = similarity(truth, pred)
    scaled, _ = scale_translation(truth, pred)
    others = rng.normal(0, 0.05, (30, 50, 3))
    carried = follow(others, transform)
    mirrored = 0
    for k in range(30):
        wanted, carry = official.fit(truth[k], pred[k])
        np.testing.assert_allclose(moved[k], wanted, atol=1e-12)
        np.testing.assert_allclose(carried[k], carry(others[k]), atol=1e-12)
        np.testing.assert_allclose(turned[k], official.hamer_fit(truth[k], pred[k]), atol=1e-12)
        np.testing.assert_allclose(scaled[k], official.scale_translate(truth[k], pred[k]), atol=1e-12)
        mirrored += np.abs(moved[k] - turned[k]).max() > 1e-3
    assert 5 < mirrored < 25  # about half of the random turns are reflections, where the two must differ
    assert not flat.any()


def test_a_mirrored_hand_is_forgiven_by_procrustes_alone(rng):
    truth = rng.normal(0, 0.04, (1, 21, 3))
    pred = truth * [-1, 1, 1]
    assert error_sums(truth, procrustes(truth, pred)[0], STEPS).mean < 1e-7  # official sizes are 1e-8 too large
    assert error_sums(truth, similarity(truth, pred)[0], STEPS).mean > 0.005


def test_scale_translation_by_hand():
    truth, pred = np.zeros((1, 21, 3)), np.zeros((1, 21, 3))
    truth[0, :, 0], pred[0, :, 1] = 1.0, 5.0
    truth[0, 4, 0], pred[0, 4, 1] = 3.0, 6.0
    moved, flat = scale_translation(truth, pred)
    assert moved[0, 0].tolist() == [1, 0, 0]
    assert moved[0, 4].tolist() == [1, 2, 0]
    assert not flat.any()


def test_an_all_zero_prediction_lands_on_the_mean_and_is_never_nan(rng):
    truth, _ = hands(rng, 3)
    zero = np.zeros_like(truth)
    mean = np.broadcast_to(truth.mean(axis=1, keepdims=True), truth.shape)
    np.testing.assert_allclose(procrustes(truth, zero)[0], mean, atol=1e-15)
    moved, flat = similarity(truth, zero)
    np.testing.assert_allclose(moved, mean, atol=1e-15)
    assert flat.all()
    moved, flat = scale_translation(truth, zero)
    assert flat.all()
    assert np.isfinite(moved).all()


def test_errors_and_area_equal_the_official_code(rng):
    truth = rng.normal(0, 0.05, (20, 21, 3))
    pred = truth + rng.normal(0, 0.015, truth.shape)
    got = error_sums(truth[:7], pred[:7], STEPS) + error_sums(truth[7:], pred[7:], STEPS)
    mean, area = official.summary(zip(truth, pred, strict=True))
    assert got.mean == pytest.approx(mean, abs=1e-12)
    assert got.auc == pytest.approx(area, abs=1e-12)


def test_the_border_of_the_curve_counts_and_that_of_the_f_score_does_not():
    truth, pred = np.zeros((1, 1, 3)), np.array([[[0.5, 0, 0]]])
    assert error_sums(truth, pred, np.array([0.25, 0.5, 1.0])).curve.tolist() == [0, 1, 1]
    assert f_scores(truth, pred, np.array([0.5, 0.75])).tolist() == [[0.0, 1.0]]
    # One of two points of either side lies on the border: half of each counts.
    two, other = np.array([[[0.0, 0, 0], [9, 0, 0]]]), np.array([[[9.0, 0, 0], [0.5, 0, 0]]])
    assert f_scores(two, other, np.array([0.5])).tolist() == [[0.5]]


def test_nothing_has_no_error():
    nothing = error_sums(np.zeros((0, 21, 3)), np.zeros((0, 21, 3)), STEPS)
    assert (nothing.mean, nothing.auc) == (None, None)


def test_nearest_distances_are_exact_far_from_the_origin(rng):
    a, b = rng.normal(0, 0.05, (200, 3)) + 40.0, rng.normal(0, 0.05, (300, 3)) + 40.0
    every = np.linalg.norm(a[:, None] - b[None], axis=2)
    to_b, to_a = nearest_distances(a, b)
    np.testing.assert_allclose(to_b, every.min(axis=1), rtol=1e-12)
    np.testing.assert_allclose(to_a, every.min(axis=0), rtol=1e-12)
    np.testing.assert_allclose(nearest_distances(a, a)[0], 0, atol=0)


def test_f_scores_equal_the_official_code(rng):
    truth = rng.normal(0, 0.05, (4, 300, 3))
    pred = truth + rng.normal(0, 0.006, truth.shape)
    got = f_scores(truth, pred, np.array([0.005, 0.015]))
    for k in range(4):
        for t, threshold in enumerate((0.005, 0.015)):
            assert got[k, t] == pytest.approx(official.f_score(truth[k], pred[k], threshold), abs=1e-12)
    assert f_scores(truth, truth + 9, np.array([0.005]))[0, 0] == 0.0


@pytest.mark.parametrize("align", [procrustes, similarity, scale_translation])
def test_shapes_must_agree(align):
    with pytest.raises(ValueError, match="wanted"):
        align(np.zeros((2, 21, 3)), np.zeros((2, 20, 3)))
