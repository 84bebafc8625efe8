"""Fingerprints: exact bytes, against arithmetic in whole numbers and fractions."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest

from hint_toolkit.video import likeness


def picture(seed, height=90, width=130):
    """Blobs of several sizes, made with whole numbers only: the same on every machine."""
    state, y, x = seed * 7919 + 1, *np.mgrid[:height, :width]
    image = np.full((height, width, 3), 60, np.int64)
    for _ in range(25):
        state = state * 48271 % 2147483647
        top, left, size = state % height, state // 7 % width, 4 + state // 11 % 30
        blob = (y - top) ** 2 + (x - left) ** 2 < size * size
        image[blob] = (image[blob] + np.array([state % 200, state // 3 % 200, state // 5 % 200])) % 256
    return image.astype(np.uint8)


def test_the_bytes_are_the_same_on_every_machine():
    marks = np.array([likeness.fingerprint(picture(k)) for k in range(4)])
    assert marks.shape == (4, likeness.LENGTH)
    assert marks.dtype == np.uint8
    assert (
        hashlib.sha256(marks[:, :1028].tobytes()).hexdigest()
        == "9b3879667db664f764bda978f73a6888d4d08907e949c8dcf821ec2ecf8d5226"
    )
    assert (
        hashlib.sha256(marks[:, 1028:].tobytes()).hexdigest()
        == "6db3feabf2afd96424b904d188a41fb4bb030b40b798a84053b503f2e894b898"
    )


@pytest.mark.parametrize("size", [(90, 130), (32, 64), (7, 45), (1, 1), (33, 31)])
def test_the_thumbnail_is_the_area_mean_in_exact_fractions(size):
    image = picture(3, *size)
    grey = image.astype(int) @ [77, 150, 29]
    exact = area_means(grey.tolist())
    core = [exact[row][column] for row in range(2, 30) for column in range(2, 30)]
    mean = sum(core) / len(core)
    deviation = float(sum((v - mean) ** 2 for v in core) / len(core)) ** 0.5
    mark = likeness.fingerprint(image)
    assert mark[1] == int(mean) // 256
    assert mark[2] == min(int(4 * deviation / 256), 255)
    want = [[128 + 32 * float(v - mean) / max(deviation, 1e-9) for v in row] for row in exact]
    got = mark[4:1028].reshape(32, 32)
    assert np.abs(got - np.clip(want, 0, 255)).max() < 0.52


def area_means(grey):
    """Mean over each of 32 x 32 equal parts, with fractions; one axis after the other."""

    def along(rows):
        n = len(rows)
        for part in range(32):
            low, high = Fraction(n * part, 32), Fraction(n * (part + 1), 32)
            shares = [(k, min(high, k + 1) - max(low, k)) for k in range(n) if k < high and k + 1 > low]
            yield [sum(share * rows[k][c] for k, share in shares) / (high - low) for c in range(len(rows[0]))]

    return list(zip(*along(list(zip(*along(grey), strict=True))), strict=True))


def test_brightness_and_contrast_leave_thumbnail_and_sketch_alone():
    image = picture(1)
    half = (image // 2 + 40).astype(np.uint8)
    one, two = (likeness.fingerprint(k).astype(int) for k in (image, half))
    assert abs(one[1] / 2 + 40 - two[1]) <= 1
    assert np.abs(one[4:] - two[4:]).max() <= 2


def test_a_black_bar_of_six_percent_changes_only_the_rim():
    image = picture(2, 128, 128)
    barred = image.copy()
    barred[:7], barred[:, -7:] = 0, 0
    one, two = (likeness.fingerprint(k)[4:1028].reshape(32, 32) for k in (image, barred))
    assert (one[2:, :-2] == two[2:, :-2]).all()
    assert (one != two).any()


def flat_pictures():
    y, x = np.mgrid[:480, :640]
    rng = np.random.default_rng(0)
    wall = 150 - 60 * ((x / 639 - 0.5) ** 2 + (y / 479 - 0.5) ** 2)
    noise = rng.normal(0, 6, (480, 640))
    tones = [np.zeros((480, 640)), np.full((480, 640), 255), 40 + x / 10.0, wall, wall + noise, 3 + noise / 6]
    return [np.repeat(np.clip(tone, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2) for tone in tones]


def test_black_white_shaded_and_noisy_walls_are_flat_and_pictures_are_not():
    walls = np.array([likeness.fingerprint(k) for k in flat_pictures()])
    assert likeness.is_flat(walls).all()
    assert (likeness.sketches(walls) == 0).all()
    real = np.array([likeness.fingerprint(picture(k)) for k in range(4)])
    dark = np.array([likeness.fingerprint(picture(k) // 10) for k in range(4)])
    assert not likeness.is_flat(real).any()
    assert not likeness.is_flat(dark).any()


def test_parts_come_back():
    marks = np.array([likeness.fingerprint(picture(k)) for k in range(3)])
    z = likeness.thumbnails(marks)[:, 2:-2, 2:-2]
    assert np.allclose(z.mean((1, 2)), 0, atol=0.01)
    assert np.allclose(z.std((1, 2)), 1, atol=0.01)
    length = np.linalg.norm(likeness.sketches(marks), axis=1)
    assert np.allclose(length, likeness.SKETCH_NORM, rtol=0.05)
    assert likeness.thumbnails(marks[:0]).shape == (0, 32, 32)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_what_is_no_picture_is_refused(image):
    with pytest.raises(ValueError, match="wanted"):
        likeness.fingerprint(image)


def test_foreign_fingerprints_are_refused():
    with pytest.raises(ValueError, match="wanted"):
        likeness.check(np.zeros((3, 64), np.uint8))
    with pytest.raises(ValueError, match="make them again"):
        likeness.check(np.zeros((1, likeness.LENGTH), np.uint8))
    likeness.check(np.zeros((0, likeness.LENGTH), np.uint8))
