"""The clip again with hands drawn into it, as joints or as meshes, with number and side of their tracks."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.flows.video_hands import VideoHand
from hint_toolkit.flows.video_looks import frame_time
from hint_toolkit.geometry import finite
from hint_toolkit.io.atomic import replacing
from hint_toolkit.mesh_overlay import SIDE_COLORS, Mesh, draw_meshes
from hint_toolkit.overlay import draw_hand
from hint_toolkit.video.index import VideoIndex
from hint_toolkit.video.reader import read_frames
from hint_toolkit.video.writer import FOR_A_LOOK, encoding

Image = NDArray[np.uint8]
Progress = Callable[[int, int], None]
_BASE: Final = 540
"""Pixels of the shorter side at which lines have their usual width."""
_OCCLUDED: Final = 0.5


def write_overlay(
    path: Path,
    index: VideoIndex,
    frames: Iterable[tuple[int, list[VideoHand]]],
    *,
    faces: NDArray[np.int64] | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write the clip with its hands; it keeps the clip's times, has no sound, and leaves damaged pictures out.

    Args:
        path: .mp4.
        index: of the clip.
        frames: every frame of it with its hands, in order.
        faces: (F, 3) triangles of the model's mesh: draw meshes; None: draw joints and bones.
        threads: of the decoder.
        progress: called with frames done and all.

    Raises:
        InputError: another suffix than .mp4, or no picture comes out.
        MissingExtra: PyAV or OpenCV is not installed.
    """
    check_overlay(path)
    pictures = read_frames(index, range(index.count), threads=threads)
    first = _first(pictures, index)
    height, width = first[1].shape[:2]
    rate = Fraction(index.rate or 30).limit_denominator(1001)
    with (
        replacing(path) as temporary,
        encoding(temporary, width, height, rate, timed=True, quality=FOR_A_LOOK) as write,
    ):
        wanted = iter(frames)
        for k, image in _chained(first, pictures):
            while (entry := next(wanted))[0] < k:
                pass
            if not isinstance(image, str):
                write(_drawn(image, entry[1], k, faces), frame_time(index, k))
            if progress:
                progress(k + 1, index.count)


def check_overlay(path: Path) -> None:
    """Refuse a name that is no mp4's, before hours are spent.

    Raises:
        InputError: it is none.
    """
    if path.suffix.lower() != ".mp4":
        raise InputError("an overlay is an mp4", where=str(path), next_step="name a file that ends in .mp4")


def _first(pictures: Any, index: VideoIndex) -> tuple[int, Image]:
    """The first picture that comes out; it says how large the clip is."""
    for k, image in pictures:
        if not isinstance(image, str):
            return k, image
    raise InputError("none of its pictures can be decoded", where=str(index.path))


def _chained(first: tuple[int, Image], others: Any) -> Any:
    yield first
    yield from others


def draw_frame(image: Image, hands: list[VideoHand], faces: NDArray[np.int64] | None = None) -> Image:
    """One picture with its hands.

    Args:
        image: (H, W, 3), left alone.
        hands: of this picture.
        faces: as in `write_overlay`; a hand without vertices is drawn by its joints.
    """
    scale = max(min(image.shape[:2]) / _BASE, 0.5)
    canvas = image.copy()
    meshes, lengths = [], []
    for hand in hands:
        pose = hand.found.pose3d
        if faces is not None and pose is not None and len(pose.vertices):
            meshes.append(Mesh(pose.vertices + pose.translation, faces, hand.side))
            lengths.append(pose.focal)
        else:
            points = hand.found.points
            occluded = np.nan_to_num(hand.found.occlusion) > _OCCLUDED
            canvas = draw_hand(canvas, points, finite(points), occluded, scale=scale)
    if meshes:
        canvas = draw_meshes(canvas, meshes, lengths)
    for hand in hands:
        _label(canvas, hand, scale)
    return canvas


def _drawn(image: Image, hands: list[VideoHand], k: int, faces: NDArray[np.int64] | None) -> Image:
    canvas = draw_frame(image, hands, faces)
    scale = max(min(image.shape[:2]) / _BASE, 0.5)
    _text(canvas, f"frame {k}", (round(8 * scale), canvas.shape[0] - round(10 * scale)), (255, 255, 255), 0.8 * scale)
    return canvas


def _label(canvas: Image, hand: VideoHand, scale: float) -> None:
    """Number and side over the hand, inside of the picture."""
    points = hand.found.points[finite(hand.found.points)]
    if not len(points):
        return
    x, y = points.min(axis=0)
    height, width = canvas.shape[:2]
    place = (
        int(np.clip(x, 2, max(width - 110 * scale, 2))),
        int(np.clip(y - 14 * scale, 22 * scale, max(height - 6, 22 * scale))),
    )
    _text(canvas, f"{hand.track} {hand.side}", place, SIDE_COLORS.get(hand.side, (255, 255, 255)), scale)


def _text(canvas: Image, text: str, place: tuple[int, int], color: tuple[int, int, int], scale: float) -> None:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "video") from error
    for ink, extra in (((0, 0, 0), 2), (color, 0)):
        width = max(1, round(1.6 * scale)) + extra
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * scale, ink, width, cv2.LINE_AA)
