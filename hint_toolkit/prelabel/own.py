"""What wrappers of one's own model share: crops of boxes, and answers in crop pixels back to the picture.

A crop is a square of `size` pixels that shows `grow` times the longer side of the box, black beyond the picture. The
centre of its top-left pixel is (0, 0), as in the picture. With `mirror_left` left hands are shown mirrored, as right
ones, and their points and 3D joints are mirrored back.

An answer is 21 x [x, y] in pixels of the crop; or an object with `points` and perhaps `score` (21, or one number for
the hand), `visibility` (21, 0 hidden to 1 visible) and `joints3d` (21 x [x, y, z], metres, x right, y down, z away); or
nothing where no hand was seen. A point of NaN is missing.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import box_around, clip_box
from hint_toolkit.joints import N_JOINTS, SIDES, TO_HINT
from hint_toolkit.prelabel.base import Ask, Detection, Pose3D, Prompt
from hint_toolkit.prelabel.refine import usable_box
from hint_toolkit.prelabel.top_down import BOX_MARGIN, UNKNOWN_SIDE_SCORE, Floats, Region, region_around

Crops = NDArray[np.uint8]
KEYS: Final = ("points", "score", "visibility", "joints3d")
FARTHEST: Final = 1e6
_NEXT: Final = "see docs/own-model.md"


@dataclass(frozen=True)
class CropRule:
    """How crops are made and answers are read.

    Attributes:
        size: side of a crop in pixels.
        grow: side of what it shows, in units of the box's longer side.
        mirror_left: show left hands mirrored.
        joint_order: of the answers, a key of `joints.TO_HINT`.
    """

    size: int = 256
    grow: float = 2.0
    mirror_left: bool = False
    joint_order: str = "hint"

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            InputError: one is out of its range.
        """
        if not 8 <= self.size <= 4096:
            raise InputError(f"size={self.size}", next_step="use 8 to 4096 pixels")
        if not 0.1 <= self.grow <= 100:
            raise InputError(f"grow={self.grow:g}", next_step="use 0.1 to 100 times the box")
        if self.joint_order not in TO_HINT:
            raise InputError(f"joint_order={self.joint_order}", next_step=f"use one of: {', '.join(TO_HINT)}")

    @property
    def words(self) -> str:
        """The options that differ from the usual, for a detector's name: ",size=224,grow=1.5"."""
        usual = CropRule()
        named = ("size", "grow", "mirror_left", "joint_order")
        changed = [(name, getattr(self, name)) for name in named if getattr(self, name) != getattr(usual, name)]
        return "".join(
            f",{name}={value:g}" if isinstance(value, float) else f",{name}={value}" for name, value in changed
        )


@dataclass(frozen=True)
class Crop:
    """One crop, and where it lies in its picture."""

    pixels: Crops
    region: Region
    prompt: Prompt
    mirrored: bool
    shape: tuple[int, int, int]
    """Of the picture."""


class OwnModel:
    """The part of such a detector that does not depend on how the model is called; `_answers` calls it."""

    name: str
    finds_boxes = False

    def __init__(self, rule: CropRule, batch: int) -> None:
        """Take the rule of the crops and how many crops are answered at a time.

        Raises:
            InputError: a batch of none.
        """
        if batch < 1:
            raise InputError(f"batch={batch}", next_step="use 1 or more")
        self._rule, self._batch = rule, batch

    @property
    def needs_side(self) -> bool:
        """Mirroring needs to know which hand it is."""
        return self._rule.mirror_left

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Such a model finds no hands by itself.

        Raises:
            InputError: always.
        """
        kind = self.name.partition("-")[0]
        raise InputError(f"{kind} works from boxes only", next_step="pass boxes of hands, e.g. --boxes result.json")

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The hand of each box, in the order of the boxes; None for a box that is not usable (`refine.usable_box`)."""
        return next(self.detect_many([Ask(image, tuple(prompts))])) if prompts else []

    def detect_many(self, asks: Iterable[Ask], *, workers: int = 0) -> Iterator[list[Detection | None]]:
        """As `detect_in` for each ask; crops of several pictures fill a batch. One process does it all.

        Raises:
            InputError: the model failed, or its answer is not as described; or a side is needed and not known.
        """
        pictures: deque[list[Crop | None]] = deque()
        waiting: list[Crop] = []
        found: deque[Detection | None] = deque()
        for ask in asks:
            pictures.append(self._cut(ask))
            waiting += [crop for crop in pictures[-1] if crop is not None]
            while len(waiting) >= self._batch:
                found.extend(self._found(waiting[: self._batch]))
                del waiting[: self._batch]
            yield from _whole(pictures, found)
        if waiting:
            found.extend(self._found(waiting))
        yield from _whole(pictures, found)

    def close(self) -> None:
        """Nothing is held open."""

    def _answers(self, crops: Sequence[Crop]) -> Sequence[Any]:
        """One answer a crop.

        Raises:
            InputError: the model failed, or gave another number of answers.
        """
        raise NotImplementedError

    def _found(self, crops: Sequence[Crop]) -> list[Detection | None]:
        answers = zip(self._answers(crops), crops, strict=True)
        return [read_answer(answer, crop, self._rule, self._called(k)) for k, (answer, crop) in enumerate(answers)]

    def _called(self, k: int) -> str:
        """The place of answer k of a batch, for messages."""
        return f"{self.name.partition(',')[0]} > answer {k}"

    def _cut(self, ask: Ask) -> list[Crop | None]:
        image = ask.image()
        if not ask.prompts:
            self.detect(image)
        height, width = image.shape[:2]
        crops: list[Crop | None] = []
        for prompt in ask.prompts:
            if usable_box(prompt.box, width, height) is None:
                crops.append(None)
                continue
            if self._rule.mirror_left and prompt.side not in SIDES:
                raise InputError(
                    "a box does not say left or right, and left hands are to be mirrored",
                    why=f"e.g. {np.round(prompt.box, 1).tolist()}",
                    next_step="give boxes with sides, or leave mirror_left out",
                )
            region = region_around(np.asarray(prompt.box, float), 1.0, grow=self._rule.grow)
            pixels = region.cut(image, self._rule.size, self._rule.size)
            mirrored = self._rule.mirror_left and prompt.side == "left"
            shown = np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels)
            crops.append(Crop(shown, region, prompt, mirrored, (height, width, 3)))
        return crops


def _whole(pictures: "deque[list[Crop | None]]", found: "deque[Detection | None]") -> Iterator[list[Detection | None]]:
    """The pictures in front whose crops all have their answer."""
    while pictures and sum(crop is not None for crop in pictures[0]) <= len(found):
        yield [None if crop is None else found.popleft() for crop in pictures.popleft()]


def read_answer(answer: Any, crop: Crop, rule: CropRule, where: str) -> Detection | None:
    """An answer as a detection in the picture; None where it says that there is no hand.

    Raises:
        InputError: it is not as the module describes; names `where`.
    """
    given = answer if isinstance(answer, Mapping) else {"points": answer}
    if unknown := [str(key) for key in given if key not in KEYS]:
        raise InputError(f"has an unknown key {unknown[0]!r}", where=where, next_step=f"keys are: {', '.join(KEYS)}")
    if given.get("points") is None:
        return None
    points = _numbers(given["points"], ((N_JOINTS, 2),), f"{where} > points")
    if not np.isfinite(points).any():
        return None
    places = list(TO_HINT[rule.joint_order])
    points = points[places]
    if crop.mirrored:
        points = np.stack([rule.size - 1 - points[:, 0], points[:, 1]], axis=1)
    whole = crop.region.to_picture(points, rule.size, rule.size)
    score: Floats = np.full(N_JOINTS, np.nan)
    presence = float("nan")
    if given.get("score") is not None:
        value = _numbers(given["score"], ((N_JOINTS,), ()), f"{where} > score")
        score, presence = (value[places], presence) if value.ndim else (score, float(value))
    box = _box(whole, crop.shape)
    if box is None:
        return None
    occlusion: Floats = np.full(N_JOINTS, np.nan)
    if given.get("visibility") is not None:
        seen = _numbers(given["visibility"], ((N_JOINTS,),), f"{where} > visibility")
        if (seen < 0).any() or (seen > 1).any():
            raise InputError("must lie within 0 and 1", where=f"{where} > visibility", next_step=_NEXT)
        occlusion = 1 - seen[places]
    pose = _pose(given.get("joints3d"), places, crop.mirrored, f"{where} > joints3d")
    side, side_score = crop.prompt.side or "right", float("nan") if crop.prompt.side else UNKNOWN_SIDE_SCORE
    return Detection(whole, score, box, side, presence, side_score, occlusion, pose)


def _box(points: Floats, shape: tuple[int, int, int]) -> Floats | None:
    """The box of a detection; of points in one spot the pixel around it. None where no part lies in the picture."""
    box = box_around(points, margin=BOX_MARGIN)
    if (box[:2] == box[2:]).any():
        box = box + np.array([-0.5, -0.5, 0.5, 0.5])
    inside = clip_box(box, shape[1], shape[0])
    return inside if (inside[2:] > inside[:2]).all() else None


def _pose(value: Any, places: list[int], mirrored: bool, where: str) -> Pose3D | None:
    if value is None:
        return None
    joints = _numbers(value, ((N_JOINTS, 3),), where)[places] * np.array([-1.0 if mirrored else 1.0, 1.0, 1.0])
    return Pose3D(joints, np.zeros((0, 3)), np.full(3, np.nan), float("nan"))


def _numbers(value: Any, shapes: tuple[tuple[int, ...], ...], where: str) -> Floats:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise InputError("must be numbers", where=where, why=str(error)[:100], next_step=_NEXT) from error
    if array.shape not in shapes:
        wanted = " or ".join(map(str, shapes))
        raise InputError(f"must have shape {wanted}, got {array.shape}", where=where, next_step=_NEXT)
    if (np.abs(array) > FARTHEST).any():
        raise InputError("holds an infinity, or is no crop's pixel", where=where, next_step=_NEXT)
    return array
