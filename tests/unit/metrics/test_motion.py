"""Jitter of known noise, lag of known delays, dropouts and flips counted one by one."""

import numpy as np
import pytest

from hint_toolkit.metrics.motion import (
    NO_SQUARES,
    acceleration,
    dropouts,
    high_pass,
    lag,
    runs,
    side_flips,
    sizes,
)

SHAPE = np.random.default_rng(1).normal(0, 40, (21, 2))


def hand(frames, period=240.0, amplitude=30.0):
    """A hand on a slow sine, (T, 21, 2) pixels; `frames` may be fractions."""
    phase = 2 * np.pi * np.asarray(frames, float) / period
    path = amplitude * np.stack([np.sin(phase), 0.5 * np.cos(2 * phase)], axis=1)
    return SHAPE + path[:, None, :]


@pytest.mark.parametrize("sigma", [0.5, 2.0, 6.0])
def test_white_noise_on_a_sine_is_recovered(rng, sigma):
    run = hand(np.arange(1500)) + rng.normal(0, sigma, (1500, 21, 2))
    assert high_pass(run).rms == pytest.approx(sigma, rel=0.05)
    assert acceleration(run).rms == pytest.approx(np.sqrt(6) * sigma, rel=0.05)
    for joint in (*high_pass(run).per_joint,):
        assert joint == pytest.approx(sigma, rel=0.15)


def test_the_factor_of_the_filter_is_the_analytic_one(rng):
    noise = rng.normal(0, 1, (20_000, 21, 2))
    # Without W / (W - 1) this would read sqrt(10 / 11) = 0.953.
    assert high_pass(noise).rms == pytest.approx(1.0, abs=0.003)


def test_the_stated_leak_of_motion_is_the_measured_one():
    for period in (30, 120):
        x = np.sin(2 * np.pi * np.arange(2400) / period)
        run = np.broadcast_to(x[:, None, None], (2400, 21, 2))
        w = np.pi / period
        expected = (1 - np.sin(11 * w) / (11 * np.sin(w))) / np.sqrt(2) * np.sqrt(11 / 10)
        assert high_pass(run).rms == pytest.approx(expected, rel=0.01)
    assert 1 - np.sin(11 * np.pi / 120) / (11 * np.sin(np.pi / 120)) == pytest.approx(0.014, abs=5e-4)
    assert 1 - np.sin(11 * np.pi / 30) / (11 * np.sin(np.pi / 30)) == pytest.approx(0.21, abs=0.01)


def test_only_whole_windows_of_known_points_count(rng):
    run = rng.normal(0, 1, (30, 21, 2))
    assert high_pass(run).count.tolist() == [20] * 21
    run[15, 3, 0] = np.nan
    assert high_pass(run).count[3] == 20 - 11
    assert high_pass(run).count[4] == 20
    assert acceleration(run).count[3] == 28 - 3
    assert high_pass(run[:10]).rms is None
    assert acceleration(run[:2]).rms is None


def test_a_constant_track_is_still_and_never_nan():
    run = np.broadcast_to(SHAPE, (50, 21, 2))
    assert high_pass(run).rms == pytest.approx(0, abs=1e-12)
    assert acceleration(run).rms == 0
    assert NO_SQUARES.rms is None
    assert NO_SQUARES.per_joint == [None] * 21


def test_sums_over_parts_are_divided_once(rng):
    a, b = rng.normal(0, 1, (40, 21, 2)), rng.normal(0, 3, (15, 21, 2))
    both = high_pass(a) + high_pass(b)
    expected = np.sqrt((high_pass(a).rms ** 2 * 30 + high_pass(b).rms ** 2 * 5) / 35)
    assert both.rms == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("delay", [0, 1, 4, 9, -3])
def test_a_pure_delay_is_lag_and_no_smoothness(rng, delay):
    noise = rng.normal(0, 1, (600, 21, 2))
    frames = np.arange(600)
    prompt, late = hand(frames, 90) + noise, hand(frames - delay, 90) + noise
    found = lag(frames, late, frames, hand(frames, 90), 15)
    assert found.frames == pytest.approx(delay, abs=0.05)
    assert high_pass(late).rms == pytest.approx(high_pass(prompt).rms, rel=0.01)


def test_a_causal_average_buys_less_jitter_with_lag(rng):
    frames = np.arange(600)
    raw = hand(frames, 90) + rng.normal(0, 2, (600, 21, 2))
    smooth = np.lib.stride_tricks.sliding_window_view(raw, 7, axis=0).mean(axis=-1)
    assert high_pass(smooth).rms < 0.6 * high_pass(raw).rms
    assert lag(frames[6:], smooth, frames, hand(frames, 90), 15).frames == pytest.approx(3, abs=0.1)


def test_lag_between_frames_and_against_a_few_true_frames(rng):
    frames = np.arange(300)
    late = hand(frames - 2.5, 80) + rng.normal(0, 0.5, (300, 21, 2))
    assert lag(frames, late, frames, hand(frames, 80), 15).frames == pytest.approx(2.5, abs=0.1)
    sparse = np.array([60, 75, 90, 105, 120])
    found = lag(frames, late, sparse, hand(sparse, 80), 15)
    assert found.frames == pytest.approx(2.5, abs=0.2)
    assert found.samples == 5


def test_a_constant_offset_is_not_read_as_time():
    frames = np.arange(200)
    moved = hand(frames, 150) + np.array([25.0, -40.0])
    assert lag(frames, moved, frames, hand(frames, 150), 15).frames == pytest.approx(0, abs=0.05)


def test_short_gaps_are_bridged_and_long_ones_are_not():
    frames = np.arange(200)
    truth = hand(frames, 60)
    kept = np.ones(200, bool)
    kept[50:55] = kept[100:120] = False
    found = lag(frames[kept], hand(frames - 3, 60)[kept], frames, truth, 10)
    assert found.frames == pytest.approx(3, abs=0.05)
    # Frames whose whole reach lies in the track: 180 of 200, less 20 + 2 x 10 around the long gap.
    assert found.samples == 180 - 40


def test_a_track_shorter_than_the_range_is_searched_less_far():
    frames = np.arange(25)
    found = lag(frames, hand(frames - 2, 60), frames, hand(frames, 60), 15)
    assert found.frames == pytest.approx(2, abs=0.1)
    assert (found.reach, found.samples) == (7, 25 - 14)


@pytest.mark.parametrize(
    ("delay", "amplitude", "n", "why"),
    [(0, 0.0, 200, "hardly moves"), (14, 30.0, 200, "more than 8 frames"), (0, 30.0, 2, "fewer than 3")],
)
def test_where_the_data_do_not_say_there_is_no_lag_but_a_reason(delay, amplitude, n, why, rng):
    frames = np.arange(n)
    points = hand(frames - delay, 120, amplitude) + rng.normal(0, 0.5, (n, 21, 2))
    found = lag(frames, points, frames, hand(frames, 120, amplitude), 8)
    assert found.frames is None
    assert why in found.why


def test_dropouts_and_runs_are_counted_exactly():
    frames = np.array([3, 4, 5, 9, 10, 12, 20])
    assert dropouts(frames) == (3 + 1 + 7, 3, 7)
    assert dropouts(frames[:3]) == (0, 0, 0)
    assert dropouts(frames[:1]) == (0, 0, 0)
    assert dropouts(frames[:0]) == (0, 0, 0)
    assert [frames[part].tolist() for part in runs(frames)] == [[3, 4, 5], [9, 10], [12], [20]]
    assert runs(frames[:0]) == []


def test_side_flips_are_counted_exactly_and_unknown_sides_skipped():
    assert side_flips(["left", "left", "right", "", "right", "left"]) == 2
    assert side_flips(["", "left", ""]) == 0
    assert side_flips([]) == 0


def test_sizes_of_known_points():
    points = np.full((3, 21, 2), np.nan)
    points[0, :2] = [[10, 10], [40, 90]]
    points[1, 0] = [5, 5]
    assert sizes(points).tolist() == [80, 0, 0]
