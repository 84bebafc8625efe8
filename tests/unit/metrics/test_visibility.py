"""AP, ROC-AUC and F1 of visibility: by hand, against scikit-learn, and where they are not defined."""

import numpy as np
import pytest

from hint_toolkit.metrics.visibility import average_precision, f1, macro, micro, per_joint, roc_auc


def cases():
    """Random truth and probabilities: smooth, with many ties, constant, rare classes, short."""
    rng = np.random.default_rng(7)
    for k in range(300):
        n = int(rng.integers(2, 400))
        truth = rng.random(n) < rng.choice([0.02, 0.5, 0.9])
        if truth.all() or not truth.any():
            truth[0] = not truth[0]
        value = rng.random(n)
        value = {0: value, 1: value.round(1), 2: np.full(n, value[0]), 3: np.clip(truth + value - 0.5, 0, 1)}[k % 4]
        yield truth, value


def test_equal_to_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the independent reference")
    for truth, value in cases():
        assert average_precision(truth, value) == pytest.approx(
            metrics.average_precision_score(truth, value), abs=1e-9, rel=0
        )
        assert roc_auc(truth, value) == pytest.approx(metrics.roc_auc_score(truth, value), abs=1e-9, rel=0)
        expected = metrics.f1_score(truth, value >= 0.5, zero_division=0)
        assert f1(truth, value) == pytest.approx(expected, abs=1e-9, rel=0)


def test_worked_by_hand():
    truth = np.array([True, False, True, False])
    value = np.array([0.9, 0.8, 0.7, 0.1])
    # Visible ones come 1st and 3rd: precision 1/1 and 2/3, each for half of the recall.
    assert average_precision(truth, value) == pytest.approx((1 + 2 / 3) / 2, abs=1e-15)
    # Of 4 pairs only (0.7, 0.8) is in the wrong order.
    assert roc_auc(truth, value) == 0.75
    # Called visible: the first three, two of them rightly.
    assert f1(truth, value) == pytest.approx(2 * 2 / (2 + 3), abs=1e-15)


def test_ties_enter_together_and_the_order_of_the_file_does_not_matter():
    truth = np.array([True, True, False, False])
    tied = np.full(4, 0.3)
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        assert average_precision(truth[order], tied) == 0.5
        assert roc_auc(truth[order], tied) == 0.5


def test_perfect_is_one_and_constant_is_the_prevalence(rng):
    truth = rng.random(500) < 0.7
    assert average_precision(truth, truth * 1.0) == pytest.approx(1.0, abs=1e-12)
    assert roc_auc(truth, truth * 1.0) == 1.0
    assert f1(truth, truth * 1.0) == 1.0
    assert average_precision(truth, np.full(500, 0.2)) == pytest.approx(truth.mean(), abs=1e-12)


@pytest.mark.parametrize("truth", [[True] * 3, [False] * 3, []])
def test_one_class_only_is_not_a_score(truth):
    truth, value = np.array(truth, bool), np.linspace(0.1, 0.9, len(truth))
    assert average_precision(truth, value) is None
    assert roc_auc(truth, value) is None


def test_f1_on_the_border_and_without_any_visible_joint():
    assert f1(np.array([True]), np.array([0.5])) == 1.0
    assert f1(np.array([True]), np.array([np.nextafter(0.5, 0)])) == 0.0
    assert f1(np.array([False]), np.array([0.1])) is None


def test_macro_leaves_out_what_is_not_defined_and_micro_pools():
    truth = np.array([[True, True, True], [False, True, True], [True, True, False]])
    value = np.array([[0.9, 0.5, 0.2], [0.1, 0.5, 0.3], [0.8, 0.5, 0.4]])
    counted = np.ones((3, 3), bool)
    single = per_joint(average_precision, truth, value, counted)
    assert single[:2] == [1.0, None]
    # Joint 2: the hidden one is first, the visible ones follow at precision 1/2 and 2/3.
    assert single[2] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert macro(single) == pytest.approx((1 + single[2]) / 2)
    assert macro([None, None]) is None
    assert macro([0.0, 1.0, None]) == 0.5
    assert micro(average_precision, truth, value, counted) == average_precision(truth.ravel(), value.ravel())
    counted[2, 2] = False
    assert per_joint(average_precision, truth, value, counted)[2] is None
