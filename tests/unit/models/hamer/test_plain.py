"""The network against a second one, written out step by step in numpy and double precision, as the paper has it.

It needs no reference numbers, so it guards the arithmetic where they are not at hand: attention with all its parts,
class token's position, padding, GELU, the order of rotation columns, linear blend skinning, the camera.
"""

import math

import numpy as np
import pytest

from hint_toolkit.models.hamer.network import build_hamer

torch = pytest.importorskip("torch")
pytest.importorskip("smplx")

PARENTS = [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14]
HINT_ORDER = [0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20]


def norm(x, w, name, eps):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def attention(q, k, v, heads):
    """(Tq, C), (Tk, C), (Tk, C)."""
    split = [part.reshape(len(part), heads, -1).transpose(1, 0, 2) for part in (q, k, v)]
    scores = split[0] @ split[1].transpose(0, 2, 1) / math.sqrt(split[0].shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return (weights @ split[2]).transpose(1, 0, 2).reshape(len(q), -1)


def backbone(crop, w, blocks):
    padded = np.pad(crop[:, :, 32:224], ((0, 0), (2, 2), (2, 2)))
    patches = np.array([padded[:, y : y + 16, x : x + 16] for y in range(0, 256, 16) for x in range(0, 192, 16)])
    kernel = w["backbone.patch_embed.proj.weight"]
    x = patches.reshape(192, -1) @ kernel.reshape(len(kernel), -1).T + w["backbone.patch_embed.proj.bias"]
    position = w["backbone.pos_embed"][0]
    x = x + position[1:] + position[0]
    for k in range(blocks):
        name = f"backbone.blocks.{k}"
        q, key, v = np.split(linear(norm(x, w, f"{name}.norm1", 1e-6), w, f"{name}.attn.qkv"), 3, axis=-1)
        x = x + linear(attention(q, key, v, 2), w, f"{name}.attn.proj")
        inner = gelu(linear(norm(x, w, f"{name}.norm2", 1e-6), w, f"{name}.mlp.fc1"))
        x = x + linear(inner, w, f"{name}.mlp.fc2")
    return norm(x, w, "backbone.last_norm", 1e-6)


def head(features, w):
    t = "mano_head.transformer"
    x = linear(np.zeros((1, 1)), w, f"{t}.to_token_embedding") + w[f"{t}.pos_embedding"][0]
    for k in range(6):
        name = f"{t}.transformer.layers.{k}"
        q, key, v = np.split(linear(norm(x, w, f"{name}.0.norm", 1e-5), w, f"{name}.0.fn.to_qkv"), 3, axis=-1)
        x = x + linear(attention(q, key, v, 8), w, f"{name}.0.fn.to_out.0")
        q = linear(norm(x, w, f"{name}.1.norm", 1e-5), w, f"{name}.1.fn.to_q")
        key, v = np.split(linear(features, w, f"{name}.1.fn.to_kv"), 2, axis=-1)
        x = x + linear(attention(q, key, v, 8), w, f"{name}.1.fn.to_out.0")
        inner = gelu(linear(norm(x, w, f"{name}.2.norm", 1e-5), w, f"{name}.2.fn.net.0"))
        x = x + linear(inner, w, f"{name}.2.fn.net.3")
    means = {"decpose": "init_hand_pose", "decshape": "init_betas", "deccam": "init_cam"}
    return [(linear(x, w, f"mano_head.{part}") + w[f"mano_head.{mean}"])[0] for part, mean in means.items()]


def rotations(six):
    found = []
    for a in six.reshape(16, 6):
        b1 = a[:3] / np.linalg.norm(a[:3])
        b2 = a[3:] - (b1 @ a[3:]) * b1
        b2 /= np.linalg.norm(b2)
        found.append(np.column_stack([b1, b2, np.cross(b1, b2)]))
    return np.array(found)


def skinned(turns, betas, mano):
    """Linear blend skinning: shape, pose correction, bones one after the other, vertices moved by their weights."""
    shaped = mano["v_template"] + mano["shapedirs"] @ betas
    rest = mano["J_regressor"] @ shaped
    posed = shaped + mano["posedirs"] @ (turns[1:] - np.eye(3)).ravel()
    world = []
    for j, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = turns[j], rest[j] - (rest[parent] if parent >= 0 else 0)
        world.append(world[parent] @ local if parent >= 0 else local)
    joints = np.array([one[:3, 3] for one in world])
    moved = [one[:3, :3] @ (posed - rest[j]).T + one[:3, 3:] for j, one in enumerate(world)]
    vertices = np.einsum("vj,jcv->vc", mano["weights"], np.array(moved))
    return np.concatenate([joints, vertices[[744, 320, 443, 554, 671]]])[HINT_ORDER], vertices


def test_every_number_is_the_written_out_networks(small_state, mano_arrays):
    w = {key: value.numpy().astype(np.float64) for key, value in small_state.items()}
    crops = np.random.default_rng(5).normal(0, 1, (2, 3, 256, 256)).astype(np.float32)
    with torch.inference_mode():
        found = build_hamer(small_state, mano_arrays, focal=4000.0)(torch.from_numpy(crops))
    found = {name: value.numpy() for name, value in found.items()}
    for k, crop in enumerate(crops.astype(np.float64)):
        features = backbone(crop, w, 1)
        pose, betas, camera = head(features, w)
        joints, vertices = skinned(rotations(pose), betas, mano_arrays)
        there = joints + np.array([camera[1], camera[2], 2 * 4000.0 / (256 * camera[0] + 1e-9)])
        wanted = {
            "features": features, "rotations": rotations(pose), "betas": betas, "camera": camera, "joints": joints,
            "vertices": vertices, "points": 4000.0 / 256 * there[:, :2] / there[:, 2:],
        }  # fmt: skip
        for name, limit in (("features", 2e-5), ("rotations", 2e-5), ("betas", 2e-5), ("camera", 2e-5),
                            ("joints", 2e-6), ("vertices", 2e-6), ("points", 5e-6)):  # fmt: skip
            assert np.abs(found[name][k] - wanted[name]).max() < limit, name
            assert np.abs(wanted[name]).max() > 100 * limit, name
    assert np.abs(found["features"][0] - found["features"][1]).max() > 0.01
    assert np.abs(found["points"][0] - found["points"][1]).max() > 1e-5
