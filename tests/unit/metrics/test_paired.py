"""Paired differences: the p value is what a p value promises, the interval and the detectable difference likewise."""

import numpy as np
import pytest

from hint_toolkit.metrics.paired import (
    contributions,
    detectable,
    holm,
    paired_differences,
    sign_flip_p,
    standard_errors,
)


def simulate(rng, trials, clips, effect=0.0, hands=6):
    """Clips of one difficulty for both methods, each with its own luck in a clip; B better by `effect`."""
    shared = rng.uniform(0.3, 0.7, (trials, clips, 1))
    a, b = (shared + rng.normal(0, 0.08, (2, trials, clips, 1)) + np.array([0, effect])[:, None, None, None]).clip(0, 1)
    shape = (trials, clips, 21)
    hits = [rng.binomial(hands, np.broadcast_to(p, shape)) for p in (a, b)]
    return *hits, np.full(shape, hands)


@pytest.mark.parametrize("clips", [12, 40])
def test_p_is_uniform_when_there_is_no_difference(clips):
    """800 trials, Kolmogorov-Smirnov: the largest gap to the uniform law, against its 1 % point 1.63 / sqrt(n).

    12 clips are exact, 40 are drawn; trials of one batch share their draws, so that there are many batches.
    """
    rng, found = np.random.default_rng(1), []
    for batch in range(40):
        found += paired_differences(*simulate(rng, 20, clips), resamples=20, permutations=2047, seed=batch)
    p = np.sort([one.p for one in found])
    steps = np.arange(len(p) + 1) / len(p)
    assert max((steps[1:] - p).max(), (p - steps[:-1]).max()) < 1.63 / np.sqrt(len(p))
    assert 0.03 < np.mean(p < 0.05) < 0.07


def test_the_interval_of_no_difference_holds_0_in_93_to_97_of_100():
    rng, holds = np.random.default_rng(2), []
    for batch in range(10):
        found = paired_differences(*simulate(rng, 150, 40), resamples=400, permutations=9, seed=batch)
        holds += [one.interval[0] <= 0 <= one.interval[1] for one in found]
    assert 0.93 <= np.mean(holds) <= 0.97


def test_power_rises_with_the_effect_and_is_80_percent_at_the_detectable_difference():
    rng = np.random.default_rng(3)

    def power(effect):
        found = paired_differences(*simulate(rng, 400, 40, effect), resamples=10, permutations=999)
        return np.mean([one.p < 0.05 for one in found]), np.mean([detectable(one.standard_error) for one in found])

    smallest = power(0)[1]
    rates = [power(share * smallest)[0] for share in (0, 0.5, 1, 2)]
    assert rates == sorted(rates)
    assert rates[0] < 0.1
    assert 0.74 < rates[2] < 0.86
    assert rates[3] > 0.99


def test_against_itself_nothing_differs(rng):
    a, _, counts = simulate(rng, 2, 20)
    for one in paired_differences(a, a, counts):
        assert (one.value, one.interval, one.p, one.standard_error) == (0.0, (0.0, 0.0), 1.0, 0.0)
        assert detectable(one.standard_error) is None


def test_turning_the_pair_turns_the_answer(rng):
    a, b, counts = simulate(rng, 1, 20, 0.05)
    (one,), (other,) = paired_differences(a, b, counts), paired_differences(b, a, counts)
    assert one.value == pytest.approx(-other.value)
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
    assert one.p == other.p


def test_few_clips_are_exact_and_say_how_small_p_can_be():
    shares = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, -1.0, 1.0, -1.0, 0.0]])
    p, smallest = sign_flip_p(shares)
    assert p.tolist() == [2 / 32, 1.0]
    assert smallest.tolist() == [1 / 16, 1 / 8]


def test_exact_p_agrees_with_scipy(rng):
    stats = pytest.importorskip("scipy.stats")
    shares = rng.normal(0.4, 1, (4, 10))
    theirs = [stats.permutation_test((row,), np.sum, permutation_type="samples", n_resamples=np.inf) for row in shares]
    np.testing.assert_allclose(sign_flip_p(shares)[0], [one.pvalue for one in theirs])


def test_random_p_is_near_the_exact_one_and_never_0(rng):
    shares = rng.normal(0.4, 1, (4, 12))
    exact, drawn = sign_flip_p(shares, permutations=5000)[0], sign_flip_p(shares, permutations=2000)[0]
    np.testing.assert_allclose(drawn, exact, atol=0.03)
    assert sign_flip_p(np.ones((1, 60)), permutations=99)[0].tolist() == [0.01]


def test_contributions_add_up_to_the_macro_difference(rng):
    a, b, counts = simulate(rng, 3, 8, 0.1)
    counts = counts * (rng.random(counts.shape) < 0.8)
    gap = (b - a) * (counts > 0)
    parts = contributions(gap.astype(float), counts.astype(float))
    expected = (gap.sum(axis=1) / counts.sum(axis=1)).mean(axis=1)
    np.testing.assert_allclose(parts.sum(axis=1), expected)


def test_the_standard_error_is_the_spread_over_repetitions():
    rng = np.random.default_rng(4)
    a, b, counts = simulate(rng, 600, 30)
    gap = (b - a).astype(float)
    spread = (gap.sum(axis=1) / counts.sum(axis=1)).mean(axis=1).std()
    assert standard_errors(gap, counts.astype(float)).mean() == pytest.approx(spread, rel=0.08)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, None, 0.005]) == pytest.approx([0.03, 0.06, 0.06, None, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_control_makes_the_detectable_difference_larger():
    assert detectable(0.01) == pytest.approx(0.0280, abs=1e-4)
    assert detectable(0.01, comparisons=27) > 1.3 * detectable(0.01)
    assert detectable(None) is None


def test_one_clip_and_nothing_to_score_are_not_defined(rng):
    a, b, counts = simulate(rng, 1, 1)
    (one,) = paired_differences(a, b, counts)
    assert (one.interval, one.p, one.standard_error, one.clips) == (None, None, None, 1)
    (empty,) = paired_differences(0 * a, 0 * a, 0 * counts)
    assert (empty.value, empty.p, empty.clips) == (None, None, 0)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="wanted three arrays"):
        paired_differences(np.ones((2, 3, 21)), np.ones((2, 4, 21)), np.ones((2, 3, 21)))
