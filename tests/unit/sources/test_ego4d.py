"""Ego4D's two ways of counting, and the files as the official CLI lays them out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.hint_names import parse_stem
from hint_toolkit.sources.base import Request
from hint_toolkit.sources.ego4d import find, find_videos
from hint_toolkit.sources.registry import open_source
from tests.ego4d_release import uid

CLIP, OTHER, VIDEO, ACTION = uid("c"), uid("o"), uid("v"), uid("a")


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def action(name=ACTION, **fields):
    """An action 3000 frames into the canonical video, 120 into the clip."""
    return {
        "uid": name,
        "is_rejected": False,
        "is_valid_action": True,
        "is_invalid_annotation": False,
        "critical_frames": {"pre_frame": 3000, "pnr_frame": 3010, "post_frame": 3030},
        "clip_critical_frames": {"pre_frame": 120, "pnr_frame": 130, "post_frame": 150},
        "frames": None,
        **fields,
    }


def main_file(path, *actions, clip=CLIP, video=VIDEO, start=2880):
    interval = {"clip_uid": clip, "clip_parent_start_frame": start, "narrated_actions": list(actions)}
    value = {
        "version": "1",
        "videos": [{"annotated_intervals": [interval], "video_metadata": {"fps": 30.0}, "video_uid": video}],
    }
    path.write_text(json.dumps(value))
    return path


def moments(found):
    return {clip.video_id: [(m.kind, m.number, m.numbering) for m in clip.moments] for clip in found.clips}


def test_every_file_is_found_at_any_depth_and_down_scaled_copies_are_not(tmp_path):
    names = [f"v2/clips/{CLIP}.mp4", f"v1/clips/{CLIP}.mp4", f"v1/full_scale/{VIDEO}.mp4", "v1/clips/notes.mp4"]
    touch(tmp_path, *names, f"v2/video_540ss/{VIDEO}.mp4", f"v2/clips_540ss/{OTHER}.mp4", f"v1/.{CLIP}.mp4")
    videos, issues = find_videos(tmp_path)
    assert {k: p.relative_to(tmp_path).as_posix() for k, p in videos.items()} == {
        CLIP: f"v1/clips/{CLIP}.mp4",
        VIDEO: f"v1/full_scale/{VIDEO}.mp4",
    }
    text = " | ".join(map(str, issues))
    assert f"{CLIP}: lies here 2 times, v1/clips/{CLIP}.mp4 is taken" in text
    assert f"1 only as down-scaled copies, which are not used: {OTHER}" in text


def test_a_clip_number_becomes_an_image_number_and_hints_name(tmp_path):
    touch(tmp_path, f"v1/clips/{CLIP}.mp4")
    found = open_source("ego4d")(Request(tmp_path, main_file(tmp_path / "fho_main.json", action())))
    (clip,) = found.clips
    assert moments(found) == {
        CLIP: [("pre_frame", 121, "image"), ("pnr_frame", 131, "image"), ("post_frame", 151, "image")]
    }
    assert [m.frame_id for m in clip.moments][1] == f"{CLIP}_{ACTION}_130_pnr_frame"
    assert parse_stem(f"{clip.moments[1].frame_id}_r").frame_index == 130
    assert (clip.group, clip.redistributable, clip.licence) == (VIDEO, False, "Ego4D licence agreement")
    assert clip.name == f"v1/clips/{CLIP}.mp4"


def test_a_full_scale_video_serves_where_the_clip_is_not_there(tmp_path):
    touch(tmp_path, f"v1/full_scale/{VIDEO}.mp4")
    found = find(Request(tmp_path, main_file(tmp_path / "m.json", action())))
    assert moments(found) == {
        VIDEO: [("pre_frame", 3000, "decode"), ("pnr_frame", 3010, "decode"), ("post_frame", 3030, "decode")]
    }
    assert found.clips[0].moments[0].frame_id == f"{CLIP}_{ACTION}_120_pre_frame"  # one picture, one name
    touch(tmp_path, f"v1/clips/{CLIP}.mp4")
    assert list(moments(find(Request(tmp_path, tmp_path / "m.json")))) == [CLIP]


@pytest.mark.parametrize("distance", [2880, 0])
def test_boxed_frames_are_counted_as_the_kinds_they_share_say(tmp_path, distance):
    """`frames` holds numbers of the video (2880 more) or of the clip; both must end at clip frame 75."""
    touch(tmp_path, f"{CLIP}.mp4")
    frames = [
        {"frame_type": "pre_45", "frame_number": 75 + distance, "boxes": []},
        {"frame_type": "pnr_frame", "frame_number": 130 + distance, "boxes": []},
    ]
    found = find(Request(tmp_path, main_file(tmp_path / "m.json", action(frames=frames)), ("pre_45",)))
    assert moments(found) == {CLIP: [("pre_45", 76, "image")]}


def test_the_interval_tells_the_distance_where_no_frame_stands_in_both_counts(tmp_path):
    touch(tmp_path, f"{CLIP}.mp4")
    found = find(Request(tmp_path, main_file(tmp_path / "m.json", action(clip_critical_frames=None), start=2881)))
    assert [number for _, number, _ in moments(found)[CLIP]] == [120, 130, 150]


def test_counts_that_contradict_each_other_are_said_and_not_converted(tmp_path):
    touch(tmp_path, f"{CLIP}.mp4")
    odd = action(clip_critical_frames={"pre_frame": 120, "pnr_frame": 131})
    found = find(Request(tmp_path, main_file(tmp_path / "m.json", odd)))
    assert [number for _, number, _ in moments(found)[CLIP]] == [121, 132]
    assert f"1 actions whose frame numbers in clip and video are not one distance apart; {'only'}" in str(
        found.issues.warnings[0]
    )


def test_rejected_actions_unmade_clips_and_frames_before_the_clip_are_left_out(tmp_path):
    touch(tmp_path, f"{CLIP}.mp4")
    early = action(uid("early"), critical_frames=None, clip_critical_frames={"pre_45": -5, "pre_frame": 40})
    file = main_file(tmp_path / "m.json", action(is_rejected=True), early)
    found = find(Request(tmp_path, file))
    assert moments(found) == {CLIP: [("pre_frame", 41, "image")]}
    text = " | ".join(map(str, found.issues))
    assert "1 actions that Ego4D itself rejected" in text
    none = find(Request(tmp_path, main_file(tmp_path / "n.json", action(), clip=None)))
    assert none.clips == []
    assert f"1 clips with 3 annotated frames are not there, or begin later: {VIDEO}" in str(none.issues.warnings[0])


def test_hands_file_gives_every_kind(tmp_path):
    touch(tmp_path, f"{CLIP}.mp4")
    kinds = {
        "pre_45": 75,
        "pre_30": 90,
        "pre_15": 105,
        "pre_frame": 120,
        "contact_frame": 125,
        "pnr_frame": 130,
        "post_frame": 150,
    }
    one = {"action_start_sec": 96.0, "action_clip_start_frame": 60} | {
        kind: {"frame": n + 2880, "clip_frame": n, "boxes": [{"left_hand": [1, 2]}]} for kind, n in kinds.items()
    }
    clips = [
        {"clip_id": 7, "clip_uid": CLIP, "video_uid": VIDEO, "frames": [one, {"pre_45": one["pre_45"]}]},
        {"clip_id": 8, "clip_uid": OTHER, "video_uid": VIDEO, "frames": [one]},
    ]
    path = tmp_path / "fho_hands_train.json"
    path.write_text(json.dumps({"version": "v1", "split": "train", "clips": clips}))
    found = find(Request(tmp_path, path))
    assert sorted(set(moments(found)[CLIP])) == sorted((kind, n + 1, "image") for kind, n in kinds.items())
    names = [m.frame_id for m in found.clips[0].moments]
    assert parse_stem(f"{names[0]}_l").video_id == CLIP
    assert len(set(names)) == len(names) == 8  # the same frame of two actions has two names, as in HInt
    assert [str(i) for i in found.issues] == [
        f"{tmp_path}: 1 clips with 7 annotated frames are not there, or begin later: {OTHER}"
    ]


def test_without_annotations_every_video_is_a_clip(tmp_path):
    touch(tmp_path, f"b/{CLIP}.mp4", f"a/{VIDEO}.mp4")
    assert [c.video_id for c in find(Request(tmp_path)).clips] == sorted([CLIP, VIDEO])
    assert all(not c.moments and not c.redistributable for c in find(Request(tmp_path)).clips)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'{' is wanted"),
        ('{"videos": [', "at the end"),
        ('{"images": []}', "has neither videos nor clips"),
        ('{"clips": [{"uid": 1}]}', "has no 'clip_uid'"),
        ('{"clips": [{"clip_uid": "a", "video_uid": "b", "frames": [{"pre_45": 3}]}]}', "a value is of another kind"),
        ('{"videos": [{"annotated_intervals": []}]}', "a video has no video_uid"),
        ('{"videos": [{"annotated_intervals": [[]], "video_uid": "a"}]}', "a value is of another kind"),
        ('{"videos": []} x', "there is more text after the end"),
    ],
)
def test_damaged_and_foreign_files_are_one_line(tmp_path, text, why):
    touch(tmp_path, f"{CLIP}.mp4")
    (tmp_path / "fho_main.json").write_text(text)
    with pytest.raises(InputError, match="is not a readable fho_main.json") as caught:
        find(Request(tmp_path, tmp_path / "fho_main.json"))
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_calls_are_one_line(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        find(Request(tmp_path / "gone"))
    with pytest.raises(InputError, match="holds no Ego4D video"):
        find(Request(tmp_path))
    with pytest.raises(InputError, match="no such kind: pnr; choose from: pre_45"):
        find(Request(tmp_path, None, ("pnr",)))
    touch(tmp_path, f"{CLIP}.mp4")
    with pytest.raises(InputError, match="no such file"):
        find(Request(tmp_path, tmp_path / "gone.json"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_video_of_forty_megabytes_is_read_an_interval_at_a_time(tmp_path):
    """Boxes are most of fho_main.json; neither they nor a video's intervals stand in memory together."""
    touch(tmp_path, f"{CLIP}.mp4")
    box = {"object_type": "left_hand", "bbox": {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}}
    acts = [action(uid(k), frames=[{"frame_type": "pnr_frame", "frame_number": 3010, "boxes": [box] * 100}])
            for k in range(50)]  # fmt: skip
    interval = json.dumps({"clip_uid": CLIP, "clip_parent_start_frame": 2880, "narrated_actions": acts})
    with (tmp_path / "m.json").open("w") as out:
        out.write('{"videos": [{"annotated_intervals": [')
        out.write(",".join([interval] * 90))
        out.write(f'], "video_uid": "{VIDEO}"}}]}}')
    assert (tmp_path / "m.json").stat().st_size > 40e6
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from hint_toolkit.sources.base import Request\n"
        "from hint_toolkit.sources.ego4d import find\n"
        "peak = lambda: int(next(x for x in open('/proc/self/status') if x.startswith('VmHWM')).split()[1])\n"
        "before = peak()\n"
        "found = find(Request(Path(sys.argv[1]), Path(sys.argv[1]) / 'm.json', ('pnr_frame',)))\n"
        "print(len(found.clips[0].moments), peak() - before)\n"
    )
    call = [sys.executable, "-c", code, tmp_path]
    moments, kilobytes = subprocess.run(call, capture_output=True, text=True, check=True).stdout.split()
    assert int(moments) == 50
    assert int(kilobytes) < 30_000  # the file as objects would be ten times that
