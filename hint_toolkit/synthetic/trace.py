"""Sphere tracing: which surface point of a body does each pixel see?

The tracer draws the body's capsules first to know where each ray may start, traces a quarter of the
rays, and starts the others just in front of what their neighbours hit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.synthetic.bodies import Body, Capsule, Float32Array, f32
from hint_toolkit.synthetic.skeleton import FloatArray

IntArray = NDArray[np.int64]

_MAX_STEPS = 70
_STEP = f32(0.92)  # a little less than the distance: the blended field overstates it in places
_NEAREST = 3.0  # centimetres in front of the camera where drawing begins


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; the centre of the top-left pixel is (0, 0).

    Attributes:
        width: Image width in pixels.
        height: Image height in pixels.
        focal: Focal length in pixels.
    """

    width: int
    height: int
    focal: float

    @property
    def centre(self) -> FloatArray:
        """The middle of the image, (2,) x y: the axis of view goes through it."""
        # The image reaches from -0.5 to width - 0.5 when the first pixel's centre is 0.
        return np.array([(self.width - 1) / 2, (self.height - 1) / 2])

    def project(self, points: FloatArray) -> FloatArray:
        """Camera points (N, 3) in centimetres to pixels (N, 2)."""
        depth = np.maximum(points[:, 2:], 1e-3)
        pixels: FloatArray = self.focal * points[:, :2] / depth + self.centre
        return pixels

    def rays(self, rows: IntArray, columns: IntArray) -> Float32Array:
        """Directions (3, N) with z = 1 through the centres of pixels."""
        x, y = self.centre
        out = np.ones((3, len(rows)), f32)
        out[0], out[1] = (columns - x) / self.focal, (rows - y) / self.focal
        return out


class Surface(NamedTuple):
    """What the camera sees of a body: pixel rows (N,), columns (N,) and surface points (3, N)."""

    rows: IntArray
    columns: IntArray
    points: Float32Array


def trace(body: Body, camera: Camera) -> Surface:
    """The visible front surface of a body, one point for each pixel that sees it."""
    start = _start_depths(body.bounds(), camera)
    far = max(max(c.start[2] + c.start_radius, c.end[2] + c.end_radius) for c in body.bounds())
    known = _coarse_depths(body, camera, start, far)
    rows, columns = np.nonzero(np.isfinite(start) & np.isfinite(known))
    depth = start[rows, columns]
    hint = known[rows, columns]
    depth = np.where(hint > 0, np.maximum(hint - f32(0.35), depth), depth)
    rays = camera.rays(rows, columns)
    depth, hit, _ = _march(body, rays, depth, far, hit_distance=0.02)
    return Surface(rows[hit], columns[hit], rays[:, hit] * depth[hit])


def normals(body: Body, points: Float32Array, step: float = 0.06) -> Float32Array:
    """Outward unit normals (3, N) at surface points (3, N), by four tetrahedral differences."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], f32)[:, :, None]
    gradient = np.zeros_like(points)
    for corner in corners:
        gradient += corner * body.distance(points + corner * f32(step))
    length = np.sqrt((gradient * gradient).sum(0))
    unit: Float32Array = gradient / np.maximum(length, f32(1e-6))
    return unit


def _coarse_depths(body: Body, camera: Camera, start: Float32Array, far: float) -> Float32Array:
    """Depth that a pixel and all its neighbours reach; -1 unknown, infinite where the pixel misses."""
    import cv2

    coarse = start[::2, ::2].copy()
    rows, columns = np.nonzero(np.isfinite(coarse))
    rays = camera.rays(rows * 2, columns * 2)
    depth, hit, gap = _march(body, rays, coarse[rows, columns], far, hit_distance=0.08)
    coarse[:] = -1
    coarse[rows[hit], columns[hit]] = depth[hit]
    lowest = np.asarray(cv2.erode(coarse, np.ones((3, 3), np.uint8)), f32)
    # The pixel's own coarse ray is at most 1.4 pixels away; the gap is measured at the steps only,
    # and between two of them a ray may come twice as near.
    clear = gap * f32(camera.focal) > 4
    lowest[rows[clear], columns[clear]] = np.inf
    full = np.repeat(np.repeat(lowest, 2, axis=0), 2, axis=1)
    return np.asarray(full[: camera.height, : camera.width], f32)


def _march(
    body: Body, rays: Float32Array, depth: Float32Array, far: float, hit_distance: float
) -> tuple[Float32Array, NDArray[np.bool_], Float32Array]:
    """Walk along rays (3, N) from `depth` (N,) until the body or `far`.

    Gives, each (N,), the depth reached, whether the body is hit, and the smallest ratio of distance
    to depth on the way: times the focal length, about how many pixels the ray passes beside it.
    """
    depth = depth.copy()
    length = np.sqrt((rays * rays).sum(0))
    active = np.arange(rays.shape[1])
    hit = np.zeros(rays.shape[1], np.bool_)
    gap = np.full(rays.shape[1], np.inf, f32)
    for _ in range(_MAX_STEPS):
        if not len(active):
            break
        distance = body.distance(rays[:, active] * depth[active])
        near = distance < hit_distance
        gap[active] = np.minimum(gap[active], distance / depth[active])
        hit[active[near]] = True
        depth[active] += distance * _STEP / length[active]
        active = active[~near & (depth[active] < far)]
    return depth, hit, gap


def _start_depths(capsules: list[Capsule], camera: Camera) -> Float32Array:
    """A depth in front of the body for each pixel (H, W); infinite where the ray must miss it."""
    start = np.full((camera.height, camera.width), np.inf, f32)
    for capsule in capsules:
        along = capsule.end - capsule.start
        radius = max(capsule.start_radius, capsule.end_radius) * 1.12 + 0.15
        # Short pieces, because one depth stands for the whole piece.
        pieces = int(np.linalg.norm(along) / 3) + 1
        for piece in range(pieces):
            here = capsule.start + along * piece / pieces
            there = capsule.start + along * (piece + 1) / pieces
            _draw_piece(start, camera, here, there, radius)
    return start


def _draw_piece(start: Float32Array, camera: Camera, here: FloatArray, there: FloatArray, radius: float) -> None:
    import cv2

    depth = min(here[2], there[2]) - radius
    if depth < _NEAREST:
        # So near that it may fill the picture: any ray may hit it, unless it is behind the camera.
        if max(here[2], there[2]) + radius > _NEAREST:
            start[start > _NEAREST] = _NEAREST
        return
    first, last = camera.project(np.stack([here, there]))
    width = camera.focal * radius / depth
    low = np.floor(np.minimum(first, last) - width - 2).clip(0).astype(int)
    high = np.ceil(np.maximum(first, last) + width + 3).astype(int)
    high = np.minimum(high, [camera.width, camera.height])
    if not (high > low).all():
        return
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    ends = [np.round(end - low).astype(int).tolist() for end in (first, last)]
    cv2.line(mask, ends[0], ends[1], 1, int(2 * width) + 3)
    window = start[low[1] : high[1], low[0] : high[0]]
    window[(mask > 0) & (window > depth)] = depth
