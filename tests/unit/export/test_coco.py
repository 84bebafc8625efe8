"""COCO: what pycocotools and mmpose make of the file, and that nothing is lost on the way back."""

import json
from collections import Counter

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.coco import write
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.release import content_hash, read_truth
from hint_toolkit.io.stream import of_hands
from hint_toolkit.joints import JOINTS
from hint_toolkit.records import HAND_FIELDS


def export(hands, folder, pictures=None, **options):
    write(Dataset(of_hands(hands), Pictures(pictures or folder)), folder, ExportOptions(**options))
    return json.loads((folder / "coco/hands.json").read_text("utf-8"))


@pytest.fixture
def rich(make_hands, rng):
    """Hands with every column filled, each in its own way."""
    hands = make_hands(300)
    n = len(hands)
    points = hands.points.copy()
    nowhere = ~hands.exists & (rng.random((n, 21)) < 0.5)
    points[nowhere] = np.nan
    return hands.replace(
        points=points,
        score=np.where(rng.random((n, 21)) < 0.1, np.nan, rng.random((n, 21))),
        presence=rng.random(n),
        side_score=rng.random(n),
        subset=[("img", "seq")[i % 2] for i in range(n)],
        time=np.where(np.arange(n) % 7 == 0, np.nan, hands.time),
        detector=["mediapipe 0.10"] * n,
        prelabel_id=[f"p{i}" for i in range(n)],
        licence=[("CC-BY-NC-4.0", "", "Ünïcode")[i % 3] for i in range(n)],
        redistributable=np.arange(n) % 2 == 0,
        original=['{"a": [1, 2.50]}'] * n,
        state=["submitted", "prelabel", "skipped"] * (n // 3),
    )


def test_every_column_comes_back_to_the_last_bit(rich, tmp_path):
    box = rich.box
    assert ((box[:, :2] + (box[:, 2:] - box[:, :2])) != box[:, 2:]).any()  # else the far corner would test nothing
    export(rich, tmp_path)
    truth = read_truth(tmp_path)
    back, rich = truth.hands.sorted(), rich.sorted()
    for name in HAND_FIELDS:
        np.testing.assert_array_equal(getattr(back, name), getattr(rich, name), err_msg=name)
    assert content_hash(back) == content_hash(rich)
    assert (truth.issues, truth.format) == ((), "COCO")


def test_an_annotation_worked_out_by_hand(make_hands, tmp_path):
    hand = make_hands(1)
    points = np.arange(42, dtype=float).reshape(1, 21, 2) + 0.25
    exists = np.ones((1, 21), bool)
    exists[0, 2] = False
    occluded = np.zeros((1, 21), bool)
    occluded[0, 1] = True
    value = export(hand.replace(points=points, exists=exists, occluded=occluded, box=[[10, 20, 40, 80]]), tmp_path)
    (item,), (image,) = value["annotations"], value["images"]
    assert item["keypoints"][:9] == [0.25, 1.25, 2, 2.25, 3.25, 1, 0, 0, 0]
    assert (item["bbox"], item["area"], item["num_keypoints"]) == ([10, 20, 30, 60], 1800, 20)
    assert (item["iscrowd"], item["category_id"], item["hand_side"]) == (0, 1, "left")
    assert item["hint"]["absent"] == {"2": [4.25, 5.25]}
    assert image == {
        "id": 1, "file_name": "TEST_folder_img/clip0_frame00000000.jpg", "width": 640, "height": 480, "license": 1,
    }  # fmt: skip
    category = value["categories"][0]
    assert category["keypoints"] == list(JOINTS)
    assert category["skeleton"][:5] == [[1, 2], [2, 3], [3, 4], [4, 5], [1, 6]]
    assert all(type(entry[key]) is int for entry, key in ((item, "id"), (item, "image_id"), (image, "id")))


def two_of_a_frame(make_hands):
    """A left and a right hand of one frame, with a hand of another between them in the order of ids."""
    hands = make_hands(3)
    ids = [f"TEST_folder_img/{stem}" for stem in ("a_l", "a_b_l", "a_r")]
    return hands.replace(id=ids, frame_id=["a", "a_b", "a"], side=["left", "left", "right"]).sorted()


def test_hands_of_one_frame_share_one_picture(make_hands, tmp_path):
    hands = two_of_a_frame(make_hands)
    for name in ("a_l.jpg", "a_r.jpg", "b.jpg"):
        write_jpg(tmp_path / "in" / name, np.zeros((480, 640, 3), np.uint8))
    image = {"a_l": "a_l.jpg", "a_r": "a_r.jpg", "a_b_l": "b.jpg"}
    hands = hands.replace(image=[image[name.split("/")[1]] for name in hands.id])
    value = export(hands, tmp_path / "out", tmp_path / "in")
    names = {entry["id"]: entry["file_name"] for entry in value["images"]}
    assert Counter(names[item["image_id"]] for item in value["annotations"]) == {
        "TEST_folder_img/a.jpg": 2, "TEST_folder_img/a_b.jpg": 1,
    }  # fmt: skip
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 2
    whole, alone = read_truth(tmp_path / "out"), read_truth(tmp_path / "out/coco/hands.json")
    for truth in (whole, alone):
        assert all((truth.image_root / name).is_file() for name in truth.hands.image)
        assert truth.hands.id.tolist() == hands.id.tolist()


def coco_of(path):
    from pycocotools.coco import COCO

    return COCO(str(path / "coco/hands.json"))


def test_pycocotools_loads_it_and_its_own_truth_scores_one(make_hands, tmp_path, capsys):
    from pycocotools.cocoeval import COCOeval

    hands = make_hands(40)
    hands = hands.replace(frame_id=[f"f{i // 2}" for i in range(40)])  # two hands in every picture
    export(hands, tmp_path)
    truth = coco_of(tmp_path)
    assert (len(truth.getAnnIds()), len(truth.getImgIds()), truth.getCatIds()) == (40, 20, [1])

    def ap(shift):
        found = [
            {"image_id": a["image_id"], "category_id": 1, "score": 1.0,
             "keypoints": [v + shift * (k % 3 < 2) for k, v in enumerate(a["keypoints"])]}
            for a in truth.loadAnns(truth.getAnnIds())
        ]  # fmt: skip
        scorer = COCOeval(truth, truth.loadRes(found), "keypoints")
        scorer.params.kpt_oks_sigmas = np.full(21, 0.05)
        scorer.evaluate()
        scorer.accumulate()
        scorer.summarize()
        return scorer.stats[0]

    assert ap(0.0) == pytest.approx(1.0)
    assert ap(60.0) < 0.2
    capsys.readouterr()


def as_mmpose_reads(value):
    """The samples that mmpose's COCO-style hand datasets make: a crop box inside the picture, joints, 0/1 weights."""
    images = {entry["id"]: entry for entry in value["images"]}
    for item in value["annotations"]:
        size = np.array([images[item["image_id"]][key] - 1 for key in ("width", "height")] * 2)
        x, y, w, h = item["bbox"]
        box = np.clip([x, y, x + w, y + h], 0, size).astype(np.float32)
        if item["iscrowd"] or not item["num_keypoints"] or max(item["keypoints"]) == 0 or (box[2:] <= box[:2]).any():
            continue
        joints = np.array(item["keypoints"], np.float32).reshape(21, 3)
        yield box, joints[:, :2], np.minimum(1, joints[:, 2])


def as_mmpose_reads_wholebody(value):
    """The samples of its COCO-WholeBody-Hand: every valid side of every annotation."""
    for item in value["annotations"]:
        assert (item["segmentation"], item["iscrowd"]) == ([], 0)
        for side in ("left", "right"):
            if item[f"{side}hand_valid"] and max(item[f"{side}hand_kpts"]) > 0:
                joints = np.array(item[f"{side}hand_kpts"], np.float32).reshape(21, 3)
                yield side, np.array(item[f"{side}hand_box"], np.float32), joints


def test_mmpose_gets_every_hand(make_hands, tmp_path):
    hands = make_hands(20).sorted()
    samples = list(as_mmpose_reads(export(hands, tmp_path)))
    assert len(samples) == 20
    for hand, (box, joints, weight) in zip(hands, samples, strict=True):
        np.testing.assert_allclose(joints[hand.exists], hand.points[hand.exists], rtol=1e-6)
        np.testing.assert_array_equal(weight, hand.exists)
        np.testing.assert_allclose(box, np.clip(hand.box, 0, [639, 479, 639, 479]), rtol=1e-6)


def test_wholebody_fields_hold_the_side_and_come_back(make_hands, tmp_path):
    hands = make_hands(20).sorted()
    value = export(hands, tmp_path, joint_names="wholebody")
    samples = list(as_mmpose_reads_wholebody(value))
    assert [side for side, _, _ in samples] == hands.side.tolist()
    for hand, (_, box, joints) in zip(hands, samples, strict=True):
        np.testing.assert_allclose(box[:2], hand.box[:2], rtol=1e-6)
        np.testing.assert_array_equal(joints[:, 2], np.where(hand.exists, 2 - hand.occluded, 0))
    assert content_hash(read_truth(tmp_path).hands) == content_hash(hands)
    assert "lefthand_kpts" not in export(hands, tmp_path / "plain")["annotations"][0]


def test_a_picture_of_unknown_size_has_none_and_is_counted(make_hands, tmp_path):
    hands = make_hands(2).replace(width=[0, 640], height=[0, 480])
    value = export(hands, tmp_path)
    assert ["width" in entry for entry in value["images"]] == [False, True]
    assert value["info"]["images_without_size"] == 1
    assert coco_of(tmp_path).getImgIds() == [1, 2]
    assert read_truth(tmp_path).hands.width.tolist() == [0, 640]


def test_the_size_comes_from_the_picture_and_must_be_the_stated_one(make_hands, tmp_path):
    write_jpg(tmp_path / "a.jpg", np.zeros((48, 64, 3), np.uint8))
    hands = make_hands(1).replace(image=["a.jpg"])
    unknown = hands.replace(width=[0], height=[0])
    assert export(unknown, tmp_path / "o", tmp_path)["images"][0]["width"] == 64
    with pytest.raises(InputError, match=r"clip0_frame00000000_h0_l: the picture is 64 x 48, the row says 640 x 480"):
        export(hands, tmp_path / "p", tmp_path)
    hands = two_of_a_frame(make_hands).replace(width=[640, 640, 320])
    with pytest.raises(InputError, match="a_r: the frame is 320 x 480, another hand of it says 640 x 480"):
        export(hands, tmp_path / "q")


def test_a_size_that_only_a_later_hand_knows_counts(make_hands, tmp_path):
    hands = two_of_a_frame(make_hands).replace(width=[640, 0, 640], height=[480, 0, 480])
    assert [entry["width"] for entry in export(hands, tmp_path)["images"]] == [640, 640]


def test_the_size_of_a_picture_with_long_metadata_is_found(make_hands, tmp_path):
    write_jpg(tmp_path / "a.jpg", np.zeros((480, 640, 3), np.uint8))
    data = (tmp_path / "a.jpg").read_bytes()
    comment = b"\xff\xfe\xea\x62" + bytes(60000)
    (tmp_path / "a.jpg").write_bytes(data[:2] + comment * 3 + data[2:])
    hands = make_hands(1).replace(image=["a.jpg"], width=[0])
    assert export(hands, tmp_path / "o", tmp_path)["images"][0]["width"] == 640


@pytest.mark.parametrize("joint_names", ["hint", "wholebody"])
def test_edits_of_the_file_win_over_what_was_carried_along(make_hands, tmp_path, joint_names):
    hands = make_hands(1)
    exists = np.ones((1, 21), bool)
    exists[0, 5] = False
    value = export(hands.replace(exists=exists, occluded=np.zeros_like(exists)), tmp_path, joint_names=joint_names)
    item = value["annotations"][0]
    item["keypoints"][15:18] = [7.5, 8.5, 1]
    item["bbox"] = [1, 2, 30, 40]
    item["hand_side"] = "right"
    item["hint"]["corner"] = hands.box[0, 2:].tolist()
    (tmp_path / "coco/hands.json").write_text(json.dumps(value))
    back = read_truth(tmp_path).hands
    assert back.points[0, 5].tolist() == [7.5, 8.5]
    assert back.occluded[0, 5]
    assert back.box[0].tolist() == [1, 2, 31, 42]
    assert (back.side[0], back.id[0]) == ("right", hands.id[0])


def test_joints_that_are_all_occluded_stay_so(make_hands, tmp_path):
    hands = make_hands(3)
    export(hands.replace(occluded=hands.exists), tmp_path)
    truth = read_truth(tmp_path)
    np.testing.assert_array_equal(truth.hands.occluded, hands.exists)
    assert truth.issues == ()


def test_what_cannot_be_written_is_named(make_hands, tmp_path):
    hands = make_hands(3)
    box, points = hands.box.copy(), hands.points.copy()
    box[0, 2], points[1, 0, 1] = np.nan, np.inf
    with pytest.raises(InputError, match=r"00_h0_l > box: has no box.* \| .*01_h0_r > points: has a joint that exists"):
        export(hands.replace(box=box, points=points), tmp_path)
    with pytest.raises(InputError, match="negative size"):
        export(make_hands(1).replace(box=[[10, 10, 5, 20]]), tmp_path)
    for bad in ("../../x", "a/b", "~", "a\n"):
        with pytest.raises(InputError, match="cannot be (a|part of a) file name"):
            export(make_hands(1).replace(frame_id=[bad]), tmp_path)
    with pytest.raises(InputError, match="infinite number"):
        export(make_hands(1).replace(time=[np.inf]), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 3}, r"annotations\[0\] > hint > id: must be text"),
        ({"frame_index": 1.5}, "frame_index: must be a whole number"),
        ({"redistributable": 1}, "redistributable: must be true or false"),
        ({"state": "done"}, "state: must be one of"),
        ({"score": [1]}, "score: must be 21 numbers"),
        ({"absent": {"21": [1, 2]}}, r"must map joints 0\.\.20"),
        ({"absent": {"1": ["a", 2]}}, r"must map joints 0\.\.20"),
        ({"corner": [1]}, "corner must be 2 numbers"),
    ],
)
def test_broken_facts_are_one_line(make_hands, tmp_path, change, message):
    value = export(make_hands(1), tmp_path)
    value["annotations"][0]["hint"] |= change
    (tmp_path / "coco/hands.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match=message):
        read_truth(tmp_path)


def test_the_same_hands_give_the_same_bytes(rich, tmp_path):
    for name, size in (("a", 7), ("b", 100)):
        write(Dataset(of_hands(rich, size), Pictures(tmp_path)), tmp_path / name, ExportOptions(published="2026-11-22"))
    first, second = ((tmp_path / name / "coco/hands.json").read_bytes() for name in "ab")
    assert first == second
    assert json.loads(first)["info"]["date_created"] == "2026-11-22"


def test_the_folder_of_the_format_alone_is_read_too(make_hands, tmp_path):
    hands = make_hands(3)
    export(hands, tmp_path)
    (tmp_path / "coco").rename(tmp_path / "away")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "away").rename(tmp_path / "elsewhere/coco")
    assert read_truth(tmp_path / "elsewhere/coco").version == read_truth(tmp_path / "elsewhere").version
