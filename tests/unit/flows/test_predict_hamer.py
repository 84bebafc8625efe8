"""HaMeR's hands in space through the whole way: file, meshes, and the picture's own camera."""

import json
import pickle

import numpy as np
import pytest

from hint_toolkit.flows.predict_file import PredictOptions, predict_images
from hint_toolkit.flows.predict_run import Meshes
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.io import prediction_parts
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.io.prediction_rows import read_poses
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.models.hamer.camera import FOCAL, IMAGE_SIZE
from hint_toolkit.models.hamer.load import load_hamer
from tests.unit.models.hamer.conftest import mano_arrays, small_state  # noqa: F401

torch = pytest.importorskip("torch")
trimesh = pytest.importorskip("trimesh")
BOXES = {
    "a": [(40.0, 30.0, 130.0, 150.0, "right"), (200.0, 60.0, 290.0, 120.0, "left")],
    "b": [(300.5, 200.25, 390.5, 290.0, "left")],
    "c": [(5.0, 5.0, 60.0, 90.0, "right")],
}
SIZE = (400, 300)


@pytest.fixture
def photos(tmp_path, small_state, mano_arrays):  # noqa: F811
    # Random weights put hands behind the camera; these stay near the camera that the head begins with.
    state = {key: 0.02 * value if "deccam" in key else value for key, value in small_state.items()}
    torch.save({"state_dict": state}, tmp_path / "hamer.ckpt")
    faces = np.arange(1538 * 3).reshape(1538, 3) % 778  # every vertex is in one: trimesh drops those that are not
    (tmp_path / "MANO_RIGHT.pkl").write_bytes(pickle.dumps(mano_arrays | {"f": faces}, protocol=2))
    rng = np.random.default_rng(1)
    lines = ["image,x1,y1,x2,y2,side"]
    for stem, boxes in BOXES.items():
        write_jpg(tmp_path / f"photos/{stem}.jpg", rng.integers(0, 255, (SIZE[1], SIZE[0], 3)).astype(np.uint8))
        lines += [",".join(map(str, (f"{stem}.jpg", *box))) for box in boxes]
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    return tmp_path


def options(photos, with_=("3d", "vertices", "mano"), **more):
    given = {"model": photos / "hamer.ckpt", "mano": photos / "MANO_RIGHT.pkl", "device": "cpu"}
    return PredictOptions(Recipe("hamer", given), boxes=photos / "boxes.csv", with_=with_, **more)


@pytest.fixture
def wanted(photos):
    """HaMeR's own answers, asked without any of the ways of a file."""
    model = load_hamer(photos / "hamer.ckpt", mano=photos / "MANO_RIGHT.pkl", device="cpu")
    answers = {}
    for stem, boxes in BOXES.items():
        image = read_image(photos / f"photos/{stem}.jpg")
        for k, (*box, side) in enumerate(boxes):
            answers[f"{stem}_h{k}"] = model.predict(image, np.array([box]), [side], batch=1)
    return model, answers


def test_the_file_holds_hamers_own_numbers(photos, wanted):
    report = predict_images([str(photos / "photos")], photos / "p.parquet", options(photos))
    assert (report.hands, report.found) == (4, 4)
    read, poses = read_predictions(photos / "p.parquet"), read_poses(photos / "p.parquet", vertices=True)
    assert read.ids == poses.ids == list(wanted[1])
    assert read.side == ["right", "left", "left", "right"]
    for k, name in enumerate(read.ids):
        own = wanted[1][name]
        np.testing.assert_allclose(read.points[k], own.points[0], atol=1e-4)
        for field in ("joints", "translation", "camera", "rotations", "betas"):
            np.testing.assert_allclose(getattr(poses, field)[k], getattr(own, field)[0], atol=1e-5, err_msg=field)
        np.testing.assert_allclose(poses.vertices[k], own.vertices[0], atol=1e-5)
        assert poses.focal[k] == own.focal == FOCAL / IMAGE_SIZE * 400
    header = read.header
    assert header["mano"] != header["checkpoint"] == read.method.removeprefix("hamer-")
    assert (header["crop"], header["precision"], header["batch"], header["device"]) == ("hint", "float32", 8, "cpu")
    assert header["options"] == {"device": "cpu", "mano": "MANO_RIGHT.pkl", "model": "hamer.ckpt"}


def test_a_stopped_run_of_hamer_ends_with_the_same_bytes(photos, monkeypatch):
    monkeypatch.setattr(prediction_parts, "PART_ROWS", 1)
    given = ([str(photos / "photos")], photos / "p.json", options(photos, ("3d",)))
    predict_images(*given)
    whole = (photos / "p.json").read_bytes()

    class Stop(Exception):
        """Ours alone."""

    def stop(done, total):
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        predict_images(*given, progress=stop)
    assert predict_images(*given).resumed == 3
    assert (photos / "p.json").read_bytes() == whole
    assert np.isfinite(json.loads(whole)["predictions"][1]["joints3d"]).all()


@pytest.mark.parametrize("kind", ["obj", "ply"])
def test_meshes_project_onto_the_hand_in_the_picture(photos, wanted, kind):
    """With focal length, and the principal point in the picture's middle, as the file says.

    Both cameras show a point at the model's origin depth (z = 0) alike. At depth z the crop's camera divides by
    1 + z / d and the picture's by 1 + z / D, d and D being the distances of the origin: about the crop's centre c and
    about the picture's middle m. So they differ by (q - c) / (1 + z / d) + c - (q - m) / (1 + z / D) - m, q being where
    the point would be without perspective; that is at most |z| (|q - c| / d + |q - m| / D) for a hand far away.
    """
    model, answers = wanted
    predict_images([str(photos / "photos")], photos / "p.parquet",
                   options(photos, meshes=Meshes(photos / "meshes", kind)))  # fmt: skip
    middle = np.array(SIZE) / 2
    for name, own in answers.items():
        mesh = trimesh.load(photos / f"meshes/{name}.{kind}", process=False)
        vertices, square = own.vertices[0], own.squares[0]
        np.testing.assert_allclose(mesh.vertices - own.translation[0], vertices, atol=2e-5)
        left = not square.right
        np.testing.assert_array_equal(mesh.faces, model.faces[:, ::-1] if left else model.faces)

        def seen(points, own=own, middle=middle):
            return own.focal * points[:, :2] / points[:, 2:] + middle

        joints = own.joints[0] + own.translation[0]
        flat = own.focal * joints[:, :2] / own.translation[0, 2] + middle
        assert own.translation[0, 2] > 1
        near, far = 2 * FOCAL / (IMAGE_SIZE * own.camera[0, 0]), own.translation[0, 2]
        depth = own.joints[0][:, 2:]
        bound = np.abs(depth) * (np.abs(flat - square.center) / near + np.abs(flat - middle) / far)
        differ = np.abs(seen(joints) - own.points[0])
        assert (differ <= 1.02 * bound + 1e-3).all()
        assert 0.001 < differ.max() < 0.5
        # The skin lies around the joints: its middle is seen where theirs is, by less than a fifth of the box.
        assert np.abs(seen(mesh.vertices).mean(axis=0) - own.points[0].mean(axis=0)).max() < 0.2 * square.size
