"""FreiHAND and HO-3D from their own files, boxes from every source, and what is wrong with them in one line."""

import json
import pickle
import struct

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.benchmarks3d.boxes import hand_boxes
from hint_toolkit.io.benchmarks3d.freihand import read_freihand
from hint_toolkit.io.benchmarks3d.ho3d import read_ho3d
from hint_toolkit.protocol import HO3D_V2, HO3D_V3

cv2 = pytest.importorskip("cv2")
K = [[500.0, 0, 112], [0, 480, 100], [0, 0, 1]]


def picture(path, width, height, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3)).astype(np.uint8)
    cv2.imwrite(str(path), cv2.resize(pixels, (width, height)))


def write_freihand(root, count=3):
    """The official layout; hands 0.5 m before the camera."""
    rng = np.random.default_rng(7)
    xyz = rng.normal(0, 0.03, (count, 21, 3)) + np.array([0, 0, 0.5])
    for k in range(count):
        picture(root / f"evaluation/rgb/{k:08d}.jpg", 224, 224, k)
    (root / "evaluation_K.json").write_text(json.dumps([K] * count))
    (root / "evaluation_scale.json").write_text(json.dumps([0.03] * count))
    (root / "evaluation_xyz.json").write_text(json.dumps(xyz.tolist()))
    return xyz


def python2_pickle(table):
    """Protocol 2 as Python 2 wrote it: text and the bytes of arrays are one kind of string."""

    def string(data):
        return b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + struct.pack("<i", len(data)) + data

    def array(values):
        values = np.asarray(values, np.float64)
        shape = b"(" + b"".join(b"K" + bytes([n]) for n in values.shape) + b"t"
        kind = b"cnumpy\ndtype\n" + string(b"f8") + b"K\x00K\x01\x87R(K\x03" + string(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"  # fmt: skip  # noqa: E501
        new = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b") + b"\x87R"
        return new + b"(K\x01" + shape + kind + b"\x89" + string(values.tobytes()) + b"tb"

    items = b"".join(
        string(k.encode()) + (string(v.encode()) if isinstance(v, str) else array(v)) for k, v in table.items()
    )
    return b"\x80\x02}(" + items + b"u."


def write_ho3d(root, names=("SM1/0003", "SM1/0001", "AP10/0001"), suffix="png", meta=True):
    for k, name in enumerate(names):
        sequence, number = name.split("/")
        picture(root / f"evaluation/{sequence}/rgb/{number}.{suffix}", 640, 480, k)
        if meta:
            path = root / f"evaluation/{sequence}/meta/{number}.pkl"
            path.parent.mkdir(parents=True, exist_ok=True)
            box = np.array([100.0 + k, 120, 260 + k, 300])
            camera = [[614.6, 0, 320.3], [0, 614.1, 241.7], [0, 0, 1]]
            path.write_bytes(python2_pickle({"camMat": camera, "handBoundingBox": box, "objName": "011_banana"}))
    (root / "evaluation.txt").write_text("\n".join(names) + "\n")
    return root


def test_freihand_in_its_order_with_boxes_around_the_projected_truth(tmp_path):
    xyz = write_freihand(tmp_path)
    data = read_freihand(tmp_path)
    assert data.names == ("00000000", "00000001", "00000002")
    assert [path.name for path in data.pictures] == ["00000000.jpg", "00000001.jpg", "00000002.jpg"]
    np.testing.assert_array_equal(data.camera(1), K)
    u = 500 * xyz[1, :, 0] / xyz[1, :, 2] + 112
    v = 480 * xyz[1, :, 1] / xyz[1, :, 2] + 100
    np.testing.assert_allclose(hand_boxes(data, "gt").of(1), [u.min(), v.min(), u.max(), v.max()])
    np.testing.assert_array_equal(hand_boxes(data, "whole").of(2), [0, 0, 223, 223])


def test_freihand_without_its_truth_works_with_other_boxes(tmp_path):
    write_freihand(tmp_path)
    (tmp_path / "evaluation_xyz.json").unlink()
    data = read_freihand(tmp_path)
    assert hand_boxes(data, "whole").of(0)[2] == 223
    with pytest.raises(InputError, match=r"evaluation_xyz\.json: cannot be read .*other boxes") as error:
        hand_boxes(data, "gt").of(0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("K", [K] * 4, "1 of 4 pictures are missing: evaluation/rgb/00000003.jpg"),
        ("K", [], "names no picture"),
        ("K", {}, "must be a list"),
        ("K", "[1,", "is no json"),
        ("K", None, "cannot be read"),
        ("K", [[[0] * 3] * 3] * 3, "is no camera"),
        ("xyz", [[[0, 0, 1]] * 21] * 2, r"has 2 hands and evaluation_K\.json 3"),
        ("xyz", [[[0, 0, -1]] * 21] * 3, "is no hand"),
    ],
)
def test_what_is_wrong_with_freihand_is_one_line(tmp_path, name, content, words):
    write_freihand(tmp_path)
    path = tmp_path / f"evaluation_{name}.json"
    if content is None:
        path.unlink()
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError, match=words) as error:
        hand_boxes(read_freihand(tmp_path), "gt").of(0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("rules", "suffix"), [(HO3D_V2, "png"), (HO3D_V3, "jpg")])
def test_ho3d_in_the_order_of_its_list_with_what_python_2_wrote(tmp_path, rules, suffix):
    data = read_ho3d(write_ho3d(tmp_path, suffix=suffix), rules)
    assert data.names == ("SM1/0003", "SM1/0001", "AP10/0001")
    assert [path.relative_to(tmp_path).as_posix() for path in data.pictures] == [
        f"evaluation/{place}.{suffix}" for place in ("SM1/rgb/0003", "SM1/rgb/0001", "AP10/rgb/0001")
    ]
    boxes = hand_boxes(data, "gt")
    np.testing.assert_array_equal(boxes.of(2), [102, 120, 262, 300])
    np.testing.assert_array_equal(boxes.of(0), [100, 120, 260, 300])
    assert data.camera(1)[0, 0] == 614.6


def test_what_is_wrong_with_ho3d_is_one_line(tmp_path):
    class Runs:
        def __reduce__(self):
            return print, ("run",)

    root = write_ho3d(tmp_path)
    meta = root / "evaluation/SM1/meta/0003.pkl"
    good = meta.read_bytes()
    for data, words in (
        (pickle.dumps(Runs(), 2), "is no pickle of plain data .*asks to run"),
        (good[:50], "is no pickle of plain data"),
        (python2_pickle({"camMat": np.eye(3)}), "handBoundingBox: is not there"),
        (python2_pickle({"handBoundingBox": [5.0, 5, 5, 9]}), "is no box"),
    ):
        meta.write_bytes(data)
        with pytest.raises(InputError, match=words) as error:
            hand_boxes(read_ho3d(root, HO3D_V2), "gt").of(0)
        assert "\n" not in str(error.value)
    meta.unlink()
    with pytest.raises(InputError, match=r"evaluation/SM1/meta/0003\.pkl: cannot be read .*--place wrist"):
        read_ho3d(root, HO3D_V2).camera(0)
    for lines, words in (("SM1/0003\nSM1/0009\n", r"1 of 2 pictures are missing: evaluation/SM1/rgb/0009\.png"),
                         ("SM1/0003\nSM1/0003\n", "names SM1/0003 twice"), ("../0003\n", "is no SEQUENCE/ID"),
                         ("\n", "names no picture")):  # fmt: skip
        (root / "evaluation.txt").write_text(lines)
        with pytest.raises(InputError, match=words):
            read_ho3d(root, HO3D_V2)
    (root / "evaluation.txt").unlink()
    with pytest.raises(InputError, match=r"evaluation\.txt: cannot be read .*pass the folder of HO-3D"):
        read_ho3d(root, HO3D_V2)


def test_boxes_of_hamers_npz_are_center_and_scale_in_pixels(tmp_path):
    write_freihand(tmp_path)
    data = read_freihand(tmp_path)
    place = tmp_path / "freihand_val.npz"
    names = [f"evaluation/rgb/{name}.jpg" for name in data.names[::-1]]
    np.savez(
        place, imgname=np.array(names), center=np.array([[100.0, 90], [110, 95], [112, 112]]), scale=[150, 160, 170.0]
    )
    boxes = hand_boxes(data, str(place))
    assert boxes.source == "npz"
    assert len(boxes.facts["boxes_sha256"]) == 64
    np.testing.assert_array_equal(boxes.of(2), [25, 15, 175, 165])
    np.testing.assert_array_equal(boxes.of(0), [27, 27, 197, 197])
    np.savez(place, imgname=np.array(names), center=np.full((3, 2), 90.0), scale=np.array([[120.0, 80]] * 3))
    np.testing.assert_array_equal(hand_boxes(data, str(place)).of(1), [30, 50, 150, 130])
    np.savez(place, imgname=np.array(names[:2]), center=np.full((2, 2), 90.0), scale=[1.0, 2])
    with pytest.raises(InputError, match="1 of 3 pictures have no box: 00000000"):
        hand_boxes(data, str(place))
    np.savez(place, imgname=np.array(names), scale=[1.0, 2, 3])
    with pytest.raises(InputError, match="has no center"):
        hand_boxes(data, str(place))


def test_boxes_of_a_file_name_pictures_as_the_dataset_does(tmp_path):
    data = read_ho3d(write_ho3d(tmp_path), HO3D_V2)
    csv = tmp_path / "boxes.csv"
    csv.write_text(
        "image,x1,y1,x2,y2,side\nSM1_0003,1,2,3,4,right\nSM1_0001,5,6,7,8,right\nAP10_0001,9,9,20,20,right\n"
    )
    np.testing.assert_array_equal(hand_boxes(data, str(csv)).of(1), [5, 6, 7, 8])
    csv.write_text(csv.read_text() + "AP10_0001,9,9,30,30,left\n")
    with pytest.raises(InputError, match="1 of 3 pictures have several boxes.*AP10_0001"):
        hand_boxes(data, str(csv))
    with pytest.raises(InputError, match="no boxes 'nothing'; use gt, whole, or a file"):
        hand_boxes(data, "nothing")
