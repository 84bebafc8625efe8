"""Strategies, limits, splits, near-duplicates and plan files, on clips of pictures that are known."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows import sample_clips
from hint_toolkit.flows.sample import SampleOptions, make_plan, sample
from hint_toolkit.flows.sample_cost import PACKET_SECONDS, preview, preview_of, save_plan
from hint_toolkit.flows.sample_read import read_plan
from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.sampling.plan import ALL_STRATEGIES
from hint_toolkit.sources.base import Clip, Found, Moment
from hint_toolkit.synthetic import render
from hint_toolkit.video.picture import pixel_hash
from hint_toolkit.workspace import Workspace
from tests.conftest import read_number


def indices(plan):
    return [[pick.frame_index for pick in planned.picks] for planned in plan.clips]


def offered(monkeypatch, *clips):
    """A source that has these clips."""
    monkeypatch.setattr(sample_clips, "open_source", lambda name: lambda request: Found(list(clips)))


@pytest.fixture(scope="module")
def views():
    """Twelve pictures of different scenes."""
    return [render(seed, 160, 120)[0] for seed in range(12)]


def write_clip(path, pictures, crf=18, rate=10):
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_moments_by_image_number_become_the_pictures_that_ffmpeg_would_write(write_video, tmp_path, monkeypatch):
    path = write_video("in/a.mp4", 40, gop=15, start=9, sound=True)  # picture 0 is images 1 to 10
    moments = (
        Moment(5, "image", "pre_frame", "a_x_4_pre_frame"),
        Moment(10, "image", "shared", "a_x_9_shared"),
        Moment(30, "image", "pnr_frame", "a_x_29_pnr_frame"),
        Moment(33, "decode", "plain"),
        Moment(999, "image", "gone"),
    )
    clip = Clip("a", path, "a.mp4", moments=moments, group="g", licence="L", redistributable=False)
    offered(monkeypatch, clip)
    plan = make_plan(SampleOptions(tmp_path / "in", kind="ego4d", strategy="around", licence="mine"))
    report = sample(Workspace(tmp_path / "ws"), plan)
    frames = Workspace(tmp_path / "ws").read_frames()
    assert [(f.id, f.frame_index, f.image_number) for f in frames] == [
        ("a_x_4_pre_frame", 0, 5),
        ("a_x_29_pnr_frame", 20, 30),
        ("a_frame00000033", 33, 43),
    ]
    for frame in frames:
        assert read_number(read_image(tmp_path / "ws" / frame.path)) == max(frame.image_number - 10, 0)
        assert (frame.group, frame.licence, frame.redistributable) == ("g", "L", False)
    assert [str(issue) for issue in report.issues] == [
        "a.mp4: 1 of 5 moments lie outside its 40 pictures",
        "a.mp4: 1 moments share a picture with another; it is taken once, by its first name",
    ]


def test_offsets_around_moments_and_what_leads_out_is_said(write_video, tmp_path, monkeypatch):
    path = write_video("in/a.mp4", 40)
    offered(monkeypatch, Clip("a", path, "a.mp4", moments=(Moment(10, "decode", "pnr"), Moment(30, "decode", "pnr"))))
    plan = make_plan(SampleOptions(tmp_path / "in", kind="ego4d", strategy="around", offsets=(-15, 0, 5)))
    assert indices(plan) == [[10, 15, 30, 35]]
    assert [p.reason for p in plan.clips[0].picks][:2] == ["around pnr", "around pnr +5"]
    assert [str(issue) for issue in plan.issues] == ["a.mp4: 1 offsets from moments lead out of its 40 pictures"]
    offered(monkeypatch, Clip("a", path, "a.mp4"))
    with pytest.raises(InputError, match="around finds no frame in 1 clips.*--annotations"):
        make_plan(SampleOptions(tmp_path / "in", kind="ego4d", strategy="around"))


def test_image_numbers_that_the_file_does_not_tell_are_reported(write_video, tmp_path, monkeypatch):
    path = write_video("in/a.avi", 20, codec="mpeg4", b_frames=1)
    offered(monkeypatch, Clip("a", path, "a.avi", moments=(Moment(1, "decode"), Moment(3, "image"))))
    monkeypatch.setattr(sample_clips, "image_sources", lambda index: (_ for _ in ()).throw(InputError("cannot")))
    plan = make_plan(SampleOptions(tmp_path / "in", kind="ego4d", strategy="around"))
    assert indices(plan) == [[1]]
    assert plan.clips[0].picks[0].image_number == -1
    (issue,) = plan.issues.errors
    assert "1 of 2 moments are given by ffmpeg's image numbers, which the file does not tell" in str(issue)


def test_a_folder_of_pictures_keeps_its_jpgs_byte_for_byte(views, tmp_path):
    import cv2

    folder = tmp_path / "in/P01"
    write_jpg(folder / "frame_1.jpg", views[0])
    write_jpg(folder / "frame_2.jpg", views[1])
    cv2.imwrite(str(folder / "frame_3.png"), views[2][:, :, ::-1])
    (folder / "frame_4.jpg").write_bytes(b"no picture")
    workspace = Workspace(tmp_path / "ws")
    report = sample(workspace, make_plan(SampleOptions(tmp_path / "in", per_video=9)))
    frames = workspace.read_frames()
    assert [(f.id, f.image_number) for f in frames] == [
        ("P01_frame00000000", -1),
        ("P01_frame00000001", -1),
        ("P01_frame00000002", -1),
    ]
    assert (tmp_path / "ws" / frames[0].path).read_bytes() == (folder / "frame_1.jpg").read_bytes()
    assert frames[0].sha256 == pixel_hash(read_image(folder / "frame_1.jpg"))
    assert frames[2].sha256 == pixel_hash(views[2])
    assert np.isnan(frames[0].time)
    assert frames[0].sharpness > 0
    assert len(frames[0].likeness) == 1152
    (issue,) = report.issues.errors
    assert "1 of 4 planned frames cannot be decoded" in str(issue)
    with pytest.raises(InputError, match="pictures have no times"):
        make_plan(SampleOptions(tmp_path / "in", strategy="per-second"))


def test_per_second_and_limits_take_from_all_clips_alike(write_video, tmp_path):
    for name in "abc":
        write_video(f"in/{name}.mp4", 60)
    options = {"videos": tmp_path / "in", "strategy": "per-second", "rate": 10}
    assert indices(make_plan(SampleOptions(**options))) == [list(range(0, 60, 3))] * 3
    limited = make_plan(SampleOptions(**options, max_frames=14, max_per_video=5))
    assert sorted(map(len, indices(limited))) == [4, 5, 5]
    assert limited.to_dict() == make_plan(SampleOptions(**options, max_frames=14, max_per_video=5)).to_dict()
    assert indices(limited) != indices(make_plan(SampleOptions(**options, max_frames=14, max_per_video=5, seed=1)))


def test_no_group_gives_more_than_its_limit_and_none_stands_in_two_splits(write_video, tmp_path, monkeypatch):
    names = [f"P0{p}_0{k}" for p in (1, 2, 3, 4) for k in (1, 2)]
    path = write_video("in/a.mp4", 30)
    offered(monkeypatch, *[Clip(name, path, "a.mp4", group=name[:3]) for name in names])
    options = SampleOptions(tmp_path, kind="visor", source="visor", per_video=10, max_per_group=7, splits=(50, 25, 25))
    plan = make_plan(options)
    held = {}
    for planned in plan.clips:
        held.setdefault(planned.clip.group, []).append(planned)
    assert [sum(len(one.picks) for one in clips) for clips in held.values()] == [7] * 4
    assert all({3, 4} == {len(one.picks) for one in clips} for clips in held.values())
    assert all(len({one.split for one in clips}) == 1 for clips in held.values())
    assert sorted(clips[0].split for clips in held.values()) == ["TEST", "TRAIN", "TRAIN", "VAL"]


@pytest.mark.parametrize("strategy", ["uniform", "informative"])
def test_a_clip_that_is_there_twice_gives_its_frames_once(views, tmp_path, strategy):
    write_clip(tmp_path / "in/a.mp4", views[:8])
    write_clip(tmp_path / "in/again.mp4", views[:8], crf=30)
    write_clip(tmp_path / "in/other.mp4", views[8:])
    workspace = Workspace(tmp_path / "ws")
    options = SampleOptions(
        tmp_path / "in", per_video=8, strategy=strategy, duplicates=False, candidates_per_second=10, detector="none"
    )
    plan = make_plan(options, workspace)
    kept = {(one.clip.video_id, pick.frame_index) for one in plan.clips for pick in one.picks}
    gone = {(one.clip.video_id, r.frame_index): r.twin for one in plan.clips for r in one.removed}
    assert {k for video, k in kept if video != "other"} == set(range(8))
    assert len(gone) == plan.removed == 8
    for (video, k), twin in gone.items():
        assert twin == f"{'again' if video == 'a' else 'a'}_frame{k:08d}"
    if strategy == "uniform":
        assert {video for video, _ in gone} == {"again"}
    assert {k for video, k in kept if video == "other"} == set(range(4))
    listed = json.loads(json.dumps(plan.to_dict()))["clips"]
    assert sum(len(clip["removed"]) for clip in listed) == 8
    assert sample(workspace, plan).frames == 12


def test_informative_goes_on_behind_near_duplicates_of_one_clip(views, tmp_path):
    swaying = [np.roll(views[0], (k % 5 - 2, k % 7 - 3), axis=(0, 1)) for k in range(40)]
    resting = [*swaying[:20], views[1], *swaying[20:], views[2]]
    write_clip(tmp_path / "in/a.mp4", resting)
    options = SampleOptions(
        tmp_path / "in", per_video=5, strategy="informative", candidates_per_second=10, detector="none"
    )
    plan = make_plan(options, Workspace(tmp_path / "ws"))
    (chosen,) = indices(plan)
    assert {20, 41} < set(chosen)
    assert len(chosen) == 3
    assert len(plan.clips[0].removed) > 10
    assert len(make_plan(replace(options, duplicates=True), Workspace(tmp_path / "ws")).clips[0].picks) == 5


@pytest.mark.parametrize(("good", "level"), [(3, "warning"), (0, "error")])
def test_candidates_that_do_not_decode_are_named_and_a_clip_without_any_is_an_error(views, tmp_path, good, level):
    for k in range(4):
        path = tmp_path / f"in/x/{k}.jpg"
        write_jpg(path, views[k])
        if k >= good:
            path.write_bytes(b"x")
    options = SampleOptions(tmp_path / "in", per_video=9, strategy="scenes", detector="none")
    plan = make_plan(options, Workspace(tmp_path / "ws"))
    (issue,) = plan.issues
    assert (plan.frames, issue.level) == (good, level)
    assert f"{4 - good} of 4 candidates cannot be decoded: is not a readable picture" in str(issue)


def test_scenes_give_every_scene_a_frame(views, tmp_path):
    rng = np.random.default_rng(0)
    shots = [
        np.clip(views[k] + rng.normal(0, 2, views[k].shape), 0, 255).astype(np.uint8)
        for k, n in ((0, 12), (3, 5), (5, 9))
        for _ in range(n)
    ]
    write_clip(tmp_path / "in/a.mp4", shots)
    options = SampleOptions(tmp_path / "in", per_video=3, strategy="scenes", candidates_per_second=10, detector="none")
    (chosen,) = indices(make_plan(options, Workspace(tmp_path / "ws")))
    assert [np.searchsorted([12, 17, 26], k, side="right") for k in chosen] == [0, 1, 2]


def test_a_plan_file_gives_the_same_bytes_elsewhere_and_refuses_other_clips(write_video, tmp_path):
    write_video("in/a.mp4", 40)
    write_video("in/b.mkv", 30)
    here, there = Workspace(tmp_path / "here"), Workspace(tmp_path / "there")
    options = SampleOptions(
        tmp_path / "in", "mine", 4, seed=5, licence="CC0", splits=(1, 1, 0), kinds=("x",), max_frames=7
    )
    plan = make_plan(options)
    sample(here, plan)
    (tmp_path / "in").rename(tmp_path / "moved")
    again = read_plan(here.plan_file, tmp_path / "moved")
    assert again.to_dict() == plan.to_dict()
    sample(there, again)
    assert there.frames_file.read_bytes() == here.frames_file.read_bytes()
    assert there.plan_file.read_bytes() == here.plan_file.read_bytes()
    write_video("moved/a.mp4", 41)
    with pytest.raises(InputError, match=r"a\.mp4: is not the clip that was planned"):
        read_plan(here.plan_file, tmp_path / "moved")
    (tmp_path / "moved/a.mp4").unlink()
    with pytest.raises(InputError, match=r"a\.mp4: the plan needs it and it cannot be opened"):
        read_plan(here.plan_file, tmp_path / "moved")


def test_pictures_go_through_a_plan_file_too(views, tmp_path):
    for k in range(4):
        write_jpg(tmp_path / f"in/x/{k}.jpg", views[k])
    plan = make_plan(SampleOptions(tmp_path / "in", per_video=2))
    save_plan(plan, tmp_path / "plan.json")
    assert str(tmp_path) not in (tmp_path / "plan.json").read_text()
    again = read_plan(tmp_path / "plan.json", tmp_path / "in")
    assert again.to_dict() == plan.to_dict()
    write_jpg(tmp_path / "in/x/3.jpg", views[4])
    with pytest.raises(InputError, match="is not the clip that was planned"):
        read_plan(tmp_path / "plan.json", tmp_path / "in")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda held: held.update(plan=1), "no plan of version 2"),
        (lambda held: held.pop("clips"), "damaged plan"),
        (lambda held: held["options"].update(strategy="best"), "damaged plan.*strategy must be one of"),
        (lambda held: held["options"].update(max_frames="many"), "damaged plan"),
        (lambda held: held["clips"][0].update(video="../a.mp4"), "lies outside the folder"),
        (lambda held: held["clips"][0]["frames"][0].update(id="../../x"), "no file can be named by"),
        (
            lambda held: held["clips"][0]["frames"][0].update(id=held["clips"][0]["frames"][1]["id"]),
            "several clips give",
        ),
        (lambda held: held["clips"][0]["frames"][0].pop("reason"), "damaged plan"),
        (lambda held: held["clips"][0]["frames"][0].update(frame_index="3"), "damaged plan.*a number that is none"),
    ],
)
def test_a_damaged_plan_is_one_line(write_video, tmp_path, change, message):
    write_video("in/a.mp4", 20)
    held = make_plan(SampleOptions(tmp_path / "in", per_video=3)).to_dict()
    change(held)
    write_json(tmp_path / "plan.json", held)
    with pytest.raises(InputError, match=message) as caught:
        read_plan(tmp_path / "plan.json", tmp_path / "in")
    assert "\n" not in str(caught.value)


def test_a_dry_run_counts_packets_and_candidates_and_decodes_nothing(write_video, tmp_path, monkeypatch):
    write_video("in/a.mp4", 60, gop=60, b_frames=0)
    workspace = Workspace(tmp_path / "ws")
    plan = make_plan(SampleOptions(tmp_path / "in", per_video=1))
    (k,) = indices(plan)[0]
    (cost,) = preview_of(plan).costs
    pixels = 160 * 96
    assert cost.seconds == pytest.approx((PACKET_SECONDS * (k + 1) + 0.03) * pixels / 1e6)  # all up to the wanted one
    assert cost.bytes == pytest.approx(0.3 * pixels)
    monkeypatch.setattr("hint_toolkit.video.reader.read_frames", None)
    looking = SampleOptions(tmp_path / "in", strategy="informative", detector="none")
    shown = preview(looking, workspace)
    assert shown.plan is None
    assert shown.rows()[-1][:4] == ("all", 60, 4, 4)
    assert "4 candidates must be looked at before" in shown.notes()
    assert "nobody looks for hands" in shown.notes()
    assert "nobody" not in preview(replace(looking, detector="mediapipe"), workspace).notes()
    with pytest.raises(InputError, match="no plan before the candidates have been looked at"):
        save_plan(shown.plan, tmp_path / "plan.json")
    assert not workspace.root.exists()


def test_once_measured_a_dry_run_knows_the_plan(views, tmp_path):
    write_clip(tmp_path / "in/a.mp4", views)
    workspace = Workspace(tmp_path / "ws")
    options = SampleOptions(tmp_path / "in", strategy="informative", candidates_per_second=10, detector="none")
    plan = make_plan(options, workspace)
    assert preview(options, workspace).plan.to_dict() == plan.to_dict()
    assert len(plan.clips[0].picks) >= 10


def test_wrong_options_are_named(tmp_path):
    for wrong, message in (
        ({"strategy": "best"}, "strategy must be one of"),
        ({"splits": (1, 2)}, "three shares"),
        ({"max_frames": -1}, "not be negative"),
    ):
        with pytest.raises(ValueError, match=message):
            SampleOptions(Path(), **wrong)
    write_jpg(tmp_path / "a.jpg", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ValueError, match="keeps its measures in a workspace"):
        make_plan(SampleOptions(tmp_path, strategy="scenes"))


def test_the_command_line_offers_every_source_and_strategy():
    from hint_toolkit.cli._sample import _SOURCES, _STRATEGIES
    from hint_toolkit.sources.registry import SOURCES

    assert set(_SOURCES) == set(SOURCES)
    assert _STRATEGIES == ALL_STRATEGIES
