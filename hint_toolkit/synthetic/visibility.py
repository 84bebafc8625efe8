"""Which joints exist, which are hidden: the truth of a composed scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.joints import BONES, N_JOINTS
from hint_toolkit.synthetic.bodies import Hand
from hint_toolkit.synthetic.scene import Composition
from hint_toolkit.synthetic.skeleton import JOINT_RADII, FloatArray
from hint_toolkit.synthetic.trace import Camera
from hint_toolkit.synthetic.truth import HandTruth

BoolArray = NDArray[np.bool_]

_BOX_MARGIN = 0.9  # centimetres around the joints: about the flesh of a finger
# The flesh that is drawn, as a share of JOINT_RADII plus a margin, which is blended skin and relief.
_FLESH, _FLESH_MARGIN = 1.25, 0.12
# Looking along a bone, the skin in front of a joint is further away than the flesh is thick; beyond
# this multiple (a bone that points within 19 degrees of the line of sight) the joint counts as hidden.
_SLANT = 3.0
_FOREARM_END = np.array([0.0, -10.0, 0.0])


def hand_truth(hand: Hand, index: int, camera: Camera, picture: Composition) -> HandTruth:
    """Truth of the hand that is body number `index` of the composed scene."""
    points = camera.project(hand.joints)
    limit = np.array([camera.width, camera.height])
    # Half a pixel around its centre belongs to each pixel; and what is behind the camera is not seen.
    exists = ((points >= -0.5) & (points < limit - 0.5)).all(1) & (hand.joints[:, 2] > 1)
    occluded = exists & hidden_joints(hand, index, camera, picture)
    margin = _BOX_MARGIN * camera.focal / float(hand.joints[:, 2].mean())
    return HandTruth(hand.side, points, exists, occluded, _box(points[exists], margin, limit))


def hidden_joints(hand: Hand, index: int, camera: Camera, picture: Composition) -> BoolArray:
    """Depth test of the 21 joints, shape (21,); outside the image at the nearest pixel.

    A joint is hidden when its pixel shows another body in front of it, or a part of its own hand
    that is not the flesh around the joint and its bones.
    """
    limit = np.array([camera.width, camera.height])
    pixels = np.floor(camera.project(hand.joints) + 0.5).clip(0, limit - 1).astype(np.int64)
    columns, rows = pixels.T
    depth, owner = picture.depth[rows, columns].astype(np.float64), picture.owner[rows, columns]
    joint_depth = hand.joints[:, 2]
    # A thing that touches the skin is nearer by less than the flesh: so ask who owns the pixel.
    behind_other = (owner != index) & (depth < joint_depth)
    own = owner == index
    seen = camera.rays(rows, columns).T * np.where(own, depth, joint_depth)[:, None]
    too_deep = joint_depth - depth > _SLANT * JOINT_RADII + _FLESH_MARGIN
    hidden: BoolArray = behind_other | (own & (too_deep | ~_on_own_flesh(hand, seen)))
    return hidden


def _on_own_flesh(hand: Hand, seen: FloatArray) -> BoolArray:
    """Whether the surface point seen at each joint (21, 3) lies on the bones next to it, (21,)."""
    forearm = hand.axes @ _FOREARM_END + hand.origin
    near = _on_flesh(seen, hand.joints[0], forearm, JOINT_RADII[0], JOINT_RADII[0])
    near &= np.arange(N_JOINTS) == 0  # only the wrist has the forearm next to it
    for bone in BONES:
        ends = hand.joints[list(bone)]
        on_bone = _on_flesh(seen, *ends, *JOINT_RADII[list(bone)])
        near[list(bone)] |= on_bone[list(bone)]
    return near


def _on_flesh(
    points: FloatArray, start: FloatArray, end: FloatArray, start_radius: float, end_radius: float
) -> BoolArray:
    along = end - start
    share = (((points - start) @ along) / (along @ along)).clip(0, 1)
    distance = np.linalg.norm(points - start - share[:, None] * along, axis=1)
    radius = start_radius + share * (end_radius - start_radius)
    near: BoolArray = distance <= _FLESH * radius + _FLESH_MARGIN
    return near


def _box(points: FloatArray, margin: float, limit: NDArray[np.int64]) -> FloatArray:
    if not len(points):
        return np.zeros(4)
    low, high = points.min(0) - margin, points.max(0) + margin
    return np.concatenate([np.maximum(low, -0.5), np.minimum(high, limit - 0.5)])
