"""hint-eval as a person types it."""

import json

import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.evaluate import cli
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions


def call(*arguments):
    return run(cli, "hint-eval", [str(a) for a in arguments])


@pytest.fixture
def release(tmp_path, make_hands, rng):
    hands = make_hands(8)
    for k in range(8):
        write_jpg(tmp_path / f"release/{k}.jpg", rng.integers(0, 255, (480, 640, 3), dtype=np.uint8))
    hands = hands.replace(image=[f"{k}.jpg" for k in range(8)])
    write_table(tmp_path / "release/hands.parquet", hands_to_table(hands), {})
    return tmp_path / "release"


@pytest.fixture
def preds(tmp_path, release, rng):
    from hint_toolkit.io.release import read_truth

    hands = read_truth(release).hands
    points = hands.points + rng.normal(0, 6, hands.points.shape)
    nothing = np.full((8, 21), np.nan)
    write_predictions(
        tmp_path / "preds.json", Predictions(hands.id.tolist(), points, nothing, nothing, [""] * 8, {"method": "noisy"})
    )
    return tmp_path / "preds.json"


def rewrite(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_the_table_names_everything_that_a_number_needs(release, preds, tmp_path, capsys):
    assert call("--pred", preds, "--gt", release, "--out", tmp_path / "out") == 0
    shown = capsys.readouterr().out
    for word in (
        "noisy",
        "hamer-v1",
        "bbox-max",
        "folder",
        "all",
        "visible",
        "occluded",
        "0.05",
        "0.15",
        "report.html",
    ):
        assert word in shown, word
    assert "nan" not in shown.lower().replace("annotat", "")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "results.json",
        "per_hand.parquet",
        "per_joint.csv",
        "report.html",
        "table.md",
        "table.tex",
        "eval_regression.csv",
    }


def test_json_has_the_promised_rows(release, preds, tmp_path, capsys):
    assert call("score", "--pred", preds, "--gt", release, "--out", tmp_path / "out", "--json", "--no-report") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == 9
    for row in rows:
        assert {
            "measure",
            "source",
            "value",
            "hands",
            "joints",
            "coverage",
            "interval",
            "normaliser",
            "protocol",
        } <= set(row)
    assert rows[0]["measure"] == "PCK@0.05[all]"
    assert 0 < rows[0]["value"] < 1


def test_the_same_call_twice_gives_the_same_bytes(release, preds, tmp_path):
    for name in ("one", "two"):
        assert call("--pred", preds, "--gt", release, "--out", tmp_path / name) == 0
    for name in sorted(p.name for p in (tmp_path / "one").iterdir()):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert str(tmp_path) not in (tmp_path / "one/results.json").read_text()


def test_a_missing_prediction_counts_as_wrong_is_said_and_exits_3(release, preds, tmp_path, capsys):
    rewrite(preds, lambda v: v["predictions"].pop())
    assert call("--pred", preds, "--gt", release, "--out", tmp_path / "out", "--json", "--no-report") == 3
    out, err = capsys.readouterr()
    value = json.loads(out)
    assert value["counts"]["missing"] == 1
    assert value["rows"][0]["coverage"] == 7 / 8
    assert err.count("\n") == 1
    assert "1 of 8 hands have no prediction and count as wrong: TEST_folder_img/" in err


def test_a_hand_that_was_not_found_is_wrong_too_but_not_missing(release, preds, tmp_path, capsys):
    rewrite(preds, lambda v: v["predictions"][0].update(keypoints=None))
    assert call("--pred", preds, "--gt", release, "--out", tmp_path / "out", "--json", "--no-report") == 0
    value = json.loads(capsys.readouterr().out)
    assert value["counts"]["missing"] == 0
    assert value["rows"][0]["coverage"] == 7 / 8


def test_a_prediction_for_an_unknown_hand_exits_2_and_leaves_no_result(release, preds, tmp_path, capsys):
    rewrite(preds, lambda v: v["predictions"][0].update(id="TEST_folder_img/who_l"))
    assert call("--pred", preds, "--gt", release, "--out", tmp_path / "out") == 2
    err = capsys.readouterr().err
    assert "1 of 8 predictions are for hands that the truth does not have: TEST_folder_img/who_l" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert call("--pred", preds, "--gt", release, "--out", tmp_path / "out", "--ignore-unknown", "--no-report") == 3


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--pred", "nowhere.json"], "cannot be read"),
        (["--thresholds", "a,b"], "wants positive fractions"),
        (["--thresholds", ""], "wants positive fractions"),
        (["--normaliser", "palm"], "'palm' is not one of"),
        (["--normaliser", "npz"], "needs the scale column of HaMeR's evaluation npz"),
        (["--measure", "PCK@0.05[al]"], "PCK@0.05[all]"),
        (["--gt", "nowhere"], "no such file or folder"),
    ],
)
def test_wrong_calls(release, preds, capsys, arguments, line):
    given = {"--pred": preds, "--gt": release}
    flat = [x for k, v in (given | {arguments[0]: arguments[1]}).items() for x in (k, v)]
    assert call(*flat) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1


def test_wrong_json(release, tmp_path, capsys):
    (tmp_path / "p.json").write_text("{")
    assert call("--pred", tmp_path / "p.json", "--gt", release) == 2
    assert "p.json: is not JSON" in capsys.readouterr().err


def test_own_thresholds_name_their_measures(release, preds, tmp_path, capsys):
    arguments = ["--pred", preds, "--gt", release, "--out", tmp_path / "o", "--thresholds", "0.02 0.2"]
    assert call(*arguments, "--json", "--no-report") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["measure"] for row in rows} == {
        f"PCK@{t}[{s}]" for t in ("0.02", "0.2") for s in ("all", "visible", "occluded")
    }


def test_without_gt_the_latest_release_of_the_workspace_is_taken(release, preds, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HINT_ROOT", raising=False)
    assert call("--pred", preds) == 2
    assert "pass --gt RELEASE" in capsys.readouterr().err
    (tmp_path / "hint/releases").mkdir(parents=True)
    release.rename(tmp_path / "hint/releases/v1")
    (tmp_path / "hint/releases/latest").write_text("v1\n")
    assert call("--pred", preds, "--no-report") == 0
    assert "truth: hint/releases/v1" in capsys.readouterr().err


def test_view_needs_results(tmp_path, capsys):
    assert call("view", "--results", tmp_path) == 2
    assert "run: hint-eval --pred FILE" in capsys.readouterr().err
