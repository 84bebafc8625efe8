"""hint-build as a person types it, up to the point where a server is needed."""

import json

import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.build import cli


def call(*arguments):
    return run(cli, "hint-build", [str(a) for a in arguments])


@pytest.fixture
def videos(write_video, tmp_path):
    write_video("in/a.mp4", 40)
    return tmp_path / "in"


def test_sample_twice_and_status(videos, tmp_path, capsys):
    ws = tmp_path / "ws"
    for _ in range(2):
        assert call("sample", "--videos", videos, "--workspace", ws, "--per-video", 4, "--json", "--quiet") == 0
        assert json.loads(capsys.readouterr().out)["frames"] == 4
    assert call("status", "--workspace", ws) == 0
    shown = capsys.readouterr().out
    assert "4 frames of 1 videos" in shown
    assert "hint-build prelabel" in shown


def test_dry_run_prints_the_plan_and_writes_nothing(videos, tmp_path, capsys):
    assert call("sample", "--videos", videos, "--workspace", tmp_path / "ws", "--dry-run") == 0
    assert "a.mp4" in capsys.readouterr().out
    assert not (tmp_path / "ws").exists()


def test_a_folder_without_videos(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    assert call("sample", "--videos", tmp_path / "in", "--workspace", tmp_path / "ws") == 2
    err = capsys.readouterr().err
    assert "holds no video" in err
    assert err.count("\n") == 1


def test_an_unreadable_video_beside_a_good_one_exits_3_and_keeps_the_frames(videos, tmp_path, capsys):
    (videos / "broken.mp4").write_bytes(b"x" * 100)
    assert call("sample", "--videos", videos, "--workspace", tmp_path / "ws", "--quiet") == 3
    out, err = capsys.readouterr()
    assert "12 frames of 1 videos" in out
    assert err == "error: broken.mp4: cannot be opened as a video (Invalid data found when processing input)\n"
    assert len(list((tmp_path / "ws/frames").glob("*.jpg"))) == 12


def test_a_video_without_hands_exits_3_and_keeps_its_rows(videos, tmp_path, capsys):
    ws = tmp_path / "ws"
    assert call("sample", "--videos", videos, "--workspace", ws, "--per-video", 3, "--quiet") == 0
    assert call("prelabel", "--workspace", ws, "--quiet") == 3
    out, err = capsys.readouterr()
    assert "0 hands in 3 frames" in out
    assert "no hand was found in any frame" in err
    assert (ws / "prelabels.parquet").is_file()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["prelabel"], "there is no workspace here; run: hint-build sample"),
        (["prelabel", "--detector", "yolo"], "no detector 'yolo'"),
        (["export"], "there is no workspace here; run: hint-build sample"),
        (["consensus"], "there is no workspace here; run: hint-build sample"),
        (["sample", "--videos", "gone"], "gone: no such folder"),
        (["sample"], "Missing option '--videos'"),
        (["push"], "LABEL_STUDIO_API_KEY is not set"),
        (["server"], "LABEL_STUDIO_API_KEY is not set"),
    ],
)
def test_wrong_calls(tmp_path, monkeypatch, capsys, arguments, line):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    assert call(*arguments) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_push_without_a_server_and_pull_from_a_dead_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
    assert call("push") == 2
    assert "no Label Studio server runs for this workspace; run hint-build server" in capsys.readouterr().err


def test_doctor_and_label_config(tmp_path, capsys):
    assert call("doctor", "--json") == 0
    assert {f["what"] for f in json.loads(capsys.readouterr().out)["findings"]} >= {"OpenCV", "mongod", "Label Studio"}
    assert call("label-config") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("<View>")
    assert call("label-config", "--out", tmp_path / "c.xml") == 0
    assert (tmp_path / "c.xml").read_text() == printed
