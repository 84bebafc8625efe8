"""From an evaluation set to the official file and its score, with a small HaMeR."""

import json
import zipfile

import click
import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli._protocols import add_protocol_commands
from hint_toolkit.errors import InputError
from hint_toolkit.flows.predict_pose3d import before_camera, open_benchmark, predict_pose3d
from hint_toolkit.io import pose3d_writer
from hint_toolkit.io.benchmarks3d.boxes import hand_boxes
from hint_toolkit.io.pose3d import read_hands3d
from hint_toolkit.joints import FROM_HINT
from hint_toolkit.prelabel.base import Ask, Pose3D, Prompt
from hint_toolkit.prelabel.registry import open_detector
from tests.unit.io.test_benchmarks3d import picture, write_freihand, write_ho3d
from tests.unit.models.hamer.conftest import mano_arrays, small_state  # noqa: F401
from tests.unit.prelabel.test_hamer import weights  # noqa: F401

pytest.importorskip("torch")
pytest.importorskip("smplx")


@click.group()
def cli():
    """Nothing."""


add_protocol_commands(cli)


def score(capsys, protocol, pred, gt):
    capsys.readouterr()
    assert (
        run(
            cli,
            "hint-eval",
            ["pose3d", "--protocol", protocol, "--pred", str(pred), "--gt", str(gt), "--json", "--quiet"],
        )
        == 0
    )
    rows = json.loads(capsys.readouterr().out)["rows"]
    return {(row["measure"], row["alignment"]): row.get("mm", row.get("value")) for row in rows}


def write_truth(folder, joints, vertices):
    folder.mkdir(exist_ok=True)
    (folder / "evaluation_xyz.json").write_text(json.dumps(joints.tolist()))
    (folder / "evaluation_verts.json").write_text(json.dumps(vertices.tolist()))


@pytest.mark.parametrize("benchmark", ["freihand", "ho3d-v2"])
def test_from_pictures_to_a_score_that_is_known(weights, tmp_path, capsys, benchmark):  # noqa: F811
    """The model's own answer as truth is no error; moved, turned and scaled truth is the error that it must be."""
    write_freihand(tmp_path) if benchmark == "freihand" else write_ho3d(tmp_path)
    out = tmp_path / "pred.json"
    call = ["pose3d-predict", "--benchmark", benchmark, "--root", str(tmp_path), "--out", str(out), "--zip", "--quiet"]
    assert run(cli, "hint-eval", call) == 0
    assert "3 of 3 hands found" in capsys.readouterr().out
    hands = read_hands3d(out)
    assert (hands.joints.shape, hands.vertices.shape) == ((3, 21, 3), (3, 778, 3))
    with zipfile.ZipFile(tmp_path / "pred.zip") as archive:
        assert archive.namelist() == ["pred.json"]
        assert archive.read("pred.json") == out.read_bytes()

    write_truth(tmp_path / "same", hands.joints, hands.vertices)
    found = score(capsys, benchmark, out, tmp_path / "same")
    assert found["MPJPE", "none"] < 1e-6
    assert found["PA-MPVPE", "similarity"] < 1e-6
    assert found["F@5", "none"] == 1.0

    step = np.array([0.003, 0.004, 0])
    write_truth(tmp_path / "moved", hands.joints + step, hands.vertices + step)
    found = score(capsys, benchmark, out, tmp_path / "moved")
    assert found["MPJPE", "none"] == pytest.approx(5.0, abs=1e-3)
    assert found["MPVPE", "none"] == pytest.approx(5.0, abs=1e-3)
    assert found["PA-MPJPE", "procrustes"] < 1e-3

    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    write_truth(tmp_path / "turned", 1.25 * hands.joints @ turn.T, 1.25 * hands.vertices @ turn.T)
    found = score(capsys, benchmark, out, tmp_path / "turned")
    wanted = np.linalg.norm(1.25 * hands.joints @ turn.T - hands.joints, axis=2).mean() * 1000
    assert wanted > 10
    assert found["MPJPE", "none"] == pytest.approx(wanted, rel=1e-6)
    assert max(found["PA-MPJPE", "similarity"], found["PA-MPVPE", "procrustes"]) < 1e-3


@pytest.mark.parametrize("benchmark", ["freihand", "ho3d-v3"])
def test_order_axes_and_place_are_the_benchmarks(weights, tmp_path, benchmark):  # noqa: F811
    write_freihand(tmp_path) if benchmark == "freihand" else write_ho3d(tmp_path, suffix="jpg")
    data, detector = open_benchmark(benchmark, tmp_path), open_detector("hamer")
    boxes = hand_boxes(data, "gt")
    pose = detector.detect_in(Ask(data.pictures[1]).image(), [Prompt(boxes.of(1), "right")])[0].pose3d
    wrist = pose.joints[0]
    turn, order = ([1, 1, 1], FROM_HINT["hint"]) if benchmark == "freihand" else ([1, -1, -1], FROM_HINT["ho3d"])
    for tips in ("model", "benchmark"):
        report = predict_pose3d(data, boxes, detector, tmp_path / "pred.json", place="wrist", tips=tips)
        hands = read_hands3d(report.out)
        joints = pose.joints.copy()
        if tips == "benchmark":
            joints[[4, 8, 12, 16, 20]] = pose.vertices[[744, 320 if benchmark == "freihand" else 333,
                                                        443 if benchmark == "freihand" else 444, 555, 672]]  # fmt: skip
        np.testing.assert_allclose(hands.joints[1], ((joints - wrist) * turn)[list(order)], rtol=2e-6, atol=1e-6)
        np.testing.assert_allclose(hands.vertices[1], (pose.vertices - wrist) * turn, rtol=2e-6, atol=1e-6)
    report = predict_pose3d(data, boxes, detector, tmp_path / "pred.json")
    hands = read_hands3d(report.out)
    moved = before_camera(pose, data.camera(1), data.pictures[1])
    np.testing.assert_allclose(hands.vertices[1], (pose.vertices + moved) * turn, rtol=2e-6, atol=1e-6)
    facts = json.loads(report.facts.read_text())
    assert (facts["benchmark"], facts["boxes"], facts["model"]["crop"]) == (benchmark, data.box_origin, "hint")


def test_before_the_real_camera_the_hand_is_seen_where_it_was_and_as_large(rng, tmp_path):
    picture(tmp_path / "a.png", 640, 480)
    joints = rng.normal(0, 0.03, (21, 3))
    pose = Pose3D(joints, np.zeros((0, 3)), np.array([0.12, -0.05, 16.0]), 12500.0)
    own = np.array([[pose.focal, 0, 320], [0, pose.focal, 240], [0, 0, 1]])
    np.testing.assert_allclose(before_camera(pose, own, tmp_path / "a.png"), pose.translation, rtol=1e-12)
    camera = np.array([[614.6, 0, 300.3], [0, 610.1, 251.7], [0, 0, 1]])
    moved = before_camera(pose, camera, tmp_path / "a.png")
    assert moved[2] == pytest.approx(16 * 612.35 / 12500)

    def seen(points, by):
        pixels = points @ by.T
        return pixels[:, :2] / pixels[:, 2:]

    np.testing.assert_allclose(seen(moved[None], camera), seen(pose.translation[None], own), atol=1e-9)
    wanted = np.ptp(seen(joints + pose.translation, own), axis=0)
    np.testing.assert_allclose(np.ptp(seen(joints + moved, camera), axis=0), wanted, rtol=0.1)  # it is near now


class Killed(Exception):
    """As a kill would."""


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(weights, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(pose3d_writer, "PART", 2)
    write_freihand(tmp_path, 5)
    data, detector = open_benchmark("freihand", tmp_path), open_detector("hamer")
    boxes = hand_boxes(data, "gt")
    whole = predict_pose3d(data, boxes, detector, tmp_path / "whole.json")

    def stop(done, _):
        if done == 4:
            raise Killed

    out = tmp_path / "pred.json"
    with pytest.raises(Killed):
        predict_pose3d(data, boxes, detector, out, progress=stop)
    assert not out.exists()
    seen = []
    again = predict_pose3d(data, boxes, detector, out, progress=lambda done, total: seen.append((done, total)))
    assert (again.resumed, seen) == (4, [(5, 5)])
    assert out.read_bytes() == whole.out.read_bytes()
    assert not list(tmp_path.glob(".pred.json.parts"))
    # Other boxes are another run: nothing of the first may be taken over.
    with pytest.raises(Killed):
        predict_pose3d(data, boxes, detector, out, progress=stop)
    assert predict_pose3d(data, hand_boxes(data, "whole"), detector, out).resumed == 0


class Blind:
    """Finds the hand in the second picture only, and none in space anywhere."""

    name, finds_boxes = "blind", False

    def __init__(self, detector):
        self._detector, self._asked = detector, 0

    def detect_in(self, image, prompts):
        self._asked += 1
        return self._detector.detect_in(image, prompts) if self._asked == 2 else [None]


def test_a_hand_that_is_not_found_is_zeros_and_is_told(weights, tmp_path, capsys):  # noqa: F811
    write_freihand(tmp_path)
    data = open_benchmark("freihand", tmp_path)
    report = predict_pose3d(data, hand_boxes(data, "gt"), Blind(open_detector("hamer")), tmp_path / "pred.json")
    assert report.missing == ("00000000", "00000002")
    hands = read_hands3d(report.out)
    assert [bool(hand.any()) for hand in hands.joints] == [False, True, False]
    assert json.loads(report.facts.read_text())["not_found"] == ["00000000", "00000002"]
    (tmp_path / "boxes.csv").write_text(
        "image,x1,y1,x2,y2,side\n00000000,60,60,160,160,right\n00000001,500,500,600,600,right\n00000002,9,9,90,90,right\n"
    )
    call = ["pose3d-predict", "--benchmark", "freihand", "--root", str(tmp_path), "--out", str(tmp_path / "p.json")]
    assert run(cli, "hint-eval", [*call, "--boxes", str(tmp_path / "boxes.csv"), "--quiet"]) == 3
    assert "1 of 3 hands were not found and are written as zeros: 00000001" in capsys.readouterr().err


def test_what_cannot_be_done_is_one_line_and_exit_code_2(weights, tmp_path, capsys):  # noqa: F811
    write_freihand(tmp_path)
    base = [
        "pose3d-predict",
        "--benchmark",
        "freihand",
        "--root",
        str(tmp_path),
        "--out",
        str(tmp_path / "p.json"),
        "--quiet",
    ]
    for call, words in (
        ([*base, "--benchmark", "ho3d-v2"], "evaluation.txt: cannot be read"),
        ([*base, "--boxes", "gone.npz"], "no boxes 'gone.npz'"),
        ([*base, "--model", "none"], "no detector 'none'"),
        ([*base, "--out", "p.txt"], "must end in .json"),
    ):
        assert run(cli, "hint-eval", call) == 2
        told = capsys.readouterr().err
        assert words in told
        assert told.count("\n") == 1
    (tmp_path / "evaluation/rgb/00000001.jpg").write_bytes(b"")
    assert run(cli, "hint-eval", base) == 2
    assert "00000001.jpg: is not a readable picture" in capsys.readouterr().err
    assert not (tmp_path / "p.json").exists()


def test_a_model_without_hands_in_space_is_named(weights, tmp_path):  # noqa: F811
    class Flat(Blind):
        def detect_in(self, image, prompts):
            from dataclasses import replace

            return [replace(self._detector.detect_in(image, prompts)[0], pose3d=None)]

    write_freihand(tmp_path)
    data = open_benchmark("freihand", tmp_path)
    with pytest.raises(InputError, match="the model gives no hands in space.*--model hamer"):
        predict_pose3d(data, hand_boxes(data, "gt"), Flat(open_detector("hamer")), tmp_path / "pred.json")
    with pytest.raises(InputError, match="no benchmark 'freihands'"):
        open_benchmark("freihands", tmp_path)
