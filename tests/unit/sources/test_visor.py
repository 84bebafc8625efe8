import json
import re
import zipfile
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.sources.base import Moment, Request
from hint_toolkit.sources.visor import find, moment_in_video, own_rate
from hint_toolkit.sources.visor_frames import (
    FrameMapping,
    collapse_repeats,
    rate_of,
    read_hint_names,
    read_keyframes,
    read_mapping,
)

NTSC = Fraction(60000, 1001)


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def visor(video, *numbers):
    return [f"{video}_frame_{n:010d}.jpg" for n in numbers]


def epic(*numbers):
    return [f"frame_{n:010d}.jpg" for n in numbers]


def write_mapping(path, mapping):
    """`{video: {visor: epic}}` in the layout of VISOR's own file."""
    value = {
        video: dict(zip(visor(video, *pairs), epic(*pairs.values()), strict=True)) for video, pairs in mapping.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def write_annotations(path, video, frames):
    """Frames as `(number, subsequence)`, or `(number, None)` for an interpolated one."""
    records = []
    for number, subsequence in frames:
        name = visor(video, number)[0]
        image = {"image_path": f"{video}/{name}", "name": name, "video": video}
        image |= {"subsequence": subsequence} if subsequence else {"interpolation": f"{video}_interp_1"}
        records.append({"image": image, "annotations": [{"name": "left hand", "segments": [[[0, 0], [1, 1]]]}] * 2})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"info": {"x": 1}, "video_annotations": records}))
    return path


# ---- the mapping


MAPPING = {
    "P01_01": {1: 1, 140: 139, 141: 139, 5000: 4996},  # 140 and 141 are one frame of EPIC-KITCHENS
    "P01_101": {77667: 77667, 2: 2},
}


def test_every_name_goes_to_epic_and_back(tmp_path):
    mapping = read_mapping(write_mapping(tmp_path / "frame_mapping.json", MAPPING))
    for video, pairs in MAPPING.items():
        for number, its in pairs.items():
            assert mapping.epic(video, number) == its
            assert number in mapping.visor(video, its)
            assert {mapping.epic(video, back) for back in mapping.visor(video, its)} == {its}
    assert mapping.visor("P01_01", 139) == (140, 141)
    assert sum(len(mapping.visor("P01_01", n)) for n in range(1, 5001)) == 4


def test_what_the_mapping_does_not_name_is_none_and_never_guessed(tmp_path):
    mapping = read_mapping(write_mapping(tmp_path / "frame_mapping.json", MAPPING))
    assert mapping.epic("P01_01", 142) is None
    assert mapping.epic("P99_99", 1) is None
    assert mapping.visor("P01_01", 140) == ()
    assert mapping.visor("P99_99", 1) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "'{' is wanted"),
        ('{"P01_01": {', "at the end"),
        ('{"../P01_01": {}}', "is no video"),
        ('{"P01_01": ["frame_0000000001.jpg"]}', "is no video with its frames"),
        ('{"P01_01": {"P02_01_frame_0000000001.jpg": "frame_0000000001.jpg"}}', "not names of two frames"),
        ('{"P01_01": {"P01_01_frame_0000000001.jpg": "../frame_0000000001.jpg"}}', "not names of two frames"),
        ('{"P01_01": {"P01_01_frame_0000000001.jpg": 1}}', "not names of two frames"),
        ('{"P01_01": {"P01_01_frame_0000000001.jpg\\n": "frame_0000000001.jpg"}}', "not names of two frames"),
        (
            '{"P01_01": {"P01_01_frame_0000000001.jpg": "frame_0000000001.jpg",'
            ' "P01_01_frame_0000000001.png": "frame_0000000002.jpg"}}',
            "VISOR frame 1 stands for EPIC frames 1 and 2",
        ),
    ],
)
def test_a_mapping_that_is_none_is_one_line(tmp_path, text, said):
    path = tmp_path / "frame_mapping.json"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(said)) as error:
        read_mapping(path)
    assert "\n" not in str(error.value)


def test_no_mapping_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_mapping(tmp_path / "gone.json")


# ---- numbers and times


@pytest.mark.parametrize(
    ("video", "number", "seconds"),
    [  # out of VISOR's frames_to_timestamps.json; P06_12 was recorded at 90 a second
        ("P26_02", 3555, 59.233333333333334),
        ("P01_101", 77667, 1553.32),
        ("P06_12", 4510, 75.15),
        ("P26_01", 241, 4.0),
    ],
)
def test_frame_n_stands_at_the_time_that_visor_gives(video, number, seconds):
    assert (number - 1) / rate_of(video) == pytest.approx(seconds, abs=1e-12)


def test_the_same_rate_keeps_ffmpegs_number():
    assert moment_in_video(249, 50, Fraction(50)) == Moment(249, "image")
    assert moment_in_video(249, 60, Fraction(60), "sparse", "x") == Moment(249, "image", "sparse", "x")


@pytest.mark.parametrize(
    ("number", "own", "k"),
    [
        (1, NTSC, 0),
        (500, NTSC, 499),  # 499 x 0.999001 = 498.5015, nearer to 499
        (502, NTSC, 500),  # 501 x 0.999001 = 500.4995, nearer to 500
        (502, Fraction(30), 251),  # 250.5: of two as near the later one
        (4510, Fraction(90), 6764),  # 75.15 s x 90 = 6763.5
    ],
)
def test_another_rate_takes_the_picture_nearest_in_time(number, own, k):
    assert moment_in_video(number, 60, own) == Moment(k, "decode")


@pytest.mark.parametrize(
    ("rate", "b_frames", "most"),
    [(NTSC, 0, 0), (Fraction(30000, 1001), 2, 1), (Fraction(48000, 1001), 2, 1), (90, 2, 3)],
)
def test_in_a_video_it_is_nearest_by_its_time_stamps_and_near_to_ffmpegs(write_video, rate, b_frames, most):
    from hint_toolkit.video.index import index_video
    from hint_toolkit.video.numbering import image_sources

    index = index_video(write_video("P01_01.mp4", 300, gop=30, b_frames=b_frames, rate=Fraction(rate)))
    times = np.array([index.time(k) for k in range(index.count)])
    at_sixty = image_sources(replace(index, timing=replace(index.timing, rate=Fraction(60))))
    own, even = own_rate(index.path)
    assert (own, even) == (rate, True)
    apart = []
    for number in range(1, int(299 * 60 / rate)):
        moment = moment_in_video(number, 60, own)
        gaps = np.abs(times - (number - 1) / 60)
        assert gaps[moment.number] <= gaps.min() + 1e-4
        apart.append(abs(int(at_sixty[number - 1]) - moment.number))
    assert max(apart) == most


def test_rates_are_read_from_the_file(write_video, tmp_path):
    assert own_rate(write_video("a.mp4", 30, rate=NTSC)) == (NTSC, True)
    assert own_rate(write_video("b.mp4", 30, rate=Fraction(50))) == (Fraction(50), True)
    assert own_rate(write_video("c.mp4", 30, gaps=True))[1] is False
    touch(tmp_path, "d.mp4")
    assert own_rate(tmp_path / "d.mp4") == (None, False)


# ---- repeats of the camera


def test_runs_of_the_same_picture_collapse_and_a_return_does_not():
    assert collapse_repeats([]) == []
    assert collapse_repeats(["a"]) == [0]
    assert collapse_repeats(list("aabbbca")) == [0, 0, 2, 2, 2, 5, 6]
    assert collapse_repeats(["a"] * 5) == [0] * 5


def test_a_camera_that_repeats_pictures_is_seen_through_decoding(tmp_path):
    import av

    from hint_toolkit.video.index import index_video
    from hint_toolkit.video.reader import pixel_hash, read_frames

    path = tmp_path / "P01_01.mkv"
    shown = [0, 0, 1, 1, 2, 0]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=60)  # lossless, as the repeats are before coding
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for k, number in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 60 * number, np.uint8), format="rgb24")
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    pictures = dict(read_frames(index_video(path), list(range(len(shown)))))
    assert collapse_repeats([pixel_hash(pictures[k]) for k in sorted(pictures)]) == [0, 0, 2, 2, 4, 5]


# ---- annotations and names


def test_annotated_frames_once_each_with_their_subsequence(tmp_path):
    path = write_annotations(
        tmp_path / "P01_01.json",
        "P01_01",
        [(140, "P01_01_seq_00001"), (9, "P01_01_seq_00001"), (140, "P01_01_seq_00001")],
    )
    assert [tuple(frame) for frame in read_keyframes(path)] == [
        ("P01_01", 9, "sparse", "P01_01_seq_00001"),
        ("P01_01", 140, "sparse", "P01_01_seq_00001"),
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"annotations": []}, "has no video_annotations"),
        ({"video_annotations": [{}]}, "has no 'image'"),
        ({"video_annotations": [{"image": {"name": "../P01_01_frame_0000000001.jpg"}}]}, "is not the name"),
        ({"video_annotations": [{"image": {"name": "P01_01_frame_0000000001.jpg\n"}}]}, "is not the name"),
        ({"video_annotations": [3]}, "is not a readable annotation file"),
        ({"video_annotations": 3}, "is wanted"),
    ],
)
def test_a_broken_annotation_file_is_one_line(tmp_path, value, said):
    path = tmp_path / "P01_01.json"
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match=re.escape(said)) as error:
        read_keyframes(path)
    assert "\n" not in str(error.value)


def test_hint_names_by_visor_names(tmp_path):
    path = tmp_path / "hint_names.txt"
    path.write_text(
        "TEST_epick_img/EK_0064_P03_10_frame_0000000249_r.jpg\nEK_0064_P03_10_frame_0000000249_l\n"
        "EK_frame_0000000249_l.json\nND_x_frame000001_l.jpg\n\nEK_0065_P03_10_frame_0000000250\n"
    )
    assert read_hint_names(path) == {
        "P03_10_frame_0000000249": "EK_0064_P03_10_frame_0000000249",
        "P03_10_frame_0000000250": "EK_0065_P03_10_frame_0000000250",
    }
    path.write_text("EK_0064_P03_10_frame_0000000249_r\nEK_0099_P03_10_frame_0000000249_r\n")
    with pytest.raises(InputError, match=r"line 2: names P03_10_frame_0000000249 both EK_0064.* and EK_0099"):
        read_hint_names(path)


# ---- clips


def ids(clip):
    return [(m.number, m.numbering, m.kind, m.frame_id) for m in clip.moments]


def test_files_as_the_official_downloader_lays_them_out(tmp_path):
    touch(tmp_path, "P03/videos/P03_10.MP4", "P03/videos/.P03_11.MP4", "P03/meta_data/P03_10.csv", "notes.mp4")
    touch(tmp_path, *(f"P04/rgb_frames/P04_101/{name}" for name in epic(1, 2, 3)))
    touch(tmp_path, *(f"P04/flow_frames/P04_102/u/{name}" for name in epic(1, 2)))
    touch(tmp_path, *(f"sparse/train/P01/P01_01/{name}" for name in visor("P01_01", 140, 9)))
    found = find(Request(tmp_path))
    assert [(c.video_id, c.group, c.name, len(c.pictures)) for c in found.clips] == [
        ("P01_01", "P01", "sparse/train/P01/P01_01", 2),
        ("P03_10", "P03", "P03/videos/P03_10.MP4", 0),
        ("P04_101", "P04", "P04/rgb_frames/P04_101", 3),
    ]
    assert {(c.licence, c.redistributable) for c in found.clips} == {("CC-BY-NC-4.0", True)}
    assert ids(found.clips[0]) == [
        (0, "decode", "sparse", "EK_P01_01_frame_0000000009"),
        (1, "decode", "sparse", "EK_P01_01_frame_0000000140"),
    ]
    assert found.clips[1].moments == found.clips[2].moments == ()
    assert found.clips[1].frame_id(248, 249) == "P03_10_frame00000248"
    assert len(found.issues) == 0


def test_annotated_frames_of_a_video_at_the_rate_of_extraction_are_image_numbers(tmp_path, write_video):
    write_video("v/P01_101.mp4", 20, rate=Fraction(50))
    annotations = write_annotations(tmp_path / "a" / "P01_101.json", "P01_101", [(1, "s1"), (12, "s1")])
    found = find(Request(tmp_path / "v", annotations))
    (clip,) = found.clips
    assert ids(clip) == [
        (1, "image", "sparse", "EK_P01_101_frame_0000000001"),
        (12, "image", "sparse", "EK_P01_101_frame_0000000012"),
    ]
    assert len(found.issues) == 0


def test_annotated_frames_of_a_video_of_another_rate_are_said(tmp_path, write_video):
    write_video("v/P01_01.mp4", 20, rate=NTSC)
    write_video("v/P01_102.mp4", 20, gaps=True)
    touch(tmp_path, "v/P01_03.mp4")
    mapping = {"P01_01": {1: 1, 12: 11}, "P01_102": {2: 2}, "P01_03": {1: 1}, "P02_01": {1: 1, 2: 2}}
    found = find(Request(tmp_path / "v", write_mapping(tmp_path / "frame_mapping.json", mapping)))
    clips = {clip.video_id: clip for clip in found.clips}
    assert ids(clips["P01_01"]) == [
        (0, "decode", "sparse", "EK_P01_01_frame_0000000001"),
        (11, "decode", "sparse", "EK_P01_01_frame_0000000012"),
    ]
    assert clips["P01_03"].moments == ()
    texts = [i.text for i in found.issues]
    assert len(texts) == 4
    assert any("1 videos with 2 annotated frames are not there: P02_01" in text for text in texts)
    assert any(text.startswith("1 videos do not run") and "P01_01 (59.94, not 60)" in text for text in texts)
    assert any(text.startswith("1 videos have no even rate") and text.endswith("P01_102") for text in texts)
    assert any(text.startswith("1 videos cannot be opened") and text.endswith("P01_03") for text in texts)


def test_annotated_frames_among_epics_files_go_through_the_mapping(tmp_path):
    touch(tmp_path, *(f"v/P01/rgb_frames/P01_01/{name}" for name in epic(*range(130, 145))))
    write_mapping(tmp_path / "a" / "frame_mapping.json", MAPPING)
    write_annotations(
        tmp_path / "a" / "train" / "P01_01.json", "P01_01", [(140, "s"), (141, "s"), (5000, "s"), (7, "s")]
    )
    found = find(Request(tmp_path / "v", tmp_path / "a"))
    (clip,) = found.clips
    assert ids(clip) == [
        (9, "decode", "sparse", "EK_P01_01_frame_0000000140"),
        (9, "decode", "sparse", "EK_P01_01_frame_0000000141"),
    ]
    assert clip.pictures[9].name == "frame_0000000139.jpg"
    assert [i.text for i in found.issues] == ["2 annotated frames of 1 videos have no picture here: P01_01"]


def test_without_a_mapping_epics_numbers_are_taken_and_that_is_said(tmp_path):
    touch(tmp_path, *(f"v/P01_01/{name}" for name in epic(139, 140)))
    path = write_annotations(tmp_path / "P01_01.json", "P01_01", [(140, "s")])
    found = find(Request(tmp_path / "v", path))
    assert found.clips[0].pictures[found.clips[0].moments[0].number].name == "frame_0000000140.jpg"
    (issue,) = found.issues
    assert "1 videos are in no frame_mapping.json" in issue.text


def test_visors_own_frames_come_before_the_video_where_annotations_are_given(tmp_path, write_video):
    write_video("v/P03_10.mp4", 20, rate=NTSC)
    touch(tmp_path, *(f"v/train/P03/P03_10/{name}" for name in visor("P03_10", 249, 300)))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "hint_names.txt").write_text("EK_0064_P03_10_frame_0000000249_r.jpg\n")
    write_annotations(tmp_path / "a" / "P03_10.json", "P03_10", [(249, "s"), (300, "s"), (301, "s")])
    found = find(Request(tmp_path / "v", tmp_path / "a"))
    (clip,) = found.clips
    assert ids(clip) == [
        (0, "decode", "sparse", "EK_0064_P03_10_frame_0000000249"),
        (1, "decode", "sparse", "EK_P03_10_frame_0000000300"),
    ]
    assert [i.text for i in found.issues] == ["1 annotated frames of 1 videos have no picture here: P03_10"]
    assert find(Request(tmp_path / "v")).clips[0].pictures == ()  # without annotations it is the video


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_kinds_and_a_frame_that_is_both(tmp_path, order):
    touch(tmp_path, *(f"v/{name}" for name in visor("P01_01", 1, 2, 3)))
    write_annotations(tmp_path / "a" / order[0] / "P01_01.json", "P01_01", [(1, "s"), (3, "s")])
    dense = [(1, None), (2, None), (3, None)]
    write_annotations(tmp_path / "a" / order[1] / "P01_01_interpolations.json", "P01_01", dense)
    kinds = {}
    for wanted in ((), ("sparse",), ("interpolated",)):
        (clip,) = find(Request(tmp_path / "v", tmp_path / "a", wanted)).clips
        kinds[wanted] = [(m.number, m.kind) for m in clip.moments]
    assert kinds[()] == [(0, "sparse"), (1, "interpolated"), (2, "sparse")]
    assert kinds[("sparse",)] == [(0, "sparse"), (2, "sparse")]
    assert [n for n, _ in kinds[("interpolated",)]] == [0, 1, 2]
    with pytest.raises(InputError, match="no such kind: dense; choose from: sparse, interpolated"):
        find(Request(tmp_path / "v", None, ("dense",)))


def test_archives_are_named_and_a_second_copy_too(tmp_path):
    touch(
        tmp_path, "P03/videos/P03_10.MP4", "copy/P03_10.MP4", "P03/rgb_frames/P03_10.tar", "P03/rgb_frames/P03_11.tar"
    )
    touch(tmp_path, "P03/flow_frames/P03_12.tar", "P03/masks/P03_13.zip")
    assert [str(i) for i in find(Request(tmp_path)).issues] == [
        "1 archives of frames are not unpacked and not read: P03/rgb_frames/P03_11.tar",
        "P03_10: lies here 2 times, P03/videos/P03_10.MP4 is taken",
    ]


def test_only_archives_no_folder_and_nothing_of_epic(tmp_path):
    (tmp_path / "rgb_frames").mkdir()
    with zipfile.ZipFile(tmp_path / "rgb_frames" / "P01_01.zip", "w") as archive:
        archive.writestr("P01_01_frame_0000000001.jpg", b"x")
    with pytest.raises(InputError, match="holds only archives of frames, 1 .*; unpack each"):
        find(Request(tmp_path))
    with pytest.raises(InputError, match="no such folder"):
        find(Request(tmp_path / "gone"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds nothing of EPIC-KITCHENS"):
        find(Request(tmp_path / "empty"))


def test_hostile_names_are_left_out_and_said(tmp_path):
    touch(tmp_path, "a\nb/P01_01.MP4", "P01_02.MP4", "P01_02.MP4\n", "P1_1.MP4", "xP01_03.MP4")
    found = find(Request(tmp_path))
    assert [clip.video_id for clip in found.clips] == ["P01_02"]
    assert [i.text for i in found.issues] == [
        "2 files have line breaks or control characters in their path and are left out"
    ]


def test_annotations_that_are_none(tmp_path):
    touch(tmp_path, "P01_01.MP4", "a/readme.txt")
    with pytest.raises(InputError, match="no such file or folder"):
        find(Request(tmp_path, tmp_path / "gone"))
    with pytest.raises(InputError, match=r"holds no annotations of VISOR \(looked for frame_mapping.json"):
        find(Request(tmp_path, tmp_path / "a"))


def test_a_mapping_made_by_hand_turns_round():
    assert FrameMapping({}).visor("P01_01", 1) == ()
    assert FrameMapping({"P01_01": {3: 1, 2: 1}}).visor("P01_01", 1) == (2, 3)
