"""Signs beside the network: disagreement, overlap, and the logistic models that put them together."""

import numpy as np
import pytest

from hint_toolkit.models.occlusion.cues import (
    Combination,
    Cues,
    disagreement,
    fit_combination,
    hand_overlap,
    hull,
    in_hull,
    object_overlap,
)


def hand(x=0.0, y=0.0, size=10.0):
    points = np.stack([np.arange(21) % 5, np.arange(21) // 5], axis=1) * size / 4
    return points + np.array([x, y])


def test_disagreement_by_hand():
    a = np.zeros((1, 21, 2))
    a[0, 9] = [0, 10]  # palm length 10
    b = a.copy()
    b[0, 4] = [6, 8]  # 10 pixels apart: 5 from the mean, half a palm
    found = disagreement([a, b])
    assert found[0, 4] == pytest.approx(0.5)
    assert found[0, 5] == 0


def test_disagreement_wants_two_detectors_a_joint_and_a_palm():
    a = hand()[None].copy()
    b = a.copy()
    b[0, 3] = np.nan
    found = disagreement([a, b])
    assert np.isnan(found[0, 3])
    assert np.isfinite(np.delete(found[0], 3)).all()
    assert np.isnan(disagreement([a])).all()
    c = a.copy()
    c[0, 0] = np.nan
    assert np.isnan(disagreement([c, c])).all()
    assert disagreement([np.zeros((0, 21, 2))] * 2).shape == (0, 21)


def test_three_detectors_against_a_plain_loop():
    rng = np.random.default_rng(0)
    sets = [hand()[None] + rng.normal(0, 1, (4, 21, 2)) for _ in range(3)]
    sets[2][1, 7] = np.nan
    found = disagreement(sets)
    for n in range(4):
        palm = np.median([np.linalg.norm(s[n, 9] - s[n, 0]) for s in sets])
        for j in range(21):
            points = np.array([s[n, j] for s in sets if np.isfinite(s[n, j]).all()])
            wanted = np.sqrt(points.var(axis=0).sum()) / palm
            assert found[n, j] == pytest.approx(wanted, rel=1e-12)


def test_hull_agrees_with_opencv():
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(1)
    for _ in range(20):
        points = rng.integers(0, 30, (21, 2)).astype(float)
        corners = hull(points)
        theirs = cv2.convexHull(points.astype(np.float32))
        asked = rng.integers(-2, 32, (60, 2)).astype(float)
        wanted = [cv2.pointPolygonTest(theirs, tuple(p), False) >= 0 for p in asked]
        assert in_hull(corners, asked).tolist() == wanted


def test_hull_of_few_points_holds_nothing():
    line = np.array([[0.0, 0], [1, 1], [2, 2]])
    assert not in_hull(hull(line), line).any()
    assert not in_hull(hull(np.zeros((0, 2))), line).any()


def test_a_joint_in_another_hand_and_not_in_its_own():
    two = np.stack([hand(), hand(5, 2.5)])
    inside = hand_overlap(two)
    assert inside[0, 12]  # at (5, 5), on the other's edge
    assert not inside[0, 0]
    assert inside[1].any()
    for i, other in ((0, 1), (1, 0)):
        low, high = two[other].min(axis=0), two[other].max(axis=0)
        outside = ((two[i] < low) | (two[i] > high)).any(axis=1)
        assert not inside[i][outside].any()
    assert not hand_overlap(two[:1]).any()
    assert not hand_overlap(np.stack([hand(), hand(100, 0)])).any()
    assert hand_overlap(np.zeros((0, 21, 2))).shape == (0, 21)
    gone = np.stack([hand(), np.full((21, 2), np.nan)])
    assert not hand_overlap(gone).any()


def test_boxes_and_masks_of_things():
    points = hand()[None].copy()
    points[0, 0] = np.nan
    box = np.array([[2.5, 0.0, 5.0, 2.5]])
    wanted = (points[0] >= box[0, :2]).all(axis=1) & (points[0] <= box[0, 2:]).all(axis=1)
    assert wanted.any()
    assert object_overlap(points, boxes=box)[0].tolist() == wanted.tolist()
    mask = np.zeros((1, 6, 8), bool)
    mask[0, 0, 5] = True  # row 0, column 5
    found = object_overlap(points, masks=mask)[0]
    assert np.flatnonzero(found).tolist() == [2]  # the joint at (5, 0)
    assert not object_overlap(points).any()


def _data(n=400, seed=0):
    rng = np.random.default_rng(seed)
    occluded = rng.random((n, 21)) < 0.3
    logit = np.where(occluded, 1.0, -1.0) + rng.normal(0, 2, occluded.shape)
    thing = rng.random(occluded.shape) < np.where(occluded, 0.7, 0.1)
    return occluded, logit, thing


def test_logistic_models_are_those_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    occluded, logit, thing = _data()
    counted = np.ones(occluded.shape, bool)
    fitted = fit_combination(logit, Cues(object=thing), occluded, counted)
    assert set(fitted.models) == {"", "object"}
    model = linear_model.LogisticRegression(C=1e6, tol=1e-10).fit(
        np.column_stack([logit.ravel(), thing.ravel()]), occluded.ravel()
    )
    wanted = [model.intercept_[0], *model.coef_[0]]
    assert fitted.models["object"] == pytest.approx(wanted, abs=1e-3)


def test_a_missing_sign_is_not_taken_for_an_absent_one():
    occluded, logit, thing = _data()
    fitted = fit_combination(logit, Cues(object=thing), occluded, np.ones(occluded.shape, bool))
    nothing = fitted.probability(logit, Cues())
    absent = fitted.probability(logit, Cues(object=np.zeros_like(thing)))
    assert (absent < nothing).all()  # nobody looked, against: looked, and there is none
    partly = np.where(np.arange(21) < 5, np.nan, 0.0) * np.ones(logit.shape)
    mixed = fitted.probability(logit, Cues(object=partly))
    assert np.array_equal(mixed[:, :5], nothing[:, :5])
    assert np.array_equal(mixed[:, 5:], absent[:, 5:])


def test_signs_that_no_model_knows_are_left_out_and_nan_stays():
    logit = np.array([[0.5] * 20 + [np.nan]])
    found = Combination().probability(logit, Cues(hand=np.ones((1, 21), bool)))
    assert found[0, :20] == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert np.isnan(found[0, 20])


def test_without_data_the_network_is_believed_as_it_is():
    fitted = fit_combination(np.zeros((0, 21)), Cues(), np.zeros((0, 21), bool), np.zeros((0, 21), bool))
    assert fitted.models[""] == (0.0, 1.0)
