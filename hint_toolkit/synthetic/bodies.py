"""Solid bodies as signed distance fields: the hand and the things it may hold.

A point cloud is an array (3, N), float32, camera frame: centimetres, x right, y down, z forward
(away from the camera). A signed distance is negative inside the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hint_toolkit.synthetic.skeleton import FINGER_RADII, THUMB_BASE, FloatArray, pose_skeleton

Float32Array = NDArray[np.float32]
f32 = np.float32

# Work on as many points at once as stay in the processor's cache (23 cones x 2000 x 4 bytes a layer).
CHUNK = 2000
SLEEVE_EDGE = -6.5  # height of the cuff's edge in the rest frame of the hand
# Blend radius of the smooth union; between fingers nearly none, so that the creases stay.
_BLEND_PALM, _BLEND_FINGER_ROOT, _BLEND_FINGER, _BLEND_BETWEEN = 0.9, 0.8, 0.22, 0.06


class Capsule(NamedTuple):
    """A round cone from `start` to `end` (3,) with a radius at each end, in centimetres."""

    start: FloatArray
    end: FloatArray
    start_radius: float
    end_radius: float


class Body(Protocol):
    """What the tracer needs to know about a solid."""

    def distance(self, points: Float32Array) -> Float32Array:
        """Signed distance of points (3, N) in the camera frame, shape (N,)."""
        ...

    def bounds(self) -> list[Capsule]:
        """Capsules in the camera frame that hold the body between them."""
        ...


def transform(matrix: ArrayLike, points: Float32Array) -> Float32Array:
    """`matrix` (M, 3) times `points` (3, N), float32.

    Through einsum, not BLAS, which would start threads for long arrays inside worker processes.
    """
    product: Float32Array = np.einsum("ij,jk->ik", np.asarray(matrix, f32), points)
    return product


def smooth_min(first: Float32Array, second: Float32Array, radius: float) -> Float32Array:
    """Polynomial smooth minimum: the union of two solids, blended within `radius` centimetres."""
    overlap = np.maximum(f32(radius) - np.abs(first - second), 0)
    blended: Float32Array = np.minimum(first, second) - overlap * overlap * f32(0.25 / radius)
    return blended


class Hand:
    """A posed hand in the camera frame.

    Attributes:
        side: "left" or "right".
        pose: The 17 pose numbers.
        axes: Axes of the rest frame as columns in the camera frame, (3, 3); mirrored (determinant
            -1) for a left hand.
        origin: The rest frame's origin in the camera frame, (3,), centimetres.
        skin: Linear RGB of the skin, (3,).
        sleeve: Linear RGB of the sleeve, (3,), or None for a bare arm.
        rest_joints: The 21 joints in the rest frame, (21, 3).
        bone_axes: Axes of the finger bones in the rest frame, (5, 3, 3, 3).
        joints: The 21 joints in the camera frame, (21, 3).
    """

    def __init__(
        self,
        side: str,
        pose: FloatArray,
        axes: FloatArray,
        origin: FloatArray,
        skin: Float32Array,
        sleeve: Float32Array | None = None,
    ) -> None:
        """Place the pose in the camera frame; see the class for the arguments."""
        self.side, self.pose, self.axes, self.origin = side, pose, axes, origin
        self.skin, self.sleeve = skin, sleeve
        self.rest_joints, self.bone_axes = pose_skeleton(pose)
        self.joints: FloatArray = self.rest_joints @ axes.T + origin
        starts, ends, self._start_radii, end_radii = _cones(self.rest_joints)
        self._end_radii = end_radii
        self._starts, self._ends = starts @ axes.T, ends @ axes.T  # relative to the origin
        along = self._ends - self._starts
        # |p - start - t along|^2 is worked out from two dot products per cone: one matrix for all.
        self._matrix = np.concatenate([along, self._starts]).astype(f32)
        self._start_along = _column((self._starts * along).sum(1))
        self._length2 = _column((along * along).sum(1))
        self._start2 = _column((self._starts**2).sum(1))
        self._radius, self._taper = (
            _column(self._start_radii),
            _column(end_radii - self._start_radii),
        )

    def moved(self, pose: FloatArray, turn: FloatArray, shift: FloatArray) -> Hand:
        """The same hand in another pose, turned by (3, 3) about its origin and shifted by (3,)."""
        axes, origin = turn @ self.axes, self.origin + shift
        return Hand(self.side, pose, axes, origin, self.skin, self.sleeve)

    def to_rest(self, points: Float32Array) -> Float32Array:
        """Camera points (3, N) in the rest frame of the (right) hand."""
        # The axes are orthonormal, mirrored or not, so their transpose is their inverse.
        return transform(self.axes.T, points - self.origin[:, None].astype(f32))

    def distance(self, points: Float32Array) -> Float32Array:
        """Signed distance of points (3, N), shape (N,)."""
        out = np.empty(points.shape[1], f32)
        for start in range(0, points.shape[1], CHUNK):
            out[start : start + CHUNK] = self._distance(points[:, start : start + CHUNK])
        return out

    def _distance(self, points: Float32Array) -> Float32Array:
        local = points - self.origin[:, None].astype(f32)
        cones = self._cone_distances(local)
        palm = cones[0]
        for cone in cones[1:_PALM_CONES]:
            palm = smooth_min(palm, cone, _BLEND_PALM)
        if self.sleeve is not None:
            height = np.einsum("i,ij->j", self.axes[:, 1].astype(f32), local)
            palm = palm - f32(0.28) * np.clip((f32(SLEEVE_EDGE) - height) * f32(3), 0, 1)
        first_bones = cones[_PALM_CONES : _PALM_CONES + 5]
        rest = cones[_PALM_CONES + 5 :]
        # `rest`: the thumb's last bone, then middle and last bone of each finger.
        fingers = smooth_min(first_bones, rest[[0, 1, 3, 5, 7]], _BLEND_FINGER)
        fingers[1:] = smooth_min(fingers[1:], rest[[2, 4, 6, 8]], _BLEND_FINGER)
        whole = smooth_min(palm, first_bones.min(0), _BLEND_FINGER_ROOT)
        return smooth_min(whole, fingers.min(0), _BLEND_BETWEEN)

    def _cone_distances(self, local: Float32Array) -> Float32Array:
        # BLAS here: a chunk this small stays in one thread, so nothing depends on their number.
        products = self._matrix @ local
        count = len(self._radius)
        along = products[:count] - self._start_along
        squared = products[count:]
        squared *= -2
        squared += self._start2 + (local * local).sum(0)
        share = np.clip(along / self._length2, 0, 1)
        squared += share * (share * self._length2 - 2 * along)
        distance: Float32Array = np.sqrt(np.maximum(squared, 0, out=squared), out=squared)
        distance -= self._radius + share * self._taper
        return distance

    def bounds(self) -> list[Capsule]:
        """The hand's own cones, widened by what the sleeve adds."""
        cloth = 0.0 if self.sleeve is None else 0.3
        starts, ends = self._starts + self.origin, self._ends + self.origin
        radii = zip(self._start_radii + cloth, self._end_radii + cloth, strict=True)
        return [Capsule(a, b, *r) for a, b, r in zip(starts, ends, radii, strict=True)]


class Thing:
    """A solid that a hand may hold, or that may stand in the way.

    Attributes:
        kind: "can" (size: radius, half height), "ball" (radius) or "box" (three half extents).
        axes: The thing's axes as columns in the camera frame, (3, 3); a can stands along y.
        origin: Its centre in the camera frame, (3,), centimetres.
        size: Centimetres; how many numbers depends on the kind.
        colour: Linear RGB, (3,).
    """

    _ROUNDING = 0.3  # radius of the rounded edges

    def __init__(
        self,
        kind: str,
        axes: FloatArray,
        origin: FloatArray,
        size: Sequence[float] | FloatArray,
        colour: Float32Array,
    ) -> None:
        """See the class for the arguments."""
        self.kind, self.axes, self.origin, self.colour = kind, axes, origin, colour
        self.size: FloatArray = np.asarray(size, dtype=np.float64)

    def to_rest(self, points: Float32Array) -> Float32Array:
        """Camera points (3, N) along the thing's own axes."""
        return transform(self.axes.T, points - self.origin[:, None].astype(f32))

    def distance(self, points: Float32Array) -> Float32Array:
        """Signed distance of points (3, N), shape (N,)."""
        local, size = self.to_rest(points), self.size.astype(f32)
        if self.kind == "ball":
            ball: Float32Array = np.sqrt((local * local).sum(0)) - size[0]
            return ball
        inner = size[:, None] - f32(self._ROUNDING)
        if self.kind == "can":
            excess = np.stack([np.hypot(local[0], local[2]), np.abs(local[1])]) - inner
        else:
            excess = np.abs(local) - inner
        outside = np.sqrt((np.maximum(excess, 0) ** 2).sum(0))
        solid: Float32Array = outside + np.minimum(excess.max(0), 0) - f32(self._ROUNDING)
        return solid

    def bounds(self) -> list[Capsule]:
        """One capsule around the whole thing."""
        radius = float(np.linalg.norm(self.size) if self.kind == "box" else self.size[0] * 1.05)
        half = self.axes[:, 1] * (self.size[1] if self.kind == "can" else 0.0)
        return [Capsule(self.origin - half, self.origin + half, radius, radius)]


_PALM_CONES = 9


def _column(values: FloatArray) -> Float32Array:
    return values[:, None].astype(f32)


def _cones(joints: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Round cones of a hand: starts (23, 3), ends (23, 3) and the radii (23,) at both ends.

    Order: nine of palm and forearm, the first bone of the five fingers, the thumb's last bone, then
    middle and last bone of each finger. `Hand._distance` blends by this order.
    """
    knuckles, thumb_mid, radii = joints[5::4], joints[2], FINGER_RADII
    carpus = np.array([[-1.5, 0.6, 0.0], [-0.5, 0.6, 0.15], [0.6, 0.6, 0.1], [1.5, 0.7, -0.1]])
    cones: list[tuple[ArrayLike, ArrayLike, float, float]] = [
        (carpus[i], knuckles[i] + [0, -0.25, -0.25], 1.25, (1.12, 1.15, 1.10, 1.0)[i]) for i in range(4)
    ]
    heel = (carpus[3] + [0.1, 0.6, -0.5], knuckles[3] + [-0.1, -1.4, -0.6], 1.35, 1.05)
    thumb_ball = ((-1.5, 1.6, -0.6), THUMB_BASE * 0.25 + thumb_mid * 0.75, 1.45, 1.25)
    web_end = (carpus[0] + 2 * knuckles[0]) / 3
    web = (THUMB_BASE * 0.4 + thumb_mid * 0.6, web_end, 1.05, 0.9)
    cones += [heel, thumb_ball, web]
    cones += [((x * 0.85, 0.8, 0.0), (x * 1.2, -42.0, -1.0), 1.75, 3.8) for x in (-1, 1)]
    cones += [(thumb_mid, joints[3], radii[0, 1], radii[0, 2])]
    cones += [(knuckles[i], joints[6 + 4 * i], *radii[i + 1, :2]) for i in range(4)]
    cones += [(joints[3], joints[4], radii[0, 2], radii[0, 3])]
    for finger in range(1, 5):
        for bone in (1, 2):
            joint = 4 * finger + 1 + bone
            ends = radii[finger, bone : bone + 2]
            cones.append((joints[joint], joints[joint + 1], *ends))
    starts, ends_, start_radii, end_radii = (np.array([cone[i] for cone in cones], dtype=np.float64) for i in range(4))
    return starts, ends_, start_radii, end_radii
