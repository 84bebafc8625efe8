"""Overlapping windows, and one hand reported once."""

from dataclasses import replace

import numpy as np
import pytest

from hint_toolkit.geometry import box_around, box_iou
from hint_toolkit.prelabel.base import Detection
from hint_toolkit.prelabel.registry import opened
from hint_toolkit.prelabel.windows import distinct, windows_of
from hint_toolkit.synthetic import render


def hand(x, y, size=100.0, presence=0.9, seed=0, side="right"):
    """A hand of 21 random points in a square; the same seed gives the same hand elsewhere."""
    points = np.random.default_rng(seed).random((21, 2)) * size + (x, y)
    blank = np.full(21, np.nan)
    return Detection(points, blank, box_around(points, margin=0.12), side, presence, 0.9)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (641, 479), (1920, 1080), (64, 64), (100, 1000)])
def test_nine_windows_lie_inside_and_cover_every_pixel(width, height):
    windows = windows_of(width, height)
    assert len(windows) == len(set(windows)) == 9
    covered = np.zeros((height, width), int)
    for x, y, wide, high in windows:
        assert x >= 0
        assert y >= 0
        assert x + wide <= width
        assert y + high <= height
        covered[y : y + high, x : x + wide] += 1
    assert covered.min() == 1
    assert 4 <= covered.max() <= 9  # two along each side; three where an odd side makes windows share a pixel


def test_a_hand_of_a_quarter_lies_whole_in_one_window():
    for x in range(0, 480, 7):
        for y in range(0, 360, 11):
            assert any(
                wx <= x and wy <= y and x + 160 <= wx + wide and y + 120 <= wy + high
                for wx, wy, wide, high in windows_of(640, 480)
            )


def test_a_tiny_picture_is_not_cut_up():
    assert windows_of(40, 400) == []
    assert windows_of(1, 1) == []


def test_copies_are_merged_and_the_surest_stays():
    copies = [[hand(10, 10, presence=0.7)], [hand(12, 11, presence=0.95)], [hand(9, 10, presence=0.8)]]
    (kept,) = distinct(copies)
    assert kept is copies[1][0]


def test_a_half_of_a_hand_that_another_look_saw_whole_is_no_second_hand():
    whole = hand(0, 0, 100, presence=0.9)
    half = hand(0, 0, 75, presence=0.8, seed=3)
    assert box_iou(whole.box, half.box)[0, 0] > 0.3
    assert distinct([[whole], [half]]) == [whole]
    assert distinct([[whole], [replace(half, side="left")]]) == [whole]  # half a hand often has the wrong side


def test_overlapping_hands_of_one_look_are_two_and_stay_two():
    """Two hands of a person overlap; the same two in a second look make no more."""
    a, b = hand(0, 0, seed=1), hand(25, 25, seed=2, presence=0.8, side="left")
    assert box_iou(a.box, b.box)[0, 0] > 0.3
    assert distinct([[a, b]]) == [a, b]
    again = [hand(1, 0, seed=1, presence=0.85), hand(25, 26, seed=2, presence=0.7, side="left")]
    assert distinct([[b, a], again]) == [a, b]


def test_two_readings_that_fell_on_one_hand_are_one_even_within_a_look():
    assert len(distinct([[hand(0, 0), hand(3, 2, presence=0.6)]])) == 1
    assert len(distinct([[hand(0, 0), hand(3, 2, presence=0.6, side="left")]])) == 1
    assert len(distinct([[hand(0, 0), hand(40, 0, presence=0.6, side="left")]])) == 2


def test_within_a_look_a_part_of_a_hand_with_the_same_side_is_that_hand():
    whole, part = hand(0, 0, 100), hand(0, 0, 75, presence=0.8, seed=3)
    assert distinct([[part, whole]]) == [whole]
    assert len(distinct([[hand(0, 0), hand(90, 0, presence=0.8)]])) == 2


def test_order_empty_and_unknown_presence():
    assert distinct([]) == []
    assert distinct([[], []]) == []
    far = [hand(400 * k, 0, presence=p) for k, p in enumerate((np.nan, 0.2, 0.9))]
    assert distinct([far]) == [far[2], far[1], far[0]]


def small_hand():
    """A hand too small for the palm detector: a hand picture shrunk into a large empty one."""
    import cv2

    image, (truth,) = render(4, 640, 480, view="ego")
    scale = 0.25
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((480, 640, 3), small.mean(axis=(0, 1)).astype(np.uint8), np.uint8)
    x, y = 640 - small.shape[1] - 10, 480 - small.shape[0] - 10
    canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
    return canvas, (truth.points + 0.5) * scale - 0.5 + np.array([x, y])


def test_windows_find_what_the_whole_frame_does_not_and_say_where():
    image, points = small_hand()
    with opened("mediapipe", windows="never") as never, opened("mediapipe") as auto:
        assert never.detect(image) == []
        (found,) = auto.detect(image)
    size = np.ptp(points, axis=0).max()
    assert np.median(np.linalg.norm(found.points - points, axis=1)) < 0.15 * size


def test_no_hand_twice_whatever_the_windows():
    with opened("mediapipe", windows="always") as detector:
        for seed in (0, 1, 2, 5):
            image, hands = render(seed, 640, 480, view="ego", n_hands=2)
            found = detector.detect(image)
            assert 1 <= len(found) <= 2
            owner = [
                int(np.argmin([np.median(np.linalg.norm(one.points - truth.points, axis=1)) for truth in hands]))
                for one in found
            ]
            assert len(set(owner)) == len(owner)


def test_a_hand_that_the_palm_detector_reports_twice_is_reported_once():
    image, (truth,) = render(0, 640, 480, view="ego", shift=(0.0, 0.3))
    with opened("mediapipe") as detector:
        assert len(detector._look(image)) == 2  # what this test is about
        (found,) = detector.detect(image)
    size = (truth.box[2:] - truth.box[:2]).max()
    assert np.median(np.linalg.norm(found.points - truth.points, axis=1)) < 0.1 * size


def test_auto_looks_at_windows_only_where_the_frame_shows_no_hand(monkeypatch):
    image, _ = render(0, 640, 480, view="ego")
    with opened("mediapipe") as auto, opened("mediapipe", windows="always") as always:
        for detector, looks in ((auto, 1), (always, 10)):
            asked = []
            original = detector._look
            monkeypatch.setattr(detector, "_look", lambda part, a=asked, o=original: (a.append(part.shape), o(part))[1])
            detector.detect(image)
            assert len(asked) == looks
