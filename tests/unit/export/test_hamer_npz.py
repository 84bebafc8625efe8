"""HaMeR's evaluation npz: what HaMeR's loader makes of a trio, the rule of center and scale, and the way back."""

import zipfile

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures
from hint_toolkit.export.hamer_npz import write
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.release import read_truth
from hint_toolkit.io.stream import of_hands
from hint_toolkit.metrics.sizes import hand_sizes
from hint_toolkit.records import Hands

GROUP = "TEST_newdays_img"


def export(hands, folder, pictures=None, size=2048):
    write(Dataset(of_hands(hands, size), Pictures(pictures or folder)), folder, ExportOptions())
    return folder / "hamer_npz"


def as_hamer_loads(file):
    """(name, crop centre, crop side, divisor of errors, right, keypoints, counted) of every row.

    In the order of its evaluation: the scale as crops of 200 pixels, one or two columns of it, the longer one counts,
    a crop twice as large, and errors divided by the crop's side over that 2. Names may be bytes.
    """
    data = np.load(file)  # without pickles: plain arrays only
    scale = data["scale"].reshape(len(data["center"]), -1) / 200.0
    scale = np.tile(scale, (1, 2)) if scale.shape[1] == 1 else scale
    assert scale.shape == (len(data["center"]), 2)
    for i, name in enumerate(data["imgname"]):
        side = 2 * scale[i].max() * 200
        points = data["hand_keypoints_2d"][i].copy()
        text = name.decode() if hasattr(name, "decode") else name
        yield text, data["center"][i].copy(), side, side / 2, data["right"][i].copy(), points[:, :2], points[:, 2] > 0.5


@pytest.fixture
def hands(make_hands):
    return make_hands(50, source="newdays").sorted()


def test_hamer_gets_names_crops_sides_and_joints(hands, tmp_path):
    root = export(hands, tmp_path)
    rows = list(as_hamer_loads(root / f"{GROUP}_all.npz"))
    assert [row[0] for row in rows] == [f"{name.split('/')[1]}.jpg" for name in hands.id]
    sizes = hand_sizes("bbox-max", hands.box, hands.points, hands.exists)
    for hand, size, (_, center, side, divisor, right, points, _) in zip(hands, sizes, rows, strict=True):
        np.testing.assert_allclose(center, (hand.box[:2] + hand.box[2:]) / 2, rtol=0, atol=1e-9)
        assert side == pytest.approx(2 * size, abs=1e-6)
        assert divisor == pytest.approx(size, abs=1e-6)
        assert right == (hand.side == "right")
        np.testing.assert_array_equal(points, hand.points)  # absent joints keep their place, too


def test_center_and_scale_worked_out_by_hand(make_hands, tmp_path):
    wide, tall = [10, 20, 110, 60], [10, 20, 30.5, 60.25]
    hands = make_hands(2, source="newdays").sorted().replace(box=[wide, tall])
    data = np.load(export(hands, tmp_path) / f"{GROUP}_vis.npz")
    assert data["center"].tolist() == [[60, 40], [20.25, 40.125]]
    assert data["scale"].tolist() == [100, 40.25]


def test_the_three_hold_every_hand_and_differ_in_what_counts(hands, tmp_path):
    hands = hands.replace(occluded=np.where(np.arange(50)[:, None] == 3, hands.exists, hands.occluded))
    root = export(hands, tmp_path)
    loaded = {name: np.load(root / f"{GROUP}_{name}.npz") for name in ("all", "vis", "occ")}
    counted = {"all": hands.exists, "vis": hands.exists & ~hands.occluded, "occ": hands.occluded}
    for name, data in loaded.items():
        assert sorted(data) == ["center", "hand_keypoints_2d", "imgname", "right", "scale"]
        np.testing.assert_array_equal(data["hand_keypoints_2d"][:, :, 2], counted[name])
        for key in ("imgname", "center", "scale", "right"):
            np.testing.assert_array_equal(data[key], loaded["all"][key])
        np.testing.assert_array_equal(data["hand_keypoints_2d"][:, :, :2], loaded["all"]["hand_keypoints_2d"][:, :, :2])
        kinds = {key: data[key].dtype.str for key in ("center", "scale", "right", "hand_keypoints_2d")}
        assert kinds == {"center": "<f8", "scale": "<f8", "right": "<f4", "hand_keypoints_2d": "<f8"}
        assert data["imgname"].dtype.kind == "U"


def test_the_way_back(hands, tmp_path):
    export(hands, tmp_path)
    truth = read_truth(tmp_path)
    for name in ("id", "exists", "occluded", "side", "split", "source", "subset", "points"):
        np.testing.assert_array_equal(getattr(truth.hands, name), getattr(hands, name), err_msg=name)
    assert (truth.format, truth.issues) == ("HaMeR npz", ())
    np.testing.assert_allclose(truth.scale, hand_sizes("bbox-max", hands.box, hands.points, hands.exists), atol=1e-6)
    back = hand_sizes("bbox-max", truth.hands.box, truth.hands.points, truth.hands.exists)
    np.testing.assert_allclose(back, truth.scale, rtol=0, atol=1e-6)


def test_every_folder_gets_a_trio_and_its_pictures(make_hands, tmp_path):
    write_jpg(tmp_path / "in/a.jpg", np.zeros((48, 64, 3), np.uint8))
    parts = [make_hands(3, source="visor"), make_hands(2, split="TRAIN"), make_hands(1, split="VAL")]
    hands = Hands.concat(parts)
    hands = hands.replace(image=["a.jpg", "", *["a.jpg"] * 4])
    root = export(hands, tmp_path / "out", tmp_path / "in")
    folders = ("TEST_epick_img", "TRAIN_folder_img", "VAL_folder_img")
    names = sorted(f"{folder}_{subset}.npz" for folder in folders for subset in ("all", "occ", "vis"))
    assert sorted(p.name for p in root.glob("*.*")) == names
    for place in (tmp_path / "out", root):
        truth = read_truth(place)
        assert truth.hands.id.tolist() == sorted(hands.id)
        assert [bool(name) for name in truth.hands.image] == [True, False, True, True, True, True]
        assert all((truth.image_root / name).is_file() for name in truth.hands.image if name)
    for name in np.load(root / "TRAIN_folder_img_all.npz")["imgname"]:
        assert (root / "images/TRAIN_folder_img" / name).is_file()


def test_an_id_that_the_file_name_does_not_give_back_is_kept(hands, tmp_path):
    ids = [f"x{i:02d}.jpg" for i in range(50)]
    root = export(hands.replace(id=ids), tmp_path)
    assert read_truth(tmp_path).hands.id.tolist() == ids
    assert next(as_hamer_loads(root / f"{GROUP}_all.npz"))[0] == "x00.jpg.jpg"


def test_an_unknown_place_is_a_number_and_uncounted(hands, tmp_path):
    points = hands.points.copy()
    points[~hands.exists] = np.nan
    root = export(hands.replace(points=points), tmp_path)
    joints = np.load(root / f"{GROUP}_all.npz")["hand_keypoints_2d"]
    assert np.isfinite(joints).all()
    assert (joints[~hands.exists] == 0).all()


def test_the_same_hands_give_the_same_bytes_whatever_the_batches_and_the_clock(hands, tmp_path, monkeypatch):
    first = export(hands, tmp_path / "a", size=7)
    monkeypatch.setattr("time.localtime", lambda *_: (2031, 5, 6, 7, 8, 9, 0, 0, 0))
    second = export(hands, tmp_path / "b", size=64)
    for file in first.glob("*.npz"):
        assert file.read_bytes() == (second / file.name).read_bytes()
        assert {info.date_time for info in zipfile.ZipFile(file).infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not list(first.glob(".*"))


def test_more_hands_than_one_chunk(hands, tmp_path, monkeypatch):
    monkeypatch.setattr("hint_toolkit.export.hamer_npz._CHUNK", 8)
    root = export(hands, tmp_path / "a")
    monkeypatch.undo()
    other = export(hands, tmp_path / "b")
    for file in root.glob("*.npz"):
        assert file.read_bytes() == (other / file.name).read_bytes()


def test_what_cannot_be_written_is_named(hands, tmp_path):
    box, points = hands.box.copy(), hands.points.copy()
    box[0] = 5
    points[1, 0, 0] = np.nan
    with pytest.raises(InputError, match=r"> box: has no box, or one without size \| .*> points: has a joint"):
        export(hands.replace(box=box, points=points), tmp_path / "a")
    with pytest.raises(InputError, match="cannot name a folder of HInt"):
        export(hands.replace(split=["test"] * 50), tmp_path / "b")
    with pytest.raises(InputError, match="cannot be part of a file name"):
        export(hands.replace(source=["../../x"] * 50), tmp_path / "c")
    ids = ["one/x", "two/x", *(f"y{i:02d}" for i in range(48))]
    with pytest.raises(InputError, match=f"x.jpg: names two hands of {GROUP}"):
        export(hands.replace(id=ids), tmp_path / "d")
    assert not list(tmp_path.rglob(".*rows"))


def test_a_foreign_hint_id_must_fit(hands, tmp_path):
    file = export(hands, tmp_path) / f"{GROUP}_all.npz"
    arrays = dict(np.load(file))
    np.savez(file, **arrays, hint_id=np.array(["a"]))
    with pytest.raises(InputError, match="hint_id: must have 50 texts, got 1"):
        read_truth(tmp_path)
