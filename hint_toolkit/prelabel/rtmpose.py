"""RTMPose's hand models through ONNX Runtime: 21 points with a score each, from a hand's box; no torch, no GPU.

The file is what OpenMMLab publishes as "onnx_sdk" (RTMPose-m hand5), or any model of that form: one input (1, 3, 256,
256), outputs `simcc_x` and `simcc_y` of (1, 21, 512) each. Every joint has a row of 512 classes for its column and
one for its line, two classes a pixel of the input (split ratio 2); the joint is at the highest class of each, and its
score is the lower of the two maxima. Joints stand in HInt's order (COCO-WholeBody-Hand's).

The region is 1.25 times the square around the box; colours are RGB with ImageNet's mean and deviation in 0..255. The
crop is not mirrored a second time, as in the published files' own pipeline. The network knows no side: it is the box's.

Sources: https://arxiv.org/abs/2303.07399, github.com/open-mmlab/mmpose (projects/rtmpose, `get_simcc_maximum`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.prelabel.base import Detection, Prompt
from hint_toolkit.prelabel.refine import usable_box
from hint_toolkit.prelabel.top_down import LEAST_SCORE, enough, hand, region_around
from hint_toolkit.sources.weights import find, sha256_of

Floats = NDArray[np.float64]

SIZE: Final = 256
"""Side of the network's input, pixels."""

SPLIT: Final = 2.0
"""Classes a pixel of the input."""

OUTPUTS: Final = ("simcc_x", "simcc_y")

RECIPE_VERSION: Final = 1
"""Part of the detector's name: raise it with every change that moves a point."""

_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_STD = np.array([58.395, 57.12, 57.375], np.float32)
_ERRORS_ONLY = 3  # of ONNX Runtime's log levels


class RtmPoseDetector:
    """Hands from boxes by an RTMPose hand model on the CPU."""

    finds_boxes = False

    def __init__(self, *, model: Path | None = None, min_score: float = LEAST_SCORE, threads: int = 1) -> None:
        """Load the model.

        Args:
            model: `.onnx`; None has it found (`sources.weights.find`).
            min_score: a hand needs four joints above it; 0 takes every box for a hand.
            threads: of ONNX Runtime.

        Raises:
            MissingExtra: onnxruntime is not installed.
            InputError: no model, or not one of this form.
        """
        if threads < 1:
            raise InputError(f"{threads} threads", next_step="use 1 or more")
        path = find("rtmpose", model)
        self._session = _open(path, threads)
        self._least = min_score
        options = [] if min_score == LEAST_SCORE else [f"min_score={min_score:g}"]
        self.name = ",".join([f"rtmpose-{sha256_of(path)[:12]}+box{RECIPE_VERSION}", *options])

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Nothing finds boxes here.

        Raises:
            InputError: always.
        """
        raise InputError("rtmpose works from boxes only", next_step="give it boxes, or use --detector mediapipe")

    def detect_in(self, image: NDArray[np.uint8], prompts: Sequence[Prompt]) -> list[Detection | None]:
        """The hand of each box, in the order of the boxes; one box at a time, so neighbours change nothing.

        None for a box that is not usable (`refine.usable_box`), and where too few joints are sure.
        """
        return [self._one(image, prompt) for prompt in prompts]

    def close(self) -> None:
        """Free the session."""
        self._session = None

    def _one(self, image: NDArray[np.uint8], prompt: Prompt) -> Detection | None:
        if usable_box(prompt.box, image.shape[1], image.shape[0]) is None:
            return None
        region = region_around(np.asarray(prompt.box, float), 1.0)
        crop = (region.cut(image, SIZE, SIZE).astype(np.float32) - _MEAN) / _STD
        x, y = _run(self._session, np.ascontiguousarray(crop.transpose(2, 0, 1)[None]))
        cells, score = decode(x[0], y[0])
        if not enough(score, self._least):
            return None
        return hand(region.to_picture(cells, SIZE, SIZE), score, image, prompt.side)


def decode(x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Classes of columns (K, 512) and of lines (K, 512) -> points (K, 2) in pixels of the input, scores (K,).

    Where the score is not above 0, both classes are -1, as MMPose has it.
    """
    score = np.minimum(x.max(axis=1), y.max(axis=1)).astype(float)
    classes = np.stack([x.argmax(axis=1), y.argmax(axis=1)], axis=1).astype(float)
    classes[score <= 0] = -1.0
    return classes / SPLIT, score


def _open(path: Path, threads: int) -> Any:
    """A session of the model, tried once on a black crop.

    Raises:
        MissingExtra: onnxruntime is not installed.
        InputError: not an ONNX model, or another input or other outputs than a hand's SimCC.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "rtmpose") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, _ERRORS_ONLY
    what = "is not a hand model of RTMPose"
    next_step = "give RTMPose-m hand5 from OpenMMLab's onnx_sdk; see: hint-build weights"
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base but this one
        raise InputError("is not an ONNX model", where=str(path), why=_brief(error), next_step=next_step) from error
    names = [output.name for output in session.get_outputs()]
    if len(session.get_inputs()) != 1 or not set(OUTPUTS) <= set(names):
        why = f"{len(session.get_inputs())} inputs, outputs {', '.join(names)}; wanted 1 and {', '.join(OUTPUTS)}"
        raise InputError(what, where=str(path), why=why, next_step=next_step)
    try:
        shapes = [value.shape for value in _run(session, np.zeros((1, 3, SIZE, SIZE), np.float32))]
    except Exception as error:
        why = f"does not take (1, 3, {SIZE}, {SIZE}): {_brief(error)}"
        raise InputError(what, where=str(path), why=why, next_step=next_step) from error
    wanted = (1, N_JOINTS, int(SIZE * SPLIT))
    if shapes != [wanted, wanted]:
        why = f"gives {shapes[0]} and {shapes[1]} instead of {wanted} twice"
        raise InputError(what, where=str(path), why=why, next_step=next_step)
    return session


def _run(session: Any, crop: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    x, y = session.run(list(OUTPUTS), {session.get_inputs()[0].name: crop})
    return np.asarray(x), np.asarray(y)


def _brief(error: Exception) -> str:
    """The end of ONNX Runtime's message, which begins with codes and names of its own source files."""
    return " ".join(str(error).split())[-160:]
