"""Every kind of clip: the wanted frames, the same pixels as a full decode, and ffmpeg's own image numbers."""

import random

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.video.ffmpeg import ask_ffmpeg
from hint_toolkit.video.images import read_images
from hint_toolkit.video.numbering import decode_index_of, image_numbers_of, image_sources
from hint_toolkit.video.reader import pixel_hash, read_frames, upright
from hint_toolkit.video.spans import plan_spans
from hint_toolkit.video.track import Track
from tests.conftest import VIDEO_KINDS, read_number

COUNTED = {"h264 raw", "h264 first stamps lost", "mpeg4 in avi", "mpeg4 with B-frames in avi"}
"""Read from the start: their pictures have no time stamps of their own."""

FROM_START = COUNTED | {"h264 refreshed without key frames"}
"""The last one's entry points show their picture only later."""


def number_of(kind, image):
    return read_number(np.rot90(image, -1) if VIDEO_KINDS[kind].get("turn") else image)


def hidden(index):
    return int(index.packets.hidden.sum())


@pytest.mark.parametrize("kind", VIDEO_KINDS)
def test_a_thousand_requests_give_the_wanted_picture(clip_of, monkeypatch, kind):
    index = clip_of(kind)
    if kind not in FROM_START:
        monkeypatch.delattr(Track, "decode_all")  # every picture must come out of its own group
    drawn, asked, wrong = random.Random(kind), 0, []
    while asked < 1000:
        wanted = drawn.sample(range(index.count), drawn.choice([4, 20, 60, 140] if kind not in COUNTED else [100]))
        got = list(read_frames(index, wanted))
        assert [k for k, _ in got] == sorted(wanted)
        wrong += [k for k, image in got if isinstance(image, str) or number_of(kind, image) != k + hidden(index)]
        asked += len(wanted)
    assert wrong == []
    assert (plan_spans(index, [0]) is None) == (kind in COUNTED)


@pytest.mark.parametrize("kind", VIDEO_KINDS)
def test_pixels_are_those_of_a_full_decode(clip_of, kind):
    import av

    index = clip_of(kind)
    with av.open(str(index.path)) as container:
        full = [pixel_hash(upright(frame)) for frame in container.decode(container.streams[index.stream])]
    assert len(full) == index.count
    for wanted in (range(3, index.count, 7), [index.count - 1], [0]):
        assert {k: pixel_hash(image) for k, image in read_frames(index, wanted)} == {k: full[k] for k in wanted}


@pytest.mark.parametrize("kind", VIDEO_KINDS)
def test_image_numbers_are_those_of_a_real_ffmpeg(clip_of, ffmpeg_images, kind):
    index = clip_of(kind)
    real = [number_of(kind, image) for image in ffmpeg_images(index.path)]
    if kind == "h264 first stamps lost":
        with pytest.raises(InputError, match="cannot be told from the file alone"):
            image_sources(index, ffmpeg=ffmpeg_images.release)
        return
    if kind == "h264 in mkv beside sound":
        with pytest.raises(InputError, match="encoder delay"):
            image_sources(index, ffmpeg=5)
        if ffmpeg_images.release == 5:
            return
    sources = image_sources(index, ffmpeg=ffmpeg_images.release)
    assert (sources + hidden(index)).tolist() == real


@pytest.mark.parametrize("kind", ["h264 gaps in time", "h264 late start beside sound", "h264 turned by 90"])
def test_ffmpeg_itself_can_be_asked(clip_of, ffmpeg_images, kind):
    index = clip_of(kind)
    expected = image_sources(index, ffmpeg=ffmpeg_images.release)
    assert ask_ffmpeg(index).tolist() == expected.tolist()


def test_the_two_numberings_convert_into_each_other(clip_of):
    index = clip_of("h264 gaps in time")
    sources = image_sources(index)
    assert len(sources) > index.count
    assert all(decode_index_of(index, n + 1) == k for n, k in enumerate(sources.tolist()))
    back = [n for k in range(index.count) for n in image_numbers_of(index, k)]
    assert sorted(back) == list(range(1, len(sources) + 1))
    for number in (0, len(sources) + 1):
        with pytest.raises(InputError, match=rf"has no image number {number} \(ffmpeg writes 1 to {len(sources)}\)"):
            decode_index_of(index, number)


def test_a_late_start_beside_sound_repeats_the_first_picture(clip_of):
    # By hand: picture 0 is due 0.3 s late, at image 10, so images 1 to 10 show it and image 11 shows picture 1.
    index = clip_of("h264 late start beside sound")
    assert image_numbers_of(index, 0) == list(range(1, 11))
    assert image_numbers_of(index, 1) == [11]
    assert image_sources(clip_of("h264 late start alone"))[:2].tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["h264 gaps in time", "h264 late start beside sound", "h264 edit list into a group"])
def test_images_by_number_are_ffmpegs_files(clip_of, ffmpeg_images, kind):
    index = clip_of(kind)
    real = ffmpeg_images(index.path)
    wanted = [0, 1, 2, 9, 10, 11, 12, len(real) // 2, len(real), len(real) + 1]
    sources = image_sources(index, ffmpeg=ffmpeg_images.release)
    got = list(read_images(index, wanted[::-1], sources=sources))
    assert [number for number, _ in got] == wanted
    assert got[0][1] == got[-1][1] == f"ffmpeg writes images 1 to {len(real)}"
    for number, image in got[1:-1]:
        assert read_number(image) == read_number(real[number - 1])
