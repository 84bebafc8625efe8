"""The stand-in hand model: MANO's layout, the synthetic hands' joints."""

import numpy as np
import pytest

from hint_toolkit.io.mano_file import SHAPES, read_mano
from hint_toolkit.models.hamer.mano import ORDER, TIPS
from hint_toolkit.synthetic.clip import posed_hands
from hint_toolkit.synthetic.hand_model import (
    FACING,
    NOTE,
    PARENTS,
    REST_POSE,
    hand_model,
    mirrored_pose,
    model_pose,
    write_hand_model,
)
from hint_toolkit.synthetic.skeleton import pose_skeleton

cv2 = pytest.importorskip("cv2")


def posed(model, pose, betas=None):
    """(21, 3) joints in HInt's order, by the rules of linear blend skinning, written out."""
    template = model["v_template"] + model["shapedirs"] @ (np.zeros(10) if betas is None else betas)
    rest = model["J_regressor"] @ template
    world = []
    for j, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = cv2.Rodrigues(pose[j])[0], rest[j] - (rest[parent] if parent >= 0 else 0)
        world.append(world[parent] @ local if parent >= 0 else local)
    joints = np.array([m[:3, 3] for m in world])
    each = np.array([m[:3, :3] @ (template - r).T + m[:3, 3:] for m, r in zip(world, rest, strict=True)])
    vertices = np.einsum("vj,jcv->vc", model["weights"], each)
    return np.concatenate([joints, vertices[list(TIPS)]])[list(ORDER)]


def test_the_file_is_read_like_manos_and_says_that_it_is_not(tmp_path):
    path = write_hand_model(tmp_path)
    found, model = read_mano(path), hand_model()
    assert {name: value.shape for name, value in found.items()} == SHAPES
    assert all(np.array_equal(found[name], model[name]) for name in SHAPES)
    assert NOTE.startswith("not MANO")
    assert NOTE.encode() in path.read_bytes()
    assert write_hand_model(tmp_path / "again").read_bytes() == path.read_bytes()


def test_the_mesh_is_whole():
    model = hand_model()
    assert np.array_equal(np.unique(model["f"]), np.arange(778))
    assert (np.diff(np.sort(model["f"], axis=1), axis=1) > 0).all()  # no triangle names a vertex twice
    assert model["weights"].sum(axis=1) == pytest.approx(np.ones(778))
    assert model["J_regressor"].sum(axis=1) == pytest.approx(np.ones(16))
    assert np.ptp(model["v_template"], axis=0).max() == pytest.approx(0.20, abs=0.02)  # metres


def test_at_rest_the_joints_are_the_skeletons():
    rest = pose_skeleton(REST_POSE).joints
    assert posed(hand_model(), np.zeros((16, 3))) == pytest.approx((rest - rest[0]) @ FACING.T / 100, abs=1e-9)


def test_a_synthetic_hands_pose_gives_its_joints():
    model, seen = hand_model(), set()
    for seed in range(8):
        (hand,) = posed_hands(seed, 320, 240, view="any")
        seen.add(hand.side)
        mirror = np.array([-1.0 if hand.side == "left" else 1.0, 1, 1])
        wanted = (hand.joints - hand.joints[0]) * mirror / 100
        apart = np.linalg.norm(posed(model, model_pose(hand)) - wanted, axis=1)
        assert apart[[0, *range(5, 21)]].max() < 1e-8
        assert apart[1:5].max() < 0.008  # the thumb's base is not where it turns
        # The mirror image's pose, mirrored in x, is the hand as it is in the picture.
        own = posed({**model, "v_template": model["v_template"] * mirror}, model_pose(hand) * [1, mirror[0], mirror[0]])
        assert own * mirror == pytest.approx(posed(model, model_pose(hand)), abs=1e-9)
        assert np.array_equal(mirrored_pose(mirrored_pose(model_pose(hand))), model_pose(hand))
    assert seen == {"left", "right"}


@pytest.mark.parametrize(
    ("beta", "bone", "factor"),
    [
        (0, (5, 6), 1.06),
        (0, (0, 9), 1.06),
        (2, (5, 6), 1.06),
        (2, (9, 10), 1.0),
        (2, (7, 8), 1.06),
        (1, (3, 4), 1.06),
        (9, (5, 6), 1.0),
    ],
)
def test_shape_changes_lengths(beta, bone, factor):
    model = hand_model()
    before, after = (posed(model, np.zeros((16, 3)), betas) for betas in (np.zeros(10), np.eye(10)[beta]))
    lengths = [np.linalg.norm(joints[bone[1]] - joints[bone[0]]) for joints in (before, after)]
    assert lengths[1] / lengths[0] == pytest.approx(factor, abs=1e-6)


def test_normals_point_out_of_the_hand():
    """By the divergence theorem the signed volume is then positive; a hand has some hundreds of cubic centimetres."""
    model = hand_model()
    a, b, c = (model["v_template"][model["f"][:, k]] for k in range(3))
    volume = (a * np.cross(b, c)).sum() / 6
    assert 1e-4 < volume < 5e-4
