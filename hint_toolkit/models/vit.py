"""ViTPose's Vision Transformer on timm: HaMeR's backbone and ViTPose's are the same network.

Facts about the original (github.com/geopavlakos/hamer, github.com/ViTAE-Transformer/ViTPose), each of which changes
the numbers without any error if it is missed:

- the patch convolution pads by 2 pixels, which leaves the grid at 16 x 12 tokens;
- there is no class token, but its row of the position embedding is added to every token;
- the last LayerNorm is applied to the tokens, without pooling; every LayerNorm has eps 1e-6; GELU is the exact one.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from hint_toolkit.models._torchvision import import_timm
from hint_toolkit.models.state import Shape

HEIGHT, WIDTH, PATCH = 256, 192, 16
"""Pixels of the picture that the network sees, and of one token's patch."""
GRID = (HEIGHT // PATCH, WIDTH // PATCH)
"""Rows and columns of tokens; token k is row k // 12, column k % 12."""
EMBED_DIM, DEPTH, HEADS = 1280, 32, 16
"""ViT-H."""
PADDING = 2
NORM_EPS = 1e-6
_BLOCK = re.compile(r"blocks\.(\d+)\.")


def build_vit(
    depth: int = DEPTH,
    *,
    embed_dim: int = EMBED_DIM,
    num_heads: int | None = None,
    drop_path: float = 0.0,
    device: str = "meta",
) -> Any:
    """A timm VisionTransformer of this form; `forward_features(x)` gives the normalised tokens.

    Input (B, 3, 256, 192) normalised RGB, output (B, 192, embed_dim), row by row over the 16 x 12 grid.

    Args:
        depth: number of blocks.
        embed_dim: width of a token.
        num_heads: None: as wide as ViT-H's, 80 numbers each.
        drop_path: of the last block, rising linearly from 0; for training.
        device: "meta" makes no weights at all: they come by `load_state_dict(map_backbone(...), assign=True)`.

    Raises:
        MissingExtra: torch or timm is not installed.
    """
    import_timm()
    import torch
    from timm.models.vision_transformer import VisionTransformer

    heads = num_heads or max(1, embed_dim * HEADS // EMBED_DIM)
    with torch.device(device):
        network = VisionTransformer(
            img_size=(HEIGHT, WIDTH),
            patch_size=PATCH,
            embed_dim=embed_dim,
            depth=depth,
            num_heads=heads,
            mlp_ratio=4.0,
            qkv_bias=True,
            class_token=False,
            global_pool="",
            num_classes=0,
            norm_layer=partial(torch.nn.LayerNorm, eps=NORM_EPS),
            drop_path_rate=drop_path,
            weight_init="skip" if device == "meta" else "",
        )
    network.patch_embed.proj.padding = (PADDING, PADDING)
    return network


def backbone_shapes(depth: int = DEPTH, embed_dim: int = EMBED_DIM, *, prefix: str = "backbone.") -> dict[str, Shape]:
    """Key -> shape of the original's state dict: 5 keys and 12 a block."""
    d = embed_dim
    shapes: dict[str, Shape] = {
        "pos_embed": (1, 1 + GRID[0] * GRID[1], d),
        "patch_embed.proj.weight": (d, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (d,),
    }
    linear = {"attn.qkv": (3 * d, d), "attn.proj": (d, d), "mlp.fc1": (4 * d, d), "mlp.fc2": (d, 4 * d)}
    for block in (f"blocks.{k}" for k in range(depth)):
        for norm in ("norm1", "norm2"):
            shapes |= {f"{block}.{norm}.weight": (d,), f"{block}.{norm}.bias": (d,)}
        for name, shape in linear.items():
            shapes |= {f"{block}.{name}.weight": shape, f"{block}.{name}.bias": shape[:1]}
    shapes |= {"last_norm.weight": (d,), "last_norm.bias": (d,)}
    return {prefix + key: shape for key, shape in shapes.items()}


def backbone_size(state: Mapping[str, Any], *, prefix: str = "backbone.") -> tuple[int, int]:
    """(depth, embed_dim) as the keys say: highest block + 1, and the width of the last norm; 0 if none."""
    blocks = [int(m[1]) for key in state if key.startswith(prefix) and (m := _BLOCK.match(key, len(prefix)))]
    norm = state.get(f"{prefix}last_norm.weight")
    width = int(norm.shape[0]) if norm is not None and norm.ndim == 1 else 0
    return max(blocks, default=-1) + 1, width


def map_backbone(state: Mapping[str, Any], *, prefix: str = "backbone.") -> dict[str, Any]:
    """The original's tensors under timm's names, for `load_state_dict(..., strict=True, assign=True)`.

    Only keys with the prefix are taken; all but two keep their name and their very tensor.
    """
    mapped = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    position = mapped.pop("pos_embed")
    mapped["pos_embed"] = position[:, 1:] + position[:, :1]
    for part in ("weight", "bias"):
        mapped[f"norm.{part}"] = mapped.pop(f"last_norm.{part}")
    return mapped
