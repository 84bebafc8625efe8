import numpy as np
import pytest

from hint_toolkit.metrics.epe import curve_share, means
from hint_toolkit.metrics.pck import first_threshold, pck_curve


def test_macro_is_not_micro_and_nothing_is_none():
    values = np.zeros((2, 21))
    values[:, 0], values[0, 1] = [2.0, 4.0], 9.0
    scored = values > 0
    got = means(values, scored)
    assert (got.macro, got.micro, got.joints, got.hands) == ((3 + 9) / 2, 5.0, 3, 2)
    empty = means(values, np.zeros((2, 21), bool))
    assert (empty.macro, empty.micro, empty.hands) == (None, None, 0)


def test_values_that_do_not_count_may_be_anything_and_the_others_must_be_finite():
    values = np.full((1, 21), np.inf)
    scored = np.zeros((1, 21), bool)
    assert means(values, scored).macro is None
    scored[0, 3] = True
    with pytest.raises(ValueError, match="not finite"):
        means(values, scored)


def test_a_joint_by_hand():
    shares = curve_share(np.array([[0.0, 0.05, 0.1, 0.15, 0.2, 0.3, np.inf]]), (0.1, 0.2))
    np.testing.assert_allclose(shares, [[1, 1, 1, 0.5, 0, 0, 0]], atol=1e-12)
    with pytest.raises(ValueError, match="must rise"):
        curve_share(np.zeros((1, 21)), (0.2, 0.2))


@pytest.mark.parametrize("span", [(0.0, 0.2), (0.03, 0.11)])
def test_equals_the_integral_of_the_pck_curve(rng, span):
    distance, scored = rng.exponential(0.1, (30, 21)), rng.random((30, 21)) < 0.8
    distance[rng.random((30, 21)) < 0.1] = np.inf
    grid = np.linspace(*span, 20001)
    heights = [one.macro for one in pck_curve(first_threshold(distance, grid), scored, len(grid))]
    integral = np.trapezoid(heights, grid) / (span[1] - span[0])
    assert means(np.where(scored, curve_share(distance, span), 0), scored).macro == pytest.approx(integral, abs=1e-4)
