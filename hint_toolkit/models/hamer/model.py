"""A HaMeR to be asked: crops of one picture or of many, cut to batches, hands in pixels of their pictures out."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import HintError, InputError
from hint_toolkit.models.hamer.camera import full_translation
from hint_toolkit.models.hamer.config import HamerConfig
from hint_toolkit.models.hamer.crop import Recipe, Square, levels, normalised, square_of
from hint_toolkit.models.hamer.fast import Precision, hasten

Floats = NDArray[np.float64]
_SHAPES: Final = {"points": (21, 2), "joints": (21, 3), "vertices": (778, 3), "rotations": (16, 3, 3), "betas": (10,),
                  "camera": (3,)}  # fmt: skip
"""What of the network's answer is brought back."""
_AHEAD: Final = 1
"""Batches that a GPU works on while the next is made ready. On a CPU the two would only share its cores."""


@dataclass(frozen=True)
class HandAnswers:
    """HaMeR's hands in one picture, N of them, in the picture's own coordinates.

    Attributes:
        points: (N, 21, 2) pixels, HInt's order.
        joints: (N, 21, 3) metres about the model's origin, x right, y down, z away; left hands are left hands.
        vertices: (N, 778, 3) likewise.
        rotations: (N, 16, 3, 3) of the (mirrored) right hand, wrist first, in MANO's order.
        betas: (N, 10) shape.
        camera: (N, 3) s, tx, ty of the crop, unmirrored.
        translation: (N, 3) metres: where the hand is before the camera of the whole picture.
        focal: of that camera, pixels; its principal point is the picture's middle.
        squares: what was shown of the picture.
    """

    points: Floats
    joints: Floats
    vertices: Floats
    rotations: Floats
    betas: Floats
    camera: Floats
    translation: Floats
    focal: float
    squares: tuple[Square, ...]


@dataclass(frozen=True)
class Cut:
    """All that HaMeR needs of a picture.

    Attributes:
        width: of the picture.
        height: of the picture.
        squares: what each crop shows.
        grey: the crops, (256, 256, 3) grey levels each, see `crop.levels`.
    """

    width: int
    height: int
    squares: tuple[Square, ...]
    grey: tuple[NDArray[Any], ...]


def cut_hands(image: NDArray[np.uint8], boxes: Floats, sides: Sequence[str], crop: Recipe = "hint") -> Cut:
    """The crops of a picture's hands. Needs no torch, so that other processes can do it.

    Args:
        image: (H, W, 3) RGB uint8.
        boxes: (N, 4) x1, y1, x2, y2 pixels.
        sides: N times "left" or "right", of the person.
        crop: how the crop is made of the box, one of `crop.RECIPES`; "hint" is that of the published numbers.

    Raises:
        InputError: a box without area, or a side that is not known.
    """
    squares = tuple(square_of(box, side, crop) for box, side in zip(boxes, sides, strict=True))
    grey = tuple(levels(image, one, crop) for one in squares)
    return Cut(image.shape[1], image.shape[0], squares, grey)


class HamerModel:
    """A loaded HaMeR.

    Attributes:
        network: the torch module (`network.build_hamer`).
        faces: (1538, 3) triangles of the mesh; of a left hand in the other sense of rotation.
        device: "cpu", "cuda", ..
    """

    def __init__(
        self,
        network: Any,
        faces: NDArray[np.int64],
        config: HamerConfig,
        device: str = "cpu",
        *,
        precision: Precision = "float32",
        compiled: bool = False,
    ) -> None:
        """Take a network to a device, see `fast.hasten`.

        Raises:
            InputError: there is no such device here, or no such precision.
        """
        self.device = usable_device(device)
        self.network = hasten(network.to(self.device), precision=precision, compiled=compiled)
        self.faces, self.config = faces, config
        self._ahead = _AHEAD if self.device.startswith("cuda") else 0
        self._one_size = compiled  # another one would be compiled anew

    def predict(
        self,
        image: NDArray[np.uint8],
        boxes: Floats,
        sides: Sequence[str],
        *,
        crop: Recipe = "hint",
        batch: int = 8,
    ) -> HandAnswers:
        """The hands in the boxes of one picture; arguments and errors as of `cut_hands`, and how many at a time."""
        return next(self.predict_many([cut_hands(image, boxes, sides, crop)], batch=batch))

    def predict_many(self, cuts: Iterable[Cut], *, batch: int = 8, filled: bool = False) -> Iterator[HandAnswers]:
        """The hands of each picture, in the order of the pictures; a batch has hands of several.

        Args:
            cuts: taken as they are needed, never all at once.
            batch: hands at a time.
            filled: fill the last batch up with black crops. The digits of a hand depend on how many are asked at once
                (the libraries cut their products differently), and hardly on which: a run that begins in the middle
                then ends with the same ones.

        Raises:
            HintError: of `cuts`, after what was cut before is answered.
        """
        source, failure = iter(cuts), None
        pictures: deque[Cut] = deque()
        crops: deque[NDArray[Any]] = deque()
        running: deque[tuple[dict[str, Any], int]] = deque()
        answered: deque[dict[str, NDArray[np.float32]]] = deque()
        more = True
        while more:
            try:
                cut = next(source)
                pictures.append(cut)
                crops.extend(cut.grey)
            except StopIteration:
                more = False
            except HintError as error:
                more, failure = False, error
            while len(crops) >= batch or (crops and not more):
                n = min(batch, len(crops))
                size = batch if filled or self._one_size else n
                running.append((self._start([crops.popleft() for _ in range(n)], size), n))
                if len(running) > self._ahead:
                    answered.extend(_rows(*running.popleft()))
            while running and not more:
                answered.extend(_rows(*running.popleft()))
            while pictures and len(answered) >= len(pictures[0].squares):
                done = pictures.popleft()
                yield self.placed([answered.popleft() for _ in done.squares], done)
        if failure is not None:
            raise failure

    def _start(self, crops: Sequence[NDArray[Any]], size: int) -> dict[str, Any]:
        """Begin a batch of this size; on a GPU nothing is waited for."""
        import torch

        stacked = np.stack(crops)
        if len(crops) < size:
            stacked = np.concatenate([stacked, np.zeros((size - len(crops), *stacked.shape[1:]), stacked.dtype)])
        grey = torch.from_numpy(stacked)
        if self.device.startswith("cuda"):
            grey = grey.pin_memory()  # else the copy would wait
        # Convolutions in TensorFloat-32, which torch allows by itself, are not float32.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            # Normalised where the network is, from a quarter of the bytes; the crops' colours come last in memory.
            found = self.network(normalised(grey.to(self.device, non_blocking=True)).permute(0, 3, 1, 2))
        return {name: found[name] for name in _SHAPES}

    def placed(self, rows: Sequence[dict[str, NDArray[np.float32]]], cut: Cut) -> HandAnswers:
        """Answers of right hands in fractions of their crops -> in pixels of the picture; left hands are mirrored back.

        Args:
            rows: one a hand, in the order of the squares.
            cut: what was shown.
        """
        n = len(cut.squares)
        found = {
            name: np.array([row[name] for row in rows], np.float64).reshape(n, *shape)
            for name, shape in _SHAPES.items()
        }
        turn = np.array([1.0 if one.right else -1.0 for one in cut.squares])
        for name in ("joints", "vertices"):
            found[name][..., 0] *= turn[:, None]
        found["camera"][:, 1] *= turn
        for one, points in zip(cut.squares, found["points"], strict=True):
            points[:] = one.to_pixels(points)
        centers = np.array([one.center for one in cut.squares]).reshape(-1, 2)
        sizes = np.array([one.size for one in cut.squares])
        camera = found["camera"]
        translation, focal = full_translation(camera, centers, sizes, cut.width, cut.height, self.config.focal)
        return HandAnswers(**found, translation=translation, focal=focal, squares=cut.squares)


def usable_device(name: str) -> str:
    """The device by its name; "auto" is "cuda" where there is a GPU, else "cpu".

    Raises:
        InputError: there is no such device here.
    """
    import torch

    there = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if there else "cpu"
    if name.partition(":")[0] not in ("cpu", "cuda", "mps"):
        raise InputError(f"device={name}", next_step="use one of: auto, cpu, cuda, cuda:0, ..")
    if name.startswith("cuda") and not there:
        why = "this torch was built without it" if torch.version.cuda is None else "no GPU, or no driver"
        raise InputError(f"device={name} is not here", why=why, next_step="use device=auto or cpu")
    return name


def _rows(found: dict[str, Any], n: int) -> list[dict[str, NDArray[np.float32]]]:
    """The first n answers of a batch, one a hand; waits for them."""
    arrays = {name: value.float().cpu().numpy() for name, value in found.items()}
    return [{name: values[k] for name, values in arrays.items()} for k in range(n)]
