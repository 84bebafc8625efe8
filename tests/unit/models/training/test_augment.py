"""Every augmentation against arithmetic by hand, and against the pixels themselves."""

import numpy as np
import pytest

from hint_toolkit.models.hamer.crop import MEAN, STD, grey_levels
from hint_toolkit.models.training.augment import (
    NOTHING,
    Augmentation,
    View,
    crop_matrix,
    cut_view,
    draw,
    moved_points,
    turn_matrix,
    turned_orientation,
)

cv2 = pytest.importorskip("cv2")
CENTER, SIZE = np.array([100.0, 80.0]), 64.0


def fractions(point, view):
    return moved_points(np.array([point], float), crop_matrix(CENTER, SIZE, view))[0]


def test_each_change_by_hand():
    assert fractions([100, 80], View()) == pytest.approx([0, 0])
    assert fractions([132, 80], View()) == pytest.approx([0.5, 0])  # half a side to the right: the border
    assert fractions([132, 80], View(scale=1.25)) == pytest.approx([0.4, 0])  # a larger square, a smaller hand
    assert fractions([100, 80], View(shift=(0.02, -0.01))) == pytest.approx([-0.02, 0.01])
    # The square turned by 90 degrees, x towards y (down): its "right" is the picture's "down".
    assert fractions([100, 112], View(turn=90)) == pytest.approx([0.5, 0])
    assert fractions([132, 80], View(turn=90)) == pytest.approx([0, -0.5])
    # All together: shifted by 3.2 px, 28.8 px of 80 are 0.36, and a turn by -90 sends right to down.
    assert fractions([132, 80], View(1.25, -90, (0.05, 0))) == pytest.approx([0, 0.36])


@pytest.mark.parametrize("turn", [0.0, 33.0, -57.0])
def test_points_follow_the_pixels(turn):
    picture = np.zeros((160, 200, 3), np.uint8)
    dot = np.array([113.0, 66.0])
    cv2.circle(picture, (113, 66), 2, (255, 255, 255), -1)
    view = View(scale=0.9, turn=turn, shift=(0.02, -0.015))
    matrix = crop_matrix(CENTER, SIZE, view)
    seen = grey_levels(cut_view(picture, matrix, view)[None])[0, 0]
    rows, columns = np.indices(seen.shape)
    found = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
    assert found == pytest.approx((moved_points(dot[None], matrix)[0] + 0.5) * 256, abs=0.1)


def test_colours_are_multiplied_then_cut():
    picture = np.full((200, 200, 3), [100, 200, 240], np.uint8)
    view = View(colour=(1.2, 0.8, 1.2))
    crop = cut_view(picture, crop_matrix(np.array([100.0, 100.0]), 64.0, view), view)
    wanted = (np.array([120, 160, 255]) / 255 - MEAN) / STD  # 288 is cut to 255
    assert crop[:, 128, 128] == pytest.approx(wanted, abs=1e-5)


def test_space_turns_with_the_picture():
    view = View(turn=90)
    # What points down in the picture points right in the crop; depth stays.
    assert turn_matrix(view) @ [0, 0.1, 0.5] == pytest.approx([0.1, 0, 0.5])
    # A hand turned by +30 degrees about the axis of view is turned by -60 once the picture has turned by -90.
    assert turned_orientation(np.array([0, 0, np.radians(30)]), view) == pytest.approx([0, 0, np.radians(-60)])
    matrix = cv2.Rodrigues(turned_orientation(np.array([0.4, -0.3, 0.2]), view))[0]
    assert matrix == pytest.approx(turn_matrix(view) @ cv2.Rodrigues(np.array([0.4, -0.3, 0.2]))[0])


def test_draws_have_the_stated_shares_and_limits():
    rng = np.random.default_rng(0)
    views = [draw(rng, Augmentation()) for _ in range(4000)]
    turns = np.array([view.turn for view in views])
    assert (turns != 0).mean() == pytest.approx(0.6, abs=0.03)
    assert np.abs(turns).max() == pytest.approx(60)
    assert turns[turns != 0].std() == pytest.approx(30 * 0.959, rel=0.04)  # of a normal cut at two
    scales = np.array([view.scale for view in views])
    assert (scales.min(), scales.max()) == pytest.approx((0.7, 1.3))
    assert (scales == scales.max()).mean() == pytest.approx(0.159, abs=0.02)  # beyond one standard deviation
    shifts = np.array([view.shift for view in views])
    assert np.abs(shifts).max() == pytest.approx(0.02)
    colours = np.array([view.colour for view in views])
    assert 0.8 <= colours.min() < 0.81
    assert 1.19 < colours.max() <= 1.2
    assert len(np.unique(colours[0])) == 3
    assert draw(rng, NOTHING) == View()
    assert NOTHING.idle
    assert not Augmentation().idle
