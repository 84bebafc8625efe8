"""Other people's files: what their programs write, to the letter, and what is no such file."""

import json
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.foreign import projected, regressed
from hint_toolkit.io.foreign_files import Reading, read_foreign, recognise
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.io.predictions_meshes import read_obj
from hint_toolkit.joints import FROM_HINT, JOINTS

CLOSING = np.array([[92, 38, 234], [234, 38, 239]])
"""Two of the triangles by which the demo's renderer closes the wrist."""


@pytest.fixture(scope="session")
def mano_arrays():
    """A hand model of MANO's shapes and of nobody's hand; every vertex is in a triangle, as in the real one."""
    rng = np.random.default_rng(0)
    regressor = rng.random((16, 778))
    faces = rng.integers(0, 778, (1538, 3))
    faces[:260] = np.resize(np.arange(778), 780).reshape(260, 3)
    return {"v_template": rng.normal(0, 0.05, (778, 3)), "f": faces,
            "J_regressor": regressor / regressor.sum(axis=1, keepdims=True)}  # fmt: skip


@pytest.fixture
def reading(mano_arrays):
    return Reading(lambda: mano_arrays)


def no_mano():
    raise AssertionError("MANO must not be asked for")


def instance(points, **more):
    """As mmpose's split_instances gives it: the box is a list in a list."""
    x1, y1, x2, y2 = *points.min(axis=0), *points.max(axis=0)
    return {"keypoints": points.tolist(), "keypoint_scores": [0.5] * len(points), "bbox": [[x1, y1, x2, y2]],
            "bbox_score": 0.75} | more  # fmt: skip


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def write_demo_mesh(path, mano, vertices, moved, side, permutation=None):
    """What `vertices_to_trimesh` and `export` do, step by step: mirrored before, moved, turned about x, closed."""
    vertices = vertices * [1 if side == "right" else -1, 1, 1] + moved
    turn = np.array([[1, 0, 0], [0, np.cos(np.pi), -np.sin(np.pi)], [0, np.sin(np.pi), np.cos(np.pi)]])
    vertices = vertices @ turn.T
    faces = np.concatenate([mano["f"], CLOSING])
    if side == "left":
        faces = faces[:, [0, 2, 1]]
    if permutation is not None:  # vertex k of the hand stands at permutation[k] of the file
        vertices, faces = vertices[np.argsort(permutation)], permutation[faces]
    lines = ["# https://github.com/mikedh/trimesh"]
    lines += [f"v {x:.8f} {y:.8f} {z:.8f} 0.65 0.74 0.86" for x, y, z in vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in faces + 1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def test_mmpose_demo_and_inferencer(tmp_path, rng):
    points = rng.uniform(10, 200, (3, 21, 2))
    demo = {"meta_info": {"dataset_name": "onehand10k"}, "instance_info": [instance(points[0]), instance(points[1])]}
    write(tmp_path / "demo/results_ND_a_l.json", demo)
    write(tmp_path / "inferencer/TEST_newdays_img/ND_b_r.json", [instance(points[2])])
    write(tmp_path / "inferencer/TEST_newdays_img/ND_c_r.json", [])
    for folder in ("demo", "inferencer"):
        assert recognise(tmp_path / folder) == "mmpose"
    one = read_foreign(tmp_path / "demo/results_ND_a_l.json", Reading(no_mano))
    assert one.format == "results of mmpose"
    assert [hand.picture for hand in one.hands] == ["ND_a_l", "ND_a_l"]
    np.testing.assert_array_equal([hand.points for hand in one.hands], points[:2])
    np.testing.assert_array_equal(one.hands[0].box, [*points[0].min(axis=0), *points[0].max(axis=0)])
    assert (one.hands[0].side, one.hands[0].presence, one.hands[0].score[3]) == ("", 0.75, 0.5)
    many = read_foreign(tmp_path / "inferencer", Reading(no_mano))
    assert many.pictures == ["TEST_newdays_img/ND_b_r", "TEST_newdays_img/ND_c_r"]  # the one without a hand, too
    assert [hand.picture for hand in many.hands] == ["TEST_newdays_img/ND_b_r"]


def test_mmpose_whole_body_gives_a_left_and_a_right_hand_and_not_the_persons_box(tmp_path, rng):
    body = rng.uniform(0, 400, (133, 2))
    left, right = read_foreign(write(tmp_path / "p.json", [instance(body)]), Reading(no_mano)).hands
    assert (left.side, right.side) == ("left", "right")
    np.testing.assert_array_equal(left.points, body[91:112])
    np.testing.assert_array_equal(right.points, body[112:133])
    assert np.isnan(left.box).all()


@pytest.mark.parametrize("order", ["rhd", "interhand"])
def test_mmpose_orders_by_the_names_of_its_meta_info(tmp_path, rng, order):
    points = rng.uniform(10, 200, (21, 2))
    names = [JOINTS[j] for j in FROM_HINT[order]]
    spelled = {str(k): f"left_{name}".replace("_finger", "") for k, name in enumerate(names)}
    spelled[str(names.index("wrist"))] = "left_hand_root"
    content = {"meta_info": {"keypoint_id2name": spelled}, "instance_info": [instance(points[list(FROM_HINT[order])])]}
    (hand,) = read_foreign(write(tmp_path / "results_a.json", content), Reading(no_mano)).hands
    np.testing.assert_array_equal(hand.points, points)


def test_mmpose_dump_of_its_test_tool(tmp_path, rng):
    points = rng.uniform(10, 200, (2, 21, 2)).astype(np.float32)
    found = {"keypoints": points, "keypoint_scores": np.full((2, 21), 0.25), "bboxes": np.array([[1.0, 2, 3, 4]] * 2)}
    path = tmp_path / "out.pkl"
    path.write_bytes(pickle.dumps([{"img_path": "data/x.jpg", "pred_instances": found, "id": 3}]))
    hands = read_foreign(path, Reading(no_mano), "mmpose").hands
    assert [hand.picture for hand in hands] == ["data/x.jpg"] * 2
    np.testing.assert_array_equal(hands[1].points, points[1])
    np.testing.assert_array_equal(hands[1].box, [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([{"frame_id": 0, "instances": []}], "is of a video, frame by frame"),
        ([instance(np.zeros((17, 2)))], r"keypoints: must have shape \(21, 2\)"),
        ([instance(np.zeros((21, 2)), keypoint_scores=[1.0])], "keypoint_scores: must have shape"),
        ([instance(np.zeros((21, 2)), keypoints=[["x", 1]] * 21)], "keypoints: must be numbers"),
        ([instance(np.full((21, 2), 1e9))], "no coordinate"),
        ([instance(np.zeros((21, 2)), bbox=[1, 2])], r"bbox: must have shape \(4,\), got \(2,\)"),
        ([instance(np.zeros((21, 2))), 3], r"\[1\]: must be an object with keypoints"),
        ({"meta_info": {}, "instance_info": None}, "instance_info: must be a list"),
    ],
)
def test_mmpose_that_is_not_as_described_is_one_line(tmp_path, value, said):
    with pytest.raises(InputError, match=said) as error:
        read_foreign(write(tmp_path / "a.json", value), Reading(no_mano), "mmpose")
    assert "\n" not in str(error.value)
    assert "a.json" in str(error.value)


def wilor(points, right, **more):
    """A record of WiLoR-mini: arrays with an axis of one hand in front."""
    preds = {"pred_keypoints_2d": points[None], "scaled_focal_length": 12500.0}
    return {"hand_bbox": [10.0, 20, 30, 40], "is_right": right, "wilor_preds": preds | more}


def plain(value):
    """Arrays as lists, for JSON."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else np.asarray(value).tolist()


def test_a_dump_of_wilor_mini_by_picture_as_json_and_as_pickle(tmp_path, rng):
    points = rng.uniform(10, 200, (2, 21, 2))
    content = {"a.jpg": [wilor(points[0], 1.0), wilor(points[1], 0.0)], "b.jpg": []}
    write(tmp_path / "w.json", plain(content))
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(content))
    for name in ("w.json", "w.pkl"):
        assert recognise(tmp_path / name) == "fitted"
        read = read_foreign(tmp_path / name, Reading(no_mano))
        assert read.pictures == ["a.jpg", "b.jpg"]
        assert [(hand.picture, hand.side) for hand in read.hands] == [("a.jpg", "right"), ("a.jpg", "left")]
        np.testing.assert_array_equal([hand.points for hand in read.hands], points)
        np.testing.assert_array_equal(read.hands[0].box, [10, 20, 30, 40])
    with pytest.raises(InputError, match="hint-eval import --pred w.json"):
        read_predictions(tmp_path / "w.json")
    with pytest.raises(InputError, match="is a Python pickle, which could run code.*hint-eval import"):
        read_predictions(tmp_path / "w.pkl")


def test_the_file_is_the_picture_where_nothing_else_says_it(tmp_path, rng):
    write(tmp_path / "out/x_l.json", [plain(wilor(rng.uniform(0, 9, (21, 2)), 1))])
    write(tmp_path / "out/y_l.json", [])
    read = read_foreign(tmp_path / "out", Reading(no_mano))
    assert (read.hands[0].picture, read.pictures) == ("x_l", ["x_l", "y_l"])
    np.testing.assert_array_equal(read.hands[0].box, [10, 20, 30, 40])


def test_rows_of_an_npz(tmp_path, rng):
    points = rng.uniform(10, 200, (3, 21, 2))
    names = np.array(["a.jpg", "a.jpg", "b.jpg"])
    np.savez(tmp_path / "n.npz", imgname=names, pred_keypoints_2d=points, is_right=np.array([0, 1, 1]))
    read = read_foreign(tmp_path / "n.npz", Reading(no_mano))
    assert [(hand.picture, hand.side) for hand in read.hands] == [
        ("a.jpg", "left"), ("a.jpg", "right"), ("b.jpg", "right")]  # fmt: skip
    np.testing.assert_array_equal(read.hands[2].points, points[2])
    with pytest.raises(InputError, match="hint-eval import"):  # two hands of one picture: no ids
        read_predictions(tmp_path / "n.npz")


def test_3d_and_a_camera_are_projected_about_the_middle_of_the_picture(tmp_path):
    joints = np.zeros((21, 3))
    joints[4] = [0.1, 0.02, 0]
    record = {"img_path": "a.jpg", "is_right": True, "pred_keypoints_3d": joints, "pred_cam_t_full": [0.3, -0.1, 20]}
    (hand,) = read_foreign(write(tmp_path / "d.json", plain(record)), Reading(no_mano)).hands
    # 640 x 480: focal 5000 / 256 * 640 = 12500; x: 12500 * 0.3 / 20 + 320, thumb's tip 12500 * 0.4 / 20 + 320
    points = projected(hand, 640, 480)
    np.testing.assert_allclose(points[0], [507.5, 177.5])
    np.testing.assert_allclose(points[4], [570, 190])
    given = plain(record | {"scaled_focal_length": 1000.0})
    (hand,) = read_foreign(write(tmp_path / "d.json", given), Reading(no_mano)).hands
    np.testing.assert_allclose(projected(hand, 640, 480)[0], [335, 235])


def test_vertices_and_a_camera_become_joints_by_the_hand_model(tmp_path, reading, rng):
    vertices = rng.normal(0, 0.05, (778, 3))
    record = {"img_path": "a.jpg", "is_right": 1, "pred_vertices": vertices, "pred_cam_t_full": [0, 0, 10.0]}
    (hand,) = read_foreign(write(tmp_path / "d.json", plain(record)), reading).hands
    np.testing.assert_allclose(hand.space, regressed(vertices + np.array([0, 0, 10]), reading.mano()))
    np.testing.assert_allclose(hand.space[8], vertices[320] + [0, 0, 10])  # the forefinger's tip is a vertex


def test_fractions_of_a_crop_need_the_crop(tmp_path):
    points = np.full((21, 2), 0.25)
    record = {"img_path": "a.jpg", "is_right": 0, "pred_keypoints_2d": points}
    with pytest.raises(InputError, match="are fractions of the crop, not pixels"):
        read_foreign(write(tmp_path / "d.json", plain(record)), Reading(no_mano))
    record |= {"box_center": [100.0, 50.0], "box_size": 40.0}
    (hand,) = read_foreign(write(tmp_path / "d.json", plain(record)), Reading(no_mano)).hands
    np.testing.assert_allclose(hand.points[0], [90, 60])  # a left hand's crop was mirrored
    (hand,) = read_foreign(write(tmp_path / "d.json", plain(record | {"is_right": 1})), Reading(no_mano)).hands
    np.testing.assert_allclose(hand.points[0], [110, 60])


def test_keys_that_count_hands_are_no_pictures(tmp_path):
    points = {"pred_keypoints_2d": [[5.0, 6.0]] * 21}
    content = {"0": points, "hands": [points]}
    read = read_foreign(write(tmp_path / "x.json", content), Reading(no_mano))
    assert [hand.picture for hand in read.hands] == ["x", "x"]
    content = {"00000007": {"0": points, "person": points}}
    read = read_foreign(write(tmp_path / "x.json", content), Reading(no_mano))
    assert [hand.picture for hand in read.hands] == ["00000007"] * 2


def test_hands_by_side_and_another_joint_order(tmp_path, rng):
    points = rng.uniform(10, 200, (21, 2))
    content = {"a.jpg": {"left": {"pred_keypoints_2d": points[list(FROM_HINT["mano"])]}}}
    (hand,) = read_foreign(write(tmp_path / "d.json", plain(content)), Reading(no_mano, "mano")).hands
    assert (hand.picture, hand.side) == ("a.jpg", "left")
    np.testing.assert_array_equal(hand.points, points)


GOOD = {"img_path": "a.jpg", "is_right": 1, "pred_keypoints_2d": [[5.0, 6.0]] * 21}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (GOOD | {"is_right": 2}, r"is_right: must be 0 \(left\) or 1 \(right\), got 2"),
        (GOOD | {"is_right": "middle"}, "is_right: must be left or right"),
        (GOOD | {"pred_keypoints_2d": [[1.0, 2]] * 20}, r"pred_keypoints_2d: must have shape"),
        (GOOD | {"pred_keypoints_2d": [[1.0, "x"]] * 21}, "pred_keypoints_2d: must be numbers"),
        (GOOD | {"pred_keypoints_2d": [[float("inf"), 2]] * 21}, "holds an infinity"),
        ([{"is_right": 1, "hand_bbox": [1, 2, 3, 4], "pred_keypoints_2d": None}], "has none of pred_keypoints_2d"),
        ({"a.jpg": [{"hand_bbox": [1, 2, 3, 4], "is_right": 1}]}, "has none of pred_keypoints_2d"),
        ({"a.jpg": [{"pred_keypoints_3d": [[0, 0, 1.0]] * 21}]}, "has 3D points and no camera of the whole picture"),
        ({"a.jpg": [[[[[[[{"pred_keypoints_2d": 1}]]]]]]]}, "is nested too deeply"),
        ({"a.jpg": "text"}, "has none of pred_keypoints_2d"),
        ({"a.jpg": ["text"]}, "must be an object of a network's outputs"),
    ],
)
def test_a_dump_that_is_not_as_described_is_one_line(tmp_path, value, said):
    with pytest.raises(InputError, match=said) as error:
        read_foreign(write(tmp_path / "d.json", value), Reading(no_mano), "fitted")
    assert "\n" not in str(error.value)


def test_a_record_without_a_picture_in_a_list_of_a_file_takes_the_files_name_and_missing_points_stay_missing(tmp_path):
    points = [[5.0, 6.0]] * 20 + [[None, None]]
    (hand,) = read_foreign(write(tmp_path / "pic.json", [{"pred_keypoints_2d": points}]), Reading(no_mano)).hands
    assert (hand.picture, hand.side) == ("pic", "")
    assert np.isnan(hand.points[20]).all()
    assert np.isfinite(hand.points[:20]).all()


def test_frankmocaps_pickles(tmp_path, rng):
    """As its `save_pred_to_pkl` writes them: an ordered dict, a dict a person, an empty dict for a hand not seen."""
    joints = rng.uniform(10, 200, (21, 3))
    hand = {"pred_joints_img": joints, "img_cropped": np.zeros((4, 4, 3), np.uint8), "bbox_scale_ratio": 0.5,
            "pred_camera": np.ones(3, np.float32)}  # fmt: skip
    for name, people in (("a", [{"left_hand": hand, "right_hand": {}}, None]), ("b", [])):
        content = OrderedDict(demo_type="hand", image_path=f"/data/{name}.jpg", body_bbox_list=[None],
                              hand_bbox_list=[{"left_hand": np.arange(4.0), "right_hand": None}], save_mesh=False,
                              pred_output_list=people)  # fmt: skip
        (tmp_path / "mocap").mkdir(exist_ok=True)
        (tmp_path / f"mocap/{name}_prediction_result.pkl").write_bytes(pickle.dumps(content))
    read = read_foreign(tmp_path / "mocap", Reading(no_mano))
    assert read.pictures == ["/data/a.jpg", "/data/b.jpg"]
    assert [(one.picture, one.side) for one in read.hands] == [("/data/a.jpg", "left")]
    np.testing.assert_array_equal(read.hands[0].points, joints[:, :2])


class Runs:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_a_pickle_that_wants_to_run_something_is_refused_and_does_not(tmp_path):
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps({"a.jpg": [Runs(tmp_path / "ran")]}))
    with pytest.raises(InputError, match=r"bad.pkl: is a Python pickle that holds more than numbers.*system") as error:
        read_foreign(path, Reading(no_mano))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()


def test_one_point_of_a_mesh_by_hand_right_and_left(tmp_path, mano_arrays, reading):
    """Every vertex at one point, so every joint is it. Of the left hand x is mirrored, the camera's is not."""
    vertices = np.tile([0.1, 0.02, 0.0], (778, 1))
    for number, side in enumerate(("right", "left")):
        write_demo_mesh(tmp_path / f"out/ND_a_l_{number}.obj", mano_arrays, vertices, [0.3, -0.1, 20], side)
    assert recognise(tmp_path / "out") == "meshes"
    right, left = read_foreign(tmp_path / "out", reading).hands
    assert [(hand.picture, hand.side) for hand in (right, left)] == [("ND_a_l", "right"), ("ND_a_l", "left")]
    np.testing.assert_allclose(projected(right, 640, 480), np.tile([570.0, 190], (21, 1)), atol=1e-3)
    np.testing.assert_allclose(projected(left, 640, 480), np.tile([445.0, 190], (21, 1)), atol=1e-3)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("sort", [False, True])
def test_the_joints_of_a_mesh_whatever_the_order_of_its_vertices(tmp_path, mano_arrays, reading, rng, side, sort):
    vertices = rng.normal(0, 0.05, (778, 3))
    order = rng.permutation(778) if sort else None
    path = write_demo_mesh(tmp_path / "p/a_0.obj", mano_arrays, vertices, [0.1, 0.2, 15], side, order)
    (hand,) = read_foreign(path, reading).hands
    assert (hand.side, hand.picture) == (side, "a")
    moved = vertices * [1 if side == "right" else -1, 1, 1] + [0.1, 0.2, 15]
    wanted = np.zeros((21, 3))
    for place, joint in enumerate([0, 13, 14, 15, None, 1, 2, 3, None, 4, 5, 6, None, 10, 11, 12, None, 7, 8, 9, None]):
        if joint is not None:
            wanted[place] = sum(mano_arrays["J_regressor"][joint, v] * moved[v] for v in range(778))
    wanted[[4, 8, 12, 16, 20]] = moved[[744, 320, 443, 554, 671]]
    np.testing.assert_allclose(hand.space, wanted, atol=1e-7)


@pytest.mark.parametrize("corners", [(2, 1, 0), (1, 0, 2)])
def test_a_mesh_that_was_not_turned_and_another_first_corner(tmp_path, mano_arrays, reading, rng, corners):
    """As this toolkit's own meshes: z away from the viewer, and a left hand's triangles read backwards."""
    vertices = rng.normal(0, 0.05, (778, 3)) + np.array([0.1, 0.2, 15])
    lines = [f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in mano_arrays["f"][:, corners] + 1]
    (tmp_path / "a_3.obj").write_text("\n".join(lines))
    (hand,) = read_foreign(tmp_path / "a_3.obj", reading).hands
    assert (hand.side, hand.picture) == ("left", "a")
    np.testing.assert_allclose(hand.space, regressed(vertices, mano_arrays), atol=1e-7)


def test_a_mesh_that_is_no_hand_is_one_line(tmp_path, mano_arrays, reading):
    good = write_demo_mesh(tmp_path / "good_0.obj", mano_arrays, mano_arrays["v_template"], [0, 0, 20], "right")
    text = good.read_text()
    first = next(line for line in text.splitlines() if line.startswith("f "))
    corner = next(line for line in text.splitlines() if line.startswith("v "))
    cases = {
        "quads_0": (text.replace(first, f"{first} 7", 1), "has a face of 4 corners"),
        "short_0": ("v 0 0 1\nv 1 0 1\nv 0 1 1\nf 1 2 3\n", r"is no hand of MANO \(it has 3 vertices, MANO has 778"),
        "beyond_0": (text.replace(first, "f 1 2 900", 1), "has a face of vertices that it lacks"),
        "nan_0": (text.replace(corner, "v nan 0 0", 1), "is no three numbers"),
        "word_0": (text.replace("v ", "v x", 1), "is no mesh"),
        "other_0": (text.replace(first, "f 9 2 3", 1), "its triangles are not MANO's"),
        "open_0": ("\n".join(line for line in text.splitlines() if line[:2] == "v "), "its triangles are not MANO's"),
        "front_0": (write_demo_mesh(tmp_path / "z.obj", mano_arrays, mano_arrays["v_template"], [0, 0, 0],
                                    "right").read_text(), "lies on both sides of the camera"),
        "name": (text, "must be called"),
        "empty_0": ("", "is no three numbers"),
    }  # fmt: skip
    for name, (content, said) in cases.items():
        path = tmp_path / f"{name}.obj"
        path.write_text(content)
        with pytest.raises(InputError, match=said) as error:
            read_foreign(path, reading)
        assert path.name in str(error.value)
        assert "\n" not in str(error.value)


def test_corners_with_texture_and_normal(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text("v 0 0 1\nv 1 0 1\nv 0 1 1\nvn 0 0 1\nvt 0 0\nf 1/1/1 2//1 3/1\n")
    vertices, triangles = read_obj(path)
    assert vertices.shape == (3, 3)
    assert triangles.tolist() == [[0, 1, 2]]


def test_3d_by_position_and_its_cameras(tmp_path):
    joints = np.zeros((2, 21, 3))
    joints[:, :, 2] = 0.5
    joints[1, 3] = [0.1, -0.05, 0.5]
    camera = [[500, 0, 112], [0, 480, 100], [0, 0, 1]]
    pred = write(tmp_path / "pred.json", [joints.tolist(), np.zeros((2, 778, 3)).tolist()])
    cameras = write(tmp_path / "evaluation_K.json", [camera, camera])
    assert recognise(pred) == "positions"
    read = read_foreign(pred, Reading(no_mano, cameras=cameras))
    assert [hand.picture for hand in read.hands] == ["00000000", "00000001"]
    np.testing.assert_allclose(read.hands[1].points[3], [500 * 0.2 + 112, 480 * -0.1 + 100])
    names = tmp_path / "evaluation.txt"
    names.write_text("SM1/0000\nSM1/0001\n")
    opengl = write(tmp_path / "gl.json", [(joints * [1, -1, -1]).tolist(), np.zeros((2, 778, 3)).tolist()])
    turned = read_foreign(opengl, Reading(no_mano, None, cameras, names, "opengl"))
    assert turned.pictures == ["SM1/0000", "SM1/0001"]
    np.testing.assert_allclose(turned.hands[1].points, read.hands[1].points)
    with pytest.raises(InputError, match="pass --axes opengl"):
        read_foreign(opengl, Reading(no_mano, cameras=cameras))
    with pytest.raises(InputError, match="pixels need cameras.*pass --cameras evaluation_K.json"):
        read_foreign(pred, Reading(no_mano))
    with pytest.raises(InputError, match="has 2 hands, 1 cameras and 2 names"):
        read_foreign(pred, Reading(no_mano, cameras=write(tmp_path / "k.json", [camera])))
    with pytest.raises(InputError, match="must be a list of 3 x 3"):
        read_foreign(pred, Reading(no_mano, cameras=write(tmp_path / "k.json", [[1, 2], [3, 4]])))
    wrist = write(tmp_path / "w.json", [(joints - joints[:, :1]).tolist(), np.zeros((2, 778, 3)).tolist()])
    with pytest.raises(InputError, match="joints are relative to the wrist"):
        read_foreign(wrist, Reading(no_mano, cameras=cameras))


def test_what_is_none_of_them_is_said(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        read_foreign(tmp_path / "gone", Reading(no_mano))
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", write(tmp_path / "a.json", {"x": 1}), write(tmp_path / "b.json", [])):
        assert recognise(path) == ""
        with pytest.raises(InputError, match="is the output of no program that is known here"):
            read_foreign(path, Reading(no_mano))
    with pytest.raises(InputError, match=r"holds no \.obj"):
        read_foreign(tmp_path / "empty", Reading(no_mano), "meshes")
    (tmp_path / "cut.json").write_text('{"a.jpg": [{"pred_keypoints_2d": [[1')
    with pytest.raises(InputError, match=r"cut\.json: is not JSON"):
        read_foreign(tmp_path / "cut.json", Reading(no_mano), "fitted")
    assert recognise(tmp_path / "cut.json") == ""


@pytest.mark.parametrize(
    "value",
    [
        [{"id": "x", "keypoints": [[1, 2]] * 21}],
        {"predictions": [{"id": "x"}]},
        {"header": {}, "predictions": []},
        {"stem": [[1, 2]] * 21},
        [{"image_id": 3, "keypoints": [1] * 63, "score": 0.5, "category_id": 1}],
        [[[1, 2]] * 21],
    ],
)
def test_our_own_formats_and_cocos_are_none_of_them(tmp_path, value):
    assert recognise(write(tmp_path / "a.json", value)) == ""


def test_check_and_score_point_to_the_command(tmp_path, mano_arrays):
    meshes = write_demo_mesh(tmp_path / "out/a_0.obj", mano_arrays, mano_arrays["v_template"], [0, 0, 20], "left")
    demo = write(tmp_path / "results_a.json", {"meta_info": {}, "instance_info": [instance(np.ones((21, 2)))]})
    for path in (meshes, meshes.parent, demo):
        with pytest.raises(InputError, match=rf"knows no hands' ids.*hint-eval import --pred {path.name} --gt"):
            read_predictions(path)
