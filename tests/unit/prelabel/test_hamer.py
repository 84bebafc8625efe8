"""HaMeR as a detector, on a small checkpoint of the official layout."""

import pickle

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.models.hamer.load import load_hamer
from hint_toolkit.prelabel.base import Prompt
from hint_toolkit.prelabel.registry import open_detector
from hint_toolkit.synthetic import render
from tests.unit.models.hamer.conftest import mano_arrays, small_state  # noqa: F401
from tests.unit.prelabel.test_detectors import boxes_keep_the_contract

torch = pytest.importorskip("torch")


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
