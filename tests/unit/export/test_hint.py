"""HInt's own layout: where files go, and what is refused instead of becoming a label that is not there."""

import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.hint import write
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.stream import of_hands
from hint_toolkit.records import HAND_FIELDS

JPG = b"\xff\xd8\xff"  # how a JPEG begins; nothing here looks further


def export(hands, tmp_path, change=None):
    write(Dataset(of_hands(hands), Pictures(tmp_path, change)), tmp_path / "out", ExportOptions())
    return tmp_path / "out/HInt_annotation"


def test_fresh_hands_are_written_canonically(tmp_path, make_hands):
    hands = make_hands(1, "visor")
    points, exists = hands.points.copy(), hands.exists.copy()
    points[0, 5], exists[0, 5] = np.nan, False
    points[0, 6] = 12.0
    box = [[1.0, 2.0, 3.0, 4.0]]
    hands = hands.replace(points=points, exists=exists, occluded=hands.occluded & exists, box=box)
    (file,) = export(hands, tmp_path).rglob("*.json")
    assert file.relative_to(tmp_path / "out").as_posix() == f"HInt_annotation/{hands.id[0]}.json"
    text = file.read_text()
    assert text.startswith('[{"bbox":[[1.0,2.0,3.0,4.0]],"keypoints":[[')
    assert "[0.0,0.0],[12.0,12.0]" in text
    (value,) = json.loads(text)
    assert value["existence"] == exists[0].astype(int).tolist()
    assert value["occlusion"] == (hands.occluded & exists)[0].astype(int).tolist()
    assert all(type(flag) is int for flag in value["existence"] + value["occlusion"])


def test_all_columns_that_hint_has_come_back(tmp_path, make_hands):
    hands = make_hands(20, "newdays").sorted()
    export(hands, tmp_path)
    back = read_truth(tmp_path / "out").hands
    held = ("id", "points", "exists", "occluded", "box", "side", "source", "split", "subset", "video_id", "frame_index")
    for name in held:
        np.testing.assert_array_equal(getattr(back, name), getattr(hands, name), err_msg=name)
    assert set(held) < set(HAND_FIELDS)


def test_an_id_without_folder_or_side_gets_both(tmp_path, make_hands):
    hands = make_hands(2, "visor", split="VAL").replace(id=["a", "b_r"])
    export(hands, tmp_path)
    assert read_truth(tmp_path / "out").hands.id.tolist() == ["VAL_epick_img/a_l", "VAL_epick_img/b_r"]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"side": ["right", "right"]}, "is a right hand, but its name ends in _l"),
        ({"split": ["TRAIN", "TEST"]}, "lies in TEST_folder_img, but is of TRAIN_folder_img"),
        ({"subset": ["seq", "img"]}, "but is of TEST_folder_seq"),
        ({"id": ["a", "b"], "source": ["../..", "x"]}, "cannot be part of a file name"),
        ({"id": ["a", "b"], "source": ["", "x"]}, "cannot be part of a file name"),
        ({"id": ["TEST_folder_img/a_l", "a"], "side": ["left", "left"]}, "two hands would have this name"),
        ({"box": [[1, 2, 3, np.nan], [1, 2, 3, 4]]}, "has no box"),
        ({"original": ["{", ""]}, "original: does not say"),
    ],
)
def test_what_hint_cannot_hold_is_refused_and_named(tmp_path, make_hands, columns, says):
    with pytest.raises(InputError, match=says):
        export(make_hands(2).replace(**columns), tmp_path)


def test_a_joint_that_exists_without_coordinates_is_no_label_at_the_corner(tmp_path, make_hands):
    hands = make_hands(3)
    points = hands.points.copy()
    points[1, 0] = np.nan
    with pytest.raises(InputError, match=f"{hands.id[1]}: has a joint that exists without coordinates"):
        export(hands.replace(points=points), tmp_path)


def test_pictures_keep_their_suffix_and_lie_beside_their_json(tmp_path, make_hands):
    for name in ("a.jpg", "b.PNG", "c"):
        (tmp_path / name).write_bytes(JPG + name.encode())
    hands = make_hands(3).replace(image=["a.jpg", "b.PNG", "c"])
    root = export(hands, tmp_path)
    for hand, suffix in zip(hands, (".jpg", ".PNG", ".jpg"), strict=True):
        assert (root / f"{hand.id}{suffix}").read_bytes() == JPG + hand.image.encode()
    placed = sorted(f"{hand.id}{suffix}" for hand, suffix in zip(hands, (".jpg", ".PNG", ".jpg"), strict=True))
    assert sorted(read_truth(root).hands.image) == placed


def test_a_missing_picture_is_named(tmp_path, make_hands):
    with pytest.raises(InputError, match="the picture is missing"):
        export(make_hands(1).replace(image=["gone.jpg"]), tmp_path)
