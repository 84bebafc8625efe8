import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.breakdown import breakdown, breakdown_csv, hand_failures, measure_sharpness
from hint_toolkit.flows.results import write_results
from hint_toolkit.flows.score import score
from hint_toolkit.flows.scored_hands import read_scored
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.predictions import Predictions, write_predictions
from hint_toolkit.io.release import Truth, content_hash
from hint_toolkit.metrics.failures import CAUSES
from hint_toolkit.records import Hands


@pytest.fixture
def hands(make_hands):
    return Hands.concat([make_hands(40, clips=8), make_hands(20, source="newdays", clips=8)])


@pytest.fixture
def predictions(hands, rng):
    points = hands.points + rng.normal(0, 12, hands.points.shape)
    points[:6] = np.nan
    nothing = np.full((len(hands), 21), np.nan)
    return Predictions(hands.id.tolist(), points, nothing, nothing, [""] * len(hands), {"method": "m"})


@pytest.fixture
def scored(hands, predictions, tmp_path):
    def make(changed=None):
        truth = Truth(changed or hands, Path("truth"), tmp_path, content_hash(changed or hands))
        write_predictions(tmp_path / "preds.json", predictions)
        return truth, read_scored(tmp_path / "preds.json", lambda: truth)

    return make


def values(result, attribute):
    return {one["name"]: one["value"] for one in result["slices"] if one["attribute"] == attribute}


def test_sources_and_joints_are_those_of_the_score(scored, predictions):
    truth, side = scored()
    results = score(truth, predictions).results
    rows = {r["source"]: r for r in results["rows"] if r["measure"] == "PCK@0.05[occluded]"}
    result = breakdown(side, subset="occluded")
    assert values(result, "source") == pytest.approx({s: r["value"] for s, r in rows.items()})
    one = breakdown(side, subset="occluded", source="newdays")
    assert one["value"] == pytest.approx(rows["newdays"]["value"])
    assert (one["hands"], one["joints"]) == (rows["newdays"]["hands"], rows["newdays"]["joints"])
    per_joint = [
        r for r in results["per_joint"] if (r["source"], r["subset"], r["threshold"]) == ("newdays", "occluded", 0.05)
    ]
    assert values(one, "joint") == pytest.approx({r["joint"]: r["value"] for r in per_joint})
    assert list(values(one, "side")) == ["left", "right"]
    json.dumps(result, allow_nan=False)


def test_clips_of_two_sources_with_one_name_are_two(scored):
    result = breakdown(scored()[1])
    assert next(s["clips"] for s in result["slices"] if s["name"] == "wrist") == 16


def test_files_and_folders_give_the_same(scored, predictions, tmp_path):
    truth, side = scored()
    write_results(score(truth, predictions), tmp_path / "results", None, report=False)
    folder = read_scored(tmp_path / "results", lambda: pytest.fail("a folder needs no truth"))
    one, other = breakdown(side), breakdown(folder)
    assert len(one["slices"]) == len(other["slices"]) > 40
    for a, b in zip(one["slices"], other["slices"], strict=True):
        assert (a["name"], a["hands"], a["value"]) == (b["name"], b["hands"], pytest.approx(b["value"]))
    assert one["failures"] == other["failures"]


def test_every_wrong_joint_is_counted_under_one_cause(scored):
    side = scored()[1]
    result = breakdown(side, threshold=0.1)
    failures = result["failures"]
    wrong = side.exists & ~(side.pixels <= 0.1 * side.sizes[:, None])
    assert failures["wrong_joints"] == sum(c["joints"] for c in failures["causes"]) == wrong.sum()
    assert sum(c["share"] for c in failures["causes"]) == pytest.approx(1)
    assert [c["cause"] for c in failures["causes"]] == list(CAUSES)
    assert failures["causes"][0] == {
        "cause": "not found",
        "joints": int(side.exists[:6].sum()),
        "hands": 6,
        "share": pytest.approx(side.exists[:6].sum() / wrong.sum()),
    }
    assert set(hand_failures(side, 0.1).names()[:6]) == {"not found"}


def test_the_other_hand_of_a_frame_is_seen(scored, hands, predictions):
    away = hands.points.copy()
    away[11] = predictions.points[10] + 0.001
    box = hands.box.copy()
    box[11] = [*away[11].min(axis=0), *away[11].max(axis=0)]
    frames = hands.frame_id.copy()
    frames[11] = frames[10]
    points = hands.points.copy()
    points[10] += 60
    changed = hands.replace(points=np.where(np.arange(60)[:, None, None] == 11, away, points), box=box, frame_id=frames)
    assert hand_failures(scored(changed)[1], 0.05).names()[10] == "wrong hand"


def test_missing_joints_left_out_stay_left_out(scored, predictions, tmp_path):
    truth, _ = scored()
    write_results(score(truth, predictions, missing="drop"), tmp_path / "dropped", None, report=False)
    result = breakdown(read_scored(tmp_path / "dropped", lambda: truth))
    assert result["hands"] == 54
    assert result["failures"]["causes"][0]["joints"] == 0


def test_nothing_wrong_and_nothing_there(scored, hands):
    _, side = scored()
    perfect = breakdown(side.take(np.arange(6, 20)), threshold=9)
    assert perfect["value"] == 1.0
    assert {c["share"] for c in perfect["failures"]["causes"]} == {None}
    with pytest.raises(InputError, match=r"no hands of the source visor \(its sources are folder, newdays\)"):
        breakdown(side, source="visor")
    with pytest.raises(InputError, match="holds no hands"):
        breakdown(side.take(np.zeros(60, bool)))


def test_the_table_has_a_row_a_slice_and_a_cause(scored):
    result = breakdown(scored()[1])
    rows = list(csv.DictReader(io.StringIO(breakdown_csv(result))))
    assert len(rows) == len(result["slices"]) + len(CAUSES)
    assert rows[0] | {"value": "", "low": "", "high": ""} == {
        **{"measure": "PCK@0.05[all]", "attribute": "joint", "slice": "wrist", "value": "", "low": "", "high": ""},
        **{"hands": "60", "joints": "60", "clips": "16", "small": "False"},
    }
    assert rows[-1]["measure"] == "share of wrong joints"
    assert "nan" not in breakdown_csv(result).lower()


def test_sharpness_orders_pictures_by_their_blur(scored, hands, tmp_path, rng):
    cv2 = pytest.importorskip("cv2")
    names = []
    for k in range(60):
        picture = rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)
        if k % 3:
            # stretched to full contrast again, so that it is not the contrast that tells
            picture = cv2.GaussianBlur(picture, (0, 0), 3 * (k % 3))
            picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
        write_jpg(tmp_path / f"{k}.jpg", picture)
        names.append(f"{k}.jpg")
    (tmp_path / "7.jpg").unlink()
    side, seen = scored(hands.replace(image=names))[1], []
    found, why = measure_sharpness(side, lambda done, total: seen.append((done, total)))
    assert why == ""
    assert np.flatnonzero(np.isnan(found)).tolist() == [7]
    assert seen[-1] == (60, 60)
    steps = [np.delete(found, 7)[np.delete(np.arange(60), 7) % 3 == k] for k in (2, 1, 0)]
    assert steps[0].max() < steps[1].min() <= steps[1].max() < steps[2].min()
    slices = [s for s in breakdown(side)["slices"] if s["attribute"] == "sharpness"]
    assert [s["hands"] for s in slices] == [20, 19, 20, 1]
    assert slices[-1]["name"] == "unknown"


def test_without_pictures_one_line_says_so(scored, hands, tmp_path):
    assert breakdown(scored()[1])["notes"] == ["no slices by sharpness: no pictures are at hand"]
    gone = scored(hands.replace(image=["gone.jpg"] * 60))[1]
    assert breakdown(gone)["notes"] == [f"no slices by sharpness: none of the pictures in {tmp_path} could be read"]
    assert breakdown(gone, sharpness=False)["notes"] == []
