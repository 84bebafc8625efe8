"""The One-Euro filter against its formulas written out for one number at a time, and its limits."""

import math

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.tracking.one_euro import OneEuro, OneEuroRules, smoothed


class LowPass:
    """An exponential mean whose weight comes with each value."""

    def __init__(self):
        self.hatx = None

    def filter(self, x, alpha):
        self.hatx = x if self.hatx is None else alpha * x + (1 - alpha) * self.hatx
        return self.hatx


def literal(xs, times, min_cutoff, beta, d_cutoff):
    """Algorithm 1 of the paper, one number after the other."""

    def alpha(rate, cutoff):
        tau = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + tau * rate)

    value, speed, out = LowPass(), LowPass(), []
    for k, (x, t) in enumerate(zip(xs, times, strict=True)):
        if k == 0:
            speed.filter(0.0, 1.0)
            out.append(value.filter(x, 1.0))
            continue
        rate = 1 / (t - times[k - 1])
        edx = speed.filter((x - value.hatx) * rate, alpha(rate, d_cutoff))
        out.append(value.filter(x, alpha(rate, min_cutoff + beta * abs(edx))))
    return np.array(out)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def test_equals_the_paper_at_uneven_times(rng):
    times = np.cumsum(rng.uniform(0.01, 0.08, 200))
    values = np.cumsum(rng.normal(0, 5, (200, 3, 2)), axis=0)
    rules = OneEuroRules(1.7, 0.4, 2.3)
    got = smoothed(values, times, 80.0, rules)
    for j in range(3):
        for c in range(2):
            want = 80 * literal(values[:, j, c] / 80, times, 1.7, 0.4, 2.3)
            np.testing.assert_allclose(got[:, j, c], want, rtol=0, atol=1e-9)


def test_one_step_worked_by_hand():
    # 1 hand size in 1 s at beta 0 and a cutoff of 1 / 2 pi Hz: tau is 1 s, so half of the step is taken.
    rules = OneEuroRules(min_cutoff=1 / (2 * math.pi), beta=0)
    np.testing.assert_allclose(smoothed(np.array([0.0, 10.0]), np.array([0.0, 1.0]), 10.0, rules), [0.0, 5.0])


def test_a_constant_stays():
    values = np.full((50, 21, 2), 123.456)
    np.testing.assert_array_equal(smoothed(values, np.arange(50) / 30, 64.0), values)


def test_the_size_of_the_picture_does_not_matter(rng):
    times, values = np.arange(60) / 30, np.cumsum(rng.normal(0, 4, (60, 2)), axis=0)
    np.testing.assert_allclose(smoothed(values * 3, times, 300.0), 3 * smoothed(values, times, 100.0), atol=1e-9)


def test_at_rest_jitter_falls_below_a_third(rng):
    noise = rng.normal(0, 1.0, (600, 2))
    out = smoothed(noise, np.arange(600) / 30, 100.0)
    assert rms(np.diff(out[60:], axis=0)) < rms(np.diff(noise[60:], axis=0)) / 3


def test_at_speed_it_is_less_late_than_a_moving_average_that_is_as_calm_at_rest(rng):
    times = np.arange(300) / 30
    noise = rng.normal(0, 0.01, 300)
    calm = rms(np.diff(smoothed(noise, times, 1.0))[60:])
    window = next(n for n in range(2, 60) if rms(np.diff(np.convolve(noise, np.ones(n) / n, "valid"))[60:]) <= calm)
    ramp = 10.0 * times  # ten hand sizes a second
    late = (ramp - smoothed(ramp, times, 1.0))[150:].mean() / 10.0
    average = (window - 1) / 2 / 30
    assert 0 < late < average / 2


def test_a_missing_point_stays_missing_and_the_path_goes_on(rng):
    times, values = np.arange(30) / 30, rng.normal(0, 1, (30, 2))
    holes = values.copy()
    holes[10:13, 0] = np.nan
    got = smoothed(holes, times, 1.0)
    assert np.isnan(got[10:13, 0]).all()
    np.testing.assert_array_equal(got[:, 1], smoothed(values, times, 1.0)[:, 1])
    kept = np.r_[0:10, 13:30]
    np.testing.assert_allclose(got[kept, 0], smoothed(values[kept, 0], times[kept], 1.0))


def test_a_first_value_that_is_missing_begins_later():
    got = smoothed(np.array([np.nan, 4.0, 4.0]), np.arange(3.0), 1.0)
    np.testing.assert_array_equal(got, [np.nan, 4.0, 4.0])


def test_nothing_one_value_and_a_hand_without_size():
    assert smoothed(np.zeros((0, 21, 2)), np.zeros(0), 1.0).shape == (0, 21, 2)
    np.testing.assert_array_equal(smoothed(np.array([[5.0]]), np.array([2.0]), 0.0), [[5.0]])
    assert np.isfinite(smoothed(np.array([5.0, 6.0]), np.array([0.0, 1.0]), np.nan)).all()


def test_time_that_stands_still_and_another_shape_are_refused():
    euro = OneEuro(OneEuroRules(), 1.0)
    euro(np.zeros(2), 1.0)
    with pytest.raises(ValueError, match="not later"):
        euro(np.zeros(2), 1.0)
    with pytest.raises(ValueError, match="shape"):
        euro(np.zeros(3), 2.0)


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, -1, 1), (1, 1, 0), (math.nan, 1, 1), (1, math.inf, 1)])
def test_parameters_out_of_range_are_one_line(numbers):
    with pytest.raises(InputError, match="smoothing with"):
        OneEuroRules(*numbers)


def test_headers_name_the_filter():
    assert str(OneEuroRules(1, 0.5, 2)) == "one-euro(min_cutoff=1, beta=0.5, d_cutoff=2)"
