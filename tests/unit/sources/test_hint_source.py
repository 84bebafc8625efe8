"""The names of a HInt release as moments."""

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.sources.base import Request
from hint_toolkit.sources.hint import find
from hint_toolkit.sources.registry import open_source
from tests.ego4d_release import stem_of, uid, write_hand

CLIP = uid("c")


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.fixture
def release(tmp_path):
    root = tmp_path / "HInt_annotation_partial"
    for side in "lr":
        write_hand(root / "TEST_ego4d_img", stem_of(CLIP, 12, side, "pnr_frame"))
    write_hand(root / "TEST_ego4d_seq", stem_of(CLIP, 12, "r", "pnr_frame"))
    write_hand(root / "TEST_ego4d_seq", stem_of(CLIP, 27, "r", "pre_15"))
    write_hand(root / "TEST_epick_img", "EK_0064_P03_10_frame_0000000249_r")
    write_hand(root / "TEST_epick_img", "EK_frame_0000000249_r")
    write_hand(root / "TRAIN_newdays_img", "ND__a-b_c_frame008373_l")
    return root


def test_every_source_is_found_with_its_own_count(release, tmp_path):
    videos = tmp_path / "videos"
    touch(videos, f"v1/clips/{CLIP}.mp4", "P03/P03_10.MP4", "yt/_a-b_c.webm")
    found = open_source("hint")(Request(videos, release))
    seen = {c.video_id: [(m.number, m.numbering, m.kind, m.frame_id) for m in c.moments] for c in found.clips}
    assert seen == {
        CLIP: [
            (13, "image", "pnr_frame", stem_of(CLIP, 12, "r", "pnr_frame")[:-2]),
            (28, "image", "pre_15", stem_of(CLIP, 27, "r", "pre_15")[:-2]),
        ],
        "P03_10": [(249, "image", "", "EK_0064_P03_10_frame_0000000249")],
        "_a-b_c": [(8372, "decode", "", "ND__a-b_c_frame008373")],
    }
    by_id = {c.video_id: c for c in found.clips}
    assert by_id["P03_10"].group == "P03"
    assert [by_id[k].redistributable for k in (CLIP, "P03_10", "_a-b_c")] == [False, True, True]
    assert by_id[CLIP].path == videos / f"v1/clips/{CLIP}.mp4"


def test_what_is_not_known_and_what_is_missing_is_said(release, tmp_path):
    touch(tmp_path / "videos", f"{CLIP}.mp4")
    text = " | ".join(map(str, find(Request(tmp_path / "videos", release)).issues))
    assert "1 names hold no video and are left out: TEST_epick_img/EK_frame_0000000249_r" in text
    assert "2 videos with 2 frames are not there: P03_10, _a-b_c" in text
    assert "HInt does not say which its names hold" in text
    assert "HInt does not say whether New Days frames count from 0 or from 1" in text


def test_kinds_choose_among_ego4d_frames(release, tmp_path):
    touch(tmp_path / "videos", f"{CLIP}.mp4")
    (clip,) = find(Request(tmp_path / "videos", release, ("pre_15",))).clips
    assert [m.number for m in clip.moments] == [28]


def test_without_videos_the_pictures_are_the_frames(release):
    folder = release / "TEST_ego4d_seq"
    jpg = folder / f"{stem_of(CLIP, 27, 'r', 'pre_15')}.jpg"
    jpg.write_bytes(b"x")
    found = find(Request(release))
    (clip,) = found.clips
    assert clip.pictures == (jpg,)
    assert [(m.number, m.numbering, m.frame_id) for m in clip.moments] == [(0, "decode", jpg.stem[:-2])]
    assert f"{CLIP}: 1 of 2 frames have no picture here" in " | ".join(map(str, found.issues))


def test_wrong_folders_are_one_line(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        find(Request(tmp_path, tmp_path / "gone"))
    with pytest.raises(InputError, match="holds no HInt folders"):
        find(Request(tmp_path))
