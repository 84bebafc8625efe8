"""Boxes of hands out of everybody's files."""

import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.boxes import read_boxes
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.records import Hand, Hands


def written(path, value):
    path.write_bytes((value if isinstance(value, str) else json.dumps(value)).encode(errors="surrogateescape"))
    return path


def hands23(hand):
    return {
        "save_dir": "x",
        "images": [{"file_name": "a.jpg", "predictions": [hand]}, {"file_name": "b.jpg", "predictions": []}],
    }


HAND = {"hand_bbox": ["1.5", "2", "30", "40"], "hand_side": "left_hand", "hand_pred_score": "0.87", "obj_bbox": None}


def test_hands23_with_text_for_numbers_and_things(tmp_path):
    thing = HAND | {"obj_bbox": ["5", "5", "9", "9"], "second_obj_bbox": None}
    found = read_boxes(written(tmp_path / "r.json", hands23(thing)))
    assert found.kind == "hands23"
    assert len(found) == 1
    (one,) = found.hands["a"]
    assert one.box.tolist() == [1.5, 2, 30, 40]
    assert (one.side, one.score) == ("left", 0.87)
    assert found.hands["b"] == ()
    assert found.objects["a"].tolist() == [[5, 5, 9, 9]]
    assert found.objects["b"].shape == (0, 4)  # somebody looked, and there was none
    assert len(found.sha256) == 64


def test_the_real_hands23_result(shared_media):
    path = shared_media / "EvaCheng-cty__hands23_detector/demo_example/example_result/result.json"
    if not path.is_file():
        pytest.skip("the Hands23 examples are not at hand")
    found = read_boxes(path)
    assert (found.kind, len(found), len(found.hands)) == ("hands23", 11, 5)
    assert {one.side for boxes in found.hands.values() for one in boxes} == {"left", "right"}


def test_visor_polygons_of_hands_and_gloves(tmp_path):
    def entity(name, *polygons):
        return {"name": name, "segments": [[[float(x), float(y)] for x, y in polygon] for polygon in polygons]}

    frame = {
        "image": {"name": "P01_01_frame_0000000140.jpg"},
        "annotations": [
            entity("left hand", [(100, 200), (150, 260), (90, 240)], [(300, 210), (310, 215), (305, 220)]),
            entity("right glove", [(500, 500), (600, 700), (550, 650)]),
            entity("knife", [(0, 0), (10, 0), (10, 20)]),
            entity("cupboard"),
            entity("hand", [(700, 700), (720, 700), (720, 730)]),
        ],
    }
    found = read_boxes(written(tmp_path / "v.json", {"info": {}, "video_annotations": [frame]}))
    left, right, other = found.hands["P01_01_frame_0000000140"]
    assert (other.side, other.box.tolist()) == ("", [700, 700, 720, 730])
    assert found.kind == "visor"
    assert found.size == (1920, 1080)
    assert (left.side, left.box.tolist()) == ("left", [90, 200, 310, 260])
    assert (right.side, right.box.tolist()) == ("right", [500, 500, 600, 700])
    assert found.objects["P01_01_frame_0000000140"].tolist() == [[0, 0, 10, 20]]
    assert np.isnan(left.score)


def test_coco_datasets_and_results(tmp_path):
    dataset = {
        "images": [{"id": 7, "file_name": "x/a.png"}, {"id": 8, "file_name": "b.jpg"}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "left_hand"}],
        "annotations": [
            {"image_id": 7, "category_id": 2, "bbox": [1, 2, 10, 20], "score": 0.5},
            {"image_id": 7, "category_id": 1, "bbox": [0, 0, 99, 99]},
        ],
    }
    found = read_boxes(written(tmp_path / "d.json", dataset))
    assert (found.kind, len(found), found.hands["b"]) == ("coco", 1, ())
    assert found.hands["a"][0].box.tolist() == [1, 2, 11, 22]
    assert found.hands["a"][0].side == "left"
    results = [{"image_id": "a.png", "bbox": [1, 2, 10, 20], "score": 0.5}]
    assert read_boxes(written(tmp_path / "r.json", results)).hands["a"][0].side == ""
    results[0]["image_id"] = 7
    with pytest.raises(InputError, match="image_id 7 names no picture"):
        read_boxes(written(tmp_path / "r.json", results))


def test_coco_categories_are_hands_by_name_and_nothing_else_is(tmp_path):
    def dataset(*names):
        return {
            "images": [{"id": 1, "file_name": "a.jpg"}],
            "categories": [{"id": k, "name": name} for k, name in enumerate(names)],
            "annotations": [{"image_id": 1, "category_id": k, "bbox": [k, 0, 5, 5]} for k in range(len(names))],
        }

    names = ("person", "handbag", "Hand", "right hand", "lefthand", "secondhand book")
    found = read_boxes(written(tmp_path / "d.json", dataset(*names))).hands["a"]
    assert [(one.box[0], one.side) for one in found] == [(2, ""), (3, "right"), (4, "left")]
    with pytest.raises(InputError, match=r"has no category of hands \(it has handbag, person\)"):
        read_boxes(written(tmp_path / "d.json", dataset("person", "handbag")))


def test_two_pictures_of_one_name_are_refused(tmp_path):
    text = "image,x1,y1,x2,y2\n{}/0001.jpg,1,2,3,4\nv2/0001.jpg,5,6,7,8\n"
    assert len(read_boxes(written(tmp_path / "b.csv", text.format("v2"))).hands["0001"]) == 2
    with pytest.raises(InputError, match="0001: names two pictures, in v1 and in v2"):
        read_boxes(written(tmp_path / "b.csv", text.format("v1")))


def test_csv_with_and_without_what_may_be_missing(tmp_path):
    text = "image,x1,y1,x2,y2,side,score,id\nclip/a_frame00000001.jpg,1,2,3,4,R,0.5,a_frame00000001_h0\nb,1,2,3,4,,,\n"
    found = read_boxes(written(tmp_path / "b.csv", text))
    one = found.hands["a_frame00000001"][0]
    assert (one.side, one.score, one.id) == ("right", 0.5, "a_frame00000001_h0")
    assert found.hands["b"][0].side == ""
    assert len(read_boxes(written(tmp_path / "c.csv", "frame,x1,y1,x2,y2\nb,1,2,3,4\n"))) == 1
    with pytest.raises(InputError, match="has no column image, y2"):
        read_boxes(written(tmp_path / "d.csv", "x1,y1,x2\n1,2,3\n"))


def test_a_labelled_dataset_gives_its_boxes_and_ids(tmp_path):
    hand = Hand(id="f_h0", frame_id="f", points=np.ones((21, 2)), exists=np.ones(21, bool), occluded=np.zeros(21, bool),
                box=np.array([0.0, 0, 5, 5]), side="left", state="submitted")  # fmt: skip
    write_table(tmp_path / "t.parquet", hands_to_table(Hands.of([hand])), {})
    found = read_boxes(tmp_path / "t.parquet")
    assert found.kind == "gt"
    assert (found.hands["f"][0].id, found.hands["f"][0].side) == ("f_h0", "left")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hand_bbox": ["30", "2", "1.5", "40"]}, "is no box"),
        ({"hand_bbox": ["nan", "2", "30", "40"]}, "is no box"),
        ({"hand_bbox": ["1", "2", "30"]}, "is no box"),
        ({"hand_bbox": ["1", "2", "30", "four"]}, "is no box"),
        ({"hand_side": "both_hand"}, "neither left nor right"),
        ({"hand_pred_score": "high"}, "is no number"),
        ({"obj_bbox": ["1", "1", "1", "1"]}, "is no box"),
    ],
)
def test_an_entry_that_is_no_box_is_named(tmp_path, change, message):
    with pytest.raises(InputError, match=message) as error:
        read_boxes(written(tmp_path / "r.json", hands23(HAND | change)))
    assert "r.json" in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "text", "kind", "message"),
    [
        ("r.json", "{", "auto", "is no json"),
        ("r.json", "[1]", "coco", "is not laid out like coco"),
        ("r.json", '{"images": [{"predictions": []}]}', "auto", "is not laid out like hands23"),
        ("r.json", '{"video_annotations": 3}', "auto", "is not laid out like visor"),
        ("gone.json", None, "auto", "no such file"),
        ("r.json", "{}", "boxy", "no format 'boxy'"),
        ("r.json", '[{"image_id": "a.jpg", "bbox": [5, 5, 2]}]', "auto", "is no box"),
        (
            "r.json",
            '{"video_annotations": [{"image": {"name": "a"}, "annotations": [{"name": "left hand", '
            '"segments": [[["x", 1], [5, 5]]]}]}]}',
            "auto",
            "is not laid out like visor",
        ),
        ("b.csv", "image,x1,y1,x2,y2\nfran\udce7ais,1,2,3,4\n", "auto", "is not laid out like csv"),
        ("b.csv", "image,x1,y1,x2,y2\n", "auto", "names no picture"),
        ("b.csv", "image,x1,y1,x2,y2\na,1,2\n", "auto", "is no box"),
        ("r.json", "[]", "auto", "names no picture"),
    ],
)
def test_files_that_are_none_are_one_line(tmp_path, name, text, kind, message):
    if text is not None:
        written(tmp_path / name, text)
    with pytest.raises(InputError, match=message) as error:
        read_boxes(tmp_path / name, kind)
    assert "\n" not in str(error.value)
