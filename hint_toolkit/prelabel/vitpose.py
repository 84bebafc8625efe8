"""ViTPose as a detector: 21 points with a score each, from a box. It finds no boxes itself.

Two kinds of checkpoints are read (models/vitpose.py):

- 21 keypoints, a hand's: the box is the hand's. Such a checkpoint does not say in which order its joints stand, and
  it is not guessed: `joint_order` must be given ("hint" for COCO-WholeBody-Hand, OneHand10K, FreiHAND; "interhand").
  It knows no side either: the side is the box's.
- 133 keypoints, COCO-WholeBody, a person's: hands are keypoints 91..111 (left) and 112..132 (right), in HInt's order.
  A box whose origin is "person" is the person's, and the wanted hand is the one of the box's side, else the surer one.
  Any other box is a hand's: the network is given a region of `CONTEXT` times the box, as if the person were in it, and
  its hand counts only if it lies in the box. In pictures that show no person, such as a wearer's own view, that finds
  little; a hand checkpoint is the better choice there.

Reading of heatmaps, as in ViTPose's configurations (flip test, shifted heatmap, default post-processing): the mirrored
crop is read as well, mirrored back, left and right exchanged, moved one column to the right, and averaged; a joint is
the highest cell, moved a quarter towards the higher neighbour; its score is the cell's value, which is no probability
and may pass 1. Source: github.com/ViTAE-Transformer/ViTPose.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.joints import N_JOINTS, SIDES, TO_HINT
from hint_toolkit.models.vitpose import HEATMAP, INPUT, VitPose
from hint_toolkit.prelabel.base import Detection, Prompt
from hint_toolkit.prelabel.refine import usable_box
from hint_toolkit.prelabel.top_down import LEAST_SCORE, Region, enough, hand, region_around
from hint_toolkit.sources.weights import find, sha256_of

Floats = NDArray[np.float64]

WHOLE_BODY: Final = 133
FIRST_HAND: Final = 91
"""Of COCO-WholeBody: 21 of the left hand from here, then 21 of the right hand."""

PERSON: Final = "person"
"""Origin of a prompt whose box is a person's."""

CONTEXT: Final = 4.0
"""A whole-body network sees this many times the longer side of a hand's box: a forearm and part of the body."""

LEAST_OF_A_PERSON: Final = 0.5
"""A whole-body network's hand needs four joints above this (HaMeR's demo)."""

RECIPE_VERSION: Final = 1
"""Part of the detector's name: raise it with every change that moves a point."""

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


class VitPoseDetector:
    """Hands from boxes by a ViTPose checkpoint."""

    finds_boxes = False

    def __init__(
        self,
        *,
        model: Path | None = None,
        joint_order: str | None = None,
        min_score: float | None = None,
        device: str = "cpu",
    ) -> None:
        """Load the network.

        Args:
            model: `.pth`; None has it found (`sources.weights.find`).
            joint_order: of a 21-keypoint checkpoint, a key of `joints.TO_HINT`; a whole-body one has its own.
            min_score: a hand needs four joints above it; None: 0.5 for a whole-body network, 0.3 for a hand's; 0 takes
                every box for a hand.
            device: "cpu" or "cuda".

        Raises:
            MissingExtra: torch or timm is not installed.
            InputError: no weights, not ViTPose, other than 133 or 21 keypoints, or no joint order.
        """
        path = find("vitpose", model)
        self._network = VitPose(path, device=device)
        self._whole = self._network.keypoints == WHOLE_BODY
        self._order = _joint_order(self._network.keypoints, joint_order, str(path))
        standard = LEAST_OF_A_PERSON if self._whole else LEAST_SCORE
        self._least = standard if min_score is None else min_score
        options = [] if self._whole else [f"joint_order={joint_order}"]
        options += [] if self._least == standard else [f"min_score={self._least:g}"]
        self.name = ",".join([f"vitpose-{sha256_of(path)[:12]}+box{RECIPE_VERSION}", *options])

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Nothing finds boxes here.

        Raises:
            InputError: always.
        """
        raise InputError("vitpose works from boxes only", next_step="give it boxes, or use --detector mediapipe")

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The hand of each box, in the order of the boxes; one box at a time, so neighbours change nothing.

        None for a box that is not usable (`refine.usable_box`), and where too few joints are sure.
        """
        return [self._one(image, prompt) for prompt in prompts]

    def close(self) -> None:
        """Free the network."""
        del self._network

    def _one(self, image: NDArray[np.uint8], prompt: Prompt) -> Detection | None:
        if usable_box(prompt.box, image.shape[1], image.shape[0]) is None:
            return None
        box, aspect = np.asarray(prompt.box, float), INPUT[1] / INPUT[0]
        if self._whole:
            of_person = prompt.origin == PERSON
            points, score = self._read(image, region_around(box if of_person else _around(box), aspect, inclusive=True))
            return self._hand_of_a_body(points, score, image, prompt)
        points, score = self._read(image, region_around(box, aspect, inclusive=True))
        if not enough(score, self._least):
            return None
        return hand(points[self._order], score[self._order], image, prompt.side)

    def _hand_of_a_body(
        self, points: Floats, score: Floats, image: NDArray[np.uint8], prompt: Prompt
    ) -> Detection | None:
        """The wanted one of the left and the right hand (42 points, 42 scores): of the person, or in the hand's box."""
        found = []
        for side, begin in zip(SIDES, (0, N_JOINTS), strict=True):
            own = slice(begin, begin + N_JOINTS)
            one = hand(points[own], score[own], image, side)
            wanted = prompt.side in ("", side) if prompt.origin == PERSON else _lies_in(points[own], score[own], prompt)
            if one is not None and wanted and enough(score[own], self._least):
                found.append(one)
        return max(found, key=lambda one: float(one.score.mean()), default=None)

    def _read(self, image: NDArray[np.uint8], region: Region) -> tuple[Floats, Floats]:
        """Points in pixels of the picture and scores: of the hand, or of the left and then the right one (42)."""
        crop = normalised(region.cut(image, INPUT[1], INPUT[0]))
        maps = self._network.heatmaps(np.stack([crop, crop[:, :, ::-1]]))
        if self._whole:
            maps = maps[:, FIRST_HAND:]
        cells, score = decode(merge_mirrored(maps[0], maps[1], pairs=self._whole))
        return region.to_picture(cells, HEATMAP[1], HEATMAP[0]), score


def normalised(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An RGB crop (H, W, 3) as the network's input (3, H, W)."""
    scaled = (crop.astype(np.float32) / np.float32(255) - _MEAN) / _STD
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def merge_mirrored(straight: NDArray[np.float32], mirrored: NDArray[np.float32], *, pairs: bool) -> NDArray[np.float32]:
    """The mean of the heatmaps (K, H, W) of a crop and of the mirrored crop.

    Args:
        straight: of the crop.
        mirrored: of the mirrored crop, as the network gave them.
        pairs: whether the first half of the channels is the left hand and the second half the right hand; a mirrored
            left hand is seen as a right one. False: one hand, whose joints keep their names.
    """
    back = mirrored[:, :, ::-1]
    if pairs:
        back = np.roll(back, len(back) // 2, axis=0)
    shifted = back.copy()
    shifted[:, :, 1:] = back[:, :, :-1]
    return np.asarray((straight + shifted) * np.float32(0.5))


def decode(maps: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Heatmaps (K, H, W) -> cells (K, 2) as x, y, and values (K,).

    Where the highest value is not above 0, the cell is (-1, -1), as MMPose has it.
    """
    count, height, width = maps.shape
    best = maps.reshape(count, -1).argmax(axis=1)
    y, x = np.divmod(best, width)
    each = np.arange(count)
    score = maps[each, y, x].astype(float)
    cells = np.stack([x, y], axis=1).astype(float)
    moves = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    k, kx, ky = each[moves], x[moves], y[moves]
    cells[moves, 0] += 0.25 * np.sign(maps[k, ky, kx + 1] - maps[k, ky, kx - 1])
    cells[moves, 1] += 0.25 * np.sign(maps[k, ky + 1, kx] - maps[k, ky - 1, kx])
    cells[score <= 0] = -1.0
    return cells, score


def _around(box: Floats) -> Floats:
    """A square box of `CONTEXT` times a hand's box around the same centre."""
    center, half = (box[:2] + box[2:]) / 2, CONTEXT / 2 * float((box[2:] - box[:2]).max())
    return np.concatenate([center - half, center + half])


def _lies_in(points: Floats, score: Floats, prompt: Prompt) -> bool:
    """Whether the middle of the joints, the surer the heavier, lies in the box, or beside it by less than a quarter."""
    slack = 0.25 * float((prompt.box[2:] - prompt.box[:2]).max())
    middle = np.average(points, axis=0, weights=np.clip(score, 0, None) + 1e-9)
    return bool(((middle >= prompt.box[:2] - slack) & (middle <= prompt.box[2:] + slack)).all())


def _joint_order(keypoints: int, given: str | None, where: str) -> list[int]:
    """The permutation that brings a hand checkpoint's joints to HInt's order."""
    if keypoints == WHOLE_BODY:
        if given not in (None, "hint"):
            raise InputError(
                f"joint_order={given!r}", where=where, next_step="leave it out: COCO-WholeBody has its own"
            )
        return list(range(N_JOINTS))
    orders = ", ".join(TO_HINT)
    if keypoints != N_JOINTS:
        raise InputError(
            f"has {keypoints} keypoints", where=where, next_step="give one of 133 (whole body) or 21 (hand)"
        )
    if given is None:
        raise InputError(
            "has 21 keypoints in an order that it does not name", where=where, next_step=f"pass joint_order: {orders}"
        )
    if given not in TO_HINT:
        raise InputError(f"joint_order={given!r}", next_step=f"use one of: {orders}")
    return list(TO_HINT[given])
