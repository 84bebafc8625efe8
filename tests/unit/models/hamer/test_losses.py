"""Losses and the adversarial prior: the reference's numbers, and cases worked by hand."""

import numpy as np
import pytest

from hint_toolkit.models.hamer.discriminator import build_discriminator, discriminator_loss, generator_loss
from hint_toolkit.models.hamer.losses import WEIGHTS, losses, total

torch = pytest.importorskip("torch")


def test_every_loss_is_the_references(parity):
    n = parity.n
    rotations = np.concatenate([n["fwd/global_orient"], n["fwd/hand_pose"]], axis=1)
    found = {"points": n["fwd/pred_keypoints_2d"], "joints": n["fwd/pred_keypoints_3d"], "rotations": rotations,
             "betas": n["fwd/betas"]}  # fmt: skip
    wanted = {"points": n["loss/keypoints_2d"], "joints": n["loss/keypoints_3d"], "betas": n["loss/gt_betas"],
              "global_orient": n["loss/gt_global_orient"], "hand_pose": n["loss/gt_hand_pose"]}  # fmt: skip
    wanted |= {name: n[f"loss/{name}"] for name in ("has_global_orient", "has_hand_pose", "has_betas")}
    parts = losses(*({k: torch.from_numpy(v) for k, v in one.items()} for one in (found, wanted)))
    for name, value in parts.items():
        assert float(value) == pytest.approx(float(n[f"loss/out_loss_{name}"]), rel=1e-5), name
    assert float(total(parts)) == pytest.approx(float(n["loss/total"]), rel=1e-5)


def test_the_discriminator_is_the_references(parity):
    module = build_discriminator()
    state = {k.removeprefix("discriminator."): v for k, v in parity.state.items() if k.startswith("discriminator.")}
    module.load_state_dict(state, strict=True)
    with torch.inference_mode():
        found = module(torch.from_numpy(parity.n["fwd/hand_pose"]), torch.from_numpy(parity.n["fwd/betas"]))
    assert np.abs(found.numpy() - parity.n["disc/out"]).max() < 1e-6


def test_by_hand():
    found = {"points": torch.zeros(2, 21, 2), "joints": torch.zeros(2, 21, 3),
             "rotations": torch.eye(3).expand(2, 16, 3, 3), "betas": torch.zeros(2, 10)}  # fmt: skip
    points = torch.zeros(2, 21, 3)
    points[0, 3] = torch.tensor([0.5, -0.25, 1.0])
    points[1, 4] = torch.tensor([9.0, 9.0, 0.0])  # not labelled: costs nothing
    joints = torch.zeros(2, 21, 4)
    joints[0, :, :3] += 5.0  # elsewhere in the world, the same hand
    joints[0, :, 3] = 1.0
    joints[0, 2, 0] += 0.1
    parts = losses(found, {"points": points, "joints": joints, "betas": torch.ones(2, 10),
                           "has_betas": torch.tensor([1.0, 0.0])})  # fmt: skip
    assert {k: round(float(v), 5) for k, v in parts.items()} == {
        "keypoints_2d": 0.75,
        "keypoints_3d": 0.1,
        "betas": 10.0,
    }
    assert float(total(parts)) == pytest.approx(0.0075 + 0.005 + 0.005)
    assert set(parts) < set(WEIGHTS)
    made, real = torch.full((2, 17), 0.5), torch.ones(4, 17)
    assert float(generator_loss(made)) == pytest.approx(17 / 4)
    assert float(discriminator_loss(made, real)) == pytest.approx(17 / 4)
