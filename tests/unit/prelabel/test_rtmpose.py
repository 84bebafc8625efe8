"""RTMPose's reading of boxes and SimCC, on small ONNX models made here that see bright spots or say what is planted."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.prelabel.base import Prompt
from hint_toolkit.prelabel.registry import open_detector
from hint_toolkit.prelabel.rtmpose import RtmPoseDetector, decode
from hint_toolkit.prelabel.top_down import region_around

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT

BOX = np.array([100.0, 60, 200, 140])
"""Centre (150, 100); the region is 125 x 125 pixels around it, a pixel of the input is 125/256 of one."""


def write(path, nodes, *, constants=(), shape=("batch", 3, 256, 256), outputs=("simcc_x", "simcc_y"), extra=()):
    values = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
    inputs = [helper.make_tensor_value_info("input", FLOAT, shape), *extra]
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in constants]
    graph = helper.make_graph(nodes, "hand", inputs, values, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.fixture
def planted(tmp_path):
    """`planted(x, y)`: a model that says these two tables whatever it sees; the input is used, times 0."""

    def make(x, y, name="planted.onnx", **how):
        constants = [("x", np.float32(x)[None]), ("y", np.float32(y)[None]), ("zero", np.float32(0))]
        nodes = [
            helper.make_node("ReduceSum", ["input"], ["total"], keepdims=0),
            helper.make_node("Mul", ["total", "zero"], ["nothing"]),
            helper.make_node("Add", ["x", "nothing"], ["simcc_x"]),
            helper.make_node("Add", ["y", "nothing"], ["simcc_y"]),
        ]
        return write(tmp_path / name, nodes, constants=constants, **how)

    return make


@pytest.fixture
def seeing(tmp_path):
    """A model whose joint k is at the brightest spot of red (k < 7), green (k < 14) or blue: it looks at its input."""
    which = np.zeros((21, 3), np.float32)
    which[np.arange(21), np.arange(21) // 7] = 1.0
    wide = np.repeat(np.eye(256, dtype=np.float32), 2, axis=1)
    wide[:, 1::2] *= 0.5  # two classes a pixel, the first one higher
    nodes = [
        helper.make_node("ReduceMax", ["input"], ["columns"], axes=[2], keepdims=0),
        helper.make_node("ReduceMax", ["input"], ["lines"], axes=[3], keepdims=0),
        helper.make_node("MatMul", ["which", "columns"], ["joint_columns"]),
        helper.make_node("MatMul", ["which", "lines"], ["joint_lines"]),
        helper.make_node("MatMul", ["joint_columns", "wide"], ["simcc_x"]),
        helper.make_node("MatMul", ["joint_lines", "wide"], ["simcc_y"]),
    ]
    return write(tmp_path / "seeing.onnx", nodes, constants=[("which", which), ("wide", wide)])


def tables(classes, score=0.8):
    x, y = np.full((2, 21, 512), -0.1)
    x[np.arange(21), classes[:, 0]], y[np.arange(21), classes[:, 1]] = score, score
    return x, y


PICTURE = np.zeros((240, 320, 3), np.uint8)


def test_planted_classes_come_back_at_the_pixel_that_the_sum_by_hand_gives(planted):
    classes = np.stack([24 * np.arange(21), 511 - 20 * np.arange(21)], axis=1)
    detector = RtmPoseDetector(model=planted(*tables(classes)))
    before = PICTURE.copy()
    (found,) = detector.detect_in(PICTURE, [Prompt(BOX, side="left")])
    np.testing.assert_array_equal(PICTURE, before)
    # Region 125 wide: left edge 150 - 62.5 = 87.5, upper edge 37.5; two classes a pixel of 125/256.
    wanted = np.array([87.5, 37.5]) + classes / 2 * 125 / 256
    np.testing.assert_allclose(found.points, wanted, atol=1e-9)
    np.testing.assert_allclose(found.points[1], [87.5 + 12 * 125 / 256, 37.5 + 245.5 * 125 / 256])
    np.testing.assert_allclose(found.score, 0.8, rtol=1e-6)
    assert found.side == "left"
    assert np.isnan([found.side_score, found.presence]).all()
    assert (found.box[:2] <= found.points.min(axis=0)).all()
    assert (found.box[2:] >= found.points.max(axis=0)).all()


def naive(x, y):
    points, scores = [], []
    for row_x, row_y in zip(x, y, strict=True):
        best = [max(range(len(row)), key=lambda c, row=row: (row[c], -c)) for row in (row_x, row_y)]
        score = min(row_x[best[0]], row_y[best[1]])
        points.append([best[0] / 2, best[1] / 2] if score > 0 else [-0.5, -0.5])
        scores.append(score)
    return points, scores


def test_decoding_equals_loops_by_hand_also_with_ties_and_nothing_above_0(rng):
    x, y = np.round(rng.normal(0, 1, (2, 21, 512)), 1).astype(np.float32)
    x[3], y[5] = -np.abs(x[3]) - 0.1, np.minimum(y[5], 0)
    points, scores = naive(x, y)
    got_points, got_scores = decode(x, y)
    np.testing.assert_array_equal(got_points, points)
    np.testing.assert_array_equal(got_scores, scores)
    assert (got_points[[3, 5]] == -0.5).all()


def test_the_crop_is_rgb_the_right_way_round_and_in_its_place(seeing):
    """The model finds the brightest red, green and blue: three spots, one a colour, must come back where they are."""
    places = [(110, 70), (190, 80), (140, 135)]
    y, x = np.mgrid[:240, :320]
    image = np.zeros((240, 320, 3), np.uint8)
    for channel, (px, py) in enumerate(places):
        image[..., channel] = 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 60)
    (found,) = RtmPoseDetector(model=seeing).detect_in(image, [Prompt(BOX, side="right")])
    np.testing.assert_allclose(found.points, np.repeat(np.array(places, float), 7, axis=0), atol=1)
    # White is (255 - mean) / deviation of each colour.
    wanted = [(255 - 123.675) / 58.395, (255 - 116.28) / 57.12, (255 - 103.53) / 57.375]
    np.testing.assert_allclose(found.score.reshape(3, 7), np.repeat(wanted, 7).reshape(3, 7), rtol=0.02)


def test_the_region_is_the_square_around_the_box_and_a_quarter_more():
    region = region_around(np.array([10.0, 20, 40, 80]), 1.0)
    np.testing.assert_array_equal(region.center, [25, 50])
    np.testing.assert_array_equal(region.size, [75, 75])


def test_boxes_that_hold_nothing_give_none_and_neighbours_change_nothing(planted, rng):
    detector = RtmPoseDetector(model=planted(*tables(rng.integers(0, 512, (21, 2)))))
    boxes = [np.array([700.0, 500, 800, 600]), BOX, np.full(4, np.nan), np.array([9.0, 9, 9, 40]), BOX]
    first, found, second, third, same = detector.detect_in(PICTURE, [Prompt(box) for box in boxes])
    assert first is second is third is None
    np.testing.assert_array_equal(found.points, same.points)
    assert (found.side, found.side_score) == ("right", 0.5)  # nobody knows
    assert detector.detect_in(PICTURE, []) == []
    with pytest.raises(InputError, match="boxes only"):
        detector.detect(PICTURE)
    detector.close()


def test_a_hand_needs_four_joints_above_the_least_score(planted, rng):
    x, y = tables(rng.integers(0, 512, (21, 2)), score=0.2)
    for k in range(3):
        x[k, 100 + k], y[k, 200] = 0.9, 0.9
    for joints, there in ((3, False), (4, True)):
        if joints == 4:
            x[9, 300], y[9, 10] = 0.9, 0.9
        detector = RtmPoseDetector(model=planted(x, y), min_score=0.5)
        assert (detector.detect_in(PICTURE, [Prompt(BOX)])[0] is not None) is there
    for least, there in ((0.15, True), (0.25, False), (None, False)):
        options = {} if least is None else {"min_score": least}
        weak = RtmPoseDetector(model=planted(*tables(rng.integers(0, 512, (21, 2)), score=0.2)), **options)
        assert (weak.detect_in(PICTURE, [Prompt(BOX)])[0] is not None) is there
    silent = RtmPoseDetector(model=planted(*np.full((2, 21, 512), -0.1)))
    assert silent.detect_in(PICTURE, [Prompt(BOX)]) == [None]


def test_the_name_changes_with_the_file_and_the_options_that_move_a_result(planted, rng):
    classes = rng.integers(0, 512, (21, 2))
    one = RtmPoseDetector(model=planted(*tables(classes))).name
    assert one.startswith("rtmpose-")
    assert RtmPoseDetector(model=planted(*tables(classes)), threads=2).name == one
    assert RtmPoseDetector(model=planted(*tables(classes)), min_score=0.4).name == f"{one},min_score=0.4"
    assert RtmPoseDetector(model=planted(*tables(classes + 0), name="b.onnx")).name == one
    assert RtmPoseDetector(model=planted(*tables(511 - classes))).name != one


def test_models_of_another_form_are_one_line(planted, tmp_path):
    body = planted(*np.zeros((2, 17, 384)), name="body.onnx")
    small = planted(*np.zeros((2, 21, 512)), name="small.onnx", shape=(1, 3, 192, 192))
    heat = write(tmp_path / "heat.onnx", [helper.make_node("Relu", ["input"], ["heatmaps"])], outputs=("heatmaps",))
    two = planted(
        *np.zeros((2, 21, 512)),
        name="two.onnx",
        extra=[helper.make_tensor_value_info("size", FLOAT, (1,))],
    )
    text = tmp_path / "text.onnx"
    text.write_bytes(b"<html>not found</html>")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(body.read_bytes()[:300])
    cases = {
        body: r"gives \(1, 17, 384\) and \(1, 17, 384\) instead of \(1, 21, 512\) twice",
        small: r"does not take \(1, 3, 256, 256\)",
        heat: "1 inputs, outputs heatmaps; wanted 1 and simcc_x, simcc_y",
        two: "2 inputs, outputs simcc_x, simcc_y",
        text: "is not an ONNX model",
        cut: "is not an ONNX model",
    }
    for path, said in cases.items():
        with pytest.raises(InputError, match=said) as caught:
            RtmPoseDetector(model=path)
        line = str(caught.value)
        assert line.startswith(f"{path}: ")
        assert "\n" not in line
        assert "hint-build weights" in line
        assert len(line) < 500
    with pytest.raises(InputError, match="0 threads"):
        RtmPoseDetector(model=body, threads=0)


def test_the_registry_finds_the_model_by_its_variable(planted, monkeypatch, rng):
    monkeypatch.setenv("HINT_RTMPOSE", str(planted(*tables(rng.integers(0, 512, (21, 2))))))
    detector = open_detector("rtmpose")
    assert detector.detect_in(PICTURE, [Prompt(BOX)])[0] is not None
    detector.close()
