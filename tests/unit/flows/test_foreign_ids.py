"""Their hands get the dataset's ids: by picture, side and box, one to one; and what did not fit is counted."""

import json
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.evaluate import cli
from hint_toolkit.errors import InputError
from hint_toolkit.flows.foreign import give_ids
from hint_toolkit.flows.foreign_pictures import Pictures
from hint_toolkit.io.foreign import ForeignHand, ForeignHands
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.io.truth import Truth
from hint_toolkit.records import Hand, Hands

FOLDER = "TEST_newdays_img"


def ours(name, box, side="right", image=None, frame=None, source="newdays", size=(640, 480)):
    box = np.array(box, float)
    points = np.linspace(box[:2] + 5, box[2:] - 5, 21)
    stem = name.rsplit("/", 1)[-1]
    return Hand(
        id=name if "/" in name else f"{FOLDER}/{name}", frame_id=frame or stem, points=points, exists=np.ones(21, bool),
        occluded=np.zeros(21, bool), box=box, side=side, source=source, image=image or f"{FOLDER}/{stem}.jpg",
        width=size[0], height=size[1], state="submitted",
    )  # fmt: skip


def dataset(*hands):
    return Truth(Hands.of(hands), Path("release"), Path("release"), "v")


def theirs(picture, box, side="", marker=0.0, **more):
    box = np.array(box, float)
    points = np.linspace(box[:2], box[2:], 21)
    points[0] = marker, marker
    return ForeignHand(picture, points, box=box, side=side, **more)


def written(*hands, pictures=None):
    return ForeignHands(list(hands), pictures or list(dict.fromkeys(h.picture for h in hands)), "results of mmpose")


def markers(predictions):
    return {name: float(points[0, 0]) for name, points in zip(predictions.ids, predictions.points, strict=True)}


LEFT, RIGHT = [100, 100, 200, 200], [300, 100, 400, 200]


def test_each_hand_gets_the_id_of_the_hand_that_it_overlaps_most_also_two_of_one_side():
    truth = dataset(ours("a_h0", LEFT, image="a.jpg"), ours("a_h1", RIGHT, image="a.jpg"), ours("b_h0", LEFT))
    found = written(
        theirs("a.jpg", [305, 105, 405, 205], "right", 1),
        theirs("a.jpg", [110, 100, 210, 200], "right", 2),
        theirs("b_h0.jpg", [100, 100, 200, 200], "", 3),
    )
    predictions, report = give_ids(truth, found)
    assert markers(predictions) == {f"{FOLDER}/a_h0": 2.0, f"{FOLDER}/a_h1": 1.0, f"{FOLDER}/b_h0": 3.0}
    assert (report.matched, report.hands, report.theirs, report.surplus) == (3, 3, 3, 0)
    assert report.not_found == report.unseen == report.twice == report.other_side == report.unknown == []
    assert predictions.header["imported"]["min_iou"] == 0.1
    assert predictions.header["method"] == "results of mmpose"
    assert predictions.side == ["right", "right", ""]


def test_best_overlap_first_and_one_to_one():
    """The first of theirs fits both of ours; it goes to the one it fits best, and the other gets the second."""
    truth = dataset(ours("a_h0", [0, 0, 100, 100], image="a.jpg"), ours("a_h1", [50, 0, 150, 100], image="a.jpg"))
    found = written(theirs("a", [45, 0, 145, 100], marker=1), theirs("a", [60, 0, 160, 100], marker=2))
    predictions, report = give_ids(truth, found)
    # IoU: 1 with h1 95/105 = .90, 2 with h1 90/110 = .82, 1 with h0 55/145, 2 with h0 40/160 = .25
    assert markers(predictions) == {f"{FOLDER}/a_h0": 2.0, f"{FOLDER}/a_h1": 1.0}
    assert report.twice == []
    _, report = give_ids(truth, found, min_iou=0.3)
    assert report.not_found == [f"{FOLDER}/a_h0"]
    assert report.surplus == 1


def test_the_other_side_is_no_candidate_unless_asked_and_then_only_where_none_is_left():
    truth = dataset(ours("a_l", LEFT, "left"), ours("b_l", LEFT, "left"))
    found = written(theirs("a_l", LEFT, "right", 1), theirs("b_l", LEFT, "right", 2),
                    theirs("b_l", [120, 100, 220, 200], "left", 3))  # fmt: skip
    predictions, report = give_ids(truth, found)
    assert np.isnan(markers(predictions)[f"{FOLDER}/a_l"])
    assert markers(predictions)[f"{FOLDER}/b_l"] == 3
    assert report.other_side == report.not_found == [f"{FOLDER}/a_l"]
    predictions, report = give_ids(truth, found, any_side=True)
    assert markers(predictions) == {f"{FOLDER}/a_l": 1.0, f"{FOLDER}/b_l": 3.0}
    assert predictions.side == ["right", "left"]  # what they say, for the check to see


def test_a_second_hand_that_fits_nearly_as_well_is_named_and_of_equals_the_surer_is_taken():
    truth = dataset(ours("a_r", LEFT), ours("b_r", LEFT))
    found = written(theirs("a_r", LEFT, marker=1, presence=0.3), theirs("a_r", LEFT, marker=2, presence=0.9),
                    theirs("b_r", LEFT, marker=3), theirs("b_r", [150, 100, 250, 200], marker=4))  # fmt: skip
    predictions, report = give_ids(truth, found)
    assert markers(predictions) == {f"{FOLDER}/a_r": 2.0, f"{FOLDER}/b_r": 3.0}
    assert report.twice == [f"{FOLDER}/a_r"]
    assert report.surplus == 2


def test_not_found_is_a_record_and_not_seen_is_none():
    truth = dataset(ours("a_r", LEFT), ours("b_r", LEFT), ours("c_r", LEFT))
    found = written(theirs("a_r", LEFT), pictures=["a_r", "b_r", "elsewhere"])
    predictions, report = give_ids(truth, found)
    assert predictions.ids == [f"{FOLDER}/a_r", f"{FOLDER}/b_r"]
    assert np.isnan(predictions.points[1]).all()
    assert (report.not_found, report.unseen, report.unknown) == ([f"{FOLDER}/b_r"], [f"{FOLDER}/c_r"], ["elsewhere"])
    predictions, report = give_ids(truth, found, complete=True)
    assert len(predictions.ids) == 3
    assert report.unseen == []
    assert report.not_found == [f"{FOLDER}/b_r", f"{FOLDER}/c_r"]


def test_nothing_found_anywhere_is_no_error_but_not_one_known_picture_is():
    truth = dataset(ours("a_r", LEFT))
    predictions, report = give_ids(truth, written(pictures=["a_r"]))
    assert report.not_found == predictions.ids == [f"{FOLDER}/a_r"]
    predictions, report = give_ids(truth, written())
    assert (predictions.ids, report.unseen) == ([], [f"{FOLDER}/a_r"])
    with pytest.raises(InputError, match=r"none of their 1 pictures is in the dataset, e\.g\. x\.jpg.*TEST_newdays"):
        give_ids(truth, written(theirs("x.jpg", LEFT)))


def test_a_hand_without_a_box_has_that_of_its_points_and_one_without_points_is_none():
    truth = dataset(ours("a_r", LEFT), ours("b_r", LEFT))
    points = np.linspace([110, 110], [190, 190], 21)
    points[7] = np.nan
    empty = ForeignHand("b_r")
    predictions, report = give_ids(truth, written(ForeignHand("a_r", points), empty))
    np.testing.assert_array_equal(predictions.points[0], points)
    assert report.not_found == [f"{FOLDER}/b_r"]


def test_hands_of_too_few_sure_joints_are_left_out_when_asked():
    truth = dataset(ours("a_r", LEFT), ours("b_r", LEFT))
    poor, rich = np.zeros(21), np.zeros(21)
    poor[:3], rich[:4] = 0.9, 0.9
    found = written(theirs("a_r", LEFT, score=poor), theirs("b_r", LEFT, score=rich))
    _, report = give_ids(truth, found, min_score=0.5)
    assert (report.matched, report.unsure, report.not_found) == (1, 1, [f"{FOLDER}/a_r"])
    assert give_ids(truth, found)[1].matched == 2


def test_3d_is_projected_with_the_datasets_size_and_another_size_is_refused(tmp_path):
    space = np.tile([0.3, -0.1, 20.0], (21, 1))
    space[4] = [0.4, -0.08, 20]
    hand = ForeignHand("a_r", side="right", space=space, size=(640, 480))
    truth = dataset(ours("a_r", [480, 150, 600, 200]))
    predictions, _ = give_ids(truth, written(hand))
    np.testing.assert_allclose(predictions.points[0, 4], [570, 190])
    np.testing.assert_allclose(predictions.points[0, 0], [507.5, 177.5])
    half = ForeignHand("a_r", space=space, size=(320, 240))
    with pytest.raises(InputError, match="their picture is 320 x 240 pixels, the dataset's 640 x 480"):
        give_ids(truth, written(half))
    unknown = dataset(ours("a_r", [480, 150, 600, 200], size=(0, 0)))
    np.testing.assert_allclose(give_ids(unknown, written(hand))[0].points[0, 4], [570, 190])  # their own word
    with pytest.raises(InputError, match="the size of the picture is needed"):
        give_ids(unknown, written(ForeignHand("a_r", space=space)))


def test_names_of_pictures():
    hands = Hands.of(
        [
            ours("ND_v_frame1_l", LEFT, "left", frame="ND_v_frame1"),
            ours("ND_v_frame1_r", RIGHT, "right", frame="ND_v_frame1"),
            ours("TEST_ego4d_img/x_r", LEFT, image="TEST_ego4d_img/x_r.jpg", source="ego4d"),
            ours("TEST_ego4d_seq/x_r", LEFT, image="TEST_ego4d_seq/x_r.jpg", source="ego4d", frame="other"),
            ours("f.1_h0", LEFT, image="frames/f.1.jpg"),
        ]
    )
    pictures = Pictures(hands)
    assert pictures.hands("ND_v_frame1_r.jpg") == (1,)
    assert pictures.hands("/data/HInt/TEST_newdays_img/ND_v_frame1_l.jpg") == (0,)
    assert pictures.hands("somewhere\\ND_v_frame1_l") == (0,)
    assert pictures.hands("ND_v_frame1.png") == (0, 1)  # the whole frame: the hands of both pictures
    assert pictures.hands("TEST_ego4d_seq/x_r.jpg") == (3,)
    assert pictures.hands("f.1") == pictures.hands("f.1.jpg") == (4,)
    assert pictures.hands("f") == ()
    assert pictures.ambiguous == set()
    assert pictures.hands("x_r.jpg") == ()
    assert pictures.ambiguous == {"x_r.jpg"}


def test_a_name_that_fits_several_pictures_is_named_and_not_guessed():
    truth = dataset(ours("TEST_ego4d_img/x_r", LEFT, image="TEST_ego4d_img/x_r.jpg", frame="one"),
                    ours("TEST_ego4d_seq/x_r", LEFT, image="TEST_ego4d_seq/x_r.jpg", frame="two"))  # fmt: skip
    predictions, report = give_ids(truth, written(theirs("x_r.jpg", LEFT)))
    assert report.ambiguous == ["x_r.jpg"]
    assert report.unknown == []
    assert len(report.unseen) == 2
    assert predictions.ids == []


@pytest.fixture
def release(tmp_path):
    """Two frames as COCO, one of them with two hands."""
    hands = [("a.jpg", LEFT), ("a.jpg", RIGHT), ("b.jpg", LEFT)]
    images = [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480},
              {"id": 2, "file_name": "b.jpg", "width": 640, "height": 480}]  # fmt: skip
    annotations = []
    for k, (name, box) in enumerate(hands):
        points = np.linspace(np.array(box[:2]) + 5.0, np.array(box[2:]) - 5.0, 21)
        annotations.append(
            {"id": k + 1, "image_id": 1 if name == "a.jpg" else 2, "category_id": 1, "num_keypoints": 21,
             "bbox": [box[0], box[1], 100, 100], "keypoints": np.c_[points, np.full(21, 2)].ravel().tolist()}
        )  # fmt: skip
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations,
                                "categories": [{"id": 1, "name": "hand"}]}))  # fmt: skip
    return path


def test_the_command_from_mmposes_folder_to_a_file_that_check_takes(release, tmp_path, capsys):
    folder = tmp_path / "predictions"
    folder.mkdir()
    rows = [np.linspace([105.0, 105], [195, 195], 21), np.linspace([305.0, 105], [395, 195], 21)]
    instances = [{"keypoints": row.tolist(), "keypoint_scores": [0.5] * 21} for row in rows[::-1]]
    (folder / "a.json").write_text(json.dumps(instances))
    out = tmp_path / "preds.json"
    args = ["import", "--pred", str(folder), "--gt", str(release), "--out", str(out), "--quiet", "--method", "net"]
    assert run(cli, "hint-eval", args) == 3
    told = capsys.readouterr()
    assert "2 of 3 hands have one of theirs (2 in results of mmpose)" in told.out
    assert "1 hands have no record" in told.err
    assert "add --complete" in told.err
    assert run(cli, "hint-eval", [*args, "--complete", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["matched"], len(report["not_found"]), report["out"]) == (2, 1, str(out))
    made = read_predictions(out)
    assert made.method == "net"
    np.testing.assert_allclose(made.points[0], rows[0])
    run(cli, "hint-eval", ["check", str(out), "--gt", str(release), "--json"])
    assert json.loads(capsys.readouterr().out)["truth"]["matched"] == 3
    first = out.read_bytes()
    run(cli, "hint-eval", [*args, "--complete"])
    assert out.read_bytes() == first


def test_check_names_the_command_for_a_folder_of_theirs(release, tmp_path):
    (tmp_path / "results_a.json").write_text(json.dumps({"meta_info": {}, "instance_info": []}))
    with pytest.raises(InputError, match="looks like results of mmpose.*hint-eval import --pred results_a.json"):
        read_predictions(tmp_path / "results_a.json")
