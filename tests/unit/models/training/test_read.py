"""Datasets of every kind as hands to learn from, and hands as samples."""

import io
import tarfile

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.hamer_record import person_of
from hint_toolkit.io.hand_json import hand_json
from hint_toolkit.io.images import encode_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.plain_pickle import dump_plain
from hint_toolkit.models.hamer.crop import Square, cut, grey_levels
from hint_toolkit.models.training.augment import View
from hint_toolkit.models.training.batches import sample_of
from hint_toolkit.models.training.examples import Examples, Filters, Picture, Rows, filtered, joined
from hint_toolkit.models.training.read import read_examples
from hint_toolkit.records import Hand, Hands

cv2 = pytest.importorskip("cv2")


def a_hand(name="clip_frame1_h0_r", side="right", split="TRAIN", **more):
    rng = np.random.default_rng(5)
    points = rng.uniform([60, 40], [140, 100], (21, 2))
    exists = np.ones(21, bool)
    exists[20] = False
    occluded = np.zeros(21, bool)
    occluded[3] = True
    values = {
        "id": name, "frame_id": name[:-2], "points": points, "exists": exists, "occluded": occluded,
        "box": np.array([50.0, 30.0, 150.0, 110.0]), "side": side, "source": "folder", "split": split,
        "width": 200, "height": 150, "state": "submitted",
    }  # fmt: skip
    return Hand(**values | more)


def a_picture():
    return np.random.default_rng(1).integers(0, 256, (150, 200, 3), dtype=np.uint8)


def write_tar(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def check(found, hand):
    assert found.ids == (hand.id,)
    assert found.points[0, :20, :2] == pytest.approx(hand.points[:20], abs=1e-4)
    assert found.points[0, [3, 4, 20], 2].tolist() == [0.5, 1, 0]  # hidden, seen, absent
    assert (found.center[0].tolist(), found.size[0], found.right[0]) == ([100, 70], 200, 1)
    assert not found.joints.any()
    assert (found.has_pose[0], found.has_betas[0]) == (0, 0)
    assert found.pictures[0].read().shape == (150, 200, 3)


def test_parquet_and_both_kinds_of_tars_give_the_same_hands(tmp_path):
    hand, jpg = a_hand(image="frames/a.jpg"), encode_jpg(a_picture())
    (tmp_path / "release/frames").mkdir(parents=True)
    (tmp_path / "release/frames/a.jpg").write_bytes(jpg)
    table = [hand, a_hand("clip_frame2_h0_r", image="frames/a.jpg", split="TEST")]
    write_table(tmp_path / "release/hands.parquet", hands_to_table(Hands.of(table)), {})
    pyd, plain = dump_plain([person_of(hand, 0)]), hand_json(hand, image="a.jpg").encode()
    write_tar(tmp_path / "a/hamer_tar/train/000000.tar", [("k1.jpg", jpg), ("k1.data.pyd", pyd)])
    write_tar(tmp_path / "b/webdataset/hands-train-000000.tar", [("x/k1.json", plain), ("x/k1.jpg", jpg)])
    for path in ("release", "release/hands.parquet", "a", "a/hamer_tar/train/000000.tar", "b"):
        check(read_examples(tmp_path / path, split="TRAIN", occluded=0.5), hand)
    assert len(read_examples(tmp_path / "release")) == 2
    with pytest.raises(InputError, match=r"no hands of the split VAL with a picture \(those there are TRAIN\)"):
        read_examples(tmp_path / "a", split="VAL")
    with pytest.raises(InputError, match="no such dataset"):
        read_examples(tmp_path / "gone")


def test_hamers_own_shards_bring_space_and_pose(tmp_path):
    person = person_of(a_hand(), 0)
    del person["extra_info"]["hint"]
    joints = np.random.default_rng(2).normal(0, 0.1, (21, 4)).astype(np.float32)
    person |= {"keypoints_3d": joints, "has_hand_pose": np.array([1.0]),
               "hand_pose": np.arange(48, dtype=np.float32) / 50,
               "betas": np.full(10, 0.5, np.float32), "has_betas": np.array(1.0)}  # fmt: skip
    person["extra_info"] = {"fitting_loss": {"reprojection_loss": np.array([1234.0])}}
    shard = write_tar(
        tmp_path / "freihand-train/000000.tar",
        [("00.jpg", encode_jpg(a_picture())), ("00.data.pyd", dump_plain([person, person])), ("01.jpg", b"no label")],
    )
    found = read_examples(shard, split="TRAIN")  # which they do not state
    assert found.ids == ("00#0", "00#1")
    assert np.array_equal(found.joints[1], joints)
    assert found.pose[0, 47] == pytest.approx(0.94)
    assert (found.has_pose.tolist(), found.has_betas.tolist(), found.reprojection.tolist()) == (
        [1, 1],
        [1, 1],
        [1234, 1234],
    )
    packed = tmp_path / "packed.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(shard.parent, "all", filter=lambda info: info)
    with pytest.raises(InputError, match=r"is compressed; unpack it"):
        read_examples(packed)
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(InputError, match="cut short"):
        read_examples(shard)
    write_tar(shard, [("00.jpg", b"x"), ("00.data.pyd", b"cos\nsystem\n(S'true'\ntR.")])
    with pytest.raises(InputError, match=r"asks to run os\.system"):
        read_examples(shard)


def some(n, **columns):
    rows = Rows()
    for k in range(n):
        values = {"points": np.ones((21, 3)), "center": [100, 70], "size": 64, "right": 1}
        rows.add(str(k), Picture("p.jpg"), **values | {name: value[k] for name, value in columns.items()})
    return rows.finish()


def test_the_filters_by_hand():
    points = np.ones((6, 21, 3))
    points[0, :16, 2] = 0.29  # five joints are left
    points[1, :17, 2] = 0.29  # four: not enough
    found = filtered(
        some(
            6, points=points, has_pose=np.array([1, 1, 1, 1, 0, 1]), has_betas=[1, 1, 1, 1, 1, 1],
            betas=np.array([[0.0], [0], [3.0], [-3.1], [1], [0.5]]) * np.ones(10),
            reprojection=[np.nan, 0, 30_999, 0, 0, 31_000],
        ),
        Filters(),
    )  # fmt: skip
    assert found.ids == ("0", "2", "3", "4")
    assert (found.points[0, :, 2] > 0).sum() == 5
    assert found.has_pose.tolist() == [1, 1, 0, 0]  # one with a wild shape, one whose pose is not known
    assert found.has_betas.tolist() == [1, 1, 1, 1]  # of which two wish for the mean
    assert found.betas[:, 0].tolist() == [0, 3, 0, 0]
    assert filtered(found, Filters(regularise=False)).has_betas.tolist() == [1, 1, 0, 0]
    assert len(joined([found, found])) == 8


def whole(side, picture, tmp_path):
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), picture[:, :, ::-1])
    rows, rng = Rows(), np.random.default_rng(3)
    points = np.concatenate([rng.uniform(70, 120, (21, 2)), np.ones((21, 1))], axis=1)
    joints = np.concatenate([rng.normal(0, 0.1, (21, 3)), np.ones((21, 1))], axis=1)
    rows.add("h", Picture(path), points=points, center=[90.0, 80.0], size=100.0, right=side == "right", joints=joints,
             pose=rng.normal(0, 0.3, 48), has_pose=1, betas=np.ones(10), has_betas=1)  # fmt: skip
    return rows.finish()


@pytest.mark.parametrize("side", ["right", "left"])
def test_without_a_view_a_sample_is_what_a_prediction_sees(side, tmp_path):
    picture = a_picture()
    found = whole(side, picture, tmp_path)
    sample, square = sample_of(found, 0, None), Square(np.array([90.0, 80.0]), 100.0, side == "right")
    assert np.array_equal(sample["crops"], cut(picture, square))
    back = square.to_pixels(sample["points"][:, :2].astype(float))
    assert back == pytest.approx(found.points[0, :, :2], abs=1e-4)
    turned = sample_of(found, 0, View())
    apart = np.abs(grey_levels(turned["crops"][None]) - grey_levels(sample["crops"][None]))
    assert apart.max() < 16  # OpenCV rounds positions to 1/32 of a pixel, on noise
    assert apart.mean() < 1
    assert turned["points"] == pytest.approx(sample["points"])


def test_a_left_hand_is_the_mirrored_right_one(tmp_path):
    picture = a_picture()
    right = whole("right", picture, tmp_path)
    view = View(1.1, 25.0, (0.01, 0.02))
    one = sample_of(right, 0, view)
    columns = {name: getattr(right, name) for name in Examples.__dataclass_fields__}
    mirrored = right.points.copy()
    mirrored[..., 0] = 199 - mirrored[..., 0]
    pose = (right.pose.reshape(1, 16, 3) * [1, -1, -1]).reshape(1, 48).astype(np.float32)
    joints = right.joints * np.array([-1, 1, 1, 1], np.float32)
    path = tmp_path / "m.png"
    cv2.imwrite(str(path), picture[:, ::-1, ::-1])
    centre, no = np.array([[109.0, 80.0]]), np.zeros(1, np.float32)
    left = Examples(**columns | {"points": mirrored, "center": centre, "right": no,
                                 "pose": pose, "joints": joints, "pictures": (Picture(path),)})  # fmt: skip
    other = sample_of(left, 0, view)
    for name, value in one.items():
        assert other[name] == pytest.approx(value, abs=1e-5), name
    assert np.abs(one["joints"][:, :3] - right.joints[0, :, :3]).max() > 0.01  # it was turned
