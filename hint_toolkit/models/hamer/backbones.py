"""The network in front of HaMeR's head: HaMeR's own Vision Transformer, or any of timm's in its place.

A backbone is named:

- `vit`: ViT-H as in HaMeR, or whatever depth and width the tensors of a checkpoint have;
- `vit-4x160`: the same form with 4 blocks, 160 numbers wide (a multiple of 80, one attention head for every 80);
- everything else: a name of timm, `resnet50` or `vit_tiny_patch16_224`; its last features become the tokens.

Tensors of the first two have the original's names; those of the third have timm's, under the same `backbone.`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.models._torchvision import import_timm
from hint_toolkit.models.state import Shape
from hint_toolkit.models.vit import (
    DEPTH,
    EMBED_DIM,
    HEADS,
    HEIGHT,
    WIDTH,
    backbone_shapes,
    backbone_size,
    build_vit,
    map_backbone,
)

PREFIX: Final = "backbone."
VIT: Final = "vit"
_OWN: Final = re.compile(r"vit(?:-(\d{1,2})x(\d{1,4}))?")
_PER_HEAD: Final = EMBED_DIM // HEADS
_MANY: Final = 64
"""Blocks that a file may ask for; more is no checkpoint of ours."""
_NAME: Final = re.compile(r"[a-z0-9_.]{1,80}")


def own_size(name: str) -> tuple[int, int] | None:
    """(depth, width) of a backbone of HaMeR's form, None for a name of timm.

    Raises:
        InputError: the width is no multiple of 80, or there is no block.
    """
    match = _OWN.fullmatch(name)
    if match is None:
        return None
    depth, width = int(match[1] or DEPTH), int(match[2] or EMBED_DIM)
    if not 0 < depth <= _MANY or not width or width % _PER_HEAD:
        raise InputError(f"no backbone {name!r}", next_step=f"write vit-BLOCKSxWIDTH with a multiple of {_PER_HEAD}")
    return depth, width


def build_backbone(name: str, *, drop_path: float = 0.0, device: str = "cpu") -> tuple[Any, int]:
    """A backbone with weights at random, and the width of its tokens.

    Args:
        name: as above.
        drop_path: of the last block, where the network knows such a thing.
        device: "meta" makes no weights.

    Raises:
        MissingExtra: torch or timm is not installed.
        InputError: there is no such network, or it does not take pictures of 256 x 192.
    """
    if size := own_size(name):
        return build_vit(size[0], embed_dim=size[1], drop_path=drop_path, device=device), size[1]
    timm = import_timm()
    import torch

    if not _NAME.fullmatch(name) or not timm.is_model(name):
        raise InputError(
            f"no backbone {name!r}", next_step="write vit, vit-BLOCKSxWIDTH, or a name of timm, e.g. resnet50"
        )
    with torch.device(device):
        network = _created(timm, name, drop_path)
    return network, int(network.num_features)


def _created(timm: Any, name: str, drop_path: float) -> Any:
    """The network of timm for our pictures; not every one of them is told their size, or drops paths."""
    sized, dropping = {"img_size": (HEIGHT, WIDTH)}, {"drop_path_rate": drop_path}
    for options in ({**sized, **dropping}, dropping, sized, {}):
        try:
            return timm.create_model(name, pretrained=False, num_classes=0, global_pool="", **options)
        except TypeError:  # an option that this network does not have
            continue
        except (AssertionError, ValueError, RuntimeError) as error:
            raise InputError(
                f"the backbone {name} does not take pictures of {WIDTH} x {HEIGHT}", why=str(error)[:120]
            ) from error
    raise InputError(f"the backbone {name} cannot be built")


def load_backbone(name: str, state: Mapping[str, Any], drop_path: float = 0.0) -> tuple[Any, int]:
    """The backbone with the tensors of a checkpoint (`backbone.*`), which are taken over, and the width of its tokens.

    Args:
        name: "vit" takes depth and width from the tensors.
        state: complete, as `checkpoint.read_checkpoint` gives it.
        drop_path: as in `build_backbone`.
    """
    if own_size(name):
        depth, width = backbone_size(state)
        network = build_vit(depth, embed_dim=width, drop_path=drop_path)
        network.load_state_dict(map_backbone(state), strict=True, assign=True)
        return network, width
    # Not under "meta": some of timm's keep tables that are no tensors of their state.
    network, width = build_backbone(name, drop_path=drop_path)
    own = {key.removeprefix(PREFIX): value for key, value in state.items() if key.startswith(PREFIX)}
    network.load_state_dict(own, strict=True, assign=True)
    return network, width


def shapes_of(name: str, state: Mapping[str, Any]) -> tuple[dict[str, Shape], int]:
    """Key -> shape of the tensors that a checkpoint with this backbone must have, and the width of its tokens."""
    if own_size(name):
        depth, width = backbone_size(state)
        depth, width = min(max(depth, 1), _MANY), width or EMBED_DIM
        return backbone_shapes(depth, width), width
    network, width = build_backbone(name, device="meta")
    return {PREFIX + key: tuple(value.shape) for key, value in network.state_dict().items()}, width


def tokens(backbone: Any, pictures: Any) -> Any:
    """(B, 3, 256, 192) normalised RGB -> (B, T, C) features, row by row; class tokens and registers are left out."""
    found = backbone.forward_features(pictures)
    if found.ndim == 4:
        # timm's convolutions give channels first, its windows channels last.
        return (
            found.flatten(1, 2) if getattr(backbone, "output_fmt", "") == "NHWC" else found.flatten(2).transpose(1, 2)
        )
    first = int(getattr(backbone, "num_prefix_tokens", 0))
    return found[:, first:] if first else found


def official_backbone(backbone: Any, name: str) -> dict[str, Any]:
    """The tensors of a backbone under the names that `load_backbone` takes.

    HaMeR's form has a row for the class token in the position embedding, which is added to every token. Here both are
    one; the row is written as zeros, so that the sum is the same.
    """
    import torch

    state = dict(backbone.state_dict())
    if own_size(name):
        position = state.pop("pos_embed")
        state["pos_embed"] = torch.cat([torch.zeros_like(position[:, :1]), position], dim=1)
        for part in ("weight", "bias"):
            state[f"last_norm.{part}"] = state.pop(f"norm.{part}")
    return {PREFIX + key: value for key, value in state.items()}
