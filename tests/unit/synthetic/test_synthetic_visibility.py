"""Existence, occlusion and box."""

from dataclasses import replace

import numpy as np
import pytest

from hint_toolkit.synthetic import Look, render
from hint_toolkit.synthetic.bodies import Hand, Thing
from hint_toolkit.synthetic.options import Staging
from hint_toolkit.synthetic.scene import Scene, compose, make_scene
from hint_toolkit.synthetic.skeleton import rotation
from hint_toolkit.synthetic.trace import Camera
from hint_toolkit.synthetic.visibility import hand_truth

WIDTH, HEIGHT = 320, 240
BARE = Look(object="none")
MIDDLE_TIP = 12


def staged(pose: str, view: str, seed: int = 0) -> Scene:
    rng = np.random.default_rng(seed)
    return make_scene(rng, WIDTH, HEIGHT, BARE, Staging(side="right", pose=pose, view=view))


def truth_with(scene: Scene, *things: Thing):
    scene = replace(scene, things=things)
    picture = compose(scene, np.zeros((scene.camera.height, scene.camera.width, 3), np.float32))
    return hand_truth(scene.hands[0], 0, scene.camera, picture)


def plate_at(place: np.ndarray) -> Thing:
    grey = np.full(3, 0.5, np.float32)
    return Thing("box", rotation([0, 0, 1], 0), place, [1.5, 1.5, 0.4], grey)


def facing_hand(pose: str, degrees: float) -> Scene:
    """A right hand in the middle; 0 shows its back, 180 its palm, 90 its thumb's side."""
    scene = staged(pose, "ego")
    hand = scene.hands[0]
    axes = np.diag([1.0, -1.0, -1.0]) @ rotation([0, 1, 0], np.radians(degrees))
    origin = np.array([0.0, 8.0, 40.0])
    turned = Hand("right", hand.pose, axes, origin, hand.skin)
    return Scene(scene.camera, scene.light, (turned,))


@pytest.mark.parametrize("joint", [4, MIDDLE_TIP, 20])
def test_a_thing_in_front_occludes_and_one_behind_does_not(joint):
    scene = facing_hand("open", 0)
    place = scene.hands[0].joints[joint]
    bare = truth_with(scene)
    in_front = truth_with(scene, plate_at(place * 0.85))
    behind = truth_with(scene, plate_at(place * 1.15))
    assert not bare.occluded[joint]
    assert in_front.occluded[joint]
    assert in_front.exists[joint]
    assert np.array_equal(behind.occluded, bare.occluded)
    assert np.array_equal(in_front.points, bare.points)


def test_a_thing_that_touches_the_skin_occludes():
    """Nearer to the joint than its flesh is thick: a depth threshold alone would miss it."""
    scene = facing_hand("open", 0)
    knuckle = scene.hands[0].joints[9]
    plate = Thing("box", rotation([0, 0, 1], 0), knuckle - [0, 0, 1.1], [1, 1, 0.35], np.ones(3, np.float32))
    assert not truth_with(scene).occluded[9]
    assert truth_with(scene, plate).occluded[9]


def test_open_hand_hides_nothing_from_either_side():
    assert not truth_with(facing_hand("flat", 0)).occluded.any()
    assert not truth_with(facing_hand("flat", 180)).occluded.any()


def test_fist_hides_its_tips_from_the_back_and_shows_them_from_the_palm():
    back = truth_with(facing_hand("fist", 0))
    palm = truth_with(facing_hand("fist", 180))
    tips = [8, 12, 16, 20]
    assert back.occluded[tips].all()
    assert not back.occluded[[5, 9, 13, 17]].any()
    assert palm.occluded[tips].sum() <= 1
    assert palm.occluded.any()


def test_flat_hand_from_the_side_hides_the_fingers_behind_the_forefinger():
    side = truth_with(facing_hand("flat", 90))
    other = truth_with(facing_hand("flat", -90))
    forefinger, pinky = 6, 18  # middle joints: the thumb hides the forefinger's knuckle
    assert (side.occluded[pinky], other.occluded[pinky]) == (True, False)
    assert (side.occluded[forefinger], other.occluded[forefinger]) == (False, True)


@pytest.mark.parametrize("degrees", [90, -90])
def test_a_knuckle_close_behind_its_neighbour_is_hidden(degrees):
    """So close that depth alone cannot tell: the skin in front belongs to another finger."""
    assert truth_with(facing_hand("grasp", degrees)).occluded[[9, 13]].all()


def test_what_shows_through_beside_a_tiny_finger_is_not_in_front_of_it():
    """In a very small picture the nearest pixel of a joint may miss the hand and see what is behind."""
    scene = facing_hand("open", 0)
    small = replace(scene, camera=Camera(16, 12, 8.0))
    grey = np.full(3, 0.5, np.float32)
    wall = Thing("box", rotation([0, 0, 1], 0), np.array([0.0, 0.0, 60.0]), [60, 60, 1], grey)
    bare, walled = truth_with(small), truth_with(small, wall)
    picture = compose(small, np.zeros((12, 16, 3), np.float32))
    columns, rows = np.round(bare.points[bare.exists]).astype(int).T
    assert (picture.owner[rows, columns] == -1).any(), "every joint's pixel shows the hand: this tests nothing"
    assert np.array_equal(walled.occluded, bare.occluded)


@pytest.mark.parametrize("shift", [(-0.45, 0.0), (0.4, 0.0), (0.0, 0.45), (0.0, -0.45)])
def test_pushed_over_the_border_joints_are_absent(shift):
    _, (hand,) = render(2, WIDTH, HEIGHT, BARE, pose="open", size=0.6, shift=shift)
    assert 0 < hand.exists.sum() < 21
    inside = (hand.points >= -0.5).all(1) & (hand.points < [WIDTH - 0.5, HEIGHT - 0.5]).all(1)
    assert np.array_equal(hand.exists, inside)
    assert not (hand.occluded & ~hand.exists).any()
    assert hand.box.min() >= -0.5
    assert (hand.box <= [WIDTH - 0.5, HEIGHT - 0.5] * 2).all()


def test_exists_ends_at_the_pixel_area_and_not_at_pixel_centres():
    """A joint at -0.4 is in the first pixel, one at -0.6 is not; likewise at the far border."""
    scene = facing_hand("open", 0)
    hand, camera = scene.hands[0], scene.camera
    for x, y, exists in [
        (-0.4, 100, True),
        (-0.6, 100, False),
        (WIDTH - 0.6, 100, True),
        (WIDTH - 0.4, 100, False),
        (100, -0.4, True),
        (100, -0.6, False),
        (100, HEIGHT - 0.6, True),
        (100, HEIGHT - 0.4, False),
    ]:
        depth = hand.joints[MIDDLE_TIP, 2]
        target = (np.array([x, y]) - camera.centre) * depth / camera.focal
        shift = np.array([*(target - hand.joints[MIDDLE_TIP, :2]), 0.0])
        moved = Scene(camera, scene.light, (hand.moved(hand.pose, np.eye(3), shift),))
        truth = truth_with(moved)
        assert truth.points[MIDDLE_TIP] == pytest.approx([x, y])
        assert truth.exists[MIDDLE_TIP] == exists, (x, y)


def test_a_hand_quite_outside_has_no_joint_and_no_box():
    _, (hand,) = render(2, WIDTH, HEIGHT, BARE, shift=(2.0, 0.0))
    assert not hand.exists.any()
    assert not hand.occluded.any()
    assert np.array_equal(hand.box, np.zeros(4))


@pytest.mark.parametrize("view", ["ego", "front", "any"])
def test_box_holds_the_existing_joints_closely(view):
    for seed in range(6):
        shift = (0.2 * (seed % 3 - 1), 0.0)
        for hand in render(seed, WIDTH, HEIGHT, view=view, n_hands=1 + seed % 2, shift=shift)[1]:
            points = hand.points[hand.exists]
            assert (points >= hand.box[:2]).all()
            assert (points <= hand.box[2:]).all()
            gaps = np.concatenate([points.min(0) - hand.box[:2], hand.box[2:] - points.max(0)])
            assert (gaps < 0.15 * HEIGHT).all()


def test_of_two_crossed_hands_the_nearer_one_hides_the_other():
    near, far = facing_hand("flat", 0).hands[0], facing_hand("flat", 0).hands[0]
    far = far.moved(far.pose, np.eye(3), np.array([0.5, 0.0, 8.0]))
    scene = facing_hand("flat", 0)
    scene = Scene(scene.camera, scene.light, (near, far))
    picture = compose(scene, np.zeros((HEIGHT, WIDTH, 3), np.float32))
    first, second = (hand_truth(hand, k, scene.camera, picture) for k, hand in enumerate(scene.hands))
    assert not first.occluded.any()
    assert second.occluded.sum() > 10


def test_held_can_is_seen_in_the_hand_and_hides_joints_from_the_palm():
    hidden = {"can": 0, "none": 0}
    for seed in range(4):
        for thing in hidden:
            _, (hand,) = render(seed, WIDTH, HEIGHT, Look(object=thing), pose="grasp", view="front")
            hidden[thing] += int(hand.occluded.sum())
    assert hidden["can"] > hidden["none"] + 4
