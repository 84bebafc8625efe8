import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.score import per_hand_table, score
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth, content_hash
from hint_toolkit.measures import parse_measures
from hint_toolkit.metrics.intervals import cluster_bootstrap
from hint_toolkit.metrics.sizes import longer_side
from hint_toolkit.protocol import HAMER_V1, PROTOCOLS
from hint_toolkit.records import Hands
from tests.reference.hamer_pck import hamer_pck


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


def by_measure(scored, source="folder"):
    return {row["measure"]: row for row in scored.results["rows"] if row["source"] == source}


def test_measures_choose_what_is_computed(make_hands, rng):
    hands = make_hands(20)
    asked = parse_measures(
        ["PCK@0.1[visible,joint=index_tip]", "AUC[0..0.2]", "EPE[visible]", "OKS-AP", "PCK@0.05[all,finger=thumb]"]
    )
    points = hands.points + rng.normal(0, 8, hands.points.shape)
    scored = score(truth_of(hands), predictions_of(hands, points), measures=asked)
    rows = scored.results["rows"]
    assert [row["measure"] for row in rows] == [str(one) for one in asked]
    assert scored.results["thresholds"] == [0.05, 0.1]
    tip, auc, epe, oks, thumb = rows
    assert tip["joints"] == int((hands.exists & ~hands.occluded)[:, 8].sum())
    assert thumb["joints"] == int(hands.exists[:, 1:5].sum())
    assert (auc["unit"], epe["unit"], oks["normaliser"]) == ("share", "px", "bbox-area")
    error = np.linalg.norm(points - hands.points, axis=2)
    seen = hands.exists & ~hands.occluded
    per_joint = [error[seen[:, j], j].mean() for j in range(21)]
    assert epe["value"] == pytest.approx(np.mean(per_joint), abs=1e-9)
    assert epe["micro"] == pytest.approx(error[seen].mean(), abs=1e-9)
    for row in (tip, auc, epe, thumb):
        low, high = row["interval"]
        assert low <= row["value"] <= high
    assert 0 < oks["value"] < 1
    json.dumps(scored.results, allow_nan=False)
    with pytest.raises(InputError, match="measures or thresholds, not both"):
        score(truth_of(hands), predictions_of(hands), measures=asked, thresholds=[0.1])


def test_the_npz_scale_is_the_default_where_the_truth_has_it(make_hands):
    hands = make_hands(6)
    plain, with_scale = truth_of(hands), replace(truth_of(hands), scale=np.full(6, 50.0))
    points = hands.points + np.array([3.0, 4.0])  # 5 px off, 0.1 of the scale and less of every box
    scored = score(with_scale, predictions_of(hands, points), thresholds=[0.099, 0.101])
    assert scored.results["normaliser"] == "npz"
    assert by_measure(scored)["PCK@0.099[all]"]["value"] == 0.0
    assert by_measure(scored)["PCK@0.101[all]"]["value"] == 1.0
    assert score(plain, predictions_of(hands)).results["normaliser"] == "bbox-max"
    assert score(with_scale, predictions_of(hands), normaliser="bbox-34").results["normaliser"] == "bbox-34"
    with pytest.raises(InputError, match="truth does not have; pass --gt .* or --normaliser bbox-max"):
        score(plain, predictions_of(hands), normaliser="npz")


def test_the_rule_for_missing_predictions(make_hands, rng):
    hands = make_hands(40)
    hands = hands.replace(exists=np.ones((40, 21), bool), occluded=np.zeros((40, 21), bool))
    points = hands.points + rng.normal(0, 12, hands.points.shape)
    points[:10] = np.nan
    points[10, 4] = np.nan
    rows = {
        rule: by_measure(score(truth_of(hands), predictions_of(hands, points), missing=rule))["PCK@0.05[all]"]
        for rule in ("miss", "drop")
    }
    assert rows["miss"]["joints"] == 40 * 21
    assert rows["drop"]["joints"] == 30 * 21 - 1
    assert rows["drop"]["value"] > rows["miss"]["value"]
    assert rows["drop"]["micro"] * rows["drop"]["joints"] == pytest.approx(rows["miss"]["micro"] * 840, abs=1e-9)
    assert {row["coverage"] for row in rows.values()} == {0.75}
    assert {row["joint_coverage"] for row in rows.values()} == {(30 * 21 - 1) / 840}
    assert rows["drop"]["missing_rule"] == "drop"
    with pytest.raises(
        InputError, match=r"11 of 40 hands have a joint without prediction: .* and 6 more; .*missing miss"
    ):
        score(truth_of(hands), predictions_of(hands, points), missing="error")
    score(truth_of(hands), predictions_of(hands), missing="error")


def test_a_dropped_joint_is_named_apart_from_one_without_truth(make_hands):
    hands = make_hands(5)
    exists = np.ones((5, 21), bool)
    exists[:, 20] = False
    hands = hands.replace(exists=exists, occluded=np.zeros((5, 21), bool))
    points = hands.points.copy()
    points[:, 7] = np.nan
    row = by_measure(score(truth_of(hands), predictions_of(hands, points), missing="drop"))["PCK@0.05[all]"]
    assert row["joints_without_truth"] == ["pinky_finger4"]
    assert row["joints_left_out"] == ["forefinger3"]
    assert row["value"] == 1.0
    epe = by_measure(score(truth_of(hands), predictions_of(hands, points), measures=parse_measures(["EPE"])), "folder")[
        "EPE"
    ]
    assert (epe["value"], epe["joints_left_out"], epe["joint_coverage"]) == (0.0, ["forefinger3"], 0.95)


def test_every_protocol_has_its_rules(make_hands):
    hands = make_hands(8)
    box = np.round(hands.box)
    box[:, 2:] = box[:, :2] + 100
    hands = hands.replace(box=box)
    exact = hands.replace(points=np.round(hands.points))
    on_the_border = predictions_of(exact, exact.points + np.array([3.0, 4.0]))
    got = {
        name: by_measure(score(truth_of(exact), on_the_border, protocol=PROTOCOLS[name]))
        for name in ("hamer-v1", "mmpose")
    }
    assert got["hamer-v1"]["PCK@0.05[all]"]["value"] == 1.0
    assert got["mmpose"]["PCK@0.05[all]"]["value"] == 0.0
    assert got["mmpose"]["PCK@0.2[all]"]["protocol"] == "mmpose"
    coco = by_measure(score(truth_of(exact), on_the_border, protocol=PROTOCOLS["coco-wholebody"]))
    assert list(coco) == ["OKS-AP", "OKS-AP[visible]", "OKS-AP[occluded]"]
    assert coco["OKS-AP"]["coverage"] == 1.0
    assert coco["OKS-AP"]["by_similarity"]["0.5"] >= coco["OKS-AP"]["by_similarity"]["0.95"]


def test_confidence_ranks_the_predictions_of_ap(make_hands):
    hands = make_hands(10)
    points = hands.points.copy()
    points[:5] += 500
    score_of = np.repeat(np.where(np.arange(10) < 5, 0.1, 0.9)[:, None], 21, axis=1)
    base = predictions_of(hands, points)
    asked = parse_measures(["OKS-AP"])
    sure = score(truth_of(hands), replace(base, score=score_of), measures=asked).results["rows"][0]["value"]
    wrong = score(truth_of(hands), replace(base, score=1 - score_of), measures=asked).results["rows"][0]["value"]
    assert sure == pytest.approx(51 / 101)
    assert wrong == pytest.approx(51 / 101 / 2)


def test_the_order_of_the_truth_changes_no_measure(make_hands, rng):
    hands = make_hands(25)
    predictions = predictions_of(hands, hands.points + rng.normal(0, rng.uniform(1, 20, (25, 1, 1)), (25, 21, 2)))
    asked = parse_measures(["PCK@0.05", "AUC[0..0.2]", "EPE[visible]", "OKS-AP"])
    straight = score(truth_of(hands), predictions, measures=asked).results["rows"]
    shuffled = score(truth_of(hands.take(rng.permutation(25))), predictions, measures=asked).results["rows"]
    assert 0 < straight[-1]["value"] < 1
    for one, other in zip(straight, shuffled, strict=True):
        assert one["value"] == pytest.approx(other["value"], abs=1e-12)


def test_micro_pooling_is_a_rule_and_both_means_stand_in_every_row(make_hands, rng):
    hands = make_hands(12)
    predictions = predictions_of(hands, hands.points + rng.normal(0, 9, hands.points.shape))
    macro = by_measure(score(truth_of(hands), predictions))["PCK@0.05[all]"]
    micro = by_measure(score(truth_of(hands), predictions, protocol=replace(HAMER_V1, pooling="micro")))[
        "PCK@0.05[all]"
    ]
    assert macro["value"] == macro["macro"] == micro["macro"]
    assert micro["value"] == micro["micro"] == macro["micro"]
    near = np.linalg.norm(predictions.points - hands.points, axis=2) <= 0.05 * longer_side(hands.box)[:, None]
    sums = (near & hands.exists).sum(axis=1, keepdims=True), hands.exists.sum(axis=1, keepdims=True)
    assert tuple(micro["interval"]) == cluster_bootstrap(*sums, np.unique(hands.video_id, return_inverse=True)[1])
    assert micro["interval"] != macro["interval"]
    assert (macro["pooling"], micro["pooling"]) == ("macro", "micro")


def test_score_equals_a_reference_of_hamers_evaluator(make_hands, rng):
    hands = make_hands(25)
    scale = rng.uniform(80, 200, (25, 2))
    points = hands.points + rng.normal(0, 9, hands.points.shape)
    right = (hands.side == "right").astype(int)
    center = hands.box[:, :2]
    crops = (points - center[:, None]) / (2 * scale.max(axis=1))[:, None, None]
    crops[..., 0] *= (2 * right - 1)[:, None]
    truth = replace(truth_of(hands), scale=scale.max(axis=1))
    rows = by_measure(score(truth, predictions_of(hands, points)))
    masks = {"all": hands.exists, "visible": hands.exists & ~hands.occluded, "occluded": hands.occluded}
    for threshold in (0.05, 0.1, 0.15):
        for subset, mask in masks.items():
            _, wanted = hamer_pck(crops, hands.points, mask.astype(float), center, scale, right, threshold)
            assert rows[f"PCK@{threshold:g}[{subset}]"]["value"] == pytest.approx(wanted, abs=1e-12)
