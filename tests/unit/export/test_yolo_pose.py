"""YOLO-pose: labels that ultralytics takes, nothing lost on the way back, and other people's data sets."""

import json

import numpy as np
import pytest
import yaml

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.yolo_pose import write
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.stream import of_hands
from hint_toolkit.records import HAND_FIELDS, Hands

LABEL = "labels/test/TEST_folder_img/clip0_frame00000000.txt"


def export(hands, folder, pictures=None, size=2048):
    write(Dataset(of_hands(hands, size), Pictures(pictures or folder)), folder, ExportOptions())
    return folder / "yolo"


def as_ultralytics_checks(file, classes=2):
    """(n, 68) numbers of a label file, after the checks of ultralytics' loader in their strict, older form."""
    rows = [line.split() for line in file.read_text("utf-8").strip().splitlines() if line]
    values = np.array(rows, np.float32)
    assert values.shape[1] == 5 + 21 * 3
    joints = values[:, 5:].reshape(-1, 3)[:, :2]
    assert joints.max() <= 1
    assert values.min() >= 0
    assert values[:, 0].max() < classes
    return values


@pytest.fixture
def wild(make_hands, rng):
    """Hands that reach out of their picture, and some wholly outside of it."""
    hands = make_hands(200).sorted()
    shift = rng.uniform(-330, 430, (200, 1, 2))
    shift[:3] = 5000
    points = hands.points + shift
    points[~hands.exists & (rng.random((200, 21)) < 0.5)] = np.nan
    return hands.replace(points=points, box=hands.box + np.tile(shift[:, 0], 2), time=np.full(200, np.nan))


def test_the_way_back_is_exact_to_a_ten_thousandth_of_a_pixel(wild, tmp_path):
    export(wild, tmp_path)
    truth = read_truth(tmp_path)
    for name in HAND_FIELDS:
        if name in ("points", "box"):
            np.testing.assert_allclose(getattr(truth.hands, name), getattr(wild, name), rtol=0, atol=1e-4)
        else:
            np.testing.assert_array_equal(getattr(truth.hands, name), getattr(wild, name), err_msg=name)
    assert (truth.format, truth.issues) == ("YOLO-pose", ())


def test_ultralytics_takes_every_label(wild, tmp_path):
    root = export(wild, tmp_path)
    files = sorted((root / "labels").rglob("*.txt"))
    assert len(files) == 200
    filled = [file for file in files if file.stat().st_size]
    assert len(filled) < 198  # those outside have none
    for file in filled:
        as_ultralytics_checks(file)


def test_a_line_worked_out_by_hand(make_hands, tmp_path):
    points = np.tile([319.5, 239.5], (1, 21, 1))
    points[0, 1] = [-0.5, 479.5]  # the lower left corner of the picture
    points[0, 2] = [-0.6, 10]  # just outside
    exists = np.ones((1, 21), bool)
    exists[0, 3] = False
    occluded = np.zeros((1, 21), bool)
    occluded[0, [1, 2]] = True
    box = [[-100.5, 119.5, 159.5, 239.5]]
    hands = make_hands(1).replace(points=points, exists=exists, occluded=occluded, box=box)
    root = export(hands, tmp_path)
    words = (root / "labels/test/TEST_folder_img/clip0_frame00000000.txt").read_text().split()
    assert words[0] == "0"  # left
    assert [float(word) for word in words[1:5]] == [0.125, 0.375, 0.25, 0.25]  # cut at the left edge
    assert [float(word) for word in words[5:17]] == [0.5, 0.5, 2, 0, 1, 1, 0, 0, 0, 0, 0, 0]
    record = json.loads((root / "hands.jsonl").read_text())
    assert record["kept"] == {"2": [-0.6, 10.0, 1], "3": [319.5, 239.5, 0]}
    assert record["box"] == box[0]


def test_a_hand_whose_box_lies_outside_has_no_line_and_is_kept_whole(make_hands, tmp_path):
    hands = make_hands(1).replace(box=[[-90, 10, -50, 60]])
    root = export(hands, tmp_path)
    assert (root / LABEL).read_text() == ""
    back = read_truth(tmp_path).hands
    for name in ("points", "exists", "occluded", "box"):
        np.testing.assert_array_equal(getattr(back, name), getattr(hands, name))


def test_all_hands_of_a_frame_stand_in_one_file_beside_one_picture(make_hands, tmp_path):
    hands = make_hands(3)
    ids = [f"TEST_folder_img/{stem}" for stem in ("a_l", "a_b_l", "a_r")]
    hands = hands.replace(id=ids, frame_id=["a", "a_b", "a"], side=["left", "left", "right"], image=["p.jpg"] * 3)
    write_jpg(tmp_path / "in/p.jpg", np.zeros((480, 640, 3), np.uint8))
    root = export(hands, tmp_path / "out", tmp_path / "in", size=1)
    labels = as_ultralytics_checks(root / "labels/test/TEST_folder_img/a.txt")
    assert labels[:, 0].tolist() == [0, 1]
    pictures = sorted((root / "images").rglob("*.jpg"))
    assert [p.name for p in pictures] == ["a.jpg", "a_b.jpg"]
    for picture in pictures:  # where ultralytics looks: the last /images/ of the path becomes /labels/
        assert (root / "labels" / picture.relative_to(root / "images")).with_suffix(".txt").is_file()
    back = read_truth(tmp_path / "out").hands
    assert back.id.tolist() == sorted(ids)
    np.testing.assert_allclose(back.points[2], hands.points[2], atol=1e-4)


def test_data_yaml_is_what_ultralytics_asks_for(make_hands, tmp_path):
    data = export(make_hands(1), tmp_path) / "data.yaml"
    value = yaml.safe_load(data.read_text())
    assert value == {
        "train": "images/train", "val": "images/val", "test": "images/test", "kpt_shape": [21, 3],
        "names": {0: "left_hand", 1: "right_hand"},
    }  # fmt: skip
    assert all((data.parent / value[split]).is_dir() for split in ("train", "val", "test"))


def test_a_hand_of_unknown_size_is_left_out_and_named(make_hands, tmp_path):
    hands = make_hands(3).replace(width=[0, 640, 0])
    dataset = Dataset(of_hands(hands), Pictures(tmp_path))
    write(dataset, tmp_path / "a", ExportOptions())
    said = [str(issue) for issue in dataset.notes.errors]
    assert [text.split(" > ")[0] for text in said] == [hands.id[0], hands.id[2]]
    assert all("is left out: the size of its picture is not known" in text for text in said)
    assert read_truth(tmp_path / "a").hands.id.tolist() == [hands.id[1]]
    write_jpg(tmp_path / "p.jpg", np.zeros((480, 640, 3), np.uint8))
    root = export(hands.replace(image=["p.jpg"] * 3), tmp_path / "b", tmp_path)
    assert len(list(root.rglob("*.txt"))) == 3
    with pytest.raises(InputError, match="no split of YOLO: 'holdout'"):
        export(hands.replace(width=[640] * 3, split=["holdout"] * 3), tmp_path / "c")


def test_the_same_hands_give_the_same_bytes(wild, tmp_path):
    first, second = export(wild, tmp_path / "a", size=7), export(wild, tmp_path / "b", size=100)
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)


def test_edits_of_a_label_win(make_hands, tmp_path):
    exists = np.ones((1, 21), bool)
    exists[0, 20] = False
    root = export(make_hands(1).replace(exists=exists, occluded=np.zeros_like(exists)), tmp_path)
    words = (root / LABEL).read_text().split()
    words[0], words[-3:] = "1", ["0.5", "0.5", "1"]
    (root / LABEL).write_text(" ".join(words))
    truth = read_truth(tmp_path)
    assert truth.hands.points[0, 20].tolist() == [319.5, 239.5]
    assert truth.hands.occluded[0, 20]
    assert truth.hands.side[0] == "right"
    assert "says left, the label right" in str(truth.issues[0])


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (LABEL, lambda text: text.replace("0 ", "x ", 1), r"clip0_frame00000000.txt line 1 must be numbers"),
        (LABEL, lambda text: text[:-9], "line 1 must have 68 numbers"),
        (LABEL, lambda text: "7" + text[1:], "there is no class 7"),
        (LABEL, lambda text: "0.5" + text[1:], "begin with the index of a class"),
        (LABEL, lambda text: text.rsplit(" ", 1)[0] + " 3\n", "v must be 0, 1 or 2"),
        (LABEL, lambda text: "0 1.5 " + text.split(" ", 2)[2], "must be fractions of the picture"),
        (LABEL, lambda text: text + text, "1 lines that hands.jsonl does not name"),
        (LABEL, lambda text: "", "has only 0 lines"),
        ("hands.jsonl", lambda text: text + "{", "hands.jsonl > line 2: Expecting"),
        ("hands.jsonl", lambda text: text + "[]", "line 2: must be an object"),
        (
            "hands.jsonl",
            lambda text: text.replace('"side": "left"', '"side": 1'),
            "must have an id, a label and a side",
        ),
        ("hands.jsonl", lambda text: text.replace("640", "0"), "width and height must be pixels"),
        ("hands.jsonl", lambda text: text.replace("test/", "../", 1), "leads out of its folder"),
        ("hands.jsonl", lambda text: text.replace('"TEST"', "1", 1), "line 1 > split: must be text"),
        ("hands.jsonl", lambda text: "", "names no hand|does not name"),
    ],
)
def test_what_is_broken_is_one_line_with_its_place(make_hands, tmp_path, file, change, message):
    hands = make_hands(1)
    root = export(hands.replace(exists=np.ones((1, 21), bool)), tmp_path)
    text = (root / file).read_text()
    assert change(text) != text
    (root / file).write_text(change(text))
    with pytest.raises(InputError, match=message):
        read_truth(tmp_path)


def test_bytes_that_are_no_text_are_no_numbers(make_hands, tmp_path):
    root = export(make_hands(1), tmp_path)
    (root / LABEL).write_bytes(b"\xff" + (root / LABEL).read_bytes())
    with pytest.raises(InputError, match="line 1 must be numbers"):
        read_truth(tmp_path)


def test_our_own_labels_are_read_without_the_file_beside_them(make_hands, tmp_path):
    write_jpg(tmp_path / "in/p.jpg", np.zeros((480, 640, 3), np.uint8))
    hands = make_hands(4).sorted().replace(image=["p.jpg"] * 4)
    root = export(hands, tmp_path / "out", tmp_path / "in")
    (root / "hands.jsonl").unlink()
    back = read_truth(tmp_path / "out").hands
    assert back.side.tolist() == hands.side.tolist()
    assert all((tmp_path / "out" / name).is_file() for name in back.image)
    np.testing.assert_array_equal(back.occluded, hands.occluded)


def foreign(folder, yaml_text, labels, size=(480, 640, 3)):
    """A data set as other tools write it: {path of a label below the folder: lines}."""
    (folder / "data.yaml").write_text(yaml_text)
    for name, lines in labels.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")
        write_jpg(folder / name.replace("labels", "images").replace(".txt", ".jpg"), np.zeros(size, np.uint8))
    return folder


def line(kind, v, x=0.5):
    return f"{kind} 0.5 0.5 0.25 0.5" + "".join(f" {x} 0.25 {v if j else 2}" for j in range(21))


def test_another_data_set_is_read_and_its_gaps_are_named(tmp_path):
    text = "path: ../elsewhere\ntrain: ../train/images\nval: valid/images # no such sides\n"
    text += "kpt_shape: [21,\n 3]\nnames:\n- 'Left hand'\n- thing\n"
    labels = {"train/labels/a.txt": [line(0, 1), line(1, 0), ""], "valid/labels/b.txt": [line(0, 2)]}
    truth = read_truth(foreign(tmp_path, text, labels))
    hands = truth.hands
    assert hands.id.tolist() == ["a#0", "a#1", "b"]
    assert hands.side.tolist() == ["left", "right", "left"]
    assert hands.split.tolist() == ["TRAIN", "TRAIN", "VAL"]
    assert hands.occluded.sum(axis=1).tolist() == [20, 0, 0]
    assert hands.exists.sum(axis=1).tolist() == [21, 1, 21]
    assert hands.points[0, 5].tolist() == [319.5, 119.5]
    assert hands.box[0].tolist() == [239.5, 119.5, 399.5, 359.5]
    assert (hands.width[0], hands.height[0], hands.image[0]) == (640, 480, "train/images/a.jpg")
    assert [str(issue) for issue in truth.issues] == [
        "data.yaml > names: class 'thing' names no side: its hands are called right"
    ]


def test_joints_without_v_and_pictures_by_list(tmp_path):
    joints = " 0.5 0.5" * 20 + " -0.001 0"
    labels = {"labels/x.txt": ["0 0.5 0.5 0.25 0.5" + joints]}
    folder = foreign(tmp_path, "val: list.txt\nkpt_shape: [21, 2]\nnames: [left, right]\n", labels)
    (folder / "list.txt").write_text("./images/x.jpg\nimages/background.jpg\n")
    truth = read_truth(folder)
    assert truth.hands.exists[0].tolist() == [True] * 20 + [False]
    assert truth.hands.split.tolist() == ["VAL"]
    assert "no joint is occluded" in str(truth.issues[0])


def test_v_that_is_never_2_knows_nothing_of_occlusion(tmp_path):
    text = "val: images\nkpt_shape: [21, 3]\nnames: [right]\n"
    truth = read_truth(foreign(tmp_path, text, {"labels/x.txt": [line(0, 1).replace("0.25 2", "0.25 1")]}))
    assert truth.hands.exists.all()
    assert not truth.hands.occluded.any()
    assert "occlusion is unknown" in str(truth.issues[0])


def test_pictures_of_one_name_in_two_folders_are_two(tmp_path):
    labels = {f"labels/{part}/a.txt": [line(0, 1)] for part in ("train", "val")}
    text = "train: images/train\nval: images/val\nkpt_shape: [21, 3]\nnames: {0: left}\n"
    hands = read_truth(foreign(tmp_path, text, labels)).hands
    assert hands.id.tolist() == ["TRAIN/images-train-a", "VAL/images-val-a"]


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        ("val: images\nkpt_shape: [17, 3]\n", line(0, 1), r"kpt_shape must be \[21, 2\] or \[21, 3\], got \[17, 3\]"),
        ("val: elsewhere\nkpt_shape: [21, 3]\n", line(0, 1), "val: no such file or folder elsewhere"),
        ("kpt_shape: [21, 3]\n", line(0, 1), "leads to no labelled hand"),
        ("kpt_shape: [21, 3]\nwhat\n", line(0, 1), "line 2 is no 'key: value'"),
        ("val: images\nkpt_shape: [21, 3]\n", "0 1 2", "labels/x.txt > line 1: must have 68 numbers, got 3"),
        ("val: images\nkpt_shape: [21, 3]\n", line(0, 1, "nan"), "must be finite numbers"),
    ],
)
def test_a_data_set_that_is_none_is_one_line(tmp_path, text, label, message):
    with pytest.raises(InputError, match=message):
        read_truth(foreign(tmp_path, text, {"labels/x.txt": [label]}))


def test_two_splits_of_our_own_keep_apart(make_hands, tmp_path):
    hands = Hands.concat([make_hands(2, split=split) for split in ("TRAIN", "VAL", "TEST")]).sorted()
    root = export(hands, tmp_path)
    assert sorted(p.name for p in (root / "labels").iterdir()) == ["test", "train", "val"]
    assert read_truth(tmp_path).hands.split.tolist() == hands.split.tolist()
