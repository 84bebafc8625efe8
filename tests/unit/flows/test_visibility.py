"""The visibility track: rules for absent joints and missing numbers, sources, and what is said."""

import json
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.visibility import EVERYWHERE, score_visibility
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth, content_hash
from hint_toolkit.metrics.visibility import average_precision
from hint_toolkit.records import Hands


def truth_of(hands):
    return Truth(hands, Path("truth"), Path(), content_hash(hands))


def predictions_of(hands, visibility, points=None, score=None):
    n = len(hands)
    nothing = np.full((n, 21), np.nan)
    points = hands.points if points is None else points
    score = nothing if score is None else score
    return Predictions(list(hands.id), points, score, visibility, [""] * n, {"method": "m"})


def seen(hands):
    return hands.exists & ~hands.occluded


def values(results, source="folder"):
    return {row["measure"]: row["value"] for row in results["rows"] if row["source"] == source}


def test_perfect_visibility_scores_one(make_hands):
    hands = make_hands(40)
    results = score_visibility(truth_of(hands), predictions_of(hands, seen(hands) * 1.0))
    got = values(results)
    for name in ("AP[macro]", "AP[micro]", "ROC-AUC[macro]", "ROC-AUC[micro]", "F1@0.5[macro]", "F1@0.5[micro]"):
        assert got[name] == pytest.approx(1.0, abs=1e-12), name
    assert got["ECE"] == got["Brier"] == 0
    assert results["incomplete"] is None
    json.dumps(results, allow_nan=False)


def test_a_constant_scores_the_prevalence(make_hands):
    hands = make_hands(40)
    results = score_visibility(truth_of(hands), predictions_of(hands, np.full((40, 21), 0.7)))
    got = values(results)
    share = seen(hands)[hands.exists].mean()
    assert got["AP[micro]"] == pytest.approx(share, abs=1e-12)
    assert got["share visible"] == pytest.approx(share, abs=1e-12)
    assert got["ROC-AUC[micro]"] == 0.5
    assert got["ECE"] == pytest.approx(abs(0.7 - share), abs=1e-12)
    for row in results["per_joint"]:
        assert row["AP"] == pytest.approx(row["share visible"], abs=1e-12)


def test_macro_is_the_mean_over_joints_and_micro_the_pool(make_hands, rng):
    hands = make_hands(60)
    said = rng.random((60, 21))
    got = values(score_visibility(truth_of(hands), predictions_of(hands, said)))
    single = [average_precision(seen(hands)[hands.exists[:, j], j], said[hands.exists[:, j], j]) for j in range(21)]
    assert got["AP[macro]"] == pytest.approx(np.mean(single), abs=1e-12)
    assert got["AP[micro]"] == average_precision(seen(hands)[hands.exists], said[hands.exists])


def test_absent_joints_are_left_out_or_count_as_invisible(make_hands, rng):
    hands = make_hands(30)
    said = np.where(hands.exists, seen(hands) * 1.0, 0.9)
    dropped = score_visibility(truth_of(hands), predictions_of(hands, said))
    kept = score_visibility(truth_of(hands), predictions_of(hands, said), absent="invisible")
    assert dropped["counts"]["joints"] == int(hands.exists.sum())
    assert kept["counts"]["joints"] == 30 * 21
    assert values(dropped)["AP[micro]"] == pytest.approx(1.0, abs=1e-12)
    assert values(kept)["F1@0.5[micro]"] == pytest.approx(
        2 * seen(hands).sum() / (2 * seen(hands).sum() + (~hands.exists).sum()), abs=1e-12
    )
    assert "arXiv 2608.11574" in kept["absent_text"]


def test_a_joint_without_a_number_counts_as_one_half_and_is_counted(make_hands):
    hands = make_hands(20)
    said = seen(hands) * 1.0
    said[:, 3] = np.nan
    results = score_visibility(truth_of(hands), predictions_of(hands, said))
    joint = results["per_joint"][3]
    assert joint["joint"] == "thumb3"
    assert joint["AP"] == pytest.approx(joint["share visible"], abs=1e-12)
    assert joint["Brier"] == 0.25
    assert joint["predicted"] == 0
    assert results["counts"]["joints_without"] == int(hands.exists[:, 3].sum())
    row = results["rows"][0]
    assert row["coverage"] == pytest.approx(1 - hands.exists[:, 3].sum() / hands.exists.sum())
    assert "0.5" in results["missing_text"]
    assert results["incomplete"] is None


def test_hands_without_any_number_are_named_and_make_it_incomplete(make_hands):
    hands = make_hands(20)
    said = seen(hands) * 1.0
    said[:2] = np.nan
    results = score_visibility(truth_of(hands), predictions_of(hands, said))
    assert results["without"] == hands.id[:2].tolist()
    assert "2 of 20 hands" in results["incomplete"]
    assert hands.id[0] in results["incomplete"]
    assert values(results)["AP[micro]"] < 1
    # A hand without a record is no better off than one with an empty record.
    fewer = predictions_of(hands[2:], said[2:])
    assert score_visibility(truth_of(hands), fewer)["incomplete"] == results["incomplete"]


def test_a_method_without_any_number_is_not_scored(make_hands):
    hands = make_hands(6)
    nothing = np.full((6, 21), np.nan)
    results = score_visibility(truth_of(hands), predictions_of(hands, nothing))
    assert set(values(results).values()) == {None}
    assert {row["AP"] for row in results["per_joint"]} == {None}
    assert results["risk_coverage"] == []
    assert "no hand has a" in results["incomplete"]
    json.dumps(results, allow_nan=False)
    # The same file scored by its confidence has numbers.
    by_score = predictions_of(hands, nothing, score=seen(hands) * 1.0)
    got = score_visibility(truth_of(hands), by_score, use="score")
    assert values(got)["AP[micro]"] == pytest.approx(1.0, abs=1e-12)
    assert got["use"] == "score"


def test_a_source_without_any_number_is_not_scored_beside_one_that_has(make_hands):
    both = Hands.concat([make_hands(12, source="newdays"), make_hands(12, source="visor")])
    said = seen(both) * 1.0
    said[12:] = np.nan
    results = score_visibility(truth_of(both), predictions_of(both, said))
    assert values(results, "newdays")["AP[micro]"] == pytest.approx(1.0, abs=1e-12)
    assert set(values(results, "visor").values()) == {None}
    assert values(results, EVERYWHERE)["AP[micro]"] < 1


def test_one_class_only_is_none_and_the_joint_is_named(make_hands):
    hands = make_hands(10)
    hands = hands.replace(occluded=hands.occluded & (np.arange(21) != 5))
    results = score_visibility(truth_of(hands), predictions_of(hands, np.full((10, 21), 0.5)))
    row = next(row for row in results["rows"] if row["measure"] == "AP[macro]")
    assert "forefinger1" in row["joints_undefined"]
    assert row["value"] is not None
    everything = hands.replace(occluded=np.zeros((10, 21), bool))
    got = values(score_visibility(truth_of(everything), predictions_of(everything, np.full((10, 21), 0.5))))
    assert got["AP[macro]"] is None
    assert got["ROC-AUC[micro]"] is None
    assert got["Brier"] == 0.25


def test_risk_coverage_of_an_oracle_is_monotone_and_of_pck(make_hands, rng):
    hands = make_hands(50)
    points = hands.points + rng.normal(0, 12, hands.points.shape)
    points[:3] = np.nan
    side = (hands.box[:, 2:] - hands.box[:, :2]).max(axis=1)
    offset = points - hands.points
    near = np.hypot(offset[..., 0], offset[..., 1]) <= 0.05 * side[:, None]
    results = score_visibility(truth_of(hands), predictions_of(hands, near * 1.0, points))
    curve = [row["pck"] for row in results["risk_coverage"]]
    assert (np.diff(curve) <= 1e-12).all()
    got = values(results)
    assert curve[-1] == pytest.approx(near[hands.exists].mean(), abs=1e-12)
    assert got["PCK@0.05[micro]"] == pytest.approx(curve[-1], abs=1e-12)
    assert got["AURC@0.05"] == pytest.approx(got["AURC@0.05[best]"], abs=1e-12)
    wider = values(score_visibility(truth_of(hands), predictions_of(hands, near * 1.0, points), threshold=0.1))
    assert wider["PCK@0.1[micro]"] > got["PCK@0.05[micro]"]


def test_without_points_there_is_visibility_but_no_pck(make_hands):
    hands = make_hands(10)
    nothing = np.full((10, 21, 2), np.nan)
    results = score_visibility(truth_of(hands), predictions_of(hands, seen(hands) * 1.0, nothing))
    assert values(results)["AP[micro]"] == pytest.approx(1.0, abs=1e-12)
    assert values(results)["PCK@0.05[micro]"] is None
    assert results["risk_coverage"] == []


def test_matched_by_id_and_not_by_place(make_hands, rng):
    hands = make_hands(25)
    said = rng.random((25, 21))
    order = rng.permutation(25)
    straight = score_visibility(truth_of(hands), predictions_of(hands, said))
    shuffled = score_visibility(truth_of(hands), predictions_of(hands.take(order), said[order]))
    assert straight["rows"] == shuffled["rows"]


@pytest.mark.parametrize("bad", [-0.2, 1.5])
def test_numbers_outside_0_to_1_are_refused(make_hands, bad):
    hands = make_hands(3)
    said = np.full((3, 21), 0.5)
    said[1, 4] = bad
    with pytest.raises(InputError, match=rf"1 records have a visibility outside 0\.\.1: {hands.id[1]}"):
        score_visibility(truth_of(hands), predictions_of(hands, said))


def test_unknown_hands_are_refused_unless_ignored(make_hands):
    hands = make_hands(6)
    with pytest.raises(InputError, match="2 of 6 predictions are for hands that the truth does not have"):
        score_visibility(truth_of(hands[:4]), predictions_of(hands, seen(hands) * 1.0))
    results = score_visibility(truth_of(hands[:4]), predictions_of(hands, seen(hands) * 1.0), ignore_unknown=True)
    assert results["unknown"] == hands.id[4:].tolist()
    with pytest.raises(InputError, match="holds no hands"):
        score_visibility(truth_of(Hands.of([])), predictions_of(hands, seen(hands) * 1.0))


def test_the_scale_of_the_npz_is_the_size_where_the_truth_has_it(make_hands):
    hands = make_hands(8)
    truth = truth_of(hands)
    scaled = Truth(hands, truth.path, Path(), truth.version, scale=np.full(8, 100.0))
    points = hands.points + np.array([6.0, 0])
    results = score_visibility(scaled, predictions_of(hands, seen(hands) * 1.0, points))
    assert results["normaliser"] == "npz"
    assert values(results)["PCK@0.05[micro]"] == 0
    assert values(score_visibility(truth, predictions_of(hands, seen(hands) * 1.0, points)))["PCK@0.05[micro]"] == 1
