import tracemalloc

import numpy as np
import pytest

from hint_toolkit.joints import BONES, N_JOINTS
from hint_toolkit.overlay import JOINT_COLORS, WRONG, contact_sheet, crop, draw_comparison, draw_hand

ALL = np.ones(N_JOINTS, bool)
NONE = np.zeros(N_JOINTS, bool)


def only(*joints: int) -> np.ndarray:
    flags = NONE.copy()
    flags[list(joints)] = True
    return flags


@pytest.fixture
def grey() -> np.ndarray:
    image = np.full((200, 240, 3), 128, np.uint8)
    image.flags.writeable = False  # a drawing function must not touch its input
    return image


@pytest.fixture
def points() -> np.ndarray:
    """Joint j of finger f on a lattice 34 px apart, the wrist in the middle below; no two dots touch."""
    lattice = np.zeros((N_JOINTS, 2))
    lattice[0] = 120, 185
    for j in range(1, N_JOINTS):
        lattice[j] = 30 + 42 * ((j - 1) // 4), 140 - 36 * ((j - 1) % 4)
    return lattice


def center_of_change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    weight = np.abs(after.astype(float) - before).sum(axis=2)
    y, x = np.indices(weight.shape)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.25, 0.5), (0.5, 0.75), (0.9, 0.1)])
def test_a_dot_lies_at_its_point_to_a_tenth_of_a_pixel(grey, shift):
    points = np.full((N_JOINTS, 2), 60.0) + shift
    drawn = draw_hand(grey, points, only(7), NONE)
    np.testing.assert_allclose(center_of_change(grey, drawn), points[7], atol=0.1)


@pytest.mark.parametrize("joint", [0, 3, 7, 11, 15, 19])
def test_core_tells_occlusion_and_ring_tells_the_finger(grey, points, joint):
    x, y = points[joint].astype(int)
    visible = draw_hand(grey, points, only(joint), NONE, scale=2)
    occluded = draw_hand(grey, points, only(joint), only(joint), scale=2)
    assert tuple(visible[y, x]) == (255, 255, 255)
    assert tuple(occluded[y, x]) == (0, 0, 0)
    assert tuple(visible[y, x + 6]) == JOINT_COLORS[joint]


def test_absent_and_unknown_joints_are_not_drawn(grey, points):
    points[6] = np.nan
    exists = ALL.copy()
    exists[5] = False
    drawn = draw_hand(grey, points, exists, NONE)
    for joint in (5, 6):
        x, y = (30 + 42, 140 - 36 * (joint - 5))
        np.testing.assert_array_equal(drawn[y - 6 : y + 7, x - 6 : x + 7], grey[y - 6 : y + 7, x - 6 : x + 7])
    assert (drawn[140 - 36 * 2, 30 + 42] != 128).any(), "joint 7 exists"


def test_a_bone_needs_both_ends_and_has_the_colour_of_its_outer_joint(grey, points):
    a, b = BONES[6]
    middle = ((points[a] + points[b]) / 2).astype(int)
    assert tuple(draw_hand(grey, points, only(a, b), NONE)[middle[1], middle[0]]) == JOINT_COLORS[b]
    assert tuple(draw_hand(grey, points, only(b), NONE)[middle[1], middle[0]]) == (128, 128, 128)


def test_a_prediction_that_is_missing_leaves_the_drawing_of_the_truth(grey, points):
    drawn = draw_comparison(grey, points, np.full_like(points, np.nan), ALL, only(3), wrong=ALL)
    np.testing.assert_array_equal(drawn, draw_hand(grey, points, ALL, only(3)))


def test_only_wrong_joints_are_joined_with_their_truth(grey, points):
    pred = np.full_like(points, np.nan)
    pred[4], pred[12] = points[4] + (20, 14), points[12] + (20, 14)
    drawn = draw_comparison(grey, points, pred, only(4, 12), NONE, wrong=only(4))

    def cyan(joint):
        x, y = (points[joint] + (10, 7)).astype(int)
        return (drawn[y - 1 : y + 2, x - 1 : x + 2] == WRONG).all(axis=2).any()

    assert cyan(4)
    assert not cyan(12)


def test_a_predicted_joint_without_truth_gets_no_cross(grey, points):
    pred = np.full_like(points, np.nan)
    pred[8] = points[8]
    np.testing.assert_array_equal(draw_comparison(grey, points, pred, NONE, NONE), grey)
    assert (draw_comparison(grey, points, pred, only(8), NONE) != draw_hand(grey, points, only(8), NONE)).any()


@pytest.mark.parametrize("far", [1e7, -1e12, 1e300])
def test_a_point_far_off_neither_fails_nor_takes_long(grey, points, far):
    pred = points.copy()
    pred[8] = far
    assert draw_comparison(grey, points, pred, ALL, NONE, wrong=ALL, scale=0.5).shape == grey.shape


@pytest.mark.parametrize(("factor", "size"), [(1.0, 300), (2.0, 64), (3.0, 128)])
@pytest.mark.parametrize("box", [(60, 50, 110, 100), (-20, -10, 30, 60), (200, 150, 260, 215)])
def test_a_crop_takes_points_to_where_their_pixels_are(factor, size, box):
    image = np.full((200, 240, 3), 128, np.uint8)  # as grey as what lies beyond it
    spot = np.clip([(box[0] + box[2]) // 2, (box[1] + box[3]) // 2], 6, [233, 193])
    image[spot[1] - 3 : spot[1] + 4, spot[0] - 3 : spot[0] + 4] = 255
    cut = crop(image, np.array(box, float), factor, size)
    assert cut.image.shape == (size, size, 3)
    found = center_of_change(np.full_like(cut.image, 128), cut.image)
    np.testing.assert_allclose(cut.points(spot.astype(float)), found, atol=0.12 * max(1, cut.scale))


def test_a_crop_shows_grey_where_the_picture_ends(grey):
    cut = crop(grey * 0, np.array([-40.0, -40.0, 40.0, 40.0]), 1.0, 80)
    assert (cut.image[:38, :38] == 128).all()
    assert (cut.image[42:, 42:] == 0).all()


def test_a_senseless_box_takes_no_senseless_memory(grey):
    tracemalloc.start()
    assert crop(grey, np.array([-1e12, -1e12, 1e12, 1e12]), 2.0, 32).image.shape == (32, 32, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * grey.nbytes
    assert (crop(grey * 0, np.array([1e9, 1e9, 1e9 + 5, 1e9 + 5]), 2.0, 32).image == 128).all()
    with pytest.raises(ValueError, match="finite box"):
        crop(grey, np.array([0, 0, np.nan, 3]))


def test_contact_sheet_puts_pictures_row_by_row():
    tiles = [np.full((10 + k, 20, 3), 10 * k, np.uint8) for k in range(5)]
    sheet = contact_sheet(tiles, columns=2, gap=4)
    assert sheet.shape == (3 * 18 - 4, 2 * 24 - 4, 3)
    assert [sheet[18 * (k // 2), 24 * (k % 2), 0] for k in range(5)] == [0, 10, 20, 30, 40]
    assert (sheet[36:, 24:] == 255).all()
    with pytest.raises(ValueError, match="needs pictures"):
        contact_sheet([], 3)
