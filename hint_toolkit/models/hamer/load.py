"""HaMeR from its files, as they were downloaded."""

from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.io.mano_file import GET as GET_MANO
from hint_toolkit.io.mano_file import read_mano
from hint_toolkit.models._torchvision import import_timm
from hint_toolkit.models.hamer.checkpoint import read_checkpoint
from hint_toolkit.models.hamer.config import HamerConfig, read_config
from hint_toolkit.models.hamer.fast import Precision
from hint_toolkit.models.hamer.mano import arrays_of
from hint_toolkit.models.hamer.model import HamerModel as HamerModel
from hint_toolkit.models.hamer.network import build_hamer


def load_hamer(
    checkpoint: Path,
    *,
    mano: Path | None = None,
    config: Path | None = None,
    device: str = "auto",
    precision: Precision = "float32",
    compiled: bool = False,
) -> HamerModel:
    """Load the official files.

    Args:
        checkpoint: hamer.ckpt.
        mano: MANO_RIGHT.pkl; None takes the copy inside of the checkpoint, if there is one (MANO's licence applies).
        config: model_config.yaml; None takes the one where the official layout has it (two folders up), if it is there.
        device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", ..
        precision: of the backbone's matrix products, one of `fast.PRECISIONS`.
        compiled: compile the backbone's blocks, which takes about a minute; see `fast.hasten`.

    Raises:
        MissingExtra: torch, timm or smplx is not installed.
        InputError: a file is missing or is not what it should be.
    """
    import_timm()
    beside = checkpoint.resolve().parent.parent / "model_config.yaml"
    place = config or (beside if beside.is_file() else None)
    settings = read_config(place) if place else HamerConfig()
    state = read_checkpoint(checkpoint, settings)
    arrays = read_mano(mano) if mano else _kept_mano(state, checkpoint)
    network = build_hamer(state, arrays, config=settings, focal=settings.focal)
    return HamerModel(network, network.mano.faces, settings, device, precision=precision, compiled=compiled)


def _kept_mano(state: dict[str, Any], checkpoint: Path) -> dict[str, Any]:
    kept = {key.removeprefix("mano."): value for key, value in state.items() if key.startswith("mano.")}
    needed = ("v_template", "shapedirs", "posedirs", "J_regressor", "lbs_weights", "parents", "faces_tensor")
    if any(name not in kept for name in needed):
        raise InputError("brings no MANO, and none is named", where=str(checkpoint), next_step=GET_MANO)
    return arrays_of(kept)
