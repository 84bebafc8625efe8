"""HaMeR as a detector: a box and a side in, the hand model's 21 joints projected back into the picture.

The points are those of a whole hand, hidden joints included, which is what makes them good pre-labels for occluded
joints and no evidence about occlusion. HaMeR gives no confidence, neither in the hand nor in a joint; all stay NaN.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import box_around, clip_box
from hint_toolkit.io.npz import file_sha256
from hint_toolkit.io.workers import in_order
from hint_toolkit.joints import N_JOINTS, SIDES
from hint_toolkit.models.hamer.crop import RECIPES, Recipe
from hint_toolkit.models.hamer.fast import Precision
from hint_toolkit.models.hamer.load import load_hamer
from hint_toolkit.models.hamer.model import Cut, HamerModel, HandAnswers, cut_hands
from hint_toolkit.prelabel.base import Ask, Detection, Pose3D, Prompt
from hint_toolkit.prelabel.refine import usable_box
from hint_toolkit.sources.weights import find

_DIGEST_BYTES = 1 << 20
_BOXES_ONLY = "hamer works from boxes only"
_NEXT = "pass boxes of hands, e.g. --boxes result.json"


class HamerDetector:
    """Joints of HaMeR's hand model, from boxes with sides.

    Attributes:
        faces: (1538, 3) triangles of `Detection.pose3d`'s vertices, of a right hand; of a left one they turn the other
            way, `faces[:, ::-1]`.
        facts: for a header of predictions: checkpoint, hand model, crop, and how it is computed.
    """

    finds_boxes = False
    needs_side = True
    """Left hands are shown to it mirrored, and it does not say which side it sees."""

    def __init__(
        self,
        *,
        model: Path | None = None,
        mano: Path | None = None,
        crop: Recipe = "hint",
        batch: int | None = None,
        device: str = "auto",
        precision: Precision = "float32",
        compiled: bool = False,
    ) -> None:
        """Load the network.

        Args:
            model: hamer.ckpt; None looks where `hint-build weights` says.
            mano: MANO_RIGHT.pkl, likewise; where it is not found the checkpoint's own copy is taken.
            crop: how the crop is made of the box: "hint" as for the published numbers, "demo" as the reference's demo,
                "stored" for boxes that were enlarged before (FreiHAND, HO-3D).
            batch: hands at a time; None: 64 on a GPU, 8 on a CPU. With more than one a hand's points depend by 1e-5
                pixels on those it is asked with; `detect_in` asks one by one on a CPU.
            device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", ..
            precision: of the backbone: "float32", or "bf16" or "fp16", which only a GPU does faster.
            compiled: compile the backbone, which takes about a minute; for long runs on a GPU.

        Raises:
            InputError: a file is missing or is not what it should be, or an option is out of its range.
            MissingExtra: torch, timm or smplx is not installed.
        """
        if crop not in RECIPES:
            raise InputError(f"crop={crop}", next_step=f"use one of: {', '.join(RECIPES)}")
        if batch is not None and batch < 1:
            raise InputError(f"batch={batch}", next_step="use 1 or more")
        checkpoint, hand_model = find("hamer", model), _mano(mano)
        self._hamer: HamerModel = load_hamer(
            checkpoint, mano=hand_model, device=device, precision=precision, compiled=compiled
        )
        self.faces = self._hamer.faces
        self._look = _Look(crop)
        self._batch = batch or (8 if self._hamer.device == "cpu" else 64)
        digest = _digest(checkpoint)
        self.facts = {
            "checkpoint": digest,
            "mano": file_sha256(hand_model)[:12] if hand_model else "the checkpoint's own",
            "crop": crop,
            "batch": self._batch,
            "device": self._hamer.device,
            "precision": precision,
            "compiled": compiled,
        }
        self.name = f"hamer-{digest}" + ("" if crop == "hint" else f",crop={crop}")
        if precision != "float32":
            self.name += f",precision={precision}"

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """HaMeR finds no hands.

        Raises:
            InputError: always.
        """
        raise InputError(_BOXES_ONLY, next_step=_NEXT)

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The hand of each box, in the order of the boxes; None for a box that is not usable (`refine.usable_box`).

        Raises:
            InputError: a box does not say whether its hand is left or right.
        """
        # One by one on a CPU: the boxes beside a hand's change not even the last digit of its points.
        batch = 1 if self._hamer.device == "cpu" else self._batch
        return next(self._answers([Ask(image, tuple(prompts))], 0, batch, filled=False)) if prompts else []

    def detect_many(self, asks: Iterable[Ask], *, workers: int = 0) -> Iterator[list[Detection | None]]:
        """As `detect_in` for each ask, in their order; a batch has hands of several pictures, and always one size.

        Args:
            asks: taken as they are needed, never all at once.
            workers: processes that read pictures and cut crops; 0: this one does. They load no torch.

        Raises:
            InputError: a picture is not readable, or asks for hands without boxes or sides; when its turn has come.
        """
        return self._answers(asks, workers, self._batch, filled=True)

    def _answers(
        self, asks: Iterable[Ask], workers: int, batch: int, *, filled: bool
    ) -> Iterator[list[Detection | None]]:
        looks: deque[_Looked] = deque()

        def cuts() -> Iterator[Cut]:
            for look in in_order(self._look, asks, workers):
                looks.append(look)
                yield look.cut

        for answers in self._hamer.predict_many(cuts(), batch=batch, filled=filled):
            yield _detections(looks.popleft(), answers)

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class _Looked:
    """A picture that was read and cut.

    Attributes:
        cut: of the boxes that are usable.
        usable: their places among the prompts.
        sides: of their hands.
        prompts: how many there were.
    """

    cut: Cut
    usable: tuple[int, ...]
    sides: tuple[str, ...]
    prompts: int


@dataclass(frozen=True)
class _Look:
    """What is done to a picture before the network sees it, here or in another process."""

    crop: Recipe

    def __call__(self, ask: Ask) -> _Looked:
        """Read and cut.

        Raises:
            InputError: the picture cannot be read, there are no boxes, or one does not say left or right.
        """
        if not ask.prompts:
            raise InputError(_BOXES_ONLY, next_step=_NEXT)
        image, prompts = ask.image(), ask.prompts
        height, width = image.shape[:2]
        usable = tuple(k for k, prompt in enumerate(prompts) if usable_box(prompt.box, width, height) is not None)
        if unsaid := [prompts[k] for k in usable if prompts[k].side not in SIDES]:
            raise InputError(
                f"{len(unsaid)} of {len(usable)} boxes do not say left or right",
                why=f"e.g. {np.round(unsaid[0].box, 1).tolist()}; hamer is shown left hands mirrored",
                next_step="give boxes with sides, or pre-label with mediapipe, which finds the side",
            )
        boxes = np.array([prompts[k].box for k in usable], np.float64).reshape(-1, 4)
        sides = tuple(prompts[k].side for k in usable)
        return _Looked(cut_hands(image, boxes, sides, self.crop), usable, sides, len(prompts))


def _mano(given: Path | None) -> Path | None:
    """The file of the hand model; None where only the checkpoint may have it."""
    if given is not None:
        return find("mano", given)
    try:
        return find("mano")
    except InputError:
        return None


def _digest(path: Path) -> str:
    """12 hex digits that tell one checkpoint from another: of a large one its size, first and last megabyte."""
    import hashlib

    size = path.stat().st_size
    if size <= 4 * _DIGEST_BYTES:
        return file_sha256(path)[:12]
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as handle:
        digest.update(handle.read(_DIGEST_BYTES))
        handle.seek(-_DIGEST_BYTES, 2)
        digest.update(handle.read())
    return digest.hexdigest()[:12]


def _detections(look: _Looked, answers: HandAnswers) -> list[Detection | None]:
    found: list[Detection | None] = [None] * look.prompts
    for k, (place, side) in enumerate(zip(look.usable, look.sides, strict=True)):
        found[place] = _detection(answers, k, side, look.cut)
    return found


def _detection(answers: HandAnswers, k: int, side: str, cut: Cut) -> Detection | None:
    """The k-th hand; None if no part of it lies in the picture."""
    points = answers.points[k]
    box = clip_box(box_around(points, margin=0.12), cut.width, cut.height)
    if not (box[2:] > box[:2]).all():
        return None
    pose3d = Pose3D(
        answers.joints[k],
        answers.vertices[k],
        answers.translation[k],
        answers.focal,
        answers.camera[k],
        answers.rotations[k],
        answers.betas[k],
    )
    nothing = float("nan")
    return Detection(points, np.full(N_JOINTS, nothing), box, side, nothing, nothing, pose3d=pose3d)
