"""HaMeR as a detector: a box and a side in, the hand model's 21 joints projected back into the picture.

The points are those of a whole hand, hidden joints included, which is what makes them good pre-labels for occluded
joints and no evidence about occlusion. HaMeR gives no confidence, neither in the hand nor in a joint; all stay NaN.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import box_around, clip_box
from hint_toolkit.io.npz import file_sha256
from hint_toolkit.joints import N_JOINTS, SIDES
from hint_toolkit.models.hamer.crop import RECIPES, Recipe
from hint_toolkit.models.hamer.load import HamerModel, load_hamer
from hint_toolkit.prelabel.base import Detection, Prompt
from hint_toolkit.prelabel.refine import usable_box
from hint_toolkit.sources.weights import find

_DIGEST_BYTES = 1 << 20


class HamerDetector:
    """Joints of HaMeR's hand model, from boxes with sides."""

    finds_boxes = False
    needs_side = True
    """Left hands are shown to it mirrored, and it does not say which side it sees."""

    def __init__(
        self,
        *,
        model: Path | None = None,
        mano: Path | None = None,
        crop: Recipe = "hint",
        batch: int = 1,
        device: str = "cpu",
    ) -> None:
        """Load the network.

        Args:
            model: hamer.ckpt; None looks where `hint-build weights` says.
            mano: MANO_RIGHT.pkl, likewise; where it is not found the checkpoint's own copy is taken.
            crop: how the crop is made of the box: "hint" as for the published numbers, "demo" as the reference's demo.
            batch: hands at a time. More is faster on a GPU, and a hand's points then depend on its neighbours by 1e-5
                pixels; on a CPU one at a time is as fast.
            device: "cpu", "cuda", ..

        Raises:
            InputError: a file is missing or is not what it should be, or an option is out of its range.
            MissingExtra: torch, timm or smplx is not installed.
        """
        if crop not in RECIPES:
            raise InputError(f"crop={crop}", next_step=f"use one of: {', '.join(RECIPES)}")
        if batch < 1:
            raise InputError(f"batch={batch}", next_step="use 1 or more")
        checkpoint = find("hamer", model)
        self._hamer: HamerModel = load_hamer(checkpoint, mano=_mano(mano), device=device)
        self._crop, self._batch = crop, batch
        self.name = f"hamer-{_digest(checkpoint)}" + ("" if crop == "hint" else f",crop={crop}")

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """HaMeR finds no hands.

        Raises:
            InputError: always.
        """
        raise InputError("hamer works from boxes only", next_step="pass boxes of hands, e.g. --boxes result.json")

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The hand of each box, in the order of the boxes; None for a box that is not usable (`refine.usable_box`).

        Raises:
            InputError: a box does not say whether its hand is left or right.
        """
        height, width = image.shape[:2]
        usable = [k for k, prompt in enumerate(prompts) if usable_box(prompt.box, width, height) is not None]
        found: list[Detection | None] = [None] * len(prompts)
        if not usable:
            return found
        if unsaid := [prompts[k] for k in usable if prompts[k].side not in SIDES]:
            raise InputError(
                f"{len(unsaid)} of {len(usable)} boxes do not say left or right",
                why=f"e.g. {np.round(unsaid[0].box, 1).tolist()}; hamer is shown left hands mirrored",
                next_step="give boxes with sides, or pre-label with mediapipe, which finds the side",
            )
        boxes = np.stack([np.asarray(prompts[k].box, np.float64) for k in usable])
        sides = [prompts[k].side for k in usable]
        answers = self._hamer.predict(image, boxes, sides, crop=self._crop, batch=self._batch)
        for k, side, points in zip(usable, sides, answers.points, strict=True):
            found[k] = _detection(points, side, image)
        return found

    def close(self) -> None:
        """Nothing to close."""


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


def _detection(points: NDArray[np.float64], side: str, image: NDArray[np.uint8]) -> Detection | None:
    """The joints as a detection; None if no part of the hand lies in the picture."""
    box = clip_box(box_around(points, margin=0.12), image.shape[1], image.shape[0])
    if not (box[2:] > box[:2]).all():
        return None
    nothing = float("nan")
    return Detection(points, np.full(N_JOINTS, nothing), box, side, nothing, nothing)
