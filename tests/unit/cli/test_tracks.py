"""hint-eval visibility, video and ceiling as a person types them."""

import json

import click
import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli._tracks import add_track_commands
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions


def call(*arguments):
    group = click.Group("hint-eval")
    add_track_commands(group)
    return run(group, "hint-eval", [str(a) for a in arguments])


@pytest.fixture
def hands(make_hands):
    return make_hands(30, clips=1)


@pytest.fixture
def gt(tmp_path, hands):
    write_table(tmp_path / "gt.parquet", hands_to_table(hands), {})
    return tmp_path / "gt.parquet"


@pytest.fixture
def preds(tmp_path, hands, rng):
    said = np.clip((hands.exists & ~hands.occluded) * 0.6 + rng.random((30, 21)) * 0.4, 0, 1)
    points = hands.points[:1] + rng.normal(0, 2, hands.points.shape)
    found = Predictions(hands.id.tolist(), points, said / 2, said, ["right"] * 30, {"method": "noisy"})
    write_predictions(tmp_path / "preds.json", found)
    return tmp_path / "preds.json"


def rewrite(path, change):
    value = json.loads(path.read_text())
    change(value["predictions"])
    path.write_text(json.dumps(value))


def test_visibility_prints_a_table_with_its_rules(gt, preds, capsys):
    assert call("visibility", "--pred", preds, "--gt", gt) == 0
    shown = capsys.readouterr().out
    for words in ("noisy", "AP[macro]", "ROC-AUC[micro]", "F1@0.5[macro]", "ECE", "Brier", "AURC@0.05", "folder"):
        assert words in shown, words
    for words in ("exists and not occluded", "joints that do not exist do not take part", "counts as 0.5", "bbox-max"):
        assert words in shown, words
    assert "0.9 to 1.0" in shown
    assert "nan" not in shown.lower()
    assert "pinky_finger4" not in shown
    assert call("visibility", "--pred", preds, "--gt", gt, "--per-joint") == 0
    assert "pinky_finger4" in capsys.readouterr().out


def test_visibility_options_change_what_they_say(gt, preds, capsys):
    def value(*options):
        assert call("visibility", "--pred", preds, "--gt", gt, "--json", *options) == 0
        return json.loads(capsys.readouterr().out)

    plain, absent = value(), value("--absent", "invisible")
    assert plain["rows"][0]["joints"] < absent["rows"][0]["joints"] == 630
    assert value("--use", "score")["use"] == "score"
    assert value("--threshold", "0.2")["rows"][-2]["measure"] == "AURC@0.2[best]"
    assert value("--normaliser", "kp-extent-max")["normaliser"] == "kp-extent-max"


def test_visibility_without_numbers_is_not_available_and_exits_3(gt, preds, capsys):
    rewrite(preds, lambda records: [r.pop("visibility") for r in records])
    assert call("visibility", "--pred", preds, "--gt", gt) == 3
    out, err = capsys.readouterr()
    assert "n/a" in out
    assert "nan" not in out.lower()
    assert err.count("\n") == 1
    assert 'hint-eval visibility: no hand has a "visibility"' in err
    assert call("visibility", "--pred", preds, "--gt", gt, "--use", "score") == 0


def test_visibility_of_some_hands_exits_3_and_names_the_others(gt, preds, hands, capsys):
    rewrite(preds, lambda records: records[4].pop("visibility"))
    assert call("visibility", "--pred", preds, "--gt", gt, "--json") == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["without"] == [hands.id[4]]
    assert "1 of 30 hands have no " in err
    assert hands.id[4] in err


def test_visibility_takes_the_latest_release_and_says_so(gt, preds, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HINT_ROOT", raising=False)
    assert call("visibility", "--pred", preds) == 2
    assert "pass --gt RELEASE" in capsys.readouterr().err
    (tmp_path / "hint/releases/v1").mkdir(parents=True)
    gt.rename(tmp_path / "hint/releases/v1/hands.parquet")
    (tmp_path / "hint/releases/latest").write_text("v1\n")
    assert call("visibility", "--pred", preds) == 0
    assert "truth: hint/releases/v1" in capsys.readouterr().err


def test_video_prints_a_line_a_track_and_the_rules(preds, gt, capsys):
    assert call("video", "--pred", preds, "--fps", "25", "--gt", gt) == 0
    shown = capsys.readouterr().out
    for words in ("noisy, motion at 25 frames a second", "clip0", "jitter", "dropouts", "0 in 0", "% of hand size"):
        assert words in shown, words
    assert "1 of 1 tracks are dense" in shown
    assert "nan" not in shown.lower()
    assert call("video", "--pred", preds, "--fps", "25", "--json") == 0
    assert json.loads(capsys.readouterr().out)["truth"] is None


def test_video_of_single_frames_says_what_it_needs_and_exits_3(preds, capsys):
    def thin(records):
        records[:] = records[::15]

    rewrite(preds, thin)
    assert call("video", "--pred", preds, "--fps", "30") == 3
    out, err = capsys.readouterr()
    assert "n/a" in out
    assert err.count("\n") == 1
    assert "needs dense predictions: the frames are usually 15 apart (2 Hz" in err


def test_ceiling_prints_both_directions_and_the_paper(gt, hands, tmp_path, capsys):
    write_table(tmp_path / "b.parquet", hands_to_table(hands.replace(points=hands.points + 3)[:29]), {})
    assert call("ceiling", "--a", gt, "--b", tmp_path / "b.parquet", "--per-joint") == 3
    out, err = capsys.readouterr()
    for words in ("b against a", "a against b", "occlusion kappa", "90.5", "94.6", "2312.05251", "ring_finger2"):
        assert words in out, words
    assert "29 hands in both, 1 only in a, 0 only in b" in out
    assert err.count("\n") == 1
    assert hands.id[29].rsplit("_", 1)[0] in err


def test_ceiling_of_two_annotators_in_one_file(hands, tmp_path, capsys):
    from hint_toolkit.records import Hands

    both = Hands.concat([hands.replace(annotator=[name] * 30) for name in ("ann", "bob")])
    write_table(tmp_path / "annotations.parquet", hands_to_table(both), {})
    assert call("ceiling", "--a", tmp_path / "annotations.parquet", "--annotators", "ann, bob", "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["a"]["name"], value["b"]["name"], value["counts"]["both"]) == ("ann", "bob", 30)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["visibility", "--pred", "nowhere.json", "--gt", "{gt}"], "nowhere.json: cannot be read"),
        (["visibility", "--pred", "{preds}", "--gt", "nowhere"], "no such file or folder"),
        (["visibility", "--pred", "{preds}", "--gt", "{gt}", "--threshold", "0"], "0 is not in the range"),
        (["visibility", "--pred", "{preds}", "--gt", "{gt}", "--normaliser", "npz"], "has no scale column"),
        (["video", "--pred", "{preds}"], "Missing option '--fps'"),
        (["video", "--pred", "{preds}", "--fps", "0"], "is not in the range"),
        (["video", "--pred", "{preds}", "--fps", "nan"], "must be a finite number"),
        (["visibility", "--pred", "{preds}", "--gt", "{gt}", "--threshold", "nan"], "must be a finite number"),
        (["ceiling", "--a", "{gt}"], "wants a second person; pass --b LABELS, or --annotators NAME,NAME"),
        (["ceiling", "--a", "{gt}", "--annotators", "ann"], "wants two different names"),
        (["ceiling", "--a", "{gt}", "--annotators", "ann,ann"], "wants two different names"),
        (["ceiling", "--a", "{gt}", "--annotators", "ann,eve"], "nobody is called 'ann'"),
    ],
)
def test_wrong_calls_are_one_line_and_exit_2(gt, preds, capsys, arguments, line):
    given = [a.format(gt=gt, preds=preds) for a in arguments]
    assert call(*given) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["visibility", "video", "ceiling"])
def test_help_has_an_example(command, capsys):
    assert call(command, "--help") == 0
    assert f"Example:\n    hint-eval {command} " in capsys.readouterr().out
