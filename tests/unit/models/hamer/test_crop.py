"""Crops against OpenCV's and scipy's own, and the way back to pixels."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.models.hamer.crop import Square, cut, grey_levels, levels, normalised, square_of

cv2 = pytest.importorskip("cv2")

BOXES = ([100, 100, 300, 260], [200, 50, 900, 700], [-50, -80, 400, 500], [900, 600, 990, 700], [10, 20, 25, 40])
"""Inside, large, over two borders, over the others, tiny."""


@pytest.fixture(scope="module")
def picture():
    """Smooth, so that OpenCV 4's positions, rounded to 1/32 pixel, cost less than a grey level."""
    small = np.random.default_rng(0).integers(0, 256, (54, 72, 3)).astype(np.uint8)
    return cv2.resize(small, (960, 720), interpolation=cv2.INTER_CUBIC)


def as_the_reference_does(image, box, side, recipe):
    """Grey levels by OpenCV's three-point warp; the blur by scipy on the whole picture."""
    gaussian = pytest.importorskip("scipy.ndimage").gaussian_filter
    x1, y1, x2, y2 = box
    wide, high = 2 * (x2 - x1), 2 * (y2 - y1)
    size = max(wide, high, wide * 4 / 3) if recipe == "demo" else max(wide, high)
    center = [(x1 + x2) / 2, (y1 + y2) / 2]
    if side == "left":
        image, center[0] = image[:, ::-1], image.shape[1] - 1 - center[0]
    if recipe == "demo" and size / 512 > 1.1:
        sigma = (size / 512 - 1) / 2
        image = gaussian(image.astype(np.float64), (sigma, sigma, 0), mode="nearest", truncate=4.0)
    source = np.array([center, [center[0], center[1] + size / 2], [center[0] + size / 2, center[1]]], np.float32)
    target = np.array([[128, 128], [128, 256], [256, 128]], np.float32)
    matrix = cv2.getAffineTransform(source, target)
    patch = cv2.warpAffine(np.ascontiguousarray(image), matrix, (256, 256), flags=cv2.INTER_LINEAR)
    return patch.transpose(2, 0, 1), size


@pytest.mark.parametrize("box", BOXES, ids=str)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("recipe", ["demo", "hint"])
def test_crops_are_the_references_to_a_grey_level(picture, box, side, recipe):
    wanted, size = as_the_reference_does(picture, box, side, recipe)
    square = square_of(np.array(box, float), side, recipe)
    assert square.size == pytest.approx(size, abs=1e-9)
    found = grey_levels(cut(picture, square, recipe))
    assert np.abs(found - wanted).max() < 1.01
    assert np.abs(found - wanted).mean() < 0.25


def test_the_two_recipes_and_the_two_sides_are_not_the_same(picture):
    """What the test above must be able to see: the recipe, the blur and the mirror."""
    box = np.array([200.0, 50, 900, 700])
    demo, hint = (square_of(box, "right", recipe) for recipe in ("demo", "hint"))
    assert (demo.size, hint.size) == (pytest.approx(1400 * 4 / 3), 1400)
    noise = np.random.default_rng(1).integers(0, 256, (720, 960, 3)).astype(np.uint8)
    blurred, sharp = cut(noise, demo, "demo"), cut(noise, demo, "hint")
    assert np.abs(grey_levels(blurred) - grey_levels(sharp)).max() > 20
    left = cut(picture, Square(demo.center, demo.size, right=False), "hint")
    assert np.abs(grey_levels(left) - grey_levels(cut(picture, demo, "hint"))).max() > 20


def test_red_stays_the_first_channel():
    red = np.zeros((50, 50, 3), np.uint8)
    red[..., 0] = 200
    crop = grey_levels(cut(red, square_of(np.array([15.0, 15, 30, 30]), "right")))
    np.testing.assert_allclose(crop[:, 100, 100], [200, 0, 0], atol=1e-3)


def test_a_square_beside_the_picture_is_black(picture):
    for box in ([2000.0, 100, 2100, 200], [-900.0, -900, -800, -800]):
        for side in ("left", "right"):
            square = square_of(np.array(box), side)
            assert np.abs(grey_levels(cut(picture, square))).max() < 1e-3


def test_points_go_back_to_where_the_crop_took_them_from():
    """A white cross in the picture is found at the crop's pixel that leads back to it, on both sides."""
    for side in ("left", "right"):
        image = np.zeros((300, 400, 3), np.uint8)
        image[143, 217] = 255
        square = square_of(np.array([170.0, 110, 234, 174]), side)
        crop = grey_levels(cut(image, square))[0]
        ys, xs = np.mgrid[:256, :256]
        seen = np.array([(crop * xs).sum(), (crop * ys).sum()]) / crop.sum()
        back = square.to_pixels(((seen - 128) / 256)[None])[0]
        # The whole-pixel mirror of the reference's centre, W - 1 - c, is exact for pixels that count from 0.
        np.testing.assert_allclose(back, [217, 143], atol=0.05)


@pytest.mark.parametrize("box", [[5.0, 5, 5, 9], [np.nan, 0, 1, 1], [9, 9, 5, 5], [0, 0, np.inf, 4]])
def test_a_box_without_area_is_refused(box):
    with pytest.raises(InputError, match="no box with an area"):
        square_of(np.array(box, float), "left")


@pytest.mark.parametrize("side", ["", "Left", "both"])
def test_a_side_must_be_known(side):
    with pytest.raises(InputError, match="left or right"):
        square_of(np.array([0.0, 0, 4, 4]), side)


@pytest.mark.parametrize(
    ("box", "size"),
    [([100.0, 100, 220, 220], 160), ([0, 0, 90, 120], 120), ([0, 0, 30, 120], 120), ([0, 0, 120, 60], 160)],
)
def test_a_stored_box_is_only_grown_to_three_by_four(picture, box, size):
    """By hand: a square of 120 becomes 120 x 160; 90 x 120 has the shape; narrow ones keep their height."""
    square = square_of(np.array(box), "right", "stored")
    assert square.size == pytest.approx(size)
    np.testing.assert_array_equal(square.center, [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    # Never blurred, however large: as the other recipe of the evaluation.
    large = Square(square.center, 1200.0, right=True)
    assert np.array_equal(cut(picture, large, "stored"), cut(picture, large, "hint"))


def test_normalising_on_the_networks_side_is_the_same_to_the_last_bit(picture):
    torch = pytest.importorskip("torch")
    square = square_of(np.array([200.0, 50, 300, 200]), "left")
    grey = levels(picture, square)
    assert (grey.dtype, grey.flags.c_contiguous) == (np.uint8, True)  # else the network adds in another order
    there = normalised(torch.from_numpy(grey)).permute(2, 0, 1).numpy()
    assert np.array_equal(there, cut(picture, square))
    wanted = (grey / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(there.transpose(1, 2, 0), wanted, atol=1e-6)
