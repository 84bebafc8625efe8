"""Pictures: same seed, mirror, pixel convention, arguments."""

import subprocess
import sys

import numpy as np
import pytest

from hint_toolkit.errors import MissingExtra
from hint_toolkit.synthetic import POSES, HandTruth, Look, render, sequence
from hint_toolkit.synthetic.bodies import Thing
from hint_toolkit.synthetic.skeleton import rotation
from hint_toolkit.synthetic.trace import Camera, trace

WIDTH, HEIGHT = 160, 120
# No noise and an even background: what is left in the picture comes from the hand alone.
CLEAN = Look(background="plain", noise=0, object="none")


def same(first: HandTruth, second: HandTruth) -> bool:
    fields = ("points", "exists", "occluded", "box")
    return first.side == second.side and all(np.array_equal(getattr(first, f), getattr(second, f)) for f in fields)


def test_picture_and_truth_have_the_promised_shapes_and_types():
    image, hands = render(3, WIDTH, HEIGHT, n_hands=2)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image.dtype == np.uint8
    assert {hand.side for hand in hands} == {"left", "right"}
    for hand in hands:
        assert (hand.points.shape, hand.points.dtype) == ((21, 2), np.float64)
        assert (hand.exists.shape, hand.exists.dtype) == ((21,), np.bool_)
        assert (hand.occluded.shape, hand.occluded.dtype) == ((21,), np.bool_)
        assert (hand.box.shape, hand.box.dtype) == ((4,), np.float64)


def test_same_seed_same_picture_and_another_seed_another():
    image, (hand,) = render(5, WIDTH, HEIGHT)
    again, (hand_again,) = render(5, WIDTH, HEIGHT)
    other, (hand_other,) = render(6, WIDTH, HEIGHT)
    assert np.array_equal(image, again)
    assert same(hand, hand_again)
    assert not np.array_equal(image, other)
    assert not np.allclose(hand.points, hand_other.points)


@pytest.mark.parametrize("pose", ["open", "fist"])
def test_left_hand_is_the_exact_mirror_of_the_right_hand(pose):
    right_image, (right,) = render(11, WIDTH, HEIGHT, CLEAN, side="right", pose=pose)
    left_image, (left,) = render(11, WIDTH, HEIGHT, CLEAN, side="left", pose=pose)
    assert (right.side, left.side) == ("right", "left")
    assert np.allclose(left.points, [WIDTH - 1, 0] + right.points * [-1, 1], atol=1e-9)
    assert np.array_equal(left.occluded, right.occluded)
    assert np.allclose(left.box, [WIDTH - 1, 0, WIDTH - 1, 0] + right.box[[2, 1, 0, 3]] * [-1, 1, -1, 1])
    difference = np.abs(left_image[:, ::-1].astype(int) - right_image)
    assert difference.max() <= 20  # where rays that graze the hand stop a step earlier
    assert difference.mean() < 0.1


@pytest.mark.parametrize("place", [(0.0, 0.0), (6.3, -4.1), (-7.77, 5.2)])
def test_centre_of_the_top_left_pixel_is_zero(place):
    """The pixels that see a small ball lie evenly around its projected centre."""
    camera = Camera(WIDTH, HEIGHT, 168.0)
    centre = np.array([*place, 20.0])
    ball = Thing("ball", rotation([0, 0, 1], 0), centre, [0.8], np.ones(3, np.float32))
    surface = trace(ball, camera)
    measured = [surface.columns.mean(), surface.rows.mean()]
    # Half a pixel off would be the other convention; perspective moves the centroid by 0.1 at most.
    assert measured == pytest.approx(camera.project(centre[None])[0], abs=0.15)


def test_a_thing_that_nearly_touches_the_camera_is_drawn():
    camera = Camera(WIDTH, HEIGHT, 168.0)
    ball = Thing("ball", rotation([0, 0, 1], 0), np.array([0.0, 0.0, 7.0]), [5.0], np.ones(3, np.float32))
    assert len(trace(ball, camera).rows) == WIDTH * HEIGHT


def test_doubling_the_image_keeps_the_scene():
    """With the first pixel's centre at 0, twice the size puts x at 2 x + 0.5."""
    _, (small,) = render(8, WIDTH, HEIGHT)
    _, (large,) = render(8, 2 * WIDTH, 2 * HEIGHT)
    assert np.allclose(large.points, 2 * small.points + 0.5)


def test_points_lie_on_the_hand():
    """The picture differs from its background where joints are visible, and hardly elsewhere."""
    image, (hand,) = render(2, 2 * WIDTH, 2 * HEIGHT, CLEAN, pose="open")
    backdrop = image[0, 0].astype(int)
    on_hand = np.abs(image.astype(int) - backdrop).max(-1) > 6
    columns, rows = np.round(hand.points[hand.exists]).astype(int).T
    assert on_hand[rows, columns].all()
    assert on_hand.mean() < 0.5


@pytest.mark.parametrize("pose", POSES)
def test_every_pose_renders_with_all_joints_inside(pose):
    _, (hand,) = render(1, WIDTH, HEIGHT, pose=pose)
    assert hand.exists.all()


def test_look_traits_change_the_picture_and_keep_the_hand():
    base, (hand,) = render(4, WIDTH, HEIGHT, Look(object="none", sleeve=False))
    traits = [
        Look(object="none", sleeve=True),
        Look(object="none", sleeve=False, shadow=False),
        Look(object="none", sleeve=False, skin=(0.1, 0.2, 0.6)),
        Look(object="none", sleeve=False, background="noise"),
        Look(object="none", sleeve=False, noise=0),
        Look(object="none", sleeve=False, blur=0),
        Look(object="box", sleeve=False),
    ]
    for look in traits:
        image, (changed,) = render(4, WIDTH, HEIGHT, look, pose="claw" if look.object == "box" else None)
        assert not np.array_equal(image, base), look
        assert changed.side == hand.side
        if look.object == "none":
            assert np.array_equal(changed.points, hand.points), look


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"side": "both"}, "side is 'both': want one of left, right"),
        ({"pose": "wave"}, "pose is 'wave': want one of open, flat"),
        ({"view": "top"}, "view is 'top': want one of ego, front, any"),
        ({"n_hands": 3}, "n_hands is 3: want 1 or 2"),
        ({"n_hands": 2, "side": "left"}, "side goes with one hand only"),
        ({"size": 0.0}, "size is 0.0: want a share"),
        ({"width": 8}, "the image is 8x120: want 16 to 8192"),
        ({"seed": -1}, "seed is -1: want 0 or more"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    call = {"seed": 0, "width": WIDTH, "height": HEIGHT, **arguments}
    with pytest.raises(ValueError, match=message):
        render(**call)
    with pytest.raises(ValueError, match=message):
        sequence(n_frames=2, **call)  # at once, without asking for a frame


@pytest.mark.parametrize("trait", [{"background": "beach"}, {"object": "cup"}])
def test_unknown_look_is_refused(trait):
    with pytest.raises(ValueError, match=f"{next(iter(trait))} is .*: want one of"):
        Look(**trait)


def test_import_loads_neither_opencv_nor_pyav():
    code = "import sys, hint_toolkit.synthetic; print(sorted({'cv2', 'av'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_missing_opencv_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match=r"hint-toolkit\[video\]"):
        render(0, WIDTH, HEIGHT)
