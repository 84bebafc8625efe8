"""The numbers of the reference implementation, stage by stage."""

import numpy as np
import pytest

from hint_toolkit.io.images import read_image
from hint_toolkit.io.mano_file import read_mano
from hint_toolkit.models.hamer.camera import crop_translation, full_translation, project
from hint_toolkit.models.hamer.crop import SIZE, Square, cut, grey_levels, square_of
from hint_toolkit.models.hamer.load import HamerModel, load_hamer
from hint_toolkit.models.hamer.mano import ORDER, TIPS, build_mano
from hint_toolkit.models.hamer.network import build_hamer
from hint_toolkit.models.hamer.rotation import axis_angle_to_matrix, six_to_matrix

torch = pytest.importorskip("torch")


def near(found, wanted, limit):
    assert float(np.abs(np.asarray(found) - wanted).max()) <= limit


@pytest.fixture(scope="module")
def mano(parity):
    return read_mano(parity.folder / "MANO_RIGHT.pkl")


@pytest.fixture(scope="module")
def network(parity, mano):
    state = {key: value for key, value in parity.state.items() if not key.startswith("discriminator.")}
    return build_hamer(state, mano)


@pytest.fixture(scope="module")
def answer(network, parity):
    with torch.inference_mode():
        found = network(torch.from_numpy(parity.n["fwd/img"]))
    return {name: value.numpy() for name, value in found.items()}


def test_rotations(parity):
    near(six_to_matrix(torch.from_numpy(parity.n["geom/rot6d_in"])), parity.n["geom/rot6d_out"], 1e-6)
    near(axis_angle_to_matrix(torch.from_numpy(parity.n["geom/aa_in"])), parity.n["geom/aa_out"], 1e-6)


def test_projection_and_the_camera_of_the_whole_picture(parity):
    n = {key: torch.from_numpy(value) for key, value in parity.n.items() if key.startswith("geom/pp")}
    near(project(n["geom/pp_points"], n["geom/pp_transl"]), parity.n["geom/pp_out"], 1e-6)
    camera, center, size = (parity.n[f"geom/ctf_{k}"].astype(np.float64) for k in ("cam", "center", "size"))
    found, focal = full_translation(camera, center, size, 640, 480)
    near(found, parity.n["geom/ctf_out"], 1e-4)
    assert focal == 12500.0


def test_mano_from_either_file_is_the_same_and_the_references(parity, mano):
    old = read_mano(parity.folder / "MANO_RIGHT_py2chumpy.pkl")
    for name, values in mano.items():
        assert np.array_equal(values, old[name]), name
    module = build_mano(mano)
    with torch.inference_mode():
        joints, vertices = module(torch.from_numpy(parity.n["mano/rotmats"]), torch.from_numpy(parity.n["mano/betas"]))
    near(joints, parity.n["mano/joints21"], 1e-6)
    near(vertices, parity.n["mano/vertices"], 1e-6)
    assert np.array_equal(module.faces, parity.n["mano/faces"])


def test_features(answer, parity):
    features = answer["features"].transpose(0, 2, 1).reshape(3, 1280, 16, 12)
    near(features, parity.n["fwd/features"], 2e-5)


def test_token_pose_shape_camera(network, answer, parity):
    with torch.inference_mode():
        token = network.head.token(torch.from_numpy(answer["features"])).numpy()
    near(token[:, None], parity.n["fwd/token_out"], 2e-5)
    near(answer["rotations"][:, :1], parity.n["fwd/global_orient"], 2e-5)
    near(answer["rotations"][:, 1:], parity.n["fwd/hand_pose"], 2e-5)
    near(answer["betas"], parity.n["fwd/betas"], 2e-5)
    near(answer["camera"], parity.n["fwd/pred_cam"], 2e-6)
    near(answer["translation"], parity.n["fwd/pred_cam_t"], 2e-4)
    near(crop_translation(torch.from_numpy(answer["camera"])), parity.n["fwd/pred_cam_t"], 2e-4)


def test_joints_vertices_and_points(answer, parity):
    near(answer["joints"], parity.n["fwd/pred_keypoints_3d"], 1e-6)
    near(answer["vertices"], parity.n["fwd/pred_vertices"], 1e-6)
    near(answer["points"], parity.n["fwd/pred_keypoints_2d"], 2e-6)
    near(answer["points"], parity.n["fwd64/pred_keypoints_2d"], 2e-6)  # no less exact than the reference itself


def test_crops_of_the_demo(parity):
    image = read_image(parity.folder / "scene_small.png")
    for k, box in enumerate(parity.n["crop/small_boxes"].astype(np.float64)):
        square = square_of(box, "right" if parity.n["crop/small_right"][k] else "left", "demo")
        near(square.center, parity.n["crop/small_demo_center"][k], 1e-4)
        near(square.size, parity.n["crop/small_demo_size"][k], 1e-4)
        near(grey_levels(cut(image, square, "demo")), grey_levels(parity.n["crop/small_demo_img"][k]), 1.001)
    for k, box in enumerate(parity.n["crop/big_boxes"].astype(np.float64)):
        square = square_of(box, "right", "demo")
        near(square.center, parity.n["crop/big_demo_center"][k], 1e-3)
        near(square.size, parity.n["crop/big_demo_size"][k], 1e-3)


def evaluation(parity):
    """Pictures, boxes, sides and squares of the evaluation set."""
    held = np.load(parity.folder / "eval_set.npz")
    for k in range(len(held["imgname"])):
        name = str(held["imgname"][k]).rsplit("/", 1)[-1]
        half = held["scale"][k].astype(np.float64) / 2
        center = held["center"][k].astype(np.float64)
        yield name, np.concatenate([center - half, center + half]), ("left", "right")[int(held["right"][k])], k


def test_crops_and_pixels_of_the_evaluation(parity):
    for name, box, side, k in evaluation(parity):
        square = square_of(box, side, "hint")
        near(square.center, parity.n["eval/box_center"][k], 1e-3)
        near(square.size, parity.n["eval/box_size"][k], 1e-3)
        found = square.to_pixels(parity.n["eval/pred_norm"][k].astype(np.float64))
        near(found, parity.n["eval/pred_px"][k], 1e-3)
        if k < 4:
            image = read_image(parity.folder / name)
            near(grey_levels(cut(image, square)), grey_levels(parity.n["eval/img"][k]), 1.001)


def test_from_the_official_files_to_pixels_of_the_picture(parity, tmp_path):
    """The last step for real: checkpoint and pickle from the disk, pictures in, left and right hands out."""
    place = tmp_path / "checkpoints/hamer.ckpt"
    place.parent.mkdir()
    torch.save({"state_dict": parity.state | {"initialized": torch.tensor(True)}, "epoch": 3}, place)
    model = load_hamer(place, mano=parity.folder / "MANO_RIGHT_py2chumpy.pkl")
    assert isinstance(model, HamerModel)
    assert len(model.network.backbone.blocks) == 2
    for name, box, side, k in list(evaluation(parity))[:2]:
        image = read_image(parity.folder / name)
        hand = model.predict(image, box[None], [side])
        wanted = parity.n["eval/model_keypoints_2d"][k].astype(np.float64)
        turn = 1.0 if side == "right" else -1.0
        pixels = wanted * [turn, 1.0] * parity.n["eval/box_size"][k] + parity.n["eval/box_center"][k]
        near(hand.points[0], pixels, 0.05)
        near(hand.vertices[0] * [turn, 1, 1], parity.n["eval/model_vertices"][k], 1e-5)


def test_traps_that_loose_tolerances_would_miss(network, parity):
    """Each of these is silent in the real thing; the stage that it changes must notice."""
    from hint_toolkit.models.hamer import decoder
    from hint_toolkit.models.vit import NORM_EPS, PADDING

    assert PADDING == 2
    assert network.backbone.norm.eps == NORM_EPS == 1e-6
    layer = network.head.transformer.transformer.layers[0]
    assert layer[0].norm.eps == layer[1].norm.eps == decoder.NORM_EPS == 1e-5
    assert network.backbone.blocks[0].mlp.act.approximate == "none"
    assert TIPS == (744, 320, 443, 554, 671)
    assert sorted(ORDER) == list(range(21))
    assert SIZE == 256


def test_a_square_shows_left_hands_mirrored_and_gives_their_points_back():
    image = np.zeros((100, 200, 3), np.uint8)
    image[40:60, 120:140] = 255
    right, left = (Square(np.array([130.0, 50.0]), 60.0, flag) for flag in (True, False))
    a, b = cut(image, right), cut(image, left)
    assert np.abs(a - b[:, :, ::-1]).max() < 1.2  # the middle of a mirrored crop lies half a pixel aside
    point = np.array([[0.25, 0.1]])
    assert right.to_pixels(point).tolist() == [[145.0, 56.0]]
    assert left.to_pixels(point).tolist() == [[115.0, 56.0]]
