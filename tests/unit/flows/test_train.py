"""Whole trainings: hands are learned, killed runs go on as if nothing had been, and what is wrong is one line."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from hint_toolkit.cli._main import run as run_program
from hint_toolkit.cli.train import cli
from hint_toolkit.errors import InputError
from hint_toolkit.flows.train import read_mocap, train
from hint_toolkit.flows.train_config import STAND_IN, Data, Network, TrainConfig, read_train_config
from hint_toolkit.flows.training_hands import write_training_hands
from hint_toolkit.models.hamer.load import load_hamer
from hint_toolkit.models.training.augment import NOTHING
from hint_toolkit.models.training.official import CHECKPOINT
from hint_toolkit.models.training.read import read_examples
from hint_toolkit.models.training.step import Optimiser
from hint_toolkit.synthetic.hand_model import write_hand_model

torch = pytest.importorskip("torch")
pytest.importorskip("smplx")
pytest.importorskip("cv2")
SMALL = Network(backbone="vit-1x80", head_depth=1)
RATE, STEPS = 4e-4, 700


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    """32 synthetic hands to learn from, 4 others, and poses."""
    return write_training_hands(tmp_path_factory.mktemp("hands"), 32, 4)


@pytest.fixture
def few(hands):
    """A short run in which everything draws lots: augmentation, drop path, the adversarial prior, two datasets."""
    train_shards = hands / "hamer_tar/train"
    return TrainConfig(
        data=(Data(train_shards, limit=6), Data(train_shards, weight=0.5, limit=3)),
        val=Data(hands / "hamer_tar/val", split="VAL"),
        network=replace(SMALL, backbone="vit-2x80", drop_path=0.5),
        optimiser=Optimiser(rate=1e-3),
        steps=5,
        batch=2,
        device="cpu",
        mano=STAND_IN,
        mocap=hands / "mocap.npz",
        log_every=1,
        measure_every=2,
        save_every=2,
    )


def one_line(error):
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
    return str(error.value)


def test_it_learns_32_hands_by_heart(hands, tmp_path):
    config = TrainConfig(
        data=(Data(hands / "hamer_tar/train"),),
        val=Data(hands / "hamer_tar/train", split="TRAIN"),
        network=SMALL,
        optimiser=Optimiser(rate=RATE, warmup=20, decay="cosine"),
        augmentation=NOTHING,
        steps=STEPS,
        batch=16,
        device="cpu",
        mano=STAND_IN,
        keep_crops=True,
        save_every=10_000,
    )
    report = train(config, tmp_path)
    assert report.measured == 32
    assert report.pck["0.05"] > 0.95
    assert report.stand_in
    # The file that was written predicts what was measured, from pictures and boxes.
    examples = read_examples(hands / "hamer_tar/train")
    model = load_hamer(report.checkpoint, mano=write_hand_model(tmp_path), device="cpu")
    near = []
    for i in range(4):
        center, half = examples.center[i], examples.size[i] / 4
        side = "right" if examples.right[i] else "left"
        box = np.concatenate([center - half, center + half])
        found = model.predict(examples.pictures[i].read(), box[None], [side])
        there = examples.points[i, :, 2] > 0
        apart = np.linalg.norm(found.points[0] - examples.points[i, :, :2], axis=1)[there]
        near += (apart <= 0.05 * 2 * half).tolist()
    assert np.mean(near) > 0.9


def weights(folder):
    return (folder / CHECKPOINT).read_bytes()


def test_a_killed_run_ends_as_if_it_had_not_been_killed(few, tmp_path):
    whole = train(few, tmp_path / "whole")
    assert whole.resumed_from == 0
    assert whole.hands == (6, 3)
    killed = tmp_path / "killed"

    class Killed(BaseException):
        pass

    def kill(done, total):
        if done == 3:  # the state of step 2 is kept, step 3 is lost
            raise Killed

    with pytest.raises(Killed):
        train(few, killed, progress=kill)
    with (killed / "log.jsonl").open("a") as log:
        log.write('{"step": 3, "keyp')  # torn
    report = train(few, killed)
    assert report.resumed_from == 2
    assert weights(killed) == weights(tmp_path / "whole")
    assert (killed / "log.jsonl").read_text() == (tmp_path / "whole/log.jsonl").read_text()
    lines = [json.loads(line) for line in (killed / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "total" in line] == [1, 2, 3, 4, 5]
    assert [line["step"] for line in lines if "pck" in line] == [2, 4, 5]
    assert {"adversarial", "discriminator", "keypoints_3d"} < set(lines[1])
    # Called again it has nothing to do; asked for more it goes on; other settings are another run.
    assert train(few, killed).pck == report.pck
    assert train(replace(few, steps=6), killed).resumed_from == 5
    with pytest.raises(InputError, match="has come to step 6 already") as error:
        train(few, killed)
    one_line(error)
    with pytest.raises(InputError, match="holds a training with other settings; pass --force") as error:
        train(replace(few, batch=3), killed)
    one_line(error)
    (killed / "state.pt").write_bytes((killed / "state.pt").read_bytes()[:9999])
    with pytest.raises(InputError, match="is no state of a training, or half of one") as error:
        train(few, killed)
    one_line(error)
    assert train(replace(few, batch=3, steps=1), killed, force=True).resumed_from == 0


def test_it_goes_on_from_its_own_checkpoint_with_another_backbone_named(few, tmp_path):
    first = train(replace(few, steps=1, mocap=None), tmp_path / "one")
    again = replace(few, steps=1, mocap=None, network=Network(init=first.checkpoint))
    assert train(again, tmp_path / "two").steps == 1
    for other in ("test_vit", "vit_tiny_patch16_224", "vit-1x80", "vit"):
        with pytest.raises(InputError, match=f"is of the backbone vit-2x80, asked for is {other}") as error:
            train(replace(again, network=Network(init=first.checkpoint, backbone=other)), tmp_path / "three")
        one_line(error)


def test_synthetic_hands_are_the_same_however_often_they_are_made(hands, tmp_path):
    again = write_training_hands(tmp_path, 3, 0)
    shutil.rmtree(again / "hamer_tar/train")
    write_training_hands(tmp_path, 3, 0)
    small, large = (read_examples(folder / "hamer_tar/train") for folder in (again, hands))
    assert small.ids == large.ids[:3]
    assert np.array_equal(small.points, large.points[:3])
    assert np.array_equal(small.pictures[2].read(), large.pictures[2].read())
    assert (again / "mocap.npz").read_bytes() == (hands / "mocap.npz").read_bytes()
    assert small.has_pose.all()
    assert not small.betas.any()


def test_settings_that_mean_nothing_are_named(tmp_path):
    file = tmp_path / "train.toml"
    cases = {
        "steps = ": "is no TOML",
        "stebs = 3": "nothing is called 'stebs'",
        "steps = 2.5": "steps: must be a int, got 2.5",
        "[network]\nbackbone = 3": "backbone: must be a str, got 3",
        "[[data]]\nweight = 1": "path is missing",
        "data = 3": r"data must be \[\[data\]\] tables",
        "network = 3": "must be a table",
        "[optimiser]\nrate = true": "rate: must be a float, got True",
    }
    for text, said in cases.items():
        file.write_text(text)
        with pytest.raises(InputError, match=said) as error:
            read_train_config(file)
        assert str(file) in one_line(error)
    with pytest.raises(InputError, match="cannot be read"):
        read_train_config(tmp_path / "gone.toml")
    lines = ['mano = "M.pkl"', "steps = 7", "[network]", 'init = "a/hamer.ckpt"', "[val]", 'path = "v"', "[[data]]"]
    file.write_text("\n".join([*lines, 'path = "d"', "weight = 2"]))
    config = read_train_config(file).check()
    assert config.data == (Data(tmp_path / "d", 2.0),)
    assert config.val == Data(tmp_path / "v", split="VAL")
    assert (config.mano, config.network.init) == (str(tmp_path / "M.pkl"), tmp_path / "a/hamer.ckpt")
    assert (config.steps, config.optimiser.rate, config.network.dropped) == (7, 1e-5, 0.55)
    assert config.augmentation.rotation == 30
    wrong = {
        "data": (), "mano": "", "precision": "int8", "steps": 0, "workers": -1, "keep_crops": True, "occluded": 2.0,
        "network": Network(init=tmp_path, backbone_weights=tmp_path), "optimiser": Optimiser(decay="linear"),
    }  # fmt: skip
    for name, value in wrong.items():
        with pytest.raises(InputError) as error:
            replace(config, **{name: value}).check()
        one_line(error)


def test_poses_of_motion_capture(hands, tmp_path):
    found = read_mocap(hands / "mocap.npz")
    assert (found["hand_pose"].shape, found["betas"].shape) == ((2000, 45), (2000, 10))
    good = {"hand_pose": np.zeros((3, 48)), "betas": np.zeros((3, 10))}
    for name, value, said in (
        ("hand_pose", np.zeros((3, 45)), r"hand_pose must be \(N, 48\)"),
        ("betas", np.full((3, 10), np.nan), "no number"),
        ("betas", np.zeros((2, 10)), "as long as each other"),
    ):
        np.savez(tmp_path / "m.npz", **good | {name: value})
        with pytest.raises(InputError, match=said) as error:
            read_mocap(tmp_path / "m.npz")
        one_line(error)
    with pytest.raises(InputError, match="no such file of poses"):
        read_mocap(tmp_path / "gone.npz")


def test_the_commands(hands, tmp_path, capsys):
    assert run_program(cli, "hint-train", ["hand-model", "--out", str(tmp_path)]) == 0
    assert "not MANO" in capsys.readouterr().out
    shards, out = hands / "hamer_tar/train", tmp_path / "run"
    call = ["run", "--data", f"{shards}=2", "--mano", str(tmp_path / "STAND_IN_RIGHT.pkl"), "--backbone", "vit-1x80",
            "--steps", "1", "--batch", "2", "--device", "cpu", "--out", str(out), "--quiet"]  # fmt: skip
    assert run_program(cli, "hint-train", [*call, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["steps"], told["hands"], told["stand_in"]) == (1, [32], False)
    assert (out / "losses.png").read_bytes().startswith(b"\x89PNG")
    for change, said in (
        (["--data", f"{shards}=much"], "'much' is no weight"),
        (["--mano", str(tmp_path / "gone.pkl")], "no such MANO file"),
        (["--init", str(tmp_path / "gone.ckpt")], "no such checkpoint"),
        (["--data", str(tmp_path / "gone")], "no such dataset"),
        (["--device", "abacus"], "abacus"),
    ):
        assert run_program(cli, "hint-train", [*call, *change, "--out", str(tmp_path / "other")]) == 2
        shown = capsys.readouterr()
        assert said in shown.err
        assert shown.err.count("\n") == 1
