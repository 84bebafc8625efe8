from itertools import pairwise

import numpy as np
import pytest

from hint_toolkit.synthetic import render
from hint_toolkit.video.likeness import fingerprint
from hint_toolkit.video.measures import (
    LONG_SIDE,
    embedding,
    looked_at,
    occlusion_likelihood,
    pose_embedding,
    scene_embedding,
    sharpness,
)

cv2 = pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def picture():
    return render(3, 1280, 960)[0]


def resized(image, longest):
    scale = longest / max(image.shape)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def test_blur_lowers_sharpness_step_by_step(picture):
    values = [sharpness(picture)]
    values += [sharpness(cv2.GaussianBlur(picture, (0, 0), sigma)) for sigma in (0.5, 1, 2, 4, 8)]
    assert all(a > b for a, b in pairwise(values))
    assert values[3] < 0.7 * values[0]
    assert values[5] < 0.1 * values[0]
    motion = cv2.blur(picture, (15, 1))
    assert sharpness(motion) < 0.8 * values[0]


@pytest.mark.parametrize("longest", [1024, 960, 800, 640])
def test_resolution_changes_it_by_less_than_12_percent(picture, longest):
    assert sharpness(resized(picture, longest)) == pytest.approx(sharpness(picture), rel=0.12)


def test_noise_is_no_sharpness(picture):
    small = resized(picture, LONG_SIDE)
    rng = np.random.default_rng(0)

    def noisy(image, sigma):
        return np.clip(image + rng.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)

    sharp, blurred = sharpness(small), sharpness(cv2.GaussianBlur(small, (0, 0), 1.5))
    for sigma in (2, 5):
        assert sharpness(noisy(small, sigma)) == pytest.approx(sharp, rel=0.1)
    assert sharpness(noisy(cv2.GaussianBlur(small, (0, 0), 1.5), 5)) < (sharp + blurred) / 2
    grey = np.full((480, 640, 3), 120, np.uint8)
    assert sharpness(noisy(grey, 5)) < 0.02 * sharpness(
        rng.integers(0, 2, (480, 640, 1)).repeat(3, 2).astype("u1") * 255
    )


def test_flat_and_tiny_pictures_have_none():
    for shape in ((1, 1, 3), (2, 700, 3), (480, 640, 3)):
        assert sharpness(np.full(shape, 90, np.uint8)) == pytest.approx(0, abs=1e-9)


def test_a_picture_is_looked_at_with_at_most_640_pixels(picture):
    assert looked_at(picture).shape == (480, 640, 3)
    assert looked_at(np.zeros((2000, 1, 3), np.uint8)).shape == (640, 1, 3)
    small = np.zeros((60, 80, 3), np.uint8)
    assert looked_at(small) is small


def test_scene_embeddings_tell_scenes_apart_and_have_length_one(picture):
    other = render(9, 640, 480)[0]
    brighter = np.clip(picture * 1.15, 0, 255).astype(np.uint8)
    blank = np.zeros((48, 64, 3), np.uint8)
    rows = scene_embedding(np.stack([fingerprint(p) for p in (picture, brighter, other, blank)]))
    np.testing.assert_allclose(np.linalg.norm(rows[:3], axis=1), 1)
    assert (rows[3] == 0).all()
    assert np.linalg.norm(rows[0] - rows[1]) < 0.3 < np.linalg.norm(rows[0] - rows[2])
    assert scene_embedding(np.zeros((0, 1152), np.uint8)).shape == (0, 256)


def test_pose_embedding_knows_the_pose_and_not_the_place(rng):
    hand = rng.normal(0, 30, (21, 2))
    one = pose_embedding([hand], ["left"])
    assert one.shape == (84,)
    assert np.linalg.norm(one) == pytest.approx(1)
    np.testing.assert_allclose(pose_embedding([3 * hand + 700], ["left"]), one, atol=1e-12)
    assert (one[42:] == 0).all()
    assert (pose_embedding([hand], ["right"])[:42] == 0).all()
    turned = hand @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    assert np.linalg.norm(pose_embedding([turned], ["left"]) - one) > 0.5
    both = pose_embedding([hand, hand], ["left", "right"])
    np.testing.assert_allclose(both, np.tile(one[:42], 2) / np.sqrt(2))
    larger = pose_embedding([hand, 2 * turned], ["left", "left"])
    np.testing.assert_allclose(larger, pose_embedding([turned], ["left"]), atol=1e-12)
    assert (pose_embedding([], []) == 0).all()


def test_embedding_of_both_has_length_one_and_stays_zero_where_nothing_is_known():
    scene, pose = np.eye(3)[:2], np.zeros((2, 4))
    pose[0, 1] = 1
    rows = embedding(scene, pose, pose_weight=1.0)
    np.testing.assert_allclose(rows[0], np.array([1, 0, 0, 0, 1, 0, 0]) / np.sqrt(2))
    np.testing.assert_allclose(rows[1], [0, 1, 0, 0, 0, 0, 0])
    assert (embedding(np.zeros((1, 3)), np.zeros((1, 4))) == 0).all()


def open_hand():
    """A flat hand, fingers apart: wrist at 0, bases at 100 up, joints every 30."""
    points = np.zeros((21, 2))
    for finger, (x, y) in enumerate([(-45, -35), (-30, -100), (0, -100), (25, -95), (50, -85)]):
        lean = np.array([-20.0, -20.0]) if finger == 0 else np.array([(x / 100) * 30, -30.0])
        for k in range(4):
            points[1 + 4 * finger + k] = np.array([x, y]) + k * lean
    return points


def test_hand_worked_occlusion():
    hand = open_hand()
    assert occlusion_likelihood([hand]) == 0
    assert occlusion_likelihood([]) == 0
    crossed = hand.copy()
    crossed[8] = hand[11] + np.array(
        [1, 0]
    )  # the tip of the forefinger onto a joint of the middle finger: both are counted
    assert occlusion_likelihood([crossed]) == pytest.approx(2 / 21)
    curled = hand.copy()
    curled[[11, 12]] = [[0, -80], [0, -60]]  # two joints of the middle finger over the palm
    assert occlusion_likelihood([curled]) == pytest.approx(2 / 21)
    apart, over = hand + np.array([1000, 0]), hand + np.array([3, 2])
    assert occlusion_likelihood([hand, apart]) == 0
    assert occlusion_likelihood([hand, over]) > 0.8
    np.testing.assert_allclose(occlusion_likelihood([5 * crossed + 77]), 2 / 21)


def test_occlusion_goes_with_the_truth_of_drawn_hands():
    """A rank correlation, over drawn hands, of what lies on what with what is hidden in truth."""
    guess, truth = [], []
    for seed in range(60):
        _, (hand,) = render(seed, 96, 72, pose=None, view="any")
        guess.append(occlusion_likelihood([hand.points]))
        truth.append(hand.occluded.mean())
    ranks = [np.unique(values, return_inverse=True)[1].astype(float) for values in (guess, truth)]
    assert np.corrcoef(ranks)[0, 1] > 0.5
