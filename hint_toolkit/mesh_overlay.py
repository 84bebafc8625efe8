"""Hand meshes drawn on pictures without OpenGL: triangles from far to near, lit by one lamp beside the camera.

For a look, not for measuring: where triangles of two hands pass through each other, the one whose middle is nearer is
drawn over the other. Pictures are RGB uint8 arrays (H, W, 3) and are never changed in place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import MissingExtra

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]
Color = tuple[int, int, int]

SIDE_COLORS: Final[dict[str, Color]] = {"left": (120, 190, 235), "right": (240, 170, 110)}
"""Blue and orange: told apart by all kinds of colour vision."""
_GREY: Final[Color] = (190, 190, 190)
_LAMP: Final = np.array([-0.35, -0.55, -0.76])
"""Towards the lamp, above and to the left of the camera."""
_AMBIENT: Final = 0.35
_FINE: Final = 2
"""Meshes are drawn so many times larger and shrunk, so that their edges are smooth."""
_SHIFT: Final = 4
_NEAREST: Final = 1e-6
_FAR: Final = 30000.0
"""Pixels from the drawn part; OpenCV's fixed-point numbers hold no more."""


@dataclass(frozen=True)
class Mesh:
    """A surface in space.

    Attributes:
        vertices: (V, 3) metres before the camera: x right, y down, z away.
        faces: (F, 3) vertices of each triangle; the sense of rotation does not matter.
        side: "left", "right" or "", for its colour.
    """

    vertices: Floats
    faces: NDArray[np.int64]
    side: str = ""


def draw_meshes(image: Image, meshes: Sequence[Mesh], focal: float | Sequence[float], *, alpha: float = 0.9) -> Image:
    """Meshes as the camera of the picture sees them; its principal point is (width / 2, height / 2).

    Args:
        image: (H, W, 3), left alone.
        meshes: any number; triangles that are not wholly before the camera, or hold NaN, are not drawn.
        focal: of the camera, pixels; one for all meshes, or one each.
        alpha: 1 hides what is behind the hands, 0 shows nothing of them.

    Returns:
        a new picture.

    Raises:
        MissingExtra: OpenCV is not installed.
        ValueError: alpha is outside 0..1, a focal length is not above 0, or there is not one for each mesh.
    """
    lengths = [float(focal)] * len(meshes) if isinstance(focal, int | float) else [float(f) for f in focal]
    if not 0 <= alpha <= 1 or not all(math.isfinite(f) and f > 0 for f in lengths) or len(lengths) != len(meshes):
        raise ValueError(f"cannot draw {len(meshes)} meshes with alpha {alpha} and focal lengths {lengths}")
    parts = [_triangles(mesh, f, image) for mesh, f in zip(meshes, lengths, strict=True)]
    corners = np.concatenate([np.zeros((0, 3, 2)), *(part[0] for part in parts)])
    depth = np.concatenate([np.zeros(0), *(part[1] for part in parts)])
    colors = np.concatenate([np.zeros((0, 3)), *(part[2] for part in parts)])
    return _painted(image, corners, depth, colors, alpha)


def _triangles(mesh: Mesh, focal: float, image: Image) -> tuple[Floats, Floats, Floats]:
    """Corners in pixels (F, 3, 2), distance (F,) and colour (F, 3) of the triangles that can be drawn."""
    vertices = np.asarray(mesh.vertices, np.float64).reshape(-1, 3)
    faces: NDArray[np.int64] = np.asarray(mesh.faces, np.int64).reshape(-1, 3)
    good = np.isfinite(vertices).all(axis=1) & (np.nan_to_num(vertices[:, 2]) > _NEAREST)
    faces = faces[good[faces].all(axis=1)]
    height, width = image.shape[:2]
    depth = np.where(good, vertices[:, 2], 1.0)[:, None]
    pixels = focal * np.nan_to_num(vertices[:, :2]) / depth + np.array([width / 2, height / 2])
    middles = vertices[faces].mean(axis=1)
    light = _light(np.nan_to_num(vertices), faces, middles)
    color = np.array(SIDE_COLORS.get(mesh.side, _GREY), np.float64)
    return pixels[faces], np.linalg.norm(middles, axis=1), light[:, None] * color


def _light(vertices: Floats, faces: NDArray[np.int64], middles: Floats) -> Floats:
    """(F,) of Lambert's law; normals are smoothed over neighbours and looked at from the camera's side.

    A mirrored hand has its triangles the other way round: turned to the camera, its normals are right again.
    """
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    smooth = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(smooth, faces[:, k], flat)
    normal = _unit(_unit(smooth)[faces].mean(axis=1))
    away = (flat * middles).sum(axis=1) > 0
    normal[away] *= -1
    light: Floats = _AMBIENT + (1 - _AMBIENT) * np.clip(normal @ _unit(_LAMP), 0, 1)
    return light


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit


def _painted(image: Image, corners: Floats, depth: Floats, colors: Floats, alpha: float) -> Image:
    """The triangles from far to near, over the picture."""
    cv2 = _cv2()
    height, width = image.shape[:2]
    canvas = image.copy()
    low, high = (corners.min(axis=1), corners.max(axis=1)) if len(corners) else (corners[:, 0], corners[:, 0])
    seen = (high >= -0.5).all(axis=1) & (low < np.array([width - 0.5, height - 0.5])).all(axis=1)
    if not seen.any():
        return canvas
    corners, depth, colors, low, high = (values[seen] for values in (corners, depth, colors, low, high))
    left, top = (int(v) for v in np.clip(np.floor(low.min(axis=0)) - 1, 0, None))
    right, bottom = (int(min(v, limit)) for v, limit in zip(high.max(axis=0) + 3, (width, height), strict=True))
    layer = np.zeros(((bottom - top) * _FINE, (right - left) * _FINE, 4), np.uint8)
    paint = np.rint(np.concatenate([colors, np.full((len(colors), 1), 255.0)], axis=1)).tolist()
    # The edges of pixels, not their centres, stay where they are when a picture is enlarged.
    placed = (corners - np.array([left, top]) + 0.5) * _FINE - 0.5
    fixed = np.rint(np.clip(placed, -_FAR, _FAR) * (1 << _SHIFT)).astype(np.int32)
    for k in np.argsort(-depth, kind="stable"):
        cv2.fillConvexPoly(layer, fixed[k], paint[k], cv2.LINE_8, _SHIFT)
    window = canvas[top:bottom, left:right]
    shrunk = cv2.resize(layer.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    # The layer is black where it covers nothing, so its colours are already weighted with their cover.
    window[:] = np.rint(window * (1 - alpha * shrunk[:, :, 3:] / 255) + alpha * shrunk[:, :, :3]).astype(np.uint8)
    return canvas


def _cv2() -> Any:
    """OpenCV, loaded on first use."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "report") from error
    return cv2
