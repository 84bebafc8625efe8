"""hint-eval predict as a person types it."""

import json

import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.evaluate import cli
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.prelabel import registry

OWN = {name: f"tests.unit.flows.test_predict_file:{name.title()}" for name in ("tiny", "finder")}


def call(*arguments):
    return run(cli, "hint-eval", ["predict", *map(str, arguments)])


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Small detectors, a cache of the test's own, and no truth that the machine may name."""
    monkeypatch.setattr(registry, "DETECTORS", {**registry.DETECTORS, **OWN})
    monkeypatch.setenv("HINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HINT_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos(tmp_path):
    for name, white in (("a.jpg", 80), ("b.jpg", None), ("c.jpg", 140)):
        image = np.zeros((180, 240, 3), np.uint8)
        if white:
            image[20:40, white : white + 20] = 255
        write_jpg(tmp_path / "photos" / name, image)
    return tmp_path / "photos"


@pytest.fixture
def release(tmp_path, make_hands):
    hands = make_hands(3)
    for k in range(3):
        write_jpg(tmp_path / f"release/{k}.jpg", np.full((480, 640, 3), 90, np.uint8))
    hands = hands.replace(image=[f"{k}.jpg" for k in range(3)])
    write_table(tmp_path / "release/hands.parquet", hands_to_table(hands), {})
    return tmp_path / "release"


def test_a_release(release, tmp_path, capsys):
    assert call("--model", "tiny", "--gt", release, "--out", "p.json") == 0
    out, err = capsys.readouterr()
    assert out == "3 of 3 hands found by tiny-1, written to p.json\n"
    assert "predict: 3 of 3 hands" in err
    assert len(read_predictions(tmp_path / "p.json").ids) == 3
    assert call("--model", "tiny", "--gt", release, "--out", "p.json", "--limit", 2, "--json", "--quiet") == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["hands"], err) == (2, "")


def test_pictures_with_boxes_that_are_kept(photos, tmp_path, capsys):
    words = ("--model", "tiny", "--images", photos, "--box-detector", "finder", "--quiet")
    assert call(*words, "--out", "p.json") == 0
    out, err = capsys.readouterr()
    assert out == (
        "2 of 2 hands found by tiny-1, written to p.json\n"
        "boxes by finder-1,side=right: 3 calls, 0 pictures known from earlier\n"
    )
    assert err == "hint-eval: no hand in 1 of 3 pictures: b.jpg\n"
    assert call(*words, "--out", "q.parquet", "--overlay", "seen", "--with", "3d", "--with", "vertices") == 0
    assert capsys.readouterr().out == (
        "2 of 2 hands found by tiny-1, written to q.parquet\n"
        "boxes by finder-1,side=right: not asked, 3 pictures known from earlier\n"
        "pictures with their hands in seen\n"
    )
    np.testing.assert_allclose(
        read_predictions(tmp_path / "p.json").points, read_predictions(tmp_path / "q.parquet").points, atol=1e-4
    )


def test_pictures_as_a_shell_gives_them_and_options_of_the_detectors(photos, tmp_path, capsys):
    words = ("--model", "tiny", "--option", "pause=0.001", "--box-detector", "finder", "--box-option", "side=left")
    assert call(*words, "--out", "p.json", "--images", photos / "c.jpg", photos / "a.jpg", "--quiet") == 0
    read = read_predictions(tmp_path / "p.json")
    assert read.ids == ["c_h0", "a_h0"]
    assert read.side == ["left", "left"]
    assert read.header["options"] == {"pause": 0.001}
    assert read.header["boxes"]["detector"] == "finder-1,side=left"


def test_no_hand_anywhere_writes_the_file_and_exits_3(photos, tmp_path, capsys):
    words = ("--model", "tiny", "--box-detector", "finder", "--images", photos / "b.jpg", "--quiet")
    assert call(*words, "--out", "p.json") == 3
    assert capsys.readouterr().err == "hint-eval: no hand in 1 of 1 pictures: b.jpg\n"
    assert read_predictions(tmp_path / "p.json").ids == []


def test_unmatched_hands_and_foreign_boxes_are_counted_aloud(release, tmp_path, capsys):
    (tmp_path / "boxes.csv").write_text("image,x1,y1,x2,y2,side\n0.jpg,1,1,9,9,left\nelse.jpg,1,1,9,9,left\n")
    words = ("--model", "tiny", "--gt", release, "--out", "p.json", "--quiet")
    assert call(*words, "--boxes", tmp_path / "boxes.csv") == 0
    out, err = capsys.readouterr()
    assert "0 of 3 hands found" in out
    assert err.splitlines() == [
        "hint-eval: 1 pictures of the box file are not here: else",
        "hint-eval: 3 of 3 hands have no box; they are in the file without points",
    ]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--gt", "x", "--images", "photos"), "--gt and --images are two different inputs"),
        (("--gt", "release", "photos/a.jpg"), "photos/a.jpg: pictures are named with --images"),
        (("--images", "photos", "--boxes", "gt"), "pictures have no boxes of their own"),
        (("--images", "nowhere"), "nowhere: is no picture, folder or pattern"),
        (("--images", "photos", "--boxes", "nothing.csv"), "nothing.csv: no such file of boxes"),
        (("--gt", "release", "--with", "vertices"), "JSON cannot hold the vertices"),
        (("--gt", "release", "--out", "p.csv"), "p.csv: cannot write .csv"),
        (("--gt", "release", "--crop", "demo"), "tiny has no option crop; its options: pause, needs"),
        (("--gt", "release", "--model", "tinny"), "no detector 'tinny'; choose one of: mediapipe"),
        (("--gt", "release", "--option", "pause=long"), "pause=long is not a number; so tiny wants it"),
        (("--gt", "release", "--overlay", "seen"), "an overlay is made of pictures only"),
    ],
)
def test_wrong_calls_are_one_line_and_exit_2(release, photos, tmp_path, capsys, words, line):
    given = ("--model", "tiny", "--out", "p.json", "--quiet", *words)
    assert call(*given) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert line in err
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("p.")]


def test_parts_of_another_run_are_named(release, tmp_path, capsys):
    (tmp_path / "p.json.parts" / "0123456789abcdef").mkdir(parents=True)
    assert call("--model", "tiny", "--gt", release, "--out", "p.json", "--quiet") == 0
    assert "p.json.parts holds parts of a run with other inputs or options" in capsys.readouterr().err
