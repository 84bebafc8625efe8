import json

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.sample import SampleOptions, make_plan, sample
from hint_toolkit.io.images import read_image
from hint_toolkit.video.index import index_video
from hint_toolkit.video.reader import pixel_hash, read_frames
from hint_toolkit.workspace import Workspace
from tests.conftest import read_number


def files_of(workspace):
    return {p.relative_to(workspace.root): p.read_bytes() for p in workspace.root.rglob("*") if p.is_file()}


@pytest.fixture
def videos(write_video, tmp_path):
    write_video("in/a.mp4", 40)
    write_video("in/b/c.mkv", 30)
    return tmp_path / "in"


def test_frames_are_the_planned_ones_with_where_they_came_from(videos, tmp_path):
    workspace = Workspace(tmp_path / "ws")
    options = SampleOptions(videos, source="mine", per_video=5, seed=3, split="VAL", licence="CC0")
    report = sample(workspace, make_plan(options))
    assert (report.frames, report.videos, len(report.issues)) == (10, 2, 0)
    frames = workspace.read_frames()
    for frame in frames:
        image = read_image(workspace.root / frame.path)
        assert read_number(image) == frame.frame_index
        assert (frame.width, frame.height) == (160, 96)
        assert (frame.source, frame.split, frame.licence) == ("mine", "VAL", "CC0")
        index = index_video(videos / frame.video)
        ((_, pixels),) = read_frames(index, [frame.frame_index])
        assert pixel_hash(pixels) == frame.sha256
        assert frame.time == pytest.approx(frame.frame_index / 30, abs=1e-3)
    assert frames[0].id == f"a_frame{frames[0].frame_index:08d}"
    plan = json.loads(workspace.plan_file.read_text())
    assert [len(clip["frames"]) for clip in plan["clips"]] == [5, 5]
    assert str(tmp_path) not in workspace.plan_file.read_text()


def test_run_twice_and_elsewhere_gives_the_same_bytes(videos, tmp_path):
    first, second = Workspace(tmp_path / "one"), Workspace(tmp_path / "two")
    plan = make_plan(SampleOptions(videos, per_video=4))
    sample(first, plan)
    before = files_of(first)
    sample(first, plan)
    sample(second, plan)
    assert files_of(first) == before == files_of(second)


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(videos, tmp_path):
    plan = make_plan(SampleOptions(videos, per_video=6))
    whole, torn = Workspace(tmp_path / "whole"), Workspace(tmp_path / "torn")
    sample(whole, plan)

    def stop(done, total):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(torn, plan, progress=stop)
    assert not torn.frames_file.exists()
    seen = []
    sample(torn, plan, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (6, 12)
    assert seen[-1] == (12, 12)
    assert files_of(torn) == files_of(whole)


def test_a_lost_picture_is_decoded_again(videos, tmp_path):
    workspace = Workspace(tmp_path / "ws")
    plan = make_plan(SampleOptions(videos, per_video=2))
    sample(workspace, plan)
    victim = workspace.root / workspace.read_frames()[1].path
    content = victim.read_bytes()
    victim.unlink()
    sample(workspace, plan)
    assert victim.read_bytes() == content


def test_another_plan_needs_force(videos, tmp_path):
    workspace = Workspace(tmp_path / "ws")
    sample(workspace, make_plan(SampleOptions(videos, per_video=2)))
    other = make_plan(SampleOptions(videos, per_video=2, seed=9))
    before = workspace.frames_file.read_bytes()
    with pytest.raises(InputError, match="holds frames of another plan.*--force"):
        sample(workspace, other)
    assert workspace.frames_file.read_bytes() == before
    sample(workspace, other, force=True)
    assert workspace.frames_file.read_bytes() != before


def test_an_unreadable_video_is_named_and_the_others_are_kept(videos, tmp_path):
    (videos / "broken.mp4").write_bytes(b"no video")
    report = sample(Workspace(tmp_path / "ws"), make_plan(SampleOptions(videos, per_video=3)))
    assert report.frames == 6
    assert [str(i) for i in report.issues.errors] == [
        "broken.mp4: cannot be opened as a video (Invalid data found when processing input)"
    ]


def test_a_truncated_video_keeps_its_good_frames_and_names_the_others(write_video, tmp_path):
    whole = write_video("in/a.mkv", 120, gop=10)
    index = index_video(whole)
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * 6 // 10] + bytes(len(data) // 10))
    plan = make_plan(SampleOptions(tmp_path / "in", per_video=120, strategy="random"))
    assert plan.frames < index.count
    report = sample(Workspace(tmp_path / "ws"), plan)
    assert report.frames >= 60


def test_frames_that_do_not_decode_are_counted_against_the_plan(shared_media, tmp_path):
    plan = make_plan(SampleOptions(shared_media / "dmlc__decord/tests/test_data/corrupted.mp4", per_video=50))
    report = sample(Workspace(tmp_path / "ws"), plan)
    assert (plan.frames, report.frames) == (50, 29)
    (issue,) = report.issues.errors
    assert "21 of 50 planned frames cannot be decoded" in str(issue)
    again = sample(Workspace(tmp_path / "ws"), plan)
    assert [str(i) for i in again.issues] == [str(issue)]


def test_no_readable_video_at_all_is_an_error(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match=r"a\.mp4: cannot be opened.*pass --videos"):
        make_plan(SampleOptions(tmp_path))
