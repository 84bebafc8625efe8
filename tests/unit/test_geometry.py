import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint_toolkit.geometry import box_around, box_iou, clip_box, crop_window, inside, match_boxes


def test_box_around_counts_only_existing_points():
    points = np.array([[0.0, 0], [10, 4], [99, 99], [np.nan, 1]])
    exists = np.array([True, True, False, True])
    np.testing.assert_array_equal(box_around(points, exists), [0, 0, 10, 4])
    np.testing.assert_array_equal(box_around(points, exists, margin=0.1), [-1, -1, 11, 5])
    assert np.isnan(box_around(points, np.zeros(4, bool))).all()


def test_iou_by_hand():
    a = np.array([[0, 0, 2, 2], [5, 5, 5, 5]], float)
    b = np.array([[1, 1, 3, 3], [0, 0, 2, 2]], float)
    np.testing.assert_allclose(box_iou(a, b), [[1 / 7, 1], [0, 0]])


def test_match_takes_the_best_pairs_and_each_box_once():
    a = np.array([[0, 0, 10, 10], [1, 1, 11, 11]], float)
    b = np.array([[1, 1, 11, 11], [50, 50, 60, 60]], float)
    assert match_boxes(a, b, 0.3) == [(1, 0)]
    assert match_boxes(a, np.zeros((0, 4)), 0.3) == []


@given(x=st.floats(-50, 700), y=st.floats(-50, 500), w=st.floats(0, 300), h=st.floats(0, 300), factor=st.floats(0.5, 4))
def test_a_window_is_whole_pixels_inside_the_image(x, y, w, h, factor):
    window = crop_window(np.array([x, y, x + w, y + h]), 640, 480, factor)
    assert window.x >= 0
    assert window.y >= 0
    assert window.width >= 1
    assert window.height >= 1
    assert window.x + window.width <= 640
    assert window.y + window.height <= 480


def test_a_window_in_the_middle_has_the_asked_side_and_center():
    window = crop_window(np.array([300.0, 200, 340, 220]), 640, 480, 2.0)
    # The square 280.5..360.5 (edges, not centres) touches 81 columns.
    assert (window.width, window.height) == (81, 81)
    assert (window.x, window.y) == (280, 170)


def test_a_window_of_a_tall_box_is_as_wide_as_the_box_is_high():
    assert crop_window(np.array([310.0, 180, 330, 220]), 640, 480, 2.0) == (280, 160, 81, 81)


@pytest.mark.parametrize(("x", "expected"), [(-0.5, True), (-0.51, False), (9.49, True), (9.5, False)])
def test_inside_counts_whole_pixels_around_their_centers(x, expected):
    assert inside(np.array([[x, 0.0]]), 10, 10)[0] == expected


def test_clip_box_ends_at_the_outer_edge_of_the_last_pixel():
    np.testing.assert_array_equal(clip_box(np.array([-5.0, 1, 99, 99]), 10, 20), [-0.5, 1, 9.5, 19.5])


def test_nothing_is_changed_in_place():
    box = np.array([[0.0, 0, 4, 4]])
    points = np.zeros((21, 2))
    for array in (box, points):
        array.flags.writeable = False
    box_iou(box, box)
    match_boxes(box, box, 0.5)
    clip_box(box[0], 3, 3)
    crop_window(box[0], 9, 9, 2.0)
    box_around(points, margin=0.1)
