"""ffmpeg's constant-rate rule on positions that can be followed by hand."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.video.index import VideoIndex
from hint_toolkit.video.numbering import _choices, image_sources


def sources(positions, lasting, alone=False):
    drawn = _choices(positions, [lasting] * len(positions), alone=alone)
    return [k for k, images in drawn for _ in range(images)]


def test_evenly_spaced_pictures_are_one_image_each():
    assert sources([0.0, 1.0, 2.0, 3.0], 1.0) == [0, 1, 2, 3]


def test_pictures_three_images_apart_fill_the_gap_and_the_end():
    # Picture 1 is 2 late: 3 images, one of them the picture before. So were the last three: one more follows.
    assert sources([0.0, 3.0, 6.0, 9.0], 1.0) == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_pictures_at_twice_the_rate_are_dropped_once_they_lag_enough():
    # Behind by 0.5 more with every image; picture 4 ends 1.5 before its place.
    assert sources([0.0, 0.5, 1.0, 1.5, 2.0, 2.5], 0.5) == [0, 1, 2, 3, 5]


def test_a_late_first_picture_is_repeated_beside_another_stream_only():
    assert sources([9.0, 10.0], 1.0) == [0] * 10 + [1]
    assert sources([9.0, 10.0], 1.0, alone=True) == [0, 1]


def test_an_index_without_times_is_an_error(tmp_path):
    index = VideoIndex(tmp_path / "a.mp4", 0, 3, (), (), 0.0, 30.0)
    with pytest.raises(InputError, match=r"cannot be told from the file alone \(the index was made without times\)"):
        image_sources(index)


def test_the_table_can_be_changed_without_changing_the_next_one(clip_of):
    index = clip_of("mpeg4 in mp4")
    image_sources(index)[:] = -1
    assert (image_sources(index) == np.arange(index.count)).all()
