"""The bones of a hand: named poses, lengths and forward kinematics.

Everything here lives in the *rest frame* of a right hand seen from its back: centimetres, fingers
along +y, thumb towards -x, back of the hand towards +z. A left hand is the same hand with x mirrored.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

WRIST = np.array([0.0, 1.0, 0.0])
THUMB_BASE = np.array([-1.8, 2.5, -0.7])
# First knuckle (MCP) of forefinger, middle, ring and pinky.
KNUCKLES = np.array([[-2.5, 8.7, 0.15], [-0.35, 9.0, 0.35], [1.65, 8.5, 0.2], [3.35, 7.6, -0.25]])
# Three bones a finger, thumb first.
BONE_LENGTHS = np.array([[4.3, 3.3, 2.7], [4.5, 2.6, 2.2], [5.0, 3.0, 2.3], [4.6, 2.8, 2.3], [3.6, 2.1, 2.0]])
# Radius of the flesh at the four joints of a finger, thumb first.
FINGER_RADII = np.array(
    [
        [1.35, 1.15, 0.98, 0.72],
        [0.95, 0.88, 0.75, 0.60],
        [0.97, 0.90, 0.77, 0.62],
        [0.93, 0.85, 0.73, 0.59],
        [0.83, 0.74, 0.64, 0.52],
    ]
)
FAN_ANGLES = np.radians([7.0, 1.0, -5.0, -12.0])

# How much flesh lies around each of the 21 joints: a joint this deep under its own skin is not hidden.
JOINT_RADII: FloatArray = np.concatenate(
    [[2.4, 1.7], FINGER_RADII[0, 1:], *([1.15, *radii] for radii in FINGER_RADII[1:, 1:])]
)

POSE_SIZE = 17
_THUMB = slice(12, 16)
_SPREAD = 16

# Degrees of flexion of forefinger..pinky (three joints each); then of the thumb: opposition,
# abduction and two flexions; last the spread of the fingers as a factor.
_POSES: dict[str, tuple[list[float], list[float], float]] = {
    "open": ([5, 8, 5] * 4, [10, 48, 5, 5], 1.3),
    "flat": ([0, 4, 3] * 4, [0, 30, 5, 0], 0.3),
    "relax": ([22, 30, 15, 26, 34, 18, 30, 38, 20, 34, 40, 22], [25, 38, 12, 15], 0.8),
    "grasp": ([45, 45, 28, 48, 48, 30, 50, 50, 30, 52, 50, 32], [62, 45, 15, 25], 0.7),
    "fist": ([80, 95, 60, 84, 98, 62, 86, 98, 62, 88, 96, 60], [55, 20, 35, 45], 0.1),
    "point": ([5, 8, 5, 78, 92, 55, 82, 95, 58, 84, 94, 58], [50, 22, 35, 40], 0.4),
    "pinch": ([52, 52, 30, 40, 38, 20, 32, 30, 15, 26, 26, 12], [68, 42, 12, 28], 0.8),
    "vee": ([4, 6, 4, 4, 6, 4, 80, 92, 55, 82, 92, 55], [60, 25, 30, 40], 2.2),
    "thumb": ([78, 95, 58, 82, 96, 60, 84, 96, 60, 86, 94, 58], [-10, 48, 0, -8], 0.2),
    "claw": ([15, 65, 40, 16, 66, 40, 18, 66, 40, 20, 64, 40], [35, 45, 15, 30], 1.1),
}
POSES = tuple(_POSES)
GRIPPING_POSES = ("relax", "grasp", "pinch", "claw")


class Skeleton(NamedTuple):
    """A posed right hand in its rest frame.

    Attributes:
        joints: The 21 joints, shape (21, 3), centimetres, HInt order.
        bone_axes: The axes (as columns) of each finger bone, shape (5, 3, 3, 3), thumb first:
            y along the bone, z out of its back.
    """

    joints: FloatArray
    bone_axes: FloatArray


def rotation(axis: ArrayLike, angle: float) -> FloatArray:
    """The matrix that turns by `angle` radians about `axis` (right-handed), shape (3, 3)."""
    vector = np.asarray(axis, dtype=np.float64)
    x, y, z = vector / np.linalg.norm(vector)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned: FloatArray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turned


def rotation_from_vector(vector: FloatArray) -> FloatArray:
    """The rotation about `vector` by its length in radians, shape (3, 3)."""
    angle = float(np.linalg.norm(vector))
    return rotation(vector, angle) if angle > 0 else np.eye(3)


def pose_numbers(name: str, rng: np.random.Generator | None = None, jitter: float = 8.0) -> FloatArray:
    """The 17 numbers of a named pose.

    Args:
        name: One of `POSES`.
        rng: Draws a personal variant of the pose; None gives the pose itself.
        jitter: Standard deviation of that variant, degrees.

    Returns:
        Shape (17,): twelve finger flexions, four thumb angles (degrees) and the spread factor.

    Raises:
        ValueError: The pose is unknown.
    """
    if name not in _POSES:
        raise ValueError(f"unknown pose {name!r}: want one of {', '.join(POSES)}")
    fingers, thumb, spread = _POSES[name]
    numbers = np.array([*fingers, *thumb, spread], dtype=np.float64)
    if rng is not None:
        numbers[:_SPREAD] += rng.normal(0, jitter, _SPREAD)
        numbers[_SPREAD] *= rng.uniform(0.6, 1.3)
        numbers[:12] = numbers[:12].clip(-10, 100)
    return numbers


def pose_skeleton(pose: FloatArray) -> Skeleton:
    """Forward kinematics: 17 pose numbers to joints and bone axes of the right hand."""
    joints = np.zeros((21, 3))
    bone_axes = np.zeros((5, 3, 3, 3))
    joints[0] = WRIST
    _pose_thumb(pose, joints, bone_axes)
    for finger in range(1, 5):
        axes = rotation([0, 0, 1], FAN_ANGLES[finger - 1] * pose[_SPREAD])
        at = joints[1 + 4 * finger] = KNUCKLES[finger - 1]
        for bone in range(3):
            axes = axes @ rotation([1, 0, 0], -np.radians(pose[3 * (finger - 1) + bone]))
            bone_axes[finger, bone] = axes
            at = joints[2 + 4 * finger + bone] = at + axes[:, 1] * BONE_LENGTHS[finger, bone]
    # Annotators and detectors see the thumb's base a quarter up the metacarpal, not in the carpus.
    joints[1] += 0.25 * (joints[2] - joints[1])
    return Skeleton(joints, bone_axes)


def _pose_thumb(pose: FloatArray, joints: FloatArray, bone_axes: FloatArray) -> None:
    opposition, abduction, *flexions = np.radians(pose[_THUMB])
    axes = rotation([0, 1, 0], -opposition) @ rotation([0, 0, 1], abduction)
    axes = axes @ rotation([0, 1, 0], -0.55)
    at = joints[1] = THUMB_BASE
    # The thumb bends about an oblique axis, and its nail faces sideways: hence the last roll.
    nail_roll = rotation([0, 1, 0], -0.75)
    for bone, flexion in enumerate((0.0, *flexions)):
        axes = axes @ rotation([0.25, 0, -1.0], flexion)
        bone_axes[0, bone] = axes @ nail_roll
        at = joints[2 + bone] = at + axes[:, 1] * BONE_LENGTHS[0, bone]
