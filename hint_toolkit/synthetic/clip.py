"""Pictures and clips of synthetic hands, with their truth."""

from __future__ import annotations

import importlib
import os
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import MissingExtra
from hint_toolkit.synthetic.backdrop import background, develop, shifted_crop
from hint_toolkit.synthetic.bodies import Hand
from hint_toolkit.synthetic.motion import MAX_SWAY, moments
from hint_toolkit.synthetic.options import DEFAULT_LOOK, Look, Staging
from hint_toolkit.synthetic.scene import Composition, Scene, compose, make_scene
from hint_toolkit.synthetic.truth import HandTruth
from hint_toolkit.synthetic.visibility import hand_truth
from hint_toolkit.video.writer import encoding

Image = NDArray[np.uint8]

# Streams of random numbers that must not depend on each other.
_SCENE, _BACKGROUND, _MOTION, _SENSOR = range(4)


def render(
    seed: int,
    width: int = 640,
    height: int = 480,
    look: Look = DEFAULT_LOOK,
    *,
    side: str | None = None,
    pose: str | None = None,
    view: str = "ego",
    n_hands: int = 1,
    size: float | None = None,
    shift: tuple[float, float] = (0.0, 0.0),
) -> tuple[Image, list[HandTruth]]:
    """One picture of synthetic hands.

    Args:
        seed: Decides everything that is not fixed below; 0 or more.
        width: Pixels.
        height: Pixels.
        look: Background, skin, held object and so on.
        side: "left" or "right"; None: drawn.
        pose: One of `POSES`; None: drawn.
        view: "ego" (arm from below), "front" (palm to the camera) or "any".
        n_hands: 1, or 2 for a right and a left hand.
        size: Length of the hand as a share of the height; None: drawn.
        shift: Moves the hands by this share of width and height.

    Returns:
        The picture, RGB uint8 (height, width, 3), and the truth of each hand.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(seed, width, height)
    staging = Staging(side, pose, view, n_hands, size, shift)
    scene = make_scene(_stream(seed, _SCENE), width, height, look, staging)
    behind = background(_stream(seed, _BACKGROUND), width, height, look.background)
    picture = compose(scene, behind, shadow=look.shadow)
    return develop(picture.linear, _stream(seed, _SENSOR), look), _truths(scene, picture)


def posed_hands(
    seed: int,
    width: int = 640,
    height: int = 480,
    look: Look = DEFAULT_LOOK,
    *,
    side: str | None = None,
    pose: str | None = None,
    view: str = "ego",
    n_hands: int = 1,
    size: float | None = None,
    shift: tuple[float, float] = (0.0, 0.0),
) -> tuple[Hand, ...]:
    """The hands of `render` with the same arguments, in space: their `joints` are (21, 3) centimetres of the camera.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(seed, width, height)
    staging = Staging(side, pose, view, n_hands, size, shift)
    return make_scene(_stream(seed, _SCENE), width, height, look, staging).hands


def sequence(
    seed: int,
    n_frames: int,
    width: int = 640,
    height: int = 480,
    look: Look = DEFAULT_LOOK,
    *,
    side: str | None = None,
    pose: str | None = None,
    view: str = "ego",
    n_hands: int = 1,
    size: float | None = None,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Iterator[tuple[Image, list[HandTruth]]]:
    """A smooth clip: hands pass through several poses and places, a held thing moves with them.

    Args:
        seed: See `render`; frame 0 has the hands of `render` with the same arguments.
        n_frames: How many frames.
        width: Pixels.
        height: Pixels.
        look: See `render`.
        side: See `render`.
        pose: The pose at the start.
        view: See `render`.
        n_hands: See `render`.
        size: See `render`.
        shift: See `render`.

    Returns:
        An iterator of `n_frames` pictures with their truths; entry k of each list is the same hand.

    Raises:
        ValueError: An argument is out of its range (raised at once, not at the first frame).
    """
    _check(seed, width, height)
    if n_frames < 1:
        raise ValueError(f"n_frames is {n_frames}: want 1 or more")
    staging = Staging(side, pose, view, n_hands, size, shift)
    scene = make_scene(_stream(seed, _SCENE), width, height, look, staging)
    return _frames(seed, n_frames, scene, look)


def write_clip(
    path: Path,
    seed: int,
    n_frames: int,
    *,
    width: int,
    height: int,
    fps: int = 30,
    **scene: Any,
) -> list[list[HandTruth]]:
    """Write a sequence as an H.264 mp4 of near-lossless quality (mpeg4 where x264 is missing).

    Args:
        path: The file to write; it appears only when it is complete.
        seed: See `sequence`.
        n_frames: How many frames.
        width: Pixels, even.
        height: Pixels, even.
        fps: Frames a second.
        **scene: More arguments of `sequence`.

    Returns:
        The truth: for each frame, its hands.

    Raises:
        ValueError: An argument is out of its range.
    """
    return list(write_frames(path, seed, n_frames, width=width, height=height, fps=fps, **scene))


def write_frames(
    path: Path,
    seed: int,
    n_frames: int,
    *,
    width: int,
    height: int,
    fps: int = 30,
    **scene: Any,
) -> Generator[list[HandTruth], None, None]:
    """`write_clip` frame by frame: yields each frame's truth once it is encoded.

    The file takes its name when the iterator is exhausted; closed earlier, nothing is left.
    """
    require_library("av")
    if width % 2 or height % 2:
        raise ValueError(f"a clip is {width}x{height}: want even numbers (4:2:0 colour)")
    frames = sequence(seed, n_frames, width, height, **scene)
    path = Path(path)
    # The process number keeps a worker that outlived its killed parent away from our file.
    temporary = path.with_name(f"{temporary_prefix(path)}{os.getpid()}.part")
    try:
        with encoding(temporary, width, height, Fraction(fps)) as write:
            for image, hands in frames:
                write(image)
                yield hands
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def require_library(name: str) -> None:
    """Raise MissingExtra, which names the pip line, when a library of the video extra is absent."""
    try:
        importlib.import_module(name)
    except ImportError:
        raise MissingExtra(name, "video") from None


def temporary_prefix(path: Path) -> str:
    """How the names of unfinished versions of a file begin."""
    return f".{path.name}."


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _frames(seed: int, n_frames: int, scene: Scene, look: Look) -> Iterator[tuple[Image, list[HandTruth]]]:
    width, height = scene.camera.width, scene.camera.height
    margin = 2 * int(np.ceil(MAX_SWAY * width))
    behind = background(_stream(seed, _BACKGROUND), width + margin, height + margin, look.background)
    for number, moment in enumerate(moments(scene, _stream(seed, _MOTION), n_frames)):
        crop = shifted_crop(behind, moment.sway * width, width, height)
        picture = compose(moment.scene, crop, shadow=look.shadow)
        image = develop(picture.linear, _stream(seed, _SENSOR, number), look)
        yield image, _truths(moment.scene, picture)


def _truths(scene: Scene, picture: Composition) -> list[HandTruth]:
    return [hand_truth(hand, index, scene.camera, picture) for index, hand in enumerate(scene.hands)]


def _stream(seed: int, *path: int) -> np.random.Generator:
    return np.random.default_rng([seed, *path])


def _check(seed: int, width: int, height: int) -> None:
    require_library("cv2")
    if seed < 0:
        raise ValueError(f"seed is {seed}: want 0 or more")
    if min(width, height) < 16 or max(width, height) > 8192:
        raise ValueError(f"the image is {width}x{height}: want 16 to 8192 pixels a side")
