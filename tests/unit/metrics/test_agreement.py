"""Agreement of two people: tables by hand, kappa against scikit-learn, intervals by clip."""

import numpy as np
import pytest

from hint_toolkit.metrics.agreement import agreed, interval, kappas, palm_lengths, tables, value


def one_cluster(a, b):
    a, b = np.array(a, bool)[None], np.array(b, bool)[None]
    return tables(a, b, np.ones_like(a), np.zeros(1, np.int64))


def test_worked_by_hand():
    counts = one_cluster([1] * 25 + [0] * 25, [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15)
    assert counts.tolist() == [[20, 5, 10, 15]]
    assert value(agreed, counts) == 0.7
    # Chance: 0.5 x 0.6 + 0.5 x 0.4 = 0.5, so (0.7 - 0.5) / (1 - 0.5).
    assert value(kappas, counts) == pytest.approx(0.4, abs=1e-12)


def test_kappa_equals_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the independent reference")
    rng = np.random.default_rng(5)
    for _ in range(200):
        a = rng.random(int(rng.integers(4, 200))) < rng.uniform(0.05, 0.95)
        b = a ^ (rng.random(len(a)) < rng.random())
        a[:2], b[:2] = [True, False], [True, False]
        assert value(kappas, one_cluster(a, b)) == pytest.approx(metrics.cohen_kappa_score(a, b), abs=1e-9, rel=0)


def test_opposite_equal_and_one_answer_only():
    yes, no = [1, 1, 0, 0], [0, 0, 1, 1]
    assert value(kappas, one_cluster(yes, yes)) == 1
    assert value(kappas, one_cluster(yes, no)) == -1
    for n in (1, 3, 7, 49):
        assert value(kappas, one_cluster([1] * n, [1] * n)) is None
        assert value(kappas, one_cluster([0] * n, [0] * n)) is None
        assert value(agreed, one_cluster([1] * n, [1] * n)) == 1
    assert value(kappas, np.zeros((0, 4))) is None
    assert value(agreed, np.zeros((3, 4))) is None


def test_what_does_not_count_is_not_counted_and_clips_are_kept_apart():
    a = np.array([[True, True], [False, True], [True, False]])
    b = np.array([[True, False], [False, True], [False, False]])
    counted = np.array([[True, True], [True, False], [True, True]])
    found = tables(a, b, counted, np.array([0, 1, 1]))
    assert found.tolist() == [[1, 1, 0, 0], [0, 1, 0, 2]]


def test_the_interval_of_kappa_holds_the_truth_as_often_as_promised():
    rng = np.random.default_rng(0)
    held, width_by_hand, width_by_clip = 0, 0.0, 0.0
    # Each clip has its own rate of error, mean 0.1; truth 50 : 50, so kappa is 1 - 2 x 0.1.
    for trial in range(200):
        clusters = np.repeat(np.arange(60), 5)
        wrong = rng.beta(4, 36, 60)[clusters]
        a = rng.random((300, 21)) < 0.5
        b = a ^ (rng.random((300, 21)) < wrong[:, None])
        counts = tables(a, b, np.ones_like(a), clusters)
        low, high = interval(kappas, counts, resamples=300, seed=trial)
        held += low <= 0.8 <= high
        width_by_clip += high - low
        low, high = interval(kappas, tables(a, b, np.ones_like(a), np.arange(300)), resamples=300, seed=trial)
        width_by_hand += high - low
    assert 0.90 <= held / 200 <= 0.98
    assert width_by_clip > 1.3 * width_by_hand


def test_an_interval_needs_two_clips_and_a_defined_statistic():
    counts = np.array([[5.0, 1, 1, 3], [4, 2, 0, 3]])
    low, high = interval(kappas, counts, seed=1)
    assert low < value(kappas, counts) < high
    assert interval(kappas, counts, seed=1) == (low, high)
    assert interval(kappas, counts[:1]) is None
    assert interval(kappas, np.vstack([counts[:1], np.zeros((4, 4))])) is None
    assert interval(kappas, np.array([[9.0, 0, 0, 0], [7, 0, 0, 0]])) is None


def test_palm_lengths():
    points = np.zeros((4, 21, 2))
    points[:, 9] = [30, 40]
    points[3, 9] = 0
    exists = np.ones((4, 21), bool)
    exists[1, 0] = exists[2, 9] = False
    assert palm_lengths(points, exists)[0] == 50
    assert np.isnan(palm_lengths(points, exists)[1:]).all()
