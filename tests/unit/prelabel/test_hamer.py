"""HaMeR as a detector, on a small checkpoint of the official layout."""

import os
import pickle
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.models.hamer.load import load_hamer
from hint_toolkit.prelabel.base import Ask, Prompt
from hint_toolkit.prelabel.registry import open_detector
from hint_toolkit.synthetic import render
from tests.unit.models.hamer.conftest import mano_arrays, small_state  # noqa: F401
from tests.unit.prelabel.test_detectors import boxes_keep_the_contract

torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")


@pytest.fixture
def weights(tmp_path, small_state, mano_arrays, monkeypatch):  # noqa: F811
    root = tmp_path / "_DATA"
    checkpoint, mano = root / "hamer_ckpts/checkpoints/hamer.ckpt", root / "data/mano/MANO_RIGHT.pkl"
    for path in (checkpoint, mano):
        path.parent.mkdir(parents=True)
    torch.save({"state_dict": small_state}, checkpoint)
    mano.write_bytes(pickle.dumps(mano_arrays, protocol=2))
    monkeypatch.setenv("HINT_WEIGHTS", str(tmp_path))
    for name in ("HINT_HAMER", "HINT_MANO"):
        monkeypatch.delenv(name, raising=False)
    return checkpoint, mano


IMAGE = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)


def test_the_projected_joints_of_every_box_in_order(weights):
    detector = open_detector("hamer")
    prompts = [Prompt(np.array([40.0, 30, 80, 90]), "right"), Prompt(np.full(4, np.nan), "left"),
               Prompt(np.array([60.0, 20, 120, 100]), "left")]  # fmt: skip
    first, none, second = detector.detect_in(IMAGE, prompts)
    assert none is None
    wanted = load_hamer(weights[0], mano=weights[1]).predict(
        IMAGE, np.stack([prompts[0].box, prompts[2].box]), ["right", "left"], batch=1
    )
    assert np.abs(first.points - wanted.points[0]).max() < 1e-6
    assert np.abs(second.points - wanted.points[1]).max() < 1e-6
    assert (first.side, second.side) == ("right", "left")
    assert np.isnan([first.presence, first.side_score]).all()
    assert np.isnan(first.score).all()
    assert detector.detect_in(IMAGE, []) == []


def test_the_name_tells_checkpoint_and_crop(weights, small_state):  # noqa: F811
    one = open_detector("hamer").name
    assert open_detector("hamer", crop="demo").name == f"{one},crop=demo"
    torch.save({"state_dict": {k: v + 1 for k, v in small_state.items()}}, weights[0])
    assert open_detector("hamer").name != one


def test_what_it_cannot_do_is_one_line(weights):
    detector = open_detector("hamer")
    with pytest.raises(InputError, match="works from boxes only"):
        detector.detect(IMAGE)
    box = np.array([40.0, 30, 80, 90])
    with pytest.raises(InputError, match=r"1 of 2 boxes do not say left or right \(e\.g\. \[40\.0, 30\.0") as error:
        detector.detect_in(IMAGE, [Prompt(box, "left"), Prompt(box), Prompt(np.full(4, np.nan))])
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="crop=other"):
        open_detector("hamer", crop="other")
    weights[1].unlink()
    with pytest.raises(InputError, match="brings no MANO"):
        open_detector("hamer")
    weights[0].unlink()
    with pytest.raises(InputError, match="the weights of hamer are not here") as error:
        open_detector("hamer")
    assert "\n" not in str(error.value)


def test_it_keeps_every_detectors_contract(weights):
    """The registry's own test can run HaMeR only where somebody has the licensed files."""
    detector = open_detector("hamer")
    boxes_keep_the_contract(detector, [render(seed, 640, 480, view="ego") for seed in (0, 1)])
    detector.close()


def scenes(tmp_path, count):
    """Pictures on the disk with 0 to 3 usable boxes each, lazily."""
    rng = np.random.default_rng(3)
    for k in range(count):
        path = tmp_path / f"{k % 4}.png"
        if not path.exists():
            cv2.imwrite(str(path), rng.integers(0, 255, (90 + 10 * (k % 4), 140, 3)).astype(np.uint8))
        corners = rng.uniform(5, 60, (1 + k % 3, 2))
        boxes = [np.concatenate([c, c + rng.uniform(10, 40, 2)]) for c in corners]
        prompts = [Prompt(box, ("left", "right")[j % 2]) for j, box in enumerate(boxes)]
        if k % 5 == 0:
            prompts[0] = Prompt(np.full(4, np.nan), "left")
        yield Ask(path, tuple(prompts))


@pytest.mark.parametrize(("workers", "batch"), [(0, 4), (1, 3)])
def test_many_pictures_at_once_are_the_same_hands_in_the_same_order(weights, tmp_path, workers, batch):
    one, many = open_detector("hamer", batch=1), open_detector("hamer", batch=batch)
    asks = list(scenes(tmp_path, 11))
    found = list(many.detect_many(iter(asks), workers=workers))
    assert len(found) == 11
    for ask, hands in zip(asks, found, strict=True):
        wanted = one.detect_in(ask.image(), ask.prompts)
        assert [hand is None for hand in hands] == [hand is None for hand in wanted]
        for hand, other in zip(hands, wanted, strict=True):
            if hand is not None:
                assert hand.side == other.side
                assert np.abs(hand.points - other.points).max() < 1e-3
                assert np.abs(hand.pose3d.vertices - other.pose3d.vertices).max() < 1e-5
    assert sum(hand is None for hands in found for hand in hands) >= 3


def test_one_at_a_time_a_hand_does_not_depend_on_its_neighbours(weights, tmp_path):
    """The same digits alone and among many, read here or elsewhere."""
    detector = open_detector("hamer", device="cpu", batch=1)
    asks = list(scenes(tmp_path, 3))
    for workers in (0, 1):
        for ask, hands in zip(asks, detector.detect_many(asks, workers=workers), strict=True):
            for hand, other in zip(hands, detector.detect_in(ask.image(), ask.prompts), strict=True):
                assert (hand is None) == (other is None)
                assert hand is None or np.array_equal(hand.points, other.points)


def test_the_hand_in_space_projects_to_its_points(weights):
    """Metres before the camera of the whole picture and its focal length give the pixels again, on both sides."""
    detector = open_detector("hamer")
    prompts = [Prompt(np.array([40.0, 30, 80, 90]), side) for side in ("right", "left")]
    right, left = detector.detect_in(IMAGE, prompts)
    for hand in (right, left):
        pose = hand.pose3d
        there = pose.joints + pose.translation
        pixels = pose.focal * there[:, :2] / there[:, 2:] + [IMAGE.shape[1] / 2, IMAGE.shape[0] / 2]
        assert np.abs(pixels - hand.points).max() < 0.05
        assert (pose.vertices.shape, pose.rotations.shape, pose.betas.shape) == ((778, 3), (16, 3, 3), (10,))
        np.testing.assert_allclose(np.linalg.det(pose.rotations), 1.0, atol=1e-5)
    assert detector.faces.shape == (1538, 3)
    assert np.abs(right.pose3d.joints - left.pose3d.joints).max() > 0.01


def test_what_came_before_a_picture_that_cannot_be_read_is_answered_first(weights, tmp_path):
    detector = open_detector("hamer", batch=8)
    asks = [
        *scenes(tmp_path, 3),
        Ask(tmp_path / "gone.png", (Prompt(np.array([1.0, 1, 9, 9]), "left"),)),
        *scenes(tmp_path, 1),
    ]
    for workers in (0, 1):
        results = detector.detect_many(asks, workers=workers)
        assert [len(hands) for hands in islice(results, 3)] == [1, 2, 3]
        with pytest.raises(InputError, match=r"gone\.png: no such picture") as error:
            next(results)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="works from boxes only"):
        list(detector.detect_many([Ask(IMAGE)]))


def test_asks_are_taken_as_they_are_needed_and_memory_stays_flat(weights, tmp_path):
    detector = open_detector("hamer", batch=4)
    taken, resident = 0, {}

    def asks():
        nonlocal taken
        for ask in scenes(tmp_path, 120):
            taken += 1
            yield ask

    for k, _ in enumerate(detector.detect_many(asks())):
        assert taken <= k + 6  # a batch of hands, and pictures without any
        if k in (30, 119):
            resident[k] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    assert resident[119] - resident[30] < 40


def test_half_precision_is_told_by_the_name_and_stays_near(weights):
    boxes = [Prompt(np.array([40.0, 30, 80, 90]), "left")]
    exact = open_detector("hamer", device="cpu")
    points = exact.detect_in(IMAGE, boxes)[0].points
    for precision in ("bf16", "fp16"):
        half = open_detector("hamer", device="cpu", precision=precision)
        assert half.name == f"{exact.name},precision={precision}"
        moved = np.abs(half.detect_in(IMAGE, boxes)[0].points - points).max()
        assert 0 < moved < 0.5


def test_options_out_of_range_are_one_line(weights):
    for options, words in (({"batch": 0}, "batch=0"), ({"precision": "int4"}, "precision=int4"),
                           ({"device": "tpu"}, "device=tpu")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            open_detector("hamer", **options)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="device=cuda is not here"):
            open_detector("hamer", device="cuda")
