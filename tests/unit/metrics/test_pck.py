"""PCK against hand-worked cases and an independently written loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hint_toolkit.metrics.pck import distances, pck_tally, subset_mask
from hint_toolkit.metrics.sizes import hand_sizes

INF, NAN = np.inf, np.nan


def loop_pck(pred, truth, scored, sizes, threshold):
    """HaMeR's rule, written as the sentence reads: one joint, one hand at a time."""
    shares = []
    for joint in range(truth.shape[1]):
        right = wanted = 0
        for hand in range(len(truth)):
            if scored[hand, joint]:
                wanted += 1
                dx, dy = pred[hand, joint] - truth[hand, joint]
                right += (dx * dx + dy * dy) ** 0.5 / sizes[hand] <= threshold
        if wanted:
            shares.append(right / wanted)
    return sum(shares) / len(shares) if shares else None


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 12), missing=st.floats(0, 0.5), threshold=st.floats(0.01, 0.5))
def test_equals_the_plain_loop(seed, n, missing, threshold):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 500, (n, 21, 2))
    pred = truth + rng.normal(0, 20, truth.shape)
    pred[rng.random((n, 21)) < missing] = NAN
    sizes = rng.uniform(50, 200, n)
    exists = rng.random((n, 21)) < 0.8
    occluded = exists & (rng.random((n, 21)) < 0.5)
    for subset in ("all", "visible", "occluded"):
        mask = subset_mask(subset, exists, occluded)
        got = pck_tally(distances(pred, truth, sizes), mask, threshold).macro
        wanted = loop_pck(pred, truth, mask, sizes, threshold)
        assert (got is None) == (wanted is None)
        if got is not None:
            assert got == pytest.approx(wanted, abs=1e-12)


def one_hand(offset, size=100.0):
    truth = np.zeros((1, 21, 2))
    pred = np.zeros((1, 21, 2))
    pred[0, 3, 0] = offset
    return distances(pred, truth, np.array([size]))


def test_the_border_counts_as_correct():
    everything = np.ones((1, 21), bool)
    assert pck_tally(one_hand(5.0), everything, 0.05).macro == 1.0
    assert pck_tally(one_hand(np.nextafter(5.0, 6)), everything, 0.05).macro == pytest.approx(20 / 21)


def test_a_missing_point_is_wrong_and_still_counted():
    distance = one_hand(NAN)
    assert distance[0, 3] == INF
    tally = pck_tally(distance, np.ones((1, 21), bool), 10.0)
    assert tally.joints == 21
    assert tally.macro == pytest.approx(20 / 21)


def test_half_a_point_is_a_missing_point():
    truth = np.zeros((1, 21, 2))
    pred = truth.copy()
    pred[0, 0] = [0.0, NAN]
    assert distances(pred, truth, np.ones(1))[0, 0] == INF


def test_macro_is_not_micro():
    # Joint 0: one hand of two correct. Joint 1: the only hand that has it correct. Others: no truth.
    distance = np.full((2, 21), NAN)
    distance[:, 0] = [0.0, 1.0]
    distance[0, 1] = 0.0
    scored = np.isfinite(distance)
    tally = pck_tally(distance, scored, 0.1)
    assert tally.macro == pytest.approx((0.5 + 1.0) / 2)
    assert tally.micro == pytest.approx(2 / 3)
    assert np.isnan(tally.per_joint[2:]).all()


def test_nothing_to_score_is_none_and_not_a_number():
    tally = pck_tally(np.zeros((0, 21)), np.zeros((0, 21), bool), 0.1)
    assert tally.macro is None
    assert tally.micro is None
    assert tally.hands == 0


def test_tallies_add_up(rng):
    distance, scored = rng.random((10, 21)), rng.random((10, 21)) < 0.7
    whole = pck_tally(distance, scored, 0.3)
    parts = pck_tally(distance[:4], scored[:4], 0.3) + pck_tally(distance[4:], scored[4:], 0.3)
    assert (whole.correct == parts.correct).all()
    assert whole.hands == parts.hands
    assert whole.macro == parts.macro


def test_micro_all_is_the_weighted_mix_of_visible_and_occluded(rng):
    exists = rng.random((30, 21)) < 0.9
    occluded = exists & (rng.random((30, 21)) < 0.4)
    distance = rng.random((30, 21))
    tallies = {s: pck_tally(distance, subset_mask(s, exists, occluded), 0.4) for s in ("all", "visible", "occluded")}
    mixed = sum(tallies[s].micro * tallies[s].joints for s in ("visible", "occluded")) / tallies["all"].joints
    assert tallies["all"].micro == pytest.approx(mixed, abs=1e-12)


def test_scaling_image_and_truth_together_changes_nothing(rng):
    truth, pred = rng.random((5, 21, 2)) * 300, rng.random((5, 21, 2)) * 300
    sizes = np.full(5, 100.0)
    np.testing.assert_allclose(distances(pred * 4, truth * 4, sizes * 4), distances(pred, truth, sizes), rtol=1e-12)


def test_arguments_stay_as_they_are(rng):
    arrays = [rng.random((3, 21, 2)), rng.random((3, 21, 2)), np.ones(3), np.ones((3, 21), bool)]
    for array in arrays:
        array.flags.writeable = False
    pck_tally(distances(*arrays[:3]), arrays[3], 0.1)


@pytest.mark.parametrize("size", [0.0, -1.0, NAN, INF])
def test_a_size_that_is_no_positive_number_is_refused(size):
    with pytest.raises(ValueError, match="positive"):
        distances(np.zeros((1, 21, 2)), np.zeros((1, 21, 2)), np.array([size]))


def test_a_scored_joint_without_truth_is_refused():
    with pytest.raises(ValueError, match="no true coordinates"):
        pck_tally(np.full((1, 21), NAN), np.ones((1, 21), bool), 0.1)


def test_the_four_normalisers_by_hand():
    boxes = np.array([[0.0, 0, 40, 30]])
    points = np.zeros((1, 21, 2))
    points[0, 1] = [12, 20]
    points[0, 2] = [500, 500]
    exists = np.ones((1, 21), bool)
    exists[0, 2] = False
    sizes = {
        n: hand_sizes(n, boxes, points, exists)[0] for n in ("bbox-max", "bbox-34", "kp-extent-max", "kp-extent-34")
    }
    # 40 wide grown to 3:4 is 53.3 high; the extent is 12 x 20, and 20 is higher than 12 * 4 / 3 = 16.
    assert sizes == {"bbox-max": 40, "bbox-34": pytest.approx(160 / 3), "kp-extent-max": 20, "kp-extent-34": 20}
    with pytest.raises(ValueError, match="normaliser must be one of"):
        hand_sizes("npz", boxes, points, exists)
