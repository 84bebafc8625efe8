"""PCK against hand-worked cases and an independently written loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hint_toolkit.metrics.pck import (
    distances,
    first_threshold,
    pck_curve,
    pck_tally,
    pixel_distances,
    subset_mask,
    tally,
    within,
)
from hint_toolkit.metrics.sizes import extent_boxes, hand_sizes
from tests.reference.hamer_pck import crop_to_image, hamer_pck

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


@pytest.mark.parametrize("block", range(20))
def test_equals_a_reference_of_hamers_evaluator(block):
    """20 x 100 random cases, each on three subsets: crops of left hands mirrored, unlabelled joints, empty subsets."""
    strict = 0
    for case in range(100):
        rng = np.random.default_rng([block, case])
        n = int(rng.integers(1, 12))
        right = rng.integers(0, 2, n)
        center, scale = rng.uniform(0, 500, (n, 2)), rng.uniform(30, 300, (n, 2))
        crops = rng.uniform(-0.5, 0.5, (n, 21, 2))
        pred = np.array([crop_to_image(*hand) for hand in zip(crops, center, 2 * scale.max(1), right, strict=True)])
        truth = pred + rng.normal(0, rng.uniform(1, 30), pred.shape)
        exists = rng.random((n, 21)) < rng.choice([0.0, 0.5, 0.95, 1.0], p=[0.02, 0.1, 0.44, 0.44])
        occluded = exists & (rng.random((n, 21)) < rng.choice([0.0, 0.3, 1.0]))
        threshold = float(rng.choice([0.05, 0.10, 0.15]))
        for subset in ("all", "visible", "occluded"):
            mask = subset_mask(subset, exists, occluded)
            near = within(pixel_distances(pred, truth), scale.max(axis=1), threshold)
            got = tally(near, mask)
            shares, mean = hamer_pck(crops, truth, mask.astype(float), center, scale, right, threshold)
            np.testing.assert_allclose(got.per_joint, shares, rtol=0, atol=1e-12)
            present = [share for share in shares if share == share]
            if len(present) == 21:
                strict += 1
                assert got.macro == pytest.approx(mean, abs=1e-12)
            else:
                # HaMeR prints NaN here; ours is the mean of the joints that have truth, and None without any.
                assert np.isnan(mean)
                wanted = sum(present) / len(present) if present else None
                assert got.macro == (wanted if wanted is None else pytest.approx(wanted, abs=1e-12))
    assert strict > 40


def test_the_border_is_compared_as_the_sources_do():
    # 3.6 of 24 is 0.15 as a quotient, while 24 x 0.15 is a little less than 3.6.
    pixels, sizes = np.full((1, 21), 3.6), np.array([24.0])
    assert (3.6 <= 24 * 0.15, 3.6 / 24 <= 0.15) == (False, True)
    assert not within(pixels, sizes, 0.15).any()
    assert pck_tally(pixels / 24, np.ones((1, 21), bool), 0.15).macro == 1.0
    assert within(np.full((1, 21), 5.0), np.array([100.0]), 0.05, "<=").all()
    assert not within(np.full((1, 21), 5.0), np.array([100.0]), 0.05, "<").any()
    assert not within(np.full((1, 21), INF), sizes, 9.0).any()
    with pytest.raises(ValueError, match="border must be"):
        within(pixels, sizes, 0.15, ">")


def test_mmpose_averages_over_the_joints_that_have_truth(rng):
    """`keypoint_pck_accuracy`: strictly below the threshold, joints without truth dropped."""
    truth, pred = rng.uniform(0, 99, (7, 21, 2)), rng.uniform(0, 99, (7, 21, 2))
    sizes, mask = rng.uniform(50, 90, 7), rng.random((7, 21)) < 0.4
    mask[:, 5] = False
    accuracy = []
    for joint in range(21):
        valid = [np.linalg.norm((pred[i, joint] - truth[i, joint]) / sizes[i]) for i in range(7) if mask[i, joint]]
        if valid:
            accuracy.append(sum(d < 0.5 for d in valid) / len(valid))
    got = tally(within(pixel_distances(pred, truth), sizes, 0.5, "<"), mask)
    assert got.macro == pytest.approx(np.mean(accuracy), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.sampled_from([0.125, 0.5, 2.0, 64.0]), k=st.integers(0, 6))
def test_scaling_shuffling_and_removing_do_what_the_formula_says(seed, factor, k):
    rng = np.random.default_rng(seed)
    n = 9
    truth, pred = rng.uniform(0, 300, (n, 21, 2)), rng.uniform(0, 300, (n, 21, 2))
    sizes, scored = rng.uniform(50, 400, n), rng.random((n, 21)) < 0.8

    def flags(pred, truth, sizes, threshold=0.5):
        return within(pixel_distances(pred, truth), sizes, threshold)

    near = flags(pred, truth, sizes)
    whole = tally(near, scored)
    scaled = tally(flags(pred * factor, truth * factor, sizes * factor), scored)
    assert scaled.macro == whole.macro  # a power of two changes no bit but the exponent's
    order = rng.permutation(n)
    assert tally(flags(pred[order], truth[order], sizes[order]), scored[order]).macro == whole.macro
    gone = rng.permutation(n)[:k]
    without = pred.copy()
    without[gone] = NAN
    left = tally(flags(without, truth, sizes), scored)
    lost = np.array([sum(near[i, j] and scored[i, j] for i in gone) for j in range(21)])
    wanted = [(whole.correct[j] - lost[j]) / whole.scored[j] for j in range(21) if whole.scored[j]]
    assert left.macro == pytest.approx(sum(wanted) / len(wanted), abs=1e-12)
    assert left.joints == whole.joints
    occluded = scored & (rng.random((n, 21)) < 0.5)
    parts = [tally(near, scored & ~occluded), tally(near, occluded)]
    mix = sum((part.micro or 0) * part.joints for part in parts) / whole.joints
    assert whole.micro == pytest.approx(mix, abs=1e-12)


@pytest.mark.parametrize("border", ["<=", "<"])
def test_the_curve_is_the_score_at_every_threshold(rng, border):
    distance, scored = np.round(rng.random((40, 21)), 2), rng.random((40, 21)) < 0.7
    distance[rng.random((40, 21)) < 0.1] = INF
    thresholds = np.round(np.arange(0, 1.01, 0.05), 2)
    compare = np.less_equal if border == "<=" else np.less
    curve = pck_curve(first_threshold(distance, thresholds, border), scored, len(thresholds))
    for threshold, got in zip(thresholds, curve, strict=True):
        wanted = tally(compare(distance, threshold), scored)
        assert (got.correct == wanted.correct).all()
        assert (got.scored == wanted.scored).all()
        assert got.hands == wanted.hands


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
        hand_sizes("palm", boxes, points, exists)


def test_the_npz_normaliser_is_its_scale_column():
    nothing = np.zeros((2, 21, 2)), np.ones((2, 21), bool)
    assert hand_sizes("npz", np.zeros((2, 4)), *nothing, np.array([80.0, 120.0])).tolist() == [80, 120]
    with pytest.raises(ValueError, match="needs the scale column"):
        hand_sizes("npz", np.zeros((2, 4)), *nothing)


def test_extents_are_those_of_box_around(rng):
    from hint_toolkit.geometry import box_around

    points, exists = rng.normal(0, 50, (20, 21, 2)), rng.random((20, 21)) < 0.3
    exists[3], exists[4] = False, True
    points[4, :5] = NAN
    wanted = [box_around(p, e) for p, e in zip(points, exists, strict=True)]
    np.testing.assert_array_equal(extent_boxes(points, exists), wanted)
