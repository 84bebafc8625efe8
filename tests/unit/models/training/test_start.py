"""What a training starts from, and what it leaves behind."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.models.hamer.load import load_hamer
from hint_toolkit.models.hamer.network import build_hamer
from hint_toolkit.models.training.official import CHECKPOINT, CONFIG, official_state, write_official
from hint_toolkit.models.training.start import start_by_chance, start_from
from hint_toolkit.models.training.step import seeded_discriminator
from hint_toolkit.synthetic.hand_model import hand_model, write_hand_model

torch = pytest.importorskip("torch")
pytest.importorskip("smplx")
BACKBONES = ("vit-1x80", "test_vit", "test_resnet")


def made(backbone, seed=0, **more):
    start = start_by_chance(backbone, 2, seed, **more)
    return start, build_hamer(start.state, hand_model(), config=start.config)


def one_line(error):
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_checkpoint_comes_back_as_the_same_network(backbone, tmp_path):
    start, network = made(backbone)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape))
    path = write_official(tmp_path, network, start.config, 7, seeded_discriminator(0, {}))
    assert path == tmp_path / CHECKPOINT
    held = torch.load(path, weights_only=True)
    assert held["global_step"] == 7
    assert {key.split(".")[0] for key in held["state_dict"]} == {
        "initialized",
        "backbone",
        "mano_head",
        "discriminator",
    }
    crops = np.random.default_rng(0).normal(0, 1, (2, 3, 256, 256)).astype(np.float32)
    with torch.inference_mode():
        wanted = network.eval()(torch.from_numpy(crops))
    model = load_hamer(path, mano=write_hand_model(tmp_path), device="cpu")
    assert model.config == start.config
    with torch.inference_mode():
        found = model.network(torch.from_numpy(crops))
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    again = write_official(tmp_path / "again", network, start.config, 7, seeded_discriminator(0, {}))
    assert again.read_bytes() == path.read_bytes()
    back = start_from(path)
    assert back.config == start.config
    assert set(back.state) | {f"discriminator.{key}" for key in back.discriminator} | {"initialized"} == set(
        held["state_dict"]
    )
    for parameter in network.parameters():  # what was loaded is a copy
        parameter.data.zero_()
    assert any(bool(value.any()) for key, value in start_from(path).state.items() if key.startswith("mano_head."))


def test_official_names_and_shapes(parity):
    start = start_by_chance("vit-2x80", 6, 0)
    network = build_hamer(start.state, hand_model(), config=start.config)
    state = official_state(network, start.config, seeded_discriminator(0, {}))
    official = {key: shape for key, shape in parity.shapes.items() if not key.startswith("mano.")}
    assert set(state) == set(official)  # two blocks, as in the reference's numbers
    fixed = {key for key in official if not key.startswith("backbone.") and ".1.fn.to_kv" not in key}
    assert {key: tuple(state[key].shape) for key in fixed} == {key: official[key] for key in fixed}


def test_chance_is_seeded_and_begins_with_a_whole_hand():
    (one, network), (again, _), (other, _) = made("vit-1x80"), made("vit-1x80"), made("vit-1x80", 1)
    assert all(torch.equal(one.state[key], again.state[key]) for key in one.state)
    assert not all(torch.equal(one.state[key], other.state[key]) for key in one.state)
    before = torch.get_rng_state()
    start_by_chance("vit-1x80", 1, 3)
    assert torch.equal(before, torch.get_rng_state())
    with torch.inference_mode():
        points = network(torch.zeros(1, 3, 256, 256))["points"][0]
    extent = (points.max(0).values - points.min(0).values).max()
    assert 0.3 < float(extent) < 0.7  # of the crop


def test_trained_backbones_and_means(tmp_path):
    from safetensors.torch import save_file

    start, network = made("test_resnet")
    own = {key: torch.full_like(value, 0.5) for key, value in network.backbone.state_dict().items()}
    torch.save(own | {"fc.weight": torch.zeros(10, 96)}, tmp_path / "timm.pth")
    save_file(own, tmp_path / "timm.safetensors")
    for name in ("timm.pth", "timm.safetensors"):
        found = start_by_chance("test_resnet", 2, 0, backbone_file=tmp_path / name)
        assert float(found.state["backbone.conv1.0.weight"].mean()) == 0.5
        assert torch.equal(found.state["mano_head.decpose.weight"], start.state["mano_head.decpose.weight"])
    vit, _ = made("vit-1x80")
    pose = {key: torch.ones_like(value) for key, value in vit.state.items() if key.startswith("backbone.")}
    torch.save({"state_dict": pose | {"keypoint_head.final_layer.bias": torch.zeros(133)}}, tmp_path / "vitpose.pth")
    np.savez(tmp_path / "means.npz", pose=np.arange(96.0), shape=np.zeros(10), cam=np.array([0.9, 0, 0]))
    found = start_by_chance("vit-1x80", 1, 0, backbone_file=tmp_path / "vitpose.pth", means=tmp_path / "means.npz")
    assert float(found.state["backbone.blocks.0.attn.qkv.weight"].mean()) == 1
    assert found.state["mano_head.init_hand_pose"][0, 95] == 95


def test_what_cannot_be_started_from_is_one_line(tmp_path):
    start, network = made("vit-1x80")
    path = write_official(tmp_path, network, start.config, 1)
    (tmp_path / "half.ckpt").write_bytes(path.read_bytes()[:5000])
    np.savez(tmp_path / "means.npz", pose=np.zeros(95))
    (tmp_path / "bad.safetensors").write_bytes(b"{}")
    cases = [
        (lambda: start_from(tmp_path / "gone.ckpt"), "no such checkpoint"),
        (lambda: start_from(tmp_path / "half.ckpt"), "no file that torch wrote, or half of one"),
        (lambda: start_by_chance("vit-1x81", 1, 0), "multiple of 80"),
        (lambda: start_by_chance("resnet_of_nobody", 1, 0), "no backbone"),
        (lambda: start_by_chance("vit-2x80", 1, 0, backbone_file=path), "12 missing: backbone.blocks.1"),
        (lambda: start_by_chance("test_vit", 1, 0, backbone_file=tmp_path / "bad.safetensors"), "cannot be read"),
        (lambda: start_by_chance("test_vit", 1, 0, backbone_file=tmp_path / "gone.pth"), "no such"),
        (lambda: start_by_chance("vit-1x80", 1, 0, means=tmp_path / "means.npz"), "96 numbers 'pose'"),
        (lambda: start_by_chance("vit-1x80", 1, 0, means=tmp_path / "gone.npz"), "no such file of means"),
    ]
    for call, said in cases:
        with pytest.raises(InputError, match=said) as error:
            call()
        one_line(error)
    (tmp_path / CONFIG).write_text(
        (tmp_path / CONFIG).read_text().replace("TYPE: vit", "TYPE: timm\n    NAME: test_vit")
    )
    with pytest.raises(InputError, match="missing: backbone.cls_token") as error:
        load_hamer(path, mano=write_hand_model(tmp_path))
    one_line(error)
    (tmp_path / CONFIG).write_text("MODEL:\n  BACKBONE:\n    TYPE: timm\n    NAME: ../../x\n")
    with pytest.raises(InputError, match="no backbone"):
        load_hamer(path, mano=write_hand_model(tmp_path))
    (tmp_path / CONFIG).write_text("MODEL:\n  BACKBONE:\n    TYPE: resnet\n")
    with pytest.raises(InputError, match="MODEL.BACKBONE.TYPE is 'resnet'"):
        load_hamer(path, mano=write_hand_model(tmp_path))
