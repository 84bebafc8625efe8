"""The interval holds what it promises on simulated clustered data."""

import numpy as np

from hint_toolkit.metrics.intervals import cluster_bootstrap


def simulate(rng, clips, hands_per_clip):
    """Hands of one clip share a difficulty; the true macro score is 0.5."""
    clusters = np.repeat(np.arange(clips), hands_per_clip)
    difficulty = rng.uniform(0, 1, clips)[clusters]
    correct = rng.random((len(clusters), 21)) < difficulty[:, None]
    return correct, np.ones_like(correct), clusters


def test_covers_the_truth_as_often_as_promised():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        correct, scored, clusters = simulate(rng, 40, 6)
        low, high = cluster_bootstrap(correct, scored, clusters, resamples=300, seed=trial)
        covered += low <= 0.5 <= high
    assert 0.91 <= covered / 300 <= 0.98


def test_resampling_hands_instead_of_clips_would_be_too_narrow(rng):
    correct, scored, clusters = simulate(rng, 40, 10)
    by_clip = cluster_bootstrap(correct, scored, clusters)
    by_hand = cluster_bootstrap(correct, scored, np.arange(len(clusters)))
    assert by_clip[1] - by_clip[0] > 2 * (by_hand[1] - by_hand[0])


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
