"""Clips that are written: sizes, times, the same bytes."""

from fractions import Fraction

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.video.index import index_video
from hint_toolkit.video.reader import read_frames
from hint_toolkit.video.writer import encoding


def pictures(n, width, height):
    y, x = np.mgrid[:height, :width]
    for k in range(n):
        yield np.stack([x * 3 % 256, y * 3 % 256, np.full_like(x, 20 * k)], axis=-1).astype(np.uint8)


def write(path, images, times=None, width=64, height=48, rate=25):
    with encoding(path, width, height, Fraction(rate), timed=times is not None) as add:
        for k, image in enumerate(images):
            add(image) if times is None else add(image, times[k])
    return path


def test_an_even_clip_comes_back(tmp_path):
    index = index_video(write(tmp_path / "a.mp4", pictures(7, 64, 48)))
    assert (index.count, index.rate) == (7, 25)
    for (_, got), want in zip(read_frames(index, range(7)), pictures(7, 64, 48), strict=True):
        assert np.abs(got.astype(int) - want).mean() < 6


@pytest.mark.parametrize(("width", "height"), [(65, 48), (64, 47), (63, 51)])
def test_odd_sizes_get_a_row_or_column_more_and_nothing_is_resampled(tmp_path, width, height):
    fine = np.full((height, width, 3), 60, np.uint8)
    fine[::2, ::2] = 200  # would be a grey mush in a picture that is one pixel larger
    index = index_video(write(tmp_path / "a.mp4", [fine, fine], width=width, height=height))
    _, image = next(iter(read_frames(index, [0])))
    assert image.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(image[:height, :width].astype(int) - fine).mean() < 10


def test_times_are_kept_where_the_rate_varies(tmp_path):
    times = [0.0, 0.033, 0.1, 0.5, 0.5333, 2.0]
    index = index_video(write(tmp_path / "a.mp4", pictures(6, 64, 48), times))
    np.testing.assert_allclose([index.time(k) for k in range(6)], times, atol=1e-4)


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    times = [k / 30 for k in range(9)]
    files = [write(tmp_path / name, pictures(9, 64, 48), times) for name in ("a.mp4", "b.mp4")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_another_size_and_a_time_that_stands_still_are_one_line(tmp_path):
    with pytest.raises(InputError, match="a picture of 32 x 48 in a clip of 64 x 48"):
        write(tmp_path / "a.mp4", pictures(1, 32, 48))
    with pytest.raises(InputError, match="does not follow the one before"):
        write(tmp_path / "a.mp4", pictures(2, 64, 48), [0.2, 0.2])
