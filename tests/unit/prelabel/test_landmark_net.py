"""The landmark net on one square, and from a box: geometry to a fraction of a pixel, edges, an independent cut."""

import sys

import numpy as np
import pytest

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.geometry import box_around
from hint_toolkit.prelabel import landmark_net
from hint_toolkit.prelabel.landmark_net import SIZE, LandmarkNet, Reading, Square, cut_square, square_around
from hint_toolkit.prelabel.refine import MIN_SIDE, Recipe, fit, read_again, read_box, usable_box
from hint_toolkit.synthetic import render

BAD_BOXES = {
    "NaN": [np.nan, 10, 60, 60],
    "infinite": [10, 10, np.inf, 60],
    "a point": [50, 50, 50, 50],
    "a line": [50, 50, 90, 50],
    "turned round": [90, 90, 50, 50],
    "left of the picture": [-90, 10, -20, 80],
    "below the picture": [10, 500, 80, 580],
    "touching the edge from outside": [640, 10, 700, 80],
    "tiny": [50, 50, 50 + 0.9 * MIN_SIDE, 50 + 0.9 * MIN_SIDE],
}


@pytest.fixture(scope="module")
def net():
    opened = LandmarkNet()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def scenes():
    return [render(seed, 640, 480, view="ego") for seed in range(6)]


def error(reading, truth):
    size = (truth.box[2:] - truth.box[:2]).max()
    return float(np.median(np.linalg.norm(reading.points - truth.points, axis=1))) / size


def test_the_corners_of_a_square_by_hand():
    upright = Square(np.array([100.0, 50.0]), 40.0, 0.0)
    corners = np.array([[0, 0], [SIZE, 0], [SIZE, SIZE]], float)
    np.testing.assert_allclose(upright.to_picture(corners), [[80, 30], [120, 30], [120, 70]])
    turned = Square(np.array([100.0, 50.0]), 40.0, np.pi / 2)  # its upper edge now looks along x
    np.testing.assert_allclose(turned.to_picture(corners), [[120, 30], [120, 70], [80, 70]], atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2, -2.2])
def test_the_cut_holds_the_pixels_that_to_picture_names(angle):
    """Colours are coordinates; averaged over the cut, even a quarter of a pixel would show."""
    y, x = np.mgrid[:240, :240].astype(np.uint8)
    image = np.dstack([x, y, np.zeros_like(x)])
    square = Square(np.array([118.3, 121.7]), 130.0, angle)
    column, row = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    named = square.to_picture(np.stack([column, row], axis=-1))
    off = cut_square(image, square)[..., :2] - named
    assert np.abs(off).max() < 1.0
    assert np.abs(off.mean(axis=(0, 1))).max() < 0.03


def test_beyond_the_picture_its_edge_goes_on():
    image = np.full((50, 50, 3), 200, np.uint8)
    assert (cut_square(image, Square(np.array([0.0, 0.0]), 100.0, 0.3)) == 200).all()


def test_the_square_follows_a_hand_that_turns_moves_and_grows(scenes):
    points = scenes[0][1][0].points
    before = square_around(points)
    cos, sin = np.cos(0.7), np.sin(0.7)
    after = square_around(points @ np.array([[cos, sin], [-sin, cos]]) * 3 + np.array([10, -20]))
    assert after.side == pytest.approx(3 * before.side)
    assert np.exp(1j * (after.angle - before.angle)) == pytest.approx(np.exp(0.7j))
    turned = np.array([[cos, -sin], [sin, cos]]) @ before.center
    np.testing.assert_allclose(after.center, turned * 3 + np.array([10, -20]))


def test_the_square_of_a_hand_that_points_up_is_upright_and_leaves_room_for_the_tips():
    points = np.tile(np.array([100.0, 300.0]), (21, 1))  # wrist and thumb
    for first, x in ((5, 80.0), (9, 100.0), (13, 120.0), (17, 140.0)):
        points[first : first + 4] = np.column_stack([np.full(4, x), [200.0, 150.0, 120.0, 100.0]])
    square = square_around(points)
    assert square.angle == pytest.approx(0.0)
    # Wrist to second joints is 150 high and 60 wide: twice 150; its middle (110, 225) moves up by a tenth of 150.
    assert square.side == pytest.approx(300.0)
    np.testing.assert_allclose(square.center, [110.0, 210.0])


def test_points_in_one_place_still_make_a_square():
    square = square_around(np.full((21, 2), 7.0))
    assert square.side == 1.0
    np.testing.assert_allclose(square.center, [7, 7])


def test_a_cut_of_our_own_gives_the_same_points(net, scenes, monkeypatch):
    """An independent path to the net: bilinear samples by numpy in double precision instead of OpenCV's warp."""

    def sampled(image, square):
        column, row = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
        at = square.to_picture(np.stack([column, row], axis=-1))
        low = np.floor(at).astype(int)
        part = at - low
        total = np.zeros((SIZE, SIZE, 3))
        for dx in (0, 1):
            for dy in (0, 1):
                weight = np.abs(1 - dx - part[..., :1]) * np.abs(1 - dy - part[..., 1:])
                x = np.clip(low[..., 0] + dx, 0, image.shape[1] - 1)
                y = np.clip(low[..., 1] + dy, 0, image.shape[0] - 1)
                total += weight * image[y, x]
        return np.round(total)

    image, (truth,) = scenes[0]
    square = square_around(truth.points)
    fast = net.read(image, square)
    monkeypatch.setattr(landmark_net, "cut_square", sampled)
    slow = net.read(image, square)
    assert np.abs(fast.points - slow.points).max() < 0.01 * square.side
    assert np.median(np.abs(fast.points - slow.points)) < 0.2
    assert fast.presence == pytest.approx(slow.presence, abs=0.01)
    assert fast.right == pytest.approx(slow.right, abs=0.02)


def test_a_picture_turned_by_a_quarter_turns_the_points(net, scenes):
    """Half a pixel of error anywhere between box, cut and points would come out turned, and not cancel."""
    for image, (truth,) in scenes[:3]:
        height = image.shape[0]
        straight = read_box(net, image, truth.box)
        x1, y1, x2, y2 = truth.box
        clockwise = np.ascontiguousarray(np.rot90(image, -1))  # (x, y) goes to (height - 1 - y, x)
        turned = read_box(net, clockwise, np.array([height - 1 - y2, x1, height - 1 - y1, x2]))
        back = np.column_stack([turned.points[:, 1], height - 1 - turned.points[:, 0]])
        assert abs(np.mean(back - straight.points)) < 0.1
        assert np.abs(back - straight.points).max() < 2.0
        assert turned.presence == pytest.approx(straight.presence, abs=0.01)


def test_hands_in_any_direction_from_their_box(net, scenes):
    errors = []
    for image, (truth,) in scenes:
        for turns in range(4):
            width, height = image.shape[1], image.shape[0]
            points = truth.points
            for _ in range(turns):  # as numpy turns: (x, y) goes to (y, width - 1 - x)
                points, width, height = np.column_stack([points[:, 1], width - 1 - points[:, 0]]), height, width
            box = box_around(points, truth.exists, margin=0.1)
            reading = read_box(net, np.ascontiguousarray(np.rot90(image, turns)), box)
            size = (box[2:] - box[:2]).max()
            errors.append(float(np.median(np.linalg.norm(reading.points - points, axis=1))) / size)
    assert np.median(errors) < 0.06
    assert np.mean(np.array(errors) < 0.15) >= 0.9


@pytest.mark.parametrize("box", BAD_BOXES.values(), ids=BAD_BOXES)
def test_a_box_that_holds_no_pixels_worth_reading_gives_none(net, scenes, box):
    assert read_box(net, scenes[0][0], np.array(box, float)) is None


def test_a_box_over_the_border_is_cut_to_the_picture(net, scenes):
    image, (truth,) = scenes[0]
    np.testing.assert_array_equal(usable_box(np.array([-9.0, -9, 1e12, 1e12]), 64, 48), [-0.5, -0.5, 63.5, 47.5])
    shifted = image[:, int(truth.points[:, 0].mean()) :]  # half of the hand is gone
    cut = truth.box - np.array([truth.points[:, 0].mean() // 1, 0] * 2)
    reading = read_box(net, np.ascontiguousarray(shifted), cut)
    assert np.isfinite(reading.points).all()
    assert 0 <= reading.presence <= 1


def test_each_box_gives_its_own_hand(net):
    for seed in range(4):
        image, hands = render(seed, 640, 480, view="ego", n_hands=2)
        for truth in hands:
            assert error(read_box(net, image, truth.box), truth) < 0.15


def test_presence_tells_hands_from_background(net, scenes):
    hands = [read_box(net, image, truth.box).presence for image, (truth,) in scenes]
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    for image in (noise, np.full((200, 200, 3), 90, np.uint8)):
        assert read_box(net, image, np.array([40.0, 40, 160, 160])).presence < 0.1
    assert np.median(hands) > 0.9


def test_the_fit_counts_presence_and_overlap():
    points = np.zeros((21, 2))
    points[1:] = 10.0
    sure = Reading(points, 0.8, 0.5)
    assert fit(sure, np.array([0.0, 0, 10, 10]), 100, 100) == pytest.approx(0.8)
    assert fit(sure, np.array([0.0, 0, 40, 10]), 100, 100) == pytest.approx(0.4)  # a quarter overlaps
    assert fit(sure, np.array([50.0, 50, 60, 60]), 100, 100) == 0.0


def test_refining_helps_and_so_do_rotations(net, scenes):
    turned = [(np.ascontiguousarray(np.rot90(image, 2)), truth) for image, (truth,) in scenes]

    def far(recipe):
        errors = []
        for image, truth in turned:
            corner = np.array([image.shape[1] - 1, image.shape[0] - 1])
            box = np.concatenate([corner - truth.box[2:], corner - truth.box[:2]])
            points = corner - truth.points
            reading = read_box(net, image, box, recipe)
            errors.append(np.median(np.linalg.norm(reading.points - points, axis=1)) / (box[2:] - box[:2]).max())
        return float(np.mean(errors))

    assert far(Recipe()) < 0.5 * far(Recipe(rotations=1, kept=1, steps=1))


class Scripted:
    """A net whose k-th answer is one hand, moved by k hundredths of a pixel, with a presence from a script."""

    def __init__(self, points, presences):
        self.points, self.presences, self.squares = points, list(presences), []

    def read(self, image, square):
        self.squares.append(square)
        k = len(self.squares) - 1
        return Reading(self.points + 0.01 * k, self.presences[k], 0.5)


def test_four_looks_the_best_three_refined_twice_and_the_best_refined_one_wins():
    points = np.random.default_rng(0).uniform(40, 60, (21, 2))
    image, box = np.zeros((100, 100, 3), np.uint8), np.array([40.0, 40, 60, 60])
    net = Scripted(points, [0.99, 0.1, 0.2, 0.98, 0.5, 0.6, 0.55, 0.75, 0.3, 0.4])
    assert read_box(net, image, box).presence == 0.75  # the fourth look, refined twice; never a first look
    first, refined = net.squares[:4], net.squares[4:]
    assert [square.angle for square in first] == pytest.approx([0, np.pi / 2, np.pi, 3 * np.pi / 2])
    assert [square.side for square in first] == [30.0] * 4
    assert len(refined) == 6
    followed = [0, 4, 3, 6, 2, 8]  # looks 0, 3 and 2, each followed by its own refinement
    for square, k in zip(refined, followed, strict=True):
        np.testing.assert_allclose(square.center, square_around(points + 0.01 * k).center, atol=1e-9)


def test_reading_again_stays_with_the_hand(net, scenes):
    image, (truth,) = scenes[0]
    reading = read_again(net, image, truth.points)
    assert error(reading, truth) < 0.1


def test_threads_do_not_change_the_points(net, scenes):
    image, (truth,) = scenes[0]
    two = LandmarkNet(threads=2)
    a, b = (read_box(one, image, truth.box) for one in (net, two))
    two.close()
    np.testing.assert_array_equal(a.points, b.points)


def test_what_is_missing_is_said(monkeypatch):
    with pytest.raises(InputError, match="0 threads; use 1 or more"):
        LandmarkNet(threads=0)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MissingExtra, match=r'needs ai-edge-litert.*pip install "hint-toolkit\[prelabel\]"'):
        LandmarkNet()
