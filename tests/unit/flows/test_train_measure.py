"""PCK of crops, and the mean hand that stands for having learned nothing."""

import numpy as np
import pytest

from hint_toolkit.flows.train_measure import THRESHOLDS, mean_hand, pck_of

pytest.importorskip("torch")


def targets(*where):
    """One hand each, all joints at one place of the crop, all counted."""
    return np.array([np.tile([*xy, 1.0], (21, 1)) for xy in where])


def test_a_threshold_is_a_share_of_the_box_which_is_half_of_the_crop():
    truth = targets((0.5, 0.5))
    points = truth[..., :2].copy()
    points[0, :, 0] += 0.04  # 0.08 of the box
    assert pck_of(points, truth) == {"0.05": 0.0, "0.10": 1.0, "0.15": 1.0}
    points[0, :7, 0] = 0.5
    assert pck_of(points, truth)["0.05"] == pytest.approx(7 / 21)


def test_joints_of_no_confidence_are_not_counted():
    truth = targets((0.5, 0.5), (0.5, 0.5))
    truth[:, 4, 2] = 0
    points = truth[..., :2].copy()
    points[:, 4] = 9
    assert pck_of(points, truth) == {f"{limit:.2f}": 1.0 for limit in THRESHOLDS}
    truth[..., 2] = 0
    assert pck_of(points, truth) == {}


def test_the_mean_hand_is_the_mean_of_what_is_there():
    samples = [{"points": one} for one in targets((0.2, 0.4), (0.4, 0.8))]
    samples[1]["points"][3, 2] = 0
    samples[0]["points"][5, 2] = samples[1]["points"][5, 2] = 0
    mean = mean_hand(samples)
    assert mean.shape == (21, 2)
    assert mean[0] == pytest.approx([0.3, 0.6])
    assert mean[3] == pytest.approx([0.2, 0.4])
    assert mean[5] == pytest.approx([0.5, 0.5])
