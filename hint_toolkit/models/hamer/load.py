"""HaMeR ready to be asked: files in, hands in pixels of the picture out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.mano_file import GET as GET_MANO
from hint_toolkit.io.mano_file import read_mano
from hint_toolkit.models._torchvision import import_timm
from hint_toolkit.models.hamer.camera import full_translation
from hint_toolkit.models.hamer.checkpoint import read_checkpoint
from hint_toolkit.models.hamer.config import HamerConfig, read_config
from hint_toolkit.models.hamer.crop import Recipe, Square, cut, square_of
from hint_toolkit.models.hamer.mano import arrays_of
from hint_toolkit.models.hamer.network import build_hamer

Floats = NDArray[np.float64]


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


class HamerModel:
    """A loaded HaMeR.

    Attributes:
        network: the torch module (`network.build_hamer`).
        faces: (1538, 3) triangles of the mesh; of a left hand in the other sense of rotation.
        depth: blocks of its backbone.
    """

    def __init__(self, network: Any, faces: NDArray[np.int64], config: HamerConfig, device: str) -> None:
        """Take a network to a device."""
        self.network, self.faces, self.config, self.device = network.to(device), faces, config, device
        self.depth = len(network.backbone.blocks)

    def predict(
        self,
        image: NDArray[np.uint8],
        boxes: Floats,
        sides: Sequence[str],
        *,
        crop: Recipe = "hint",
        batch: int = 8,
    ) -> HandAnswers:
        """The hands in these boxes.

        Args:
            image: (H, W, 3) RGB uint8.
            boxes: (N, 4) x1, y1, x2, y2 pixels.
            sides: N times "left" or "right", of the person.
            crop: how the crop is made of the box, one of `crop.RECIPES`; "hint" is that of the published numbers.
            batch: crops at a time.

        Raises:
            InputError: a box without area, or a side that is not known.
        """
        squares = tuple(square_of(box, side, crop) for box, side in zip(boxes, sides, strict=True))
        parts = [
            self.ask(np.stack([cut(image, one, crop) for one in squares[start : start + batch]]))
            for start in range(0, len(squares), batch)
        ]
        return self.placed(parts, squares, image.shape[1], image.shape[0])

    def ask(self, crops: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The network's answer to (B, 3, 256, 256) crops, as arrays, of right hands in fractions of the crop."""
        import torch

        with torch.inference_mode():
            found = self.network(torch.from_numpy(crops).to(self.device))
        return {name: value.float().cpu().numpy() for name, value in found.items() if name != "features"}

    def placed(
        self, parts: Sequence[dict[str, NDArray[np.float32]]], squares: Sequence[Square], width: int, height: int
    ) -> HandAnswers:
        """Answers of `ask` in pixels of the picture; left hands are mirrored back.

        Args:
            parts: answers, in the order of the squares.
            squares: of the crops.
            width: of the picture.
            height: of the picture.
        """
        shapes = {"points": (21, 2), "joints": (21, 3), "vertices": (778, 3), "rotations": (16, 3, 3), "betas": (10,),
                  "camera": (3,)}  # fmt: skip
        found = {
            name: np.concatenate([np.zeros((0, *shape)), *(part[name] for part in parts)]).astype(np.float64)
            for name, shape in shapes.items()
        }
        turn = np.array([1.0 if one.right else -1.0 for one in squares])
        for name in ("joints", "vertices"):
            found[name][..., 0] *= turn[:, None]
        found["camera"][:, 1] *= turn
        points = np.array([one.to_pixels(p) for one, p in zip(squares, found["points"], strict=True)])
        centers = np.array([one.center for one in squares]).reshape(-1, 2)
        sizes = np.array([one.size for one in squares])
        translation, focal = full_translation(found["camera"], centers, sizes, width, height, self.config.focal)
        found["points"] = points.reshape(-1, 21, 2)
        return HandAnswers(**found, translation=translation, focal=focal, squares=tuple(squares))


def load_hamer(
    checkpoint: Path, *, mano: Path | None = None, config: Path | None = None, device: str = "cpu"
) -> HamerModel:
    """Load the official files.

    Args:
        checkpoint: hamer.ckpt.
        mano: MANO_RIGHT.pkl; None takes the copy inside of the checkpoint, if there is one (MANO's licence applies).
        config: model_config.yaml; None takes the one where the official layout has it (two folders up), if it is there.
        device: "cpu", "cuda", ..

    Raises:
        MissingExtra: torch, timm or smplx is not installed.
        InputError: a file is missing or is not what it should be.
    """
    import_timm()
    state = read_checkpoint(checkpoint)
    beside = checkpoint.resolve().parent.parent / "model_config.yaml"
    place = config or (beside if beside.is_file() else None)
    settings = read_config(place) if place else HamerConfig()
    arrays = read_mano(mano) if mano else _kept_mano(state, checkpoint)
    network = build_hamer(state, arrays, focal=settings.focal)
    return HamerModel(network, network.mano.faces, settings, device)


def _kept_mano(state: dict[str, Any], checkpoint: Path) -> dict[str, Any]:
    kept = {key.removeprefix("mano."): value for key, value in state.items() if key.startswith("mano.")}
    needed = ("v_template", "shapedirs", "posedirs", "J_regressor", "lbs_weights", "parents", "faces_tensor")
    if any(name not in kept for name in needed):
        raise InputError("brings no MANO, and none is named", where=str(checkpoint), next_step=GET_MANO)
    return arrays_of(kept)
