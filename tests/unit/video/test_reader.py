"""Exact frames: the wanted picture says its number in its own pixels."""

import gc
import os
import pickle
import random
import tracemalloc

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.video.index import index_video
from hint_toolkit.video.reader import frame_at, pixel_hash, read_frames, upright
from hint_toolkit.video.spans import Span, plan_spans
from hint_toolkit.video.track import Track
from tests.conftest import make_video, read_number


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


def test_damage_ends_with_its_group_and_what_refers_to_it_is_not_passed_as_whole(write_video):
    path = write_video("clip.mkv", n=120, gop=20, b_frames=0, x264="scenecut=0")
    index = index_video(path)
    data = path.read_bytes()
    places = packet_places(path)
    place, size = places[45]  # the sixth picture of the third group
    path.write_bytes(data[: place + 8] + bytes([255] * (size - 8)) + data[place + size :])
    got = dict(read_frames(index_video(path), range(index.count)))
    lost = [k for k, image in got.items() if isinstance(image, str)]
    assert lost == list(range(45, 60))
    assert all("damaged" in got[k] for k in lost)
    assert [read_number(got[k]) for k in got if k not in lost] == [k for k in got if k not in lost]


def packet_places(path):
    """(position, size) of each packet's bytes in the file, searched for."""
    import av

    data, at, places = path.read_bytes(), 0, []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                at = data.index(bytes(packet), at)
                places.append((at, packet.size))
    return places


@pytest.mark.parametrize("change", ["longer", "other bytes", "gone"])
def test_a_clip_that_changed_since_it_was_indexed_is_one_line(write_video, change):
    path = write_video(n=30)
    index = index_video(path)
    if change == "gone":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 255
        path.write_bytes(data + bytes(change == "longer"))
        os.utime(path, ns=(0, index.mark.modified + (0 if change == "longer" else 10**9)))
    with pytest.raises(InputError, match=r"clip\.mp4: has changed since its frames were counted \(") as caught:
        list(read_frames(index, [3]))
    assert "\n" not in str(caught.value)


def test_a_clip_that_changes_while_it_is_read_is_told_at_the_end(write_video):
    path = write_video(n=30)
    frames = read_frames(index_video(path), [0, 29])
    assert next(frames)[0] == 0
    with path.open("ab") as handle:
        handle.write(b"more")
    with pytest.raises(InputError, match="has changed"):
        list(frames)


def test_a_new_time_alone_is_no_change(write_video):
    path = write_video(n=30)
    index = index_video(path)
    os.utime(path, ns=(0, 0))
    assert read_number(dict(read_frames(index, [7]))[7]) == 7


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi"])
def test_nearest_is_the_picture_with_the_nearest_time(write_video, name):
    index = index_video(write_video(name, n=50, codec="libx264" if name.endswith("mp4") else "mpeg4"))
    times = [index.time(k) for k in range(index.count)]
    for time in np.linspace(-1, 3, 181):
        distance = abs(times[index.nearest(time)] - time)
        assert distance == pytest.approx(min(abs(t - time) for t in times), abs=1e-9)
    assert (index.nearest(-5), index.nearest(1e9)) == (0, 49)


def test_an_index_can_be_sent_to_a_worker(write_video):
    index = pickle.loads(pickle.dumps(index_video(write_video(n=30))))
    assert [read_number(image) for _, image in read_frames(index, [29, 4, 4], threads=2)] == [4, 29]
    assert read_number(frame_at(index, 11)) == 11
    with pytest.raises(InputError, match=r"frame 30 cannot be decoded \(the file ends before it\)"):
        frame_at(index, 30)


def test_only_the_packets_that_are_needed_are_decoded(write_video, monkeypatch):
    index = index_video(write_video(n=200, gop=50, b_frames=0, x264="scenecut=0"))
    assert plan_spans(index, [3, 7, 60, 199]) == [Span(0, 7, (3, 7)), Span(50, 60, (60,)), Span(150, 199, (199,))]
    sent = []
    decode = Track._decode
    monkeypatch.setattr(Track, "_decode", lambda self, packet: [sent.append(packet), *decode(self, packet)][1:])
    assert [k for k, _ in read_frames(index, [3, 7, 60, 199])] == [3, 7, 60, 199]
    assert sum(packet is not None for packet in sent) == 8 + 11 + 50


def test_memory_does_not_grow_with_what_is_wanted(write_video):
    index = index_video(write_video(n=300, gop=300))
    tracemalloc.start()
    for _ in read_frames(index, range(300)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 160 * 96 * 3


@pytest.mark.parametrize(
    ("turn", "mirror"), [(90, {}), (180, {}), (270, {}), (0, {"hflip": True}), (90, {"vflip": True})]
)
def test_turned_and_mirrored_clips_stand_as_ffmpeg_shows_them(tmp_path, ffmpeg_images, turn, mirror):
    path = make_video(tmp_path, n=3, turn=turn, mirror=mirror)
    for (_, mine), real in zip(read_frames(index_video(path), range(3)), ffmpeg_images(path), strict=True):
        assert mine.shape == real.shape
        assert np.abs(mine.astype(int) - real).mean() < 6


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


def real_videos(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".mp4", ".mov", ".mkv", ".avi"))


def test_real_videos_by_seek_equal_their_full_decode(shared_media):
    import av

    seen = 0
    for path in real_videos(shared_media):
        index = index_video(path)
        if path.name in ("corrupted.mp4", "demo3.mp4"):
            continue  # one stops in the middle, one is slow
        wanted = sorted(random.Random(1).sample(range(index.count), max(index.count // 12, 1)))
        full = []
        with av.open(str(path)) as container:
            for k, frame in enumerate(container.decode(container.streams[index.stream])):
                full.append(pixel_hash(upright(frame)) if k in wanted else "")
        assert index.count == len(full), path
        assert [(k, pixel_hash(image)) for k, image in read_frames(index, wanted)] == [(k, full[k]) for k in wanted]
        seen += 1
    assert seen >= 8


def test_of_several_video_streams_the_one_that_ffmpeg_takes(tmp_path, ffmpeg_images):
    import av

    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for width, flag in ((160, 0), (80, av.stream.Disposition.default), (320, 0)):
            stream = container.add_stream("mpeg4", rate=30)
            stream.width, stream.height, stream.pix_fmt = width, 96, "yuv420p"
            stream.disposition = av.stream.Disposition(flag)
            streams.append(stream)
        for stream in streams:
            frame = av.VideoFrame.from_ndarray(np.zeros((96, stream.width, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    (image,) = ffmpeg_images(path)
    assert dict(read_frames(index_video(path), [0]))[0].shape == image.shape == (96, 80, 3)


def test_decoded_frames_are_freed_without_the_garbage_collector(write_video):
    import av

    index = index_video(write_video(n=60))
    gc.collect()
    gc.disable()
    try:
        for _ in read_frames(index, range(60)):
            pass
        assert sum(issubclass(type(thing), av.VideoFrame) for thing in gc.get_objects()) < 10
    finally:
        gc.enable()
