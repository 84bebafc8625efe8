"""What a detector is: an RGB picture in, hands with confidence out.

To add a detector, write one file with a class that has `name`, `detect`, `detect_in` and `close`, and add one line
to `registry.DETECTORS`; the contract test in tests/unit/prelabel runs over the whole registry.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.images import read_image
from hint_toolkit.joints import N_JOINTS

REVIEW_PRESENCE = 0.9
"""A hand whose presence is lower is marked for review: on real pictures all wrong sides were below it."""


def _unknown() -> NDArray[np.float64]:
    return np.full(N_JOINTS, np.nan)


@dataclass(frozen=True)
class Prompt:
    """A box in which a hand is known to be.

    Attributes:
        box: (4,) x1, y1, x2, y2 pixels of the picture.
        side: "left", "right", or "" where the box's origin does not say.
        score: confidence in the box, NaN if not given.
        origin: where it comes from: "hands23", "visor", "coco", "csv", "gt", "previous" or a detector's name; "person"
            says that it is the box of a whole person.
        id: of the hand that the box belongs to, "" if none: a detection in it keeps this identity.
    """

    box: NDArray[np.float64]
    side: str = ""
    score: float = float("nan")
    origin: str = ""
    id: str = ""


@dataclass(frozen=True)
class Pose3D:
    """A hand in space, as a hand model gives it. x right, y down, z away from the viewer; metres.

    Attributes:
        joints: (21, 3) about the model's own origin, HInt order; a left hand is a left hand.
        vertices: (V, 3) likewise; V is 0 where there is no mesh.
        translation: (3,) what brings both before the camera of the whole picture.
        focal: of that camera, pixels; its principal point is the picture's middle, (width / 2, height / 2).
        camera: (3,) s, tx, ty of the weak-perspective camera of the crop (unmirrored); NaN where there is none.
        rotations: (16, 3, 3) wrist first, in MANO's order, of the (mirrored) right hand; NaN where there are none.
        betas: (10,) shape; NaN where there is none.
    """

    joints: NDArray[np.float64]
    vertices: NDArray[np.float64]
    translation: NDArray[np.float64]
    focal: float
    camera: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.nan))
    rotations: NDArray[np.float64] = field(default_factory=lambda: np.full((16, 3, 3), np.nan))
    betas: NDArray[np.float64] = field(default_factory=lambda: np.full(10, np.nan))


@dataclass(frozen=True)
class Detection:
    """One hand that a detector found.

    Attributes:
        points: (21, 2) pixels of the given picture, HInt order.
        score: (21,) confidence per joint, NaN where the detector gives none.
        box: (4,) x1, y1, x2, y2 pixels.
        side: "left" or "right", of the person.
        presence: confidence that this is a hand, NaN if not given.
        side_score: confidence in `side`, NaN if not given.
        occlusion: (21,) probability that a joint is occluded, NaN where the detector says nothing about it.
        pose3d: the hand in space; None from a detector that knows the picture only.
    """

    points: NDArray[np.float64]
    score: NDArray[np.float64]
    box: NDArray[np.float64]
    side: str
    presence: float
    side_score: float
    occlusion: NDArray[np.float64] = field(default_factory=_unknown)
    pose3d: Pose3D | None = None


@dataclass(frozen=True)
class Ask:
    """One picture and the boxes in it that a detector is asked about.

    Attributes:
        picture: the file, or the pixels, (H, W, 3) RGB.
        prompts: the boxes; none: the whole picture.
    """

    picture: Path | NDArray[np.uint8]
    prompts: tuple[Prompt, ...] = ()

    def image(self) -> NDArray[np.uint8]:
        """The pixels.

        Raises:
            InputError: the file is not there or is no picture.
        """
        return read_image(self.picture) if isinstance(self.picture, Path) else self.picture


class Detector(Protocol):
    """The interface of every detector.

    It may have more, which is asked for with getattr: `needs_side`, True where a box must say left or right; `faces`,
    (F, 3) triangles of `Pose3D.vertices` of a right hand; `facts`, what a header of predictions says beside the name.
    """

    name: str
    """Name and version, e.g. "mediapipe-1.2.2": with all options that change results, the key they are stored under."""

    finds_boxes: bool
    """Whether `detect` works; a detector that only works from boxes raises InputError there, which says so."""

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """All hands in one (H, W, 3) RGB picture, best first."""
        ...

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The hand of each box, in the order of the boxes; None where the detector sees none in it."""
        ...

    def close(self) -> None:
        """Free what the detector holds; it is not used after."""
        ...


@runtime_checkable
class Batched(Protocol):
    """A detector that is faster when hands of several pictures are put to it at once."""

    def detect_many(self, asks: Iterable[Ask], *, workers: int = 0) -> Iterator[list[Detection | None]]:
        """As `detect_in` for each ask, in their order.

        Args:
            asks: taken as they are needed, never all at once.
            workers: processes that read pictures and cut crops; 0: this one does.
        """
        ...


def detect_all(detector: Detector, asks: Iterable[Ask], *, workers: int = 0) -> Iterator[list[Detection | None]]:
    """A detector's answer to every ask, in their order: at once where it can, else one picture after the other."""
    if isinstance(detector, Batched):
        yield from detector.detect_many(asks, workers=workers)
        return
    for ask in asks:
        image = ask.image()
        yield detector.detect_in(image, ask.prompts) if ask.prompts else [*detector.detect(image)]
