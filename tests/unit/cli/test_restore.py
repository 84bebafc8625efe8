"""hint-build restore as a person types it."""

import json
import shutil

import click
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli._restore import add_restore_commands
from hint_toolkit.video.ffmpeg import find_ffmpeg
from tests.ego4d_release import plain_case, stem_of

group = click.Group("hint-build")
add_restore_commands(group)


def call(*arguments):
    return run(group, "hint-build", [str(a) for a in ("restore", *arguments)])


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return plain_case(tmp_path_factory.mktemp("case"))


@pytest.fixture
def place(case, tmp_path, monkeypatch):
    release, ego4d, uids = case
    shutil.copytree(release, tmp_path / "hint")
    shutil.copytree(ego4d, tmp_path / "ego4d")
    monkeypatch.chdir(tmp_path)
    return uids


ALL = ("--hint", "hint", "--ego4d", "ego4d", "--workers", 1)


def lines(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_plan_writes_the_uids_and_the_call(place, tmp_path, capsys):
    assert call("plan", "--hint", "hint") == 0
    shown = lines(capsys.readouterr().out)
    assert "TEST_ego4d_img 3 12 18" in shown
    assert "3 clips, 3 to fetch; 13 pictures for 21 hands" in shown
    assert any(line.startswith("download 1.3 GB (at most: 739 GB over the 1,723 clips") for line in shown)
    assert shown[-1].endswith("--datasets clips --video_uid_file ego4d_clips.txt")
    assert (tmp_path / "ego4d_clips.txt").read_text().split() == place
    assert call("plan", "--hint", "hint", "--ego4d", "ego4d", "--out", "left.txt", "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["missing"], value["gigabytes"], value["uids"]) == (0, 0.0, None)
    assert not (tmp_path / "left.txt").exists()  # an empty list would make the tool fetch everything
    assert call("plan", "--hint", "hint", "--ego4d", "ego4d", "--out", "left.txt") == 0
    out = capsys.readouterr().out
    assert "every clip is there" in out
    assert "video_uid_file" not in out


def test_restore_says_what_is_there_by_folder_and_status(place, capsys):
    assert call(*ALL) == 0
    out, err = capsys.readouterr()
    assert "TEST_ego4d_img 18" in lines(out)
    assert "21 of 21 hands have their picture; 21 were written now, by OpenCV JPEG 95" in lines(out)
    assert "not proven: no --fingerprints given" in lines(out)
    assert "restore: 21 of 21 hands" in err


def test_missing_clips_end_with_three(place, tmp_path, capsys):
    for clip in place[1:]:
        (tmp_path / f"ego4d/v1/clips/{clip}.mp4").unlink()
    assert call(*ALL, "--json") == 3
    value = json.loads(capsys.readouterr().out)
    assert (value["missing_clips"], value["good"], value["hands"]) == (place[1:], 9, 21)
    assert call(*ALL) == 3
    out, err = capsys.readouterr()
    assert "TEST_ego4d_img 6 12" in lines(out)
    assert f"2 clips with 12 hands are missing: {', '.join(place[1:])}; all uids are in" in err
    assert call("verify", "--hint", "hint") == 3
    assert "9 of 21 jpgs are fine" in capsys.readouterr().out


def test_verify_sheet_md5_and_lists(place, tmp_path, capsys):
    assert call(*ALL) == 0
    assert call("fingerprints", "--hint", "hint", "--out", "f.csv", "--sha256", "files.txt") == 0
    assert "19 fingerprints written to f.csv; each holds a 32 x 32 thumbnail" in capsys.readouterr().err
    assert call(*ALL, "--fingerprints", "f.csv") == 0
    assert "compared with the known list: 21 exact" in lines(capsys.readouterr().out)
    known = ("--official-md5", "--known", "files.txt")
    assert call("verify", "--hint", "hint", "--ego4d", "ego4d", "--sample", 3, "--sheet", "s.jpg", *known) == 0
    shown = lines(capsys.readouterr().out)
    assert "3 pictures decoded again, 3 with the pixels of the report" in shown
    assert any(line.startswith("official md5: ") and line.endswith("(not equal), 42 files") for line in shown)
    assert (tmp_path / "s.jpg").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--hint", "hint"], "restoring needs --hint DIR and --ego4d DIR"),
        ([*ALL, "--quality", "101"], "'101' is neither 1..100 nor ffmpeg"),
        (["--hint", "gone", "--ego4d", "ego4d"], "gone: no such folder"),
        (["--hint", "hint", "--ego4d", "gone"], "gone: no such folder"),
        ([*ALL, "--subset", "VAL_ego4d_img"], "holds no folder VAL_ego4d_img"),
        ([*ALL, "--fingerprints", "none.csv"], "none.csv: no such file"),
        (["verify", "--hint", "hint", "--known", "a"], "--known belongs to --official-md5"),
        (["fingerprints", "--hint", "hint", "--out", "a"], "there is no report of a restoration"),
    ],
)
def test_wrong_calls_are_one_line_and_two(place, capsys, arguments, said):
    assert call(*arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_subset_and_another_place_for_the_report(place, tmp_path, capsys):
    assert call(*ALL, "--subset", "TRAIN_ego4d_img", "--report", "work", "--quality", "80") == 0
    assert "3 of 3 hands have their picture; 3 were written now, by OpenCV JPEG 80" in lines(capsys.readouterr().out)
    assert (tmp_path / "work/restore.parquet").is_file()
    assert not list((tmp_path / "hint/TEST_ego4d_img").glob("*.jpg"))


@pytest.mark.skipif(find_ffmpeg() is None, reason="needs ffmpeg on PATH, or the package imageio-ffmpeg")
def test_quality_ffmpeg_names_its_build(place, tmp_path, capsys):
    assert call(*ALL, "--quality", "ffmpeg") == 0
    assert "written now, by ffmpeg " in capsys.readouterr().out
    data = (tmp_path / "hint/TEST_ego4d_img" / f"{stem_of(place[0], 11)}.jpg").read_bytes()
    assert b"Lavc" in data[:200]
