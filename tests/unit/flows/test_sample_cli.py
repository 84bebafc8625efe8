"""`hint-build sample` as it is typed."""

import json

import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.build import cli


def call(*words):
    return run(cli, "hint-build", [str(word) for word in words])


@pytest.fixture
def videos(write_video, tmp_path):
    write_video("in/a.mp4", 40)
    write_video("in/b.mp4", 40)
    return tmp_path / "in"


def test_a_plan_is_made_shown_saved_and_given_back(videos, tmp_path, capsys):
    plan, first, second = tmp_path / "plan.json", tmp_path / "first", tmp_path / "second"
    asked = ["sample", "--videos", videos, "--per-video", 4, "--max-frames", 5, "--splits", "50,25,25", "--seed", 3]
    assert call(*asked, "--dry-run", "--plan-out", plan, "--workspace", first) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[2:5]] == ["a.mp4", "b.mp4", "all"]
    assert "bytes a pixel" in shown
    assert not first.exists()
    assert call(*asked, "--workspace", first, "--quiet", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"frames": 5, "videos": 2, "near_duplicates": 0, "issues": []}
    assert call("sample", "--videos", videos, "--plan", plan, "--workspace", second, "--quiet") == 0
    assert (first / "frames.parquet").read_bytes() == (second / "frames.parquet").read_bytes()
    capsys.readouterr()
    assert call("sample", "--videos", videos, "--plan", plan, "--dry-run", "--json") == 0
    held = json.loads(capsys.readouterr().out)
    assert sum(cost["frames"] for cost in held["estimate"]) == 5
    assert held["constants"]["bytes_per_pixel"] == 0.3


def test_near_duplicates_are_counted_aloud(videos, tmp_path, capsys):
    asked = ["sample", "--videos", videos, "--workspace", tmp_path / "ws", "--per-video", 3, "--quiet"]
    assert call(*asked, "--strategy", "informative", "--detector", "none") == 0
    assert "near-duplicates left out" in capsys.readouterr().out
    assert call(*asked, "--keep-duplicates", "--force") == 0
    assert "near-duplicates" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--splits", "70,30"], "'70,30' is not 3 shares"),
        (["--splits", "0,0,0"], "is not 3 shares"),
        (["--splits", "nan,1,1"], "is not 3 shares"),
        (["--offsets", "-15,x"], "not a list of numbers"),
        (["--rate", "0"], "Invalid value"),
        (["--rate", "nan"], "nan is no number of frames"),
        (["--plan", "p.json", "--per-video", "3", "--seed", "1"], "leave out --per-video, --seed"),
        (["--plan", "gone.json"], "gone.json: is no plan that can be read"),
        (["--strategy", "informative", "--detector", "magic"], "no detector 'magic'"),
        (["--strategy", "around", "--offsets", "-15,0,15"], "around finds no frame in 2 clips"),
        (["--strategy", "informative", "--detector", "none", "--dry-run", "--plan-out", "p"], "no plan before"),
    ],
)
def test_a_wrong_call_is_one_line_and_exits_with_2(videos, tmp_path, capsys, words, message):
    assert call("sample", "--videos", videos, "--workspace", tmp_path / "ws", "--quiet", *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_pixels_that_must_not_be_passed_on_are_marked(videos, tmp_path):
    from hint_toolkit.workspace import Workspace

    asked = ["sample", "--videos", videos, "--workspace", tmp_path / "ws", "--per-video", 1, "--quiet"]
    assert call(*asked, "--not-redistributable", "--licence", "ours") == 0
    frames = Workspace(tmp_path / "ws").read_frames()
    assert [(f.redistributable, f.licence, f.source) for f in frames] == [(False, "ours", "folder")] * 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--rate", 3], "--rate does nothing with --strategy uniform; it is for per-second"),
        (["--offsets", "1,2"], "--offsets does nothing"),
        (["--strategy", "per-second", "--per-video", 4], "--per-video does nothing with --strategy per-second"),
        (["--splits", "70,10,20", "--split", "VAL"], "--split is for all frames"),
        (["--annotations", "x.json"], "a folder has none"),
        (["--max-frames", 0], "0 is not in the range"),
        (["--name", "../evil"], "becomes part of file names"),
    ],
)
def test_an_option_that_does_nothing_is_refused(videos, tmp_path, capsys, words, says):
    assert call("sample", "--videos", videos, "--workspace", tmp_path / "ws", "--dry-run", *words) == 2
    assert says in capsys.readouterr().err
