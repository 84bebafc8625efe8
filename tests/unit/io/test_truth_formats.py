"""HaMeR's npz and COCO as truth: the same hands as HInt's own folders tell, and what they cannot tell is said."""

import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.truth import id_of_picture
from tests.broken import valid
from tests.broken.hands import hands

SUBSETS = ("all", "vis", "occ")


def write_npz(folder, change=lambda subset, arrays: arrays, subsets=SUBSETS):
    folder.mkdir(exist_ok=True)
    for subset in subsets:
        np.savez(folder / f"{valid.FOLDER}_{subset}.npz", **change(subset, valid.truth_arrays(subset)))
    return folder


def said(truth):
    return [str(issue) for issue in truth.issues]


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("/data/HInt/TEST_epick_img/EK_1_r.jpg", "TEST_epick_img/EK_1_r"),
        ("TEST_epick_img\\EK_1_r.PNG", "TEST_epick_img/EK_1_r"),
        ("images/00001.jpg", "00001"),
        ("a.b_l", "a.b_l"),
    ],
)
def test_a_picture_stands_for_its_hand(name, id):
    assert id_of_picture(name) == id
    assert id_of_picture("x_l.jpg", "TEST_epick_img") == "TEST_epick_img/x_l"


def test_the_three_npz_give_existence_and_occlusion_back(tmp_path):
    got = read_truth(write_npz(tmp_path / "npz"))
    wanted = hands()
    assert got.hands.id.tolist() == valid.IDS
    for name in ("points", "exists", "occluded"):
        np.testing.assert_array_equal(getattr(got.hands, name), getattr(wanted, name))
    assert got.hands.side.tolist() == ["left", "right", "left"]
    assert set(got.hands.source) == {"newdays"}
    np.testing.assert_array_equal(got.scale, valid.SCALE)
    np.testing.assert_allclose(got.hands.box[:, 2:] - got.hands.box[:, :2], 300)
    np.testing.assert_allclose((got.hands.box[:, 2:] + got.hands.box[:, :2]) / 2, valid.CENTER)
    assert (got.issues, got.format) == ((), "HaMeR npz")


def test_rows_are_joined_by_name_and_the_scale_may_have_two_columns(tmp_path):
    def change(subset, arrays):
        if subset == "occ":
            arrays = {name: value[::-1] for name, value in arrays.items()}
        pair = np.stack([arrays["scale"] - 7, arrays["scale"]], axis=1)
        return arrays | {"scale": pair, "imgname": arrays["imgname"].astype(object)}

    got = read_truth(write_npz(tmp_path / "npz", change))
    np.testing.assert_array_equal(got.hands.occluded, hands().occluded)
    np.testing.assert_array_equal(got.scale, valid.SCALE)
    assert got.issues == ()


def test_contradictions_between_the_three_are_named(tmp_path):
    def change(subset, arrays):
        if subset == "vis":
            arrays["hand_keypoints_2d"][1, 15, 2] = 1  # occluded and visible
            arrays["hand_keypoints_2d"][2, 3, 0] += 5
        return arrays

    got = read_truth(write_npz(tmp_path / "npz", change))
    assert any("do not split all: joints [15]" in line and valid.IDS[1] in line for line in said(got))
    assert any(f"_vis.npz > {valid.IDS[2]} > hand_keypoints_2d: differs" in line for line in said(got))
    assert len(got.issues) == 2
    np.testing.assert_array_equal(got.hands.points, valid.POINTS)
    np.testing.assert_array_equal(got.hands.occluded, hands().occluded)


def test_a_side_against_the_name_and_a_stranger_in_a_file_are_named(tmp_path):
    def change(subset, arrays):
        arrays["right"][0] = 1.0
        if subset == "occ":
            arrays["imgname"][2] = "other_l.jpg"
        return arrays

    lines = said(read_truth(write_npz(tmp_path / "npz", change)))
    assert any("says right, the name says left" in line for line in lines)
    assert any("other_l: stands there, but not in the _all file" in line for line in lines)


def test_one_npz_says_what_it_does_not_know(tmp_path):
    folder = write_npz(tmp_path / "npz")
    got = read_truth(folder / f"{valid.FOLDER}_all.npz")
    assert not got.hands.occluded.any()
    assert "occlusion is unknown" in said(got)[0]
    only = read_truth(folder / f"{valid.FOLDER}_occ.npz")
    np.testing.assert_array_equal(only.hands.exists, hands().occluded)
    np.testing.assert_array_equal(only.hands.occluded, hands().occluded)
    assert "only the joints of the other files exist" in said(only)[0]


def test_all_and_visible_tell_the_occluded(tmp_path):
    got = read_truth(write_npz(tmp_path / "npz", subsets=("all", "vis")))
    np.testing.assert_array_equal(got.hands.occluded, hands().occluded)
    assert got.issues == ()


def test_several_hands_of_a_picture_get_numbers(tmp_path):
    arrays = valid.truth_arrays() | {"imgname": np.array(["a.png", "a.png", "b.png"])}
    np.savez(tmp_path / "set.npz", **arrays)
    assert read_truth(tmp_path / "set.npz").hands.id.tolist() == ["a#0", "a#1", "b"]


def coco(tmp_path, change=lambda value: None):
    value = valid.coco_truth_value()
    change(value)
    (tmp_path / "t.json").write_text(json.dumps(value))
    return read_truth(tmp_path / "t.json")


def test_coco_tells_the_same_hands(tmp_path):
    got = coco(tmp_path)
    wanted = hands()
    assert got.hands.id.tolist() == valid.IDS
    for name in ("points", "exists", "occluded", "side", "source"):
        np.testing.assert_array_equal(getattr(got.hands, name), getattr(wanted, name))
    np.testing.assert_allclose(got.hands.box, wanted.box)
    assert (got.hands.width[0], got.hands.height[0]) == (640, 480)
    assert got.issues == ()
    assert got.aliases["1"] == got.aliases["#101"] == (1,)


def test_flags_of_only_0_and_1_know_nothing_of_occlusion(tmp_path):
    def flat(value):
        for item in value["annotations"]:
            item["keypoints"][2::3] = [1] * 20 + [0]

    got = coco(tmp_path, flat)
    assert not got.hands.occluded.any()
    assert got.hands.exists.sum() == 60
    assert "occlusion is unknown" in said(got)[0]


def test_joints_follow_their_names(tmp_path):
    from hint_toolkit.joints import FROM_HINT, JOINTS

    order = FROM_HINT["mano"]

    def shuffled(value):
        value["categories"][0]["keypoints"] = [JOINTS[k] for k in order]
        for item in value["annotations"]:
            points = np.array(item["keypoints"]).reshape(21, 3)
            item["keypoints"] = points[list(order)].reshape(-1).tolist()

    np.testing.assert_array_equal(coco(tmp_path, shuffled).hands.points, valid.POINTS)


def test_two_hands_of_a_picture_are_told_apart_by_their_annotation(tmp_path):
    got = coco(tmp_path, lambda v: v["annotations"][1].update(image_id=0))
    assert got.hands.id.tolist() == [f"{valid.IDS[0]}#100", f"{valid.IDS[0]}#101", valid.IDS[2]]
    assert got.aliases["0"] == (0, 1)


@pytest.mark.parametrize(
    ("file", "n", "issues"),
    [("freihand/test_freihand.json", 8, 2), ("onehand10k/test_onehand10k.json", 4, 2)],
)
def test_mmposes_own_files_are_read_and_their_gaps_named(shared_media, file, n, issues):
    got = read_truth(shared_media / "open-mmlab__mmpose/tests/data" / file)
    assert len(got.hands) == n
    assert len(got.issues) == issues
    assert "never 2" in " ".join(said(got))


def test_the_hands_of_a_whole_body_are_two(shared_media):
    got = read_truth(shared_media / "open-mmlab__mmpose/tests/data/coco/test_coco_wholebody.json")
    assert got.hands.id[0] == "000000000785_r"
    assert set(got.hands.side) == {"left", "right"}
    assert (got.hands.box[0, 2] - got.hands.box[0, 0]) == pytest.approx(27.86)


def test_both_root_names_of_hint_are_read(tmp_path):
    for root in ("HInt_annotation", "HInt_annotation_partial"):
        file = tmp_path / root / f"{valid.IDS[0]}.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(valid.hint_pair_value()))
        assert read_truth(tmp_path / root).hands.id.tolist() == [valid.IDS[0]]
        assert read_truth(tmp_path / root).format == "HInt folders"
    with pytest.raises(InputError, match="more than once"):
        read_truth(tmp_path)
