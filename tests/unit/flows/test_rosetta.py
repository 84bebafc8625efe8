"""One file under every rule; each line's numbers are counted again here."""

import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli._protocols import add_protocol_commands
from hint_toolkit.errors import InputError
from hint_toolkit.flows.rosetta import rosetta
from hint_toolkit.flows.score import score
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions
from hint_toolkit.io.release import Truth, content_hash
from hint_toolkit.joints import JOINTS
from hint_toolkit.protocol import COCO_WHOLEBODY, HAMER_V1, MMPOSE
from hint_toolkit.records import Hands


@pytest.fixture
def pair(make_hands, rng):
    hands = Hands.concat([make_hands(30, source="newdays"), make_hands(20, source="visor")])
    box = np.round(hands.box)
    box[:, 2:] = box[:, :2] + [[80, 100]]
    hands = hands.replace(box=box, points=np.round(hands.points))
    points = hands.points + rng.integers(-8, 9, hands.points.shape)
    points[:4] = np.nan
    points[5, :3] = np.nan
    nothing = np.full((50, 21), np.nan)
    truth = Truth(hands, Path("truth"), Path(), content_hash(hands))
    return truth, Predictions(hands.id.tolist(), points, nothing, nothing, [""] * 50, {"method": "noisy"})


def lines_of(result):
    return {(line["rule"], line["normaliser"]): line for line in result["lines"]}


def test_every_value_is_that_of_the_scorer(pair):
    truth, predictions = pair
    lines = lines_of(rosetta(truth, predictions))
    asked = {
        ("hamer-v1", "bbox-max"): {},
        ("hamer-v1", "bbox-34"): {"normaliser": "bbox-34"},
        ("hamer-v1", "kp-extent-max"): {"normaliser": "kp-extent-max"},
        ("hamer-v1", "kp-extent-34"): {"normaliser": "kp-extent-34"},
        ("hamer-v1, micro", "bbox-max"): {"protocol": replace(HAMER_V1, pooling="micro")},
        ("hamer-v1, missing dropped", "bbox-max"): {"missing": "drop"},
        ("mmpose", "bbox-max"): {"protocol": MMPOSE},
    }
    for key, options in asked.items():
        rows = score(truth, predictions, thresholds=[0.05], resamples=10, **options).results["rows"]
        wanted = {row["source"]: row["value"] for row in rows if row["subset"] == "all"}
        assert lines[key]["values"] == wanted
    rows = score(truth, predictions, protocol=COCO_WHOLEBODY).results["rows"]
    wanted = {row["source"]: row["value"] for row in rows if row["measure"] == "OKS-AP"}
    assert lines["coco-wholebody, OKS-AP", "bbox-area"]["values"] == wanted
    assert set(lines) == {*asked, ("coco-wholebody, OKS-AP", "bbox-area")}


def test_the_reasons_hold_the_joints_that_moved(pair):
    truth, predictions = pair
    hands, lines = truth.hands, lines_of(rosetta(truth, predictions))
    distance = np.linalg.norm(predictions.points - hands.points, axis=2)
    base = (distance <= 5.0) & hands.exists
    on_border = int(((distance == 5.0) & hands.exists).sum())
    assert on_border > 0
    mmpose = lines["mmpose", "bbox-max"]
    assert (mmpose["gained"], mmpose["lost"]) == (0, on_border)
    assert f"wrong, which {on_border} joints are: 0 of {hands.exists.sum()} joints become correct" in mmpose["why"]
    grown = lines["hamer-v1", "bbox-34"]
    wider = (distance <= 0.05 * (80 * 4 / 3)) & hands.exists
    assert (grown["gained"], grown["lost"]) == (int((wider & ~base).sum()), 0)
    assert "sizes x 1.067 (median)" in grown["why"]
    dropped = lines["hamer-v1, missing dropped", "bbox-max"]
    missing = np.isnan(distance) & hands.exists
    assert f"{missing.sum()} joints of {missing.any(axis=1).sum()} hands without prediction" in dropped["why"]
    assert "no joint moves" in dropped["why"]
    assert dropped["joints"] == hands.exists.sum() - missing.sum()
    n = hands.exists.sum(axis=0)
    least, most = JOINTS[n.argmin()], JOINTS[n.argmax()]
    wanted = f"every joint counts once ({least} {n.min()} times, {most} {n.max()} times): no joint moves"
    assert lines["hamer-v1, micro", "bbox-max"]["why"] == wanted


def test_the_npz_comes_first_where_the_truth_has_it(pair):
    truth, predictions = pair
    result = rosetta(replace(truth, scale=np.full(50, 90.0)), predictions, subset="visible", threshold=0.1)
    assert (result["lines"][0]["rule"], result["lines"][0]["normaliser"]) == ("hamer-v1", "npz")
    assert result["measure"] == "PCK@0.1[visible]"
    assert len(result["lines"]) == 9
    mmpose = lines_of(result)["mmpose", "bbox-max"]
    assert "sizes x 1.111 (median); a distance equal" in mmpose["why"]


def test_a_normaliser_that_the_truth_does_not_define_is_skipped_aloud(pair):
    truth, predictions = pair
    hands = truth.hands
    points, exists = hands.points.copy(), hands.exists.copy()
    exists[7] = False
    exists[7, 3] = True
    odd = replace(truth, hands=hands.replace(points=points, exists=exists, occluded=hands.occluded & exists))
    result = rosetta(odd, predictions)
    assert len(result["skipped"]) == 2
    assert "kp-extent-max: truth: 1 hands have no size by kp-extent-max" in result["skipped"][0]
    json.dumps(result, allow_nan=False)


def test_unknown_hands_are_refused_as_by_the_scorer(pair):
    truth, predictions = pair
    fewer = replace(truth, hands=truth.hands[:40])
    with pytest.raises(InputError, match="10 of 50 predictions"):
        rosetta(fewer, predictions)
    assert rosetta(fewer, predictions, ignore_unknown=True)["counts"] == {"hands": 40, "found": 36, "unknown": 10}


def test_the_command_prints_a_table_and_a_reason_a_line(pair, tmp_path, capsys):
    truth, predictions = pair
    write_table(tmp_path / "release/hands.parquet", hands_to_table(truth.hands), {})
    write_predictions(tmp_path / "preds.json", predictions)
    group = click.Group()
    add_protocol_commands(group)
    call = ["rosetta", "--pred", str(tmp_path / "preds.json"), "--gt", str(tmp_path / "release")]
    assert run(group, "hint-eval", call) == 0
    shown = capsys.readouterr().out
    for text in ("noisy: PCK@0.05[all] in %, 46 of 50 hands predicted", "newdays", "visor", "mmpose", "OKS-AP", "8. "):
        assert text in shown
    assert run(group, "hint-eval", [*call, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["lines"]) == 8
