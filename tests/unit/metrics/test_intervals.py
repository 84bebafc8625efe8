"""The interval holds what it promises on simulated clustered data."""

from statistics import NormalDist

import numpy as np
import pytest

from hint_toolkit.metrics import intervals
from hint_toolkit.metrics.intervals import (
    METHODS,
    ByCluster,
    bootstrap_many,
    cluster_bootstrap,
    macro,
    pair,
    per_cluster,
)


def simulate(rng, clips, hands_per_clip):
    """Hands of one clip share a difficulty; the true macro score is 0.5."""
    clusters = np.repeat(np.arange(clips), hands_per_clip)
    difficulty = rng.uniform(0, 1, clips)[clusters]
    correct = rng.random((len(clusters), 21)) < difficulty[:, None]
    return correct, np.ones_like(correct), clusters


def simulate_counts(rng, trials, sizes):
    """Trials over clips of the given sizes at once: 3 joints, a clip shares a difficulty from Beta(2, 2), mean 0.5."""
    difficulty = rng.beta(2, 2, (trials, len(sizes), 1))
    hits = rng.binomial(sizes[:, None], np.broadcast_to(difficulty, (trials, len(sizes), 3)))
    return hits, np.broadcast_to(sizes[:, None], (len(sizes), 3))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("design", ["40 clips of 6 hands", "198 clips of HInt's sizes"])
def test_covers_the_truth_in_93_to_97_of_100(method, design):
    """3,000 trials a design, 1,000 resamples each. HInt's sizes: geometric, mean 8.7, 59 at most (fact M3)."""
    rng, covered = np.random.default_rng(5), []
    for batch in range(60):
        sizes = np.full(40, 6) if design.startswith("40") else np.minimum(rng.geometric(1 / 8.7, 198), 59)
        ends = bootstrap_many(*simulate_counts(rng, 50, sizes), seed=batch, method=method)
        covered.append((ends[:, 0] <= 0.5) & (ends[:, 1] >= 0.5))
    assert 0.93 <= np.mean(covered) <= 0.97


def test_resampling_hands_instead_of_clips_would_be_too_narrow(rng):
    correct, scored, clusters = simulate(rng, 40, 10)
    by_clip = cluster_bootstrap(correct, scored, clusters)
    by_hand = cluster_bootstrap(correct, scored, np.arange(len(clusters)))
    assert by_clip[1] - by_clip[0] > 2 * (by_hand[1] - by_hand[0])


def test_few_clips_widen_the_tails_to_student_t():
    stats = pytest.importorskip("scipy.stats")
    clips = np.array([10, 20, 40, 200])
    wide = stats.t.ppf(0.975, clips - 1) * np.sqrt(clips / (clips - 1))
    np.testing.assert_allclose(intervals._tails(clips, 0.95), np.stack([-wide, wide], axis=1), rtol=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_agrees_with_scipy_where_scipy_can_do_it(method):
    """One joint, one hand a clip: a plain bootstrap of a mean, skewed so that BCa moves it."""
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    hits = np.floor(rng.gamma(0.5, 2000, (20, 1)))
    tail = float(intervals._tails(np.array(20), 0.95)[1])
    ours = bootstrap_many(hits, np.ones((20, 1)), resamples=20000, method=method)
    theirs = stats.bootstrap(
        (hits[:, 0],),
        np.mean,
        n_resamples=20000,
        method=method,
        confidence_level=2 * NormalDist().cdf(tail) - 1,
        rng=np.random.default_rng(4),
    ).confidence_interval
    np.testing.assert_allclose(ours, theirs, rtol=0.012)
    if method == "bca":
        assert (ours > bootstrap_many(hits, np.ones((20, 1)), resamples=20000) + 20).all()


def test_draws_that_give_the_score_itself_are_no_bias():
    """Half of the clips right: nearly a fifth of the draws are a half again, and the interval stays even about it."""
    low, high = bootstrap_many(np.repeat([0, 1], 10)[:, None], np.ones((20, 1)), method="bca", resamples=20000)
    assert low + high == pytest.approx(1, abs=0.02)
    assert low < 0.35


def test_many_at_once_are_the_same_as_one_by_one(rng):
    correct, scored, clusters = simulate(rng, 12, 4)
    scored = scored & (rng.random(scored.shape) < 0.9)
    easy = correct & scored
    hard = easy & (rng.random(easy.shape) < 0.5)
    hits = np.stack([per_cluster(h, clusters, 12) for h in (easy, hard)])
    for method in METHODS:
        many = bootstrap_many(hits, per_cluster(scored, clusters, 12)[None], seed=3, method=method)
        assert pair(many[0]) == cluster_bootstrap(easy, scored, clusters, seed=3, method=method)
        assert pair(many[1]) == cluster_bootstrap(hard, scored, clusters, seed=3, method=method)


def test_memory_is_bounded_without_changing_a_bit(rng, monkeypatch):
    data = simulate(rng, 30, 2)
    whole = cluster_bootstrap(*data, resamples=200)
    monkeypatch.setattr(intervals, "_BLOCK", 100)
    assert cluster_bootstrap(*data, resamples=200) == whole


def test_sums_a_clip(rng):
    clusters = np.array([1, 0, 1])
    values = rng.normal(0, 1, (3, 21))
    np.testing.assert_allclose(per_cluster(values, clusters, 3), [values[1], values[0] + values[2], np.zeros(21)])
    np.testing.assert_array_equal(per_cluster(values > 0, clusters, 2)[1], (values[[0, 2]] > 0).sum(axis=0))


def test_the_macro_mean_leaves_joints_without_truth_out():
    assert macro(np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 4.0])) == (0.5 + 0.75) / 2
    assert np.isnan(macro(np.zeros(3), np.zeros(3)))


def test_same_seed_same_interval(rng):
    data = simulate(rng, 10, 3)
    assert cluster_bootstrap(*data, seed=3) == cluster_bootstrap(*data, seed=3)
    assert cluster_bootstrap(*data, seed=3) != cluster_bootstrap(*data, seed=4)


def test_one_clip_has_no_interval(rng):
    correct, scored, _ = simulate(rng, 1, 5)
    assert cluster_bootstrap(correct, scored, np.zeros(5, int)) is None
    assert cluster_bootstrap(correct[:0], scored[:0], np.zeros(0, int)) is None


def test_clips_without_a_scored_joint_do_not_count(rng):
    correct, scored, clusters = simulate(rng, 2, 4)
    scored[clusters == 1] = False
    assert cluster_bootstrap(correct & scored, scored, clusters) is None
    both = np.stack([per_cluster(s, clusters, 2) for s in (scored, np.ones_like(scored))])
    ends = bootstrap_many(both, both)
    assert pair(ends[0]) is None
    assert pair(ends[1]) == (1.0, 1.0)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method must be one of"):
        bootstrap_many(np.ones((3, 21)), np.ones((3, 21)), method="magic")


def test_sums_in_order_equal_sums_by_number(rng):
    clusters = np.unique(rng.integers(0, 40, 300), return_inverse=True)[1]
    ordered = ByCluster(clusters)
    for values in (rng.random((300, 21)) < 0.4, rng.random((300, 21))):
        np.testing.assert_allclose(ordered.sums(values), per_cluster(values, clusters, ordered.n), rtol=1e-12)
    assert ByCluster(np.zeros(0, int)).sums(np.zeros((0, 21), bool)).shape == (0, 21)
