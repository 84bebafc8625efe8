import json
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.score import per_hand_table, score
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth, content_hash
from hint_toolkit.records import Hands


def truth_of(hands):
    return Truth(hands, Path("truth"), Path(), content_hash(hands))


def predictions_of(hands, points=None, ids=None, **header):
    n = len(hands)
    nothing = np.full((n, 21), np.nan)
    points = hands.points if points is None else points
    return Predictions(list(hands.id if ids is None else ids), points, nothing, nothing, [""] * n, header)


def values(scored):
    return {(r["measure"], r["source"]): r["value"] for r in scored.results["rows"]}


def test_perfect_predictions_score_one_everywhere(make_hands):
    hands = make_hands(12)
    scored = score(truth_of(hands), predictions_of(hands, method="m"))
    rows = scored.results["rows"]
    assert len(rows) == 9
    assert {row["value"] for row in rows} == {1.0}
    assert {row["coverage"] for row in rows} == {1.0}
    assert {row["protocol"] for row in rows} == {"hamer-v1"}
    assert {row["normaliser"] for row in rows} == {"bbox-max"}
    everything = rows[0]
    assert everything["measure"] == "PCK@0.05[all]"
    assert everything["joints"] == int(hands.exists.sum())
    assert everything["interval"] == [1.0, 1.0]
    json.dumps(scored.results, allow_nan=False)


def test_k_missing_hands_change_the_score_by_exactly_the_formula(make_hands):
    hands = make_hands(20)
    hands = hands.replace(exists=np.ones((20, 21), bool), occluded=np.zeros((20, 21), bool))
    points = hands.points.copy()
    points[:5] = np.nan
    scored = score(truth_of(hands), predictions_of(hands, points))
    row = scored.results["rows"][0]
    assert row["value"] == pytest.approx(15 / 20, abs=1e-12)
    assert row["coverage"] == 0.75
    assert scored.missing == []


def test_hands_without_a_record_are_wrong_and_named(make_hands):
    hands = make_hands(10)
    part = hands[:7]
    scored = score(truth_of(hands), predictions_of(part))
    assert scored.missing == hands.id[7:].tolist()
    assert scored.results["counts"] == {
        "hands": 10,
        "found": 7,
        "missing": 3,
        "unknown": 0,
        "annotators": {"ann@example.org": 10},
    }
    assert scored.results["rows"][0]["value"] < 0.75


def test_the_order_of_the_file_changes_nothing(make_hands, rng):
    hands = make_hands(15)
    points = hands.points + rng.normal(0, 8, hands.points.shape)
    order = rng.permutation(15)
    straight = score(truth_of(hands), predictions_of(hands, points))
    shuffled = score(truth_of(hands), predictions_of(hands.take(order), points[order]))
    assert straight.results["rows"] == shuffled.results["rows"]


def test_a_bare_stem_is_enough_where_it_is_unique(make_hands):
    hands = make_hands(4)
    stems = [i.split("/")[1] for i in hands.id]
    assert values(score(truth_of(hands), predictions_of(hands, ids=stems)))[("PCK@0.05[all]", "folder")] == 1.0
    both = Hands.concat([hands, make_hands(4, source="other")])
    with pytest.raises(InputError, match="4 ids fit hands in several folders.*write ids as <folder>/<stem>"):
        score(truth_of(both), predictions_of(hands, ids=stems))


def test_a_prediction_for_an_unknown_hand_is_refused_unless_ignored(make_hands):
    hands = make_hands(6)
    fewer = truth_of(hands[:4])
    with pytest.raises(
        InputError, match="2 of 6 predictions are for hands that the truth does not have: .*--ignore-unknown"
    ):
        score(fewer, predictions_of(hands))
    scored = score(fewer, predictions_of(hands), ignore_unknown=True)
    assert scored.results["unknown"] == hands.id[4:].tolist()
    with pytest.raises(InputError, match="6 of 6 predictions"):
        score(fewer, predictions_of(hands, ids=[f"x{k}" for k in range(6)]), ignore_unknown=True)


def test_full_id_and_stem_of_one_hand_are_two_predictions(make_hands):
    hands = make_hands(2)
    ids = [hands.id[0], hands.id[0].split("/")[1]]
    with pytest.raises(InputError, match="1 hands have two predictions"):
        score(truth_of(hands), predictions_of(hands, ids=ids))


def test_sources_are_scored_apart(make_hands):
    both = Hands.concat([make_hands(5, source="newdays"), make_hands(5, source="visor")])
    points = both.points.copy()
    points[5:] += 1000
    got = values(score(truth_of(both), predictions_of(both, points)))
    assert got[("PCK@0.15[all]", "newdays")] == 1.0
    assert got[("PCK@0.15[all]", "visor")] == 0.0


def test_a_subset_without_joints_is_null_with_zero_joints(make_hands):
    hands = make_hands(5)
    hands = hands.replace(occluded=np.zeros((5, 21), bool))
    rows = {r["measure"]: r for r in score(truth_of(hands), predictions_of(hands)).results["rows"]}
    row = rows["PCK@0.05[occluded]"]
    assert (row["value"], row["hands"], row["joints"], row["interval"], row["coverage"]) == (None, 0, 0, None, None)
    assert len(row["joints_without_truth"]) == 21


def test_the_normaliser_is_a_choice_and_moves_the_number(make_hands, rng):
    hands = make_hands(30)
    predictions = predictions_of(hands, hands.points + rng.normal(0, 10, hands.points.shape))
    got = {
        n: values(score(truth_of(hands), predictions, normaliser=n))[("PCK@0.05[all]", "folder")]
        for n in ("bbox-max", "bbox-34", "kp-extent-max")
    }
    assert got["bbox-34"] >= got["bbox-max"] > got["kp-extent-max"]


def test_truth_that_defines_no_size_or_no_point_is_refused(make_hands):
    hands = make_hands(3)
    box = hands.box.copy()
    box[1] = [5, 5, 5, 5]
    with pytest.raises(InputError, match=rf"1 hands have no size by bbox-max: {hands.id[1]}"):
        score(truth_of(hands.replace(box=box)), predictions_of(hands))
    points = hands.points.copy()
    points[2, 0] = np.nan
    with pytest.raises(InputError, match=rf"1 hands have a joint that exists without coordinates: {hands.id[2]}"):
        score(truth_of(hands.replace(points=points)), predictions_of(hands))
    with pytest.raises(InputError, match="holds no hands"):
        score(truth_of(Hands.of([])), predictions_of(hands))


def test_absent_joints_count_nowhere(make_hands):
    hands = make_hands(6)
    points = hands.points.copy()
    points[~hands.exists] = 9999
    assert set(values(score(truth_of(hands), predictions_of(hands, points))).values()) == {1.0}


def test_same_input_same_result(make_hands, rng):
    hands = make_hands(9)
    points = hands.points + rng.normal(0, 9, hands.points.shape)
    one, two = (score(truth_of(hands), predictions_of(hands, points), seed=4).results for _ in range(2))
    assert json.dumps(one) == json.dumps(two)


def test_intervals_resample_clips(make_hands, rng):
    hands = make_hands(12, clips=1)
    rows = score(truth_of(hands), predictions_of(hands)).results["rows"]
    assert {row["interval"] for row in rows} == {None}
    assert {row["clips"] for row in rows} == {1}


def test_what_the_truth_is_worth_is_said(make_hands):
    hands = make_hands(3)

    def kind(hands, **header):
        return score(truth_of(hands), predictions_of(hands, **header)).results["truth"]["kind"]

    assert kind(hands) == "labels by annotators"
    assert kind(hands.replace(annotator=["generator"] * 3)) == "exact truth of the synthetic generator"
    started = hands.replace(detector=["mediapipe-1"] * 3)
    assert "not an independent truth" in kind(started, detector="mediapipe-1")
    assert "not an independent" not in kind(started, detector="hamer")
    assert "simulated" in kind(started.replace(annotator=["simulated"] * 3), detector="mediapipe-1")


def test_the_table_a_hand_holds_distances_and_errors(make_hands):
    hands = make_hands(4)
    points = hands.points.copy()
    points[0] = np.nan
    points[1, 0] += [hands.box[1, 2] - hands.box[1, 0], 0]
    table = per_hand_table(score(truth_of(hands), predictions_of(hands, points))).to_pylist()
    assert table[0]["error"] == 1.0
    assert table[0]["found"] is False
    assert table[0]["distance"][0] == np.inf
    assert 0 < table[1]["error"] <= 1 / hands.exists[1].sum()
    assert table[2]["error"] == 0.0
