"""Exact frames: the wanted picture says its number in its own pixels."""

import random
import shutil

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.video.index import index_video
from hint_toolkit.video.reader import pixel_hash, read_frames, upright
from tests.conftest import read_number

KINDS = {
    "h264 with B-frames": {"gop": 30, "b_frames": 3},
    "h264 key frames only": {"gop": 1, "b_frames": 0},
    "h264 long group": {"gop": 250, "b_frames": 2},
    "h264 with gaps in time": {"gop": 12, "gaps": True},
    "mpeg4 in avi": {"name": "clip.avi", "codec": "mpeg4", "gop": 12},
    "mpeg4 in mp4": {"codec": "mpeg4", "gop": 12},
    "h264 in mkv": {"name": "clip.mkv", "gop": 20},
    "vp9 in webm": {"name": "clip.webm", "codec": "libvpx-vp9", "gop": 20},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_is_the_wanted_one(write_video, kind):
    path = write_video(n=90, **KINDS[kind])
    index = index_video(path)
    assert index.count == 90
    wanted = random.Random(kind).sample(range(90), 30)
    got = dict(read_frames(index, wanted))
    assert sorted(got) == sorted(wanted)
    assert {k: read_number(image) for k, image in got.items()} == {k: k for k in wanted}


def test_pixels_equal_a_full_decode(write_video):
    import av

    path = write_video(n=50)
    with av.open(str(path)) as container:
        full = [pixel_hash(upright(frame)) for frame in container.decode(video=0)]
    got = dict(read_frames(index_video(path), range(0, 50, 7)))
    assert {k: pixel_hash(image) for k, image in got.items()} == {k: full[k] for k in range(0, 50, 7)}


def test_times_follow_the_stamps(write_video):
    index = index_video(write_video(n=40, gaps=True))
    times = [index.time(k) for k in range(40)]
    assert times[0] == 0
    assert times == sorted(times)
    assert times[21] - times[20] > 4 * (times[1] - times[0])


def test_a_truncated_file_gives_what_is_before_the_damage(write_video, tmp_path):
    whole = write_video("whole.mkv", n=120, gop=10)
    torn = tmp_path / "torn.mkv"
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    index = index_video(torn)
    assert 30 < index.count < 120
    got = dict(read_frames(index, [0, 15, 30, 119]))
    assert [read_number(got[k]) for k in (0, 15, 30)] == [0, 15, 30]
    assert got[119] == "the file ends before it"


def test_damage_in_the_middle_is_reported_per_frame(write_video):
    path = write_video(n=120, gop=10, name="clip.mkv")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 6000] = bytes(6000)
    path.write_bytes(data)
    got = dict(read_frames(index_video(path), range(0, 120, 10)))
    assert read_number(got[0]) == 0
    assert all(isinstance(v, str) or v.shape == (96, 160, 3) for v in got.values())


@pytest.mark.parametrize("content", [b"", b"this is no video", bytes(5000)])
def test_what_is_no_video_is_one_line(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.mp4: (cannot be opened as a video|holds no)") as caught:
        index_video(path)
    assert "\n" not in str(caught.value)


def test_a_cut_off_mp4_without_its_index_is_one_line(write_video, tmp_path):
    whole = write_video(n=60)
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"torn\.mp4: cannot be opened as a video \("):
        index_video(torn)


def test_sound_alone_holds_no_picture(tmp_path):
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="holds no video stream"):
        index_video(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.mp4: cannot be opened"):
        index_video(tmp_path / "gone.mp4")


def test_indices_outside_the_video_are_reported_not_guessed(write_video):
    got = dict(read_frames(index_video(write_video(n=10)), [3, 10, 99]))
    assert read_number(got[3]) == 3
    assert got[10] == got[99] == "the file ends before it"


def test_pixel_hash_sees_size_and_pixels():
    image = np.zeros((4, 6, 3), np.uint8)
    assert pixel_hash(image) != pixel_hash(np.zeros((6, 4, 3), np.uint8))
    other = image.copy()
    other[3, 5, 2] = 1
    assert pixel_hash(image) != pixel_hash(other)
    assert pixel_hash(image[:, ::-1]) == pixel_hash(np.ascontiguousarray(image[:, ::-1]))


def test_rotated_files_stand_upright_as_opencv_shows_them(shared_media):
    import cv2

    for name in ("video_0", "video_90", "video_180", "video_270"):
        path = shared_media / "dmlc__decord/tests/test_data" / f"{name}.mov"
        capture = cv2.VideoCapture(str(path))
        shown = capture.read()[1][:, :, ::-1]
        capture.release()
        _, mine = next(iter(read_frames(index_video(path), [0])))
        assert mine.shape == shown.shape
        assert np.abs(mine.astype(int) - shown).mean() < 2, name


def test_real_videos_by_seek_equal_their_full_decode(shared_media, tmp_path):
    import av

    for relative in ("ThunderVVV__HaWoR/example/video_0.mp4", "dmlc__decord/examples/flipping_a_pancake.mkv"):
        path = shutil.copy(shared_media / relative, tmp_path)
        with av.open(str(path)) as container:
            full = [pixel_hash(upright(frame)) for frame in container.decode(video=0)]
        index = index_video(type(tmp_path)(path))
        assert index.count == len(full)
        wanted = random.Random(1).sample(range(len(full)), 8)
        assert all(pixel_hash(image) == full[k] for k, image in read_frames(index, wanted))
