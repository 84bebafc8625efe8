from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.check import check, partners
from hint_toolkit.flows.match import match_predictions
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth, content_hash
from hint_toolkit.issues import Issue
from hint_toolkit.joints import FROM_HINT


def truth_of(hands, **more):
    return Truth(hands, Path("truth"), Path(), content_hash(hands), **more)


def predictions_of(hands, points=None, ids=None, side=None):
    n = len(hands)
    points = hands.points + 0.5 if points is None else points
    return Predictions(
        list(hands.id if ids is None else ids),
        points,
        np.full((n, 21), 0.5),
        np.full((n, 21), np.nan),
        side or [""] * n,
    )


def test_good_predictions_are_fine(make_hands):
    hands = make_hands(20)
    checked = check(predictions_of(hands), truth_of(hands), name="p.json")
    assert (checked.verdict, checked.exit_code, checked.diagnoses, len(checked.issues)) == ("fine", 0, [], 0)
    report = checked.report
    assert (report["records"], report["found"], report["with_score"], report["with_visibility"]) == (20, 20, 20, 0)
    assert (report["truth"]["matched"], report["truth"]["coverage"]) == (20, 1.0)
    assert report["verdict"] == "fine"


def test_hands_without_a_record_are_incomplete_and_null_hands_are_not(make_hands):
    hands = make_hands(20)
    points = hands.points + 0.5
    points[3] = np.nan
    assert check(predictions_of(hands, points), truth_of(hands)).exit_code == 0
    checked = check(predictions_of(hands[:18]), truth_of(hands))
    assert (checked.verdict, checked.exit_code) == ("incomplete", 3)
    assert checked.missing == hands.id[18:].tolist() == checked.report["truth"]["missing"]


def test_strangers_are_an_error_even_if_hands_are_missing(make_hands):
    hands = make_hands(20)
    ids = [*hands.id[:19], "TEST_folder_img/who_l"]
    checked = check(predictions_of(hands, ids=ids), truth_of(hands), name="p.json")
    assert checked.exit_code == 2
    assert "p.json > id: 1 of 20 records are for hands" in str(checked.issues.errors[0])
    assert "who_l" in str(checked.issues.errors[0])


def test_a_mistake_of_the_whole_file_is_an_error_with_its_remedy(make_hands):
    hands = make_hands(30)
    points = hands.points[:, list(FROM_HINT["mano"])]
    checked = check(predictions_of(hands, points), truth_of(hands))
    assert [d["cause"] for d in checked.report["diagnoses"]] == ["order:mano"]
    assert checked.exit_code == 2


def test_swapped_sides_are_named_and_single_ones_warned_of(make_hands):
    hands = make_hands(20)
    other = [{"left": "right", "right": "left"}[s] for s in hands.side]
    checked = check(predictions_of(hands, side=other), truth_of(hands))
    assert [d.cause for d in checked.diagnoses] == ["side:labels-swapped"]
    one = [other[0], *hands.side[1:]]
    checked = check(predictions_of(hands, side=one), truth_of(hands))
    assert checked.exit_code == 0
    assert f"side of 1 of 20 hands contradicts the truth: {hands.id[0]}" in str(checked.issues.warnings[0])


def test_what_the_truth_does_not_know_is_passed_on_and_a_copy_of_it_is_noticed(make_hands):
    hands = make_hands(20)
    note = Issue("warning", "t.npz", "", "", "occlusion is unknown")
    checked = check(predictions_of(hands, hands.points.copy()), truth_of(hands, issues=(note,)))
    assert note in checked.issues.warnings
    assert "is this the truth itself?" in str(checked.issues.warnings)
    assert checked.exit_code == 0


def test_without_truth_units_are_still_seen(make_hands):
    hands = make_hands(20)
    checked = check(predictions_of(hands, hands.points / [640, 480]))
    assert [d.cause for d in checked.diagnoses] == ["unit:image-fraction"]
    assert checked.report["truth"] is None


def test_partners_are_the_left_and_right_hand_of_a_frame(make_hands):
    hands = make_hands(6).replace(frame_id=list("aabbcc"))
    hands = hands.replace(side=["left", "right", "left", "left", "right", "left"])
    assert partners(hands).tolist() == [1, 0, -1, -1, 5, 4]


def test_ids_match_as_paths_of_pictures_aliases_and_foreign_folders(make_hands):
    hands = make_hands(4)
    stems = [i.split("/")[1] for i in hands.id]
    ids = [f"/data/{hands.id[0]}.jpg", f"crops/{stems[1]}.png", "17", hands.id[3]]
    truth = truth_of(hands, aliases={"17": (2,), "18": (0, 1)})
    match = match_predictions(truth, predictions_of(hands, ids=ids))
    assert match.record.tolist() == [0, 1, 2, 3]
    with pytest.raises(InputError, match=rf'1 ids fit several hands of a picture: 18.*like "{hands.id[0]}"'):
        match_predictions(truth, predictions_of(hands, ids=["18", *ids[1:]]))


def test_a_folder_of_hint_in_an_id_must_be_the_truths(make_hands):
    hands = make_hands(2)
    ids = [hands.id[0], hands.id[1].replace("TEST_folder_img", "TEST_epick_img")]
    match = match_predictions(truth_of(hands), predictions_of(hands, ids=ids))
    assert match.unknown == [ids[1]]
    assert match.record.tolist() == [0, -1]


def test_values_of_records_are_arranged_like_the_truth(make_hands):
    hands = make_hands(3)
    match = match_predictions(truth_of(hands), predictions_of(hands[:2], ids=[hands.id[2], hands.id[0]]))
    np.testing.assert_array_equal(match.arrange(np.array([5.0, 6.0])), [6, np.nan, 5])
