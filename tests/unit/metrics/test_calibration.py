"""Reliability, Brier score and risk against coverage."""

import numpy as np
import pytest

from hint_toolkit.metrics.calibration import brier, reliability, risk_coverage


def test_brier_equals_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the independent reference")
    rng = np.random.default_rng(3)
    for k in range(100):
        truth = rng.random(int(rng.integers(2, 200))) < 0.6
        value = rng.random(len(truth)).round(1 if k % 2 else 12)
        truth[:2] = [True, False]
        assert brier(truth, value) == pytest.approx(metrics.brier_score_loss(truth, value), abs=1e-9, rel=0)


def test_worked_by_hand():
    truth = np.array([True, False, True, True])
    value = np.array([0.15, 0.15, 0.8, 1.0])
    found = reliability(truth, value)
    assert found.count.tolist() == [0, 2, 0, 0, 0, 0, 0, 0, 1, 1]
    # Bin 1: 0.15 said, half visible. Bin 8: 0.8 said, all visible. Bin 9: 1.0 said, all visible.
    assert found.ece == pytest.approx((2 * 0.35 + 1 * 0.2 + 0) / 4, abs=1e-12)
    assert brier(truth, value) == pytest.approx((0.85**2 + 0.15**2 + 0.2**2) / 4, abs=1e-15)
    rows = found.rows()
    assert rows[1] == {"low": 0.1, "high": 0.2, "count": 2, "predicted": 0.15, "visible": 0.5}
    assert rows[0] == {"low": 0.0, "high": 0.1, "count": 0, "predicted": None, "visible": None}


def test_a_value_on_an_edge_belongs_to_the_upper_bin():
    edges = np.array([k / 10 for k in range(11)])
    assert reliability(np.ones(11, bool), edges).count.tolist() == [1] * 9 + [2]
    just_below = np.nextafter(edges[1:-1], 0)
    assert reliability(np.ones(9, bool), just_below).count.tolist() == [1] * 9 + [0]


def test_a_calibrated_method_has_a_small_error_and_an_overconfident_one_a_large(rng):
    said = rng.random(200_000)
    truth = rng.random(200_000) < said
    assert reliability(truth, said).ece < 0.005
    assert reliability(truth, np.where(said > 0.5, 1.0, 0.0)).ece == pytest.approx(0.25, abs=0.01)


def test_nothing_to_score_is_none_and_no_probability_is_refused():
    nothing = np.zeros(0)
    assert reliability(nothing.astype(bool), nothing).ece is None
    assert brier(nothing.astype(bool), nothing) is None
    assert risk_coverage(nothing.astype(bool), nothing) is None
    for bad in (-0.01, 1.01, np.nan):
        with pytest.raises(ValueError, match=r"0\.\.1"):
            reliability(np.array([True]), np.array([bad]))


def test_risk_coverage_by_hand():
    correct = np.array([True, False, True, False])
    found = risk_coverage(correct, np.array([0.9, 0.8, 0.7, 0.1]))
    # Keeping 1, 2, 3, 4 joints: 1/1, 1/2, 2/3, 2/4 correct.
    assert found.aurc == pytest.approx(np.mean([0, 1 / 2, 1 / 3, 1 / 2]), abs=1e-15)
    assert found.aurc_best == pytest.approx(np.mean([0, 0, 1 / 3, 1 / 2]), abs=1e-15)
    assert found.aurc_random == 0.5
    assert found.pck[found.kept.index(0.25)] == 1.0
    assert found.pck[found.kept.index(0.5)] == 0.5
    assert found.pck[-1] == 0.5


def test_an_oracle_is_monotone_and_best_and_its_opposite_is_worse_than_chance(rng):
    correct = rng.random(3000) < 0.6
    oracle = risk_coverage(correct, correct * 1.0)
    assert (np.diff(oracle.pck) <= 1e-12).all()
    assert oracle.pck[0] == 1.0
    assert oracle.aurc == pytest.approx(oracle.aurc_best, abs=1e-12)
    fool = risk_coverage(correct, 1.0 - correct)
    assert (np.diff(fool.pck) >= -1e-12).all()
    assert fool.aurc > fool.aurc_random > oracle.aurc


def test_ties_give_a_flat_curve_whatever_the_order(rng):
    correct = rng.random(101) < 0.3
    constant = risk_coverage(correct, np.full(101, 0.4))
    assert constant.pck == pytest.approx([correct.mean()] * 20, abs=1e-12)
    assert constant.aurc == pytest.approx(constant.aurc_random, abs=1e-12)
    confidence = rng.random(101).round(1)
    order = rng.permutation(101)
    assert risk_coverage(correct, confidence) == risk_coverage(correct[order], confidence[order])
