"""What a training starts from: HaMeR's own weights, a ViTPose's or timm's backbone, or nothing but chance.

Whatever it is becomes a state dict of the official names, from which `network.build_hamer` builds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.npz import read_npz
from hint_toolkit.models._torchvision import import_timm, import_torch
from hint_toolkit.models.hamer.backbones import PREFIX, build_backbone, official_backbone, own_size, shapes_of
from hint_toolkit.models.hamer.checkpoint import read_checkpoint, read_tensors
from hint_toolkit.models.hamer.config import HamerConfig, read_config
from hint_toolkit.models.hamer.decoder import MEANS, READOUTS, build_head
from hint_toolkit.models.hamer.decoder import PREFIX as HEAD
from hint_toolkit.models.hamer.discriminator import PREFIX as DISCRIMINATOR
from hint_toolkit.models.state import account

_NO_TURN = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_CAMERA = (5.5, 0.0, 0.0)
"""A hand of 18 cm then takes half of the crop (its share is length x s / 2), which is how crops are made."""
_SMALL, _FAINT = 0.01, 0.02
_MEANS = {"decpose": "pose", "decshape": "shape", "deccam": "cam"}


@dataclass(frozen=True)
class Start:
    """Weights to start from.

    Attributes:
        state: complete, by the official names; float32, its own memory.
        config: which network it is of.
        discriminator: tensors of it, without their prefix, where the checkpoint had them; else empty.
    """

    state: dict[str, Any]
    config: HamerConfig
    discriminator: dict[str, Any]


def start_by_chance(
    backbone: str, head_depth: int, seed: int, *, backbone_file: Path | None = None, means: Path | None = None
) -> Start:
    """Random weights, in front of which a trained backbone may stand.

    Args:
        backbone: a name of `hamer.backbones`.
        head_depth: layers of the head; HaMeR has 6.
        seed: of the weights.
        backbone_file: of ViTPose for a `vit` (its `backbone.*`), of timm for a name of timm; None is chance, too.
        means: mano_mean_params.npz, which the head's answers are added to; None: no turn, no shape, a camera that shows
            the whole hand.

    Raises:
        InputError: no such backbone, or a file that is missing or of another network.
    """
    torch = import_torch()
    import_timm()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, width = build_backbone(backbone)
        head = build_head(width, head_depth, device="cpu")
        # A token that begins near zero is mostly what it sees; one that begins large is nearly the same for all hands.
        torch.nn.init.normal_(head.transformer.pos_embedding, std=_FAINT)
        torch.nn.init.zeros_(head.transformer.to_token_embedding.bias)
        for part in READOUTS:
            # The first answers are about the mean hand, not hands of broken fingers.
            torch.nn.init.xavier_uniform_(getattr(head, part).weight, gain=_SMALL)
            torch.nn.init.zeros_(getattr(head, part).bias)
    state = official_backbone(network, backbone)
    if backbone_file is not None:
        state = _backbone_of(backbone_file, backbone, state)
    state |= {HEAD + key: value for key, value in head.state_dict().items()}
    state |= _means(torch, means)
    name = "vit" if own_size(backbone) else backbone
    return Start(_copied(state), HamerConfig(backbone=name, head_depth=head_depth), {})


def start_from(checkpoint: Path, config: Path | None = None) -> Start:
    """The weights of hamer.ckpt, official or of an earlier training, and its discriminator if it has one.

    Args:
        checkpoint: the file.
        config: model_config.yaml; None takes the one two folders up, if it is there.

    Raises:
        InputError: a file is missing or is not what it should be.
    """
    beside = checkpoint.resolve().parent.parent / "model_config.yaml"
    place = config or (beside if beside.is_file() else None)
    settings = read_config(place) if place else HamerConfig()
    state = read_checkpoint(checkpoint, settings)
    state = {key: value for key, value in state.items() if not key.startswith("mano.")}
    held = read_tensors(checkpoint)
    rest = {key.removeprefix(DISCRIMINATOR): value for key, value in held.items() if key.startswith(DISCRIMINATOR)}
    return Start(_copied(state), settings, _copied(rest))


def _safetensors(path: Path) -> dict[str, Any]:
    """What timm's own files are today; the format holds nothing that could run."""
    if not path.is_file():
        raise InputError("no such file of weights", where=str(path))
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise InputError("cannot be read as weights", where=str(path), why=str(error)[:120]) from error


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """Training writes into its weights: never into a file that is mapped into memory."""
    return {key: value.detach().clone() for key, value in state.items()}


def _means(torch: Any, path: Path | None) -> dict[str, Any]:
    values = {"decpose": _NO_TURN * 16, "decshape": (0.0,) * 10, "deccam": _CAMERA}
    if path is None:
        return {HEAD + MEANS[part]: torch.tensor([value]) for part, value in values.items()}
    if not path.is_file():
        raise InputError("no such file of means", where=str(path), next_step="hint-build weights says where to get it")
    found = read_npz(path, _MEANS.values())
    result = {}
    for part, name in _MEANS.items():
        value = np.asarray(found.get(name, ()), np.float32).reshape(-1)
        if value.shape != (READOUTS[part],) or not np.isfinite(value).all():
            raise InputError(f"holds no {READOUTS[part]} numbers {name!r}", where=str(path))
        result[HEAD + MEANS[part]] = torch.from_numpy(value)[None]
    return result


def _backbone_of(path: Path, name: str, like: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a trained backbone under `backbone.`; whatever else is in the file is passed over."""
    found = _safetensors(path) if path.suffix == ".safetensors" else read_tensors(path)
    if not own_size(name):
        # timm's own files have no prefix; a classifier at the end has no place here.
        plain = {key.removeprefix(PREFIX): value for key, value in found.items()}
        found = {PREFIX + key: value for key, value in plain.items() if PREFIX + key in like}
    else:
        found = {key: value for key, value in found.items() if key in like or key.startswith(f"{PREFIX}blocks.")}
        found = {key: value for key, value in found.items() if ".experts." not in key}
    shapes, _ = shapes_of(name, like)
    account(found, shapes, where=str(path))
    return {key: value.float() if value.is_floating_point() else value for key, value in found.items()}
