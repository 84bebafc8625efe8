"""MediaPipe's landmark net on one square of a picture: 21 points, presence and side, without the palm detector.

The net reads a square of 224 x 224 pixels in which the fingers point up. `Square` says where in the picture that
square lies; everything that goes in or comes out is in pixels of the picture. The net runs through LiteRT: the TFLite
reader of OpenCV 4 shifts its points by 3 of 224 pixels, and mediapipe itself is not needed for it.

Outputs of `hand_landmarks_detector.tflite` by name: `Identity` 21 x (x, y, z) in pixels of the square, measured from
its corner; `Identity_1` presence; `Identity_2` probability of a right hand, anatomical for an unmirrored picture.
Source: https://ai.google.dev/edge/mediapipe/solutions/vision/hand_landmarker and the model file itself.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.io.quiet import quiet
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.prelabel.mediapipe_model import model_path

Floats = NDArray[np.float64]

SIZE = 224
"""Side of the net's input, pixels."""

MEMBER = "hand_landmarks_detector.tflite"

_REFERENCE_JOINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
"""Joints whose extent sets the square around a hand that was found: fingertips move too much to steer it."""
_GROW, _SHIFT = 2.0, 0.1  # of their extent's longer side: side of the square, and its move towards the fingers


@dataclass(frozen=True)
class Square:
    """A turned square of a picture.

    Attributes:
        center: (2,) pixels of the picture, centre of the top-left pixel at (0, 0).
        side: pixels.
        angle: radians; 0 is upright, positive turns its upper edge clockwise (towards x).
    """

    center: Floats
    side: float
    angle: float

    def axes(self) -> Floats:
        """(2, 2): the square's right and down directions in the picture, one a column."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    def to_picture(self, points: Floats) -> Floats:
        """Points (..., 2) in pixels of the net's input, measured from its corner, in pixels of the picture."""
        return np.asarray((points / SIZE - 0.5) * self.side @ self.axes().T + self.center)


@dataclass(frozen=True)
class Reading:
    """What the net says about one square.

    Attributes:
        points: (21, 2) pixels of the picture, HInt order.
        presence: confidence that the square holds a hand, 0..1.
        right: probability that it is a right hand, 0..1.
    """

    points: Floats
    presence: float
    right: float


def square_around(points: Floats) -> Square:
    """The square from which the net reads a hand best, given where its 21 joints (21, 2) are about.

    Upright is the direction from the wrist to the middle of the knuckles. Source of the choice of joints, factor and
    shift: MediaPipe's own hand tracking graph.
    """
    knuckles = (points[5] + points[13]) / 4 + points[9] / 2
    along = knuckles - points[0]
    angle = float(np.arctan2(along[0], -along[1]))
    axes = Square(np.zeros(2), 1.0, angle).axes()
    turned = points[list(_REFERENCE_JOINTS)] @ axes
    low, high = turned.min(axis=0), turned.max(axis=0)
    longer = float((high - low).max())
    middle = (low + high) / 2 - np.array([0.0, _SHIFT * float(high[1] - low[1])])
    return Square(axes @ middle, max(_GROW * longer, 1.0), angle)


def cut_square(image: NDArray[np.uint8], square: Square) -> NDArray[np.uint8]:
    """The square as (224, 224, 3); beyond the picture its edge is repeated, as MediaPipe does."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "prelabel") from error
    scale = square.side / SIZE
    matrix = np.empty((2, 3))
    matrix[:, :2] = square.axes() * scale
    matrix[:, 2] = square.center - matrix[:, :2] @ np.full(2, (SIZE - 1) / 2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut: NDArray[np.uint8] = cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cut


class LandmarkNet:
    """The net, held open.

    One square a call: several at once take the same time a square (4.6 ms of CPU either way), and one at a time the
    answer cannot depend on the neighbours.
    """

    def __init__(self, *, model: Path | None = None, threads: int = 1) -> None:
        """Load the net.

        Args:
            model: a `hand_landmarker.task`; None has it found or fetched (see `mediapipe_model`).
            threads: of the interpreter. More than one hardly helps a net of this size; run more processes instead.

        Raises:
            MissingExtra: ai-edge-litert is not installed.
            InputError: no model, or no thread.
        """
        if threads < 1:
            raise InputError(f"{threads} threads", next_step="use 1 or more")
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtra("ai-edge-litert", "prelabel") from error
        with zipfile.ZipFile(model_path(model)) as bundle:
            content = bundle.read(MEMBER)
        with quiet():
            self._net: Any = Interpreter(model_content=content, num_threads=threads)
            self._net.allocate_tensors()
        self._input = int(self._net.get_input_details()[0]["index"])
        self._outputs = {str(output["name"]): int(output["index"]) for output in self._net.get_output_details()}

    def read(self, image: NDArray[np.uint8], square: Square) -> Reading:
        """Read one square of an (H, W, 3) RGB picture."""
        cut = cut_square(image, square).astype(np.float32) / np.float32(255)
        self._net.set_tensor(self._input, cut[None])
        self._net.invoke()
        points, presence, right = (self._value(name) for name in ("Identity", "Identity_1", "Identity_2"))
        flat = points.reshape(N_JOINTS, 3)[:, :2]
        return Reading(square.to_picture(flat), float(presence[0]), float(right[0]))

    def close(self) -> None:
        """Free the interpreter, which would say so on the terminal."""
        with quiet():
            self._net = None

    def _value(self, name: str) -> Floats:
        return np.asarray(self._net.get_tensor(self._outputs[name]), float).reshape(-1)
