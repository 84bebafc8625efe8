"""ViTPose: a Vision Transformer and two deconvolutions that give a heatmap a keypoint.

Reads the checkpoints of github.com/ViTAE-Transformer/ViTPose (ViTPose, and ViTPose+ after its own model_split tool)
with the "classic" decoder, of any size and with any number of keypoints; depth, width and keypoints are read from the
tensors, the number of heads from the table of its configurations. The backbone is the same network as HaMeR's
(models/vit.py). A split ViTPose+ file may still carry the tensors of other experts; they are not this network's.

What the network sees and says: (N, 3, 256, 192) normalised RGB in, (N, K, 64, 48) heatmaps out.
"""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.models._torchvision import import_timm, import_torch
from hint_toolkit.models.state import Shape, account
from hint_toolkit.models.vit import GRID, HEIGHT, WIDTH, backbone_shapes, backbone_size, build_vit, map_backbone

INPUT: Final = (HEIGHT, WIDTH)
HEATMAP: Final = (64, 48)
"""Rows and columns: two deconvolutions double the grid of tokens twice."""

HEADS: Final = MappingProxyType({384: 12, 768: 12, 1024: 16, 1280: 16})
"""Width of a token -> attention heads, as in ViTPose's configurations S, B, L and H; others: one for 64 numbers."""

_FILTERS, _KERNEL = 256, 4
_HEAD, _BACKBONE = "keypoint_head.", "backbone."
_EXPERT = re.compile(r"backbone\.blocks\.\d+\.mlp\.experts\.")


class VitPose:
    """The network, with its weights.

    Attributes:
        keypoints: number of heatmaps.
        depth: number of blocks.
        embed_dim: width of a token.
    """

    def __init__(self, checkpoint: Path, *, device: str = "cpu") -> None:
        """Build the network that a checkpoint holds and load it.

        Args:
            checkpoint: `.pth` of ViTPose; read as tensors and plain values only, so nothing in it can run.
            device: of torch, "cpu" or "cuda".

        Raises:
            MissingExtra: torch or timm is not installed.
            InputError: not a checkpoint, damaged, or not this network's; names the tensors.
        """
        import_timm()
        torch = import_torch()
        self._device = _device(device)
        state = read_state(checkpoint)
        self.depth, self.embed_dim = backbone_size(state, prefix=_BACKBONE)
        final = state.get(f"{_HEAD}final_layer.bias")
        self.keypoints = int(final.shape[0]) if final is not None and final.ndim == 1 else 0
        if not (self.depth and self.embed_dim and self.keypoints):
            raise InputError(
                "holds no ViTPose", where=str(checkpoint), next_step="see docs/weights.md for checkpoints that are read"
            )
        wanted = backbone_shapes(self.depth, self.embed_dim, prefix=_BACKBONE)
        wanted |= head_shapes(self.embed_dim, self.keypoints)
        account(state, wanted, where=str(checkpoint), optional=[key for key in wanted if "num_batches" in key])
        heads = HEADS.get(self.embed_dim, max(1, self.embed_dim // 64))
        self._backbone = build_vit(self.depth, embed_dim=self.embed_dim, num_heads=heads)
        self._backbone.load_state_dict(map_backbone(_float(state, _BACKBONE), prefix=_BACKBONE), assign=True)
        with torch.device("meta"):
            self._head = _head(self.embed_dim, self.keypoints)
        self._head.load_state_dict(_map_head(_float(state, _HEAD)), assign=True)
        for part in (self._backbone, self._head):
            part.to(self._device).eval().requires_grad_(False)

    def heatmaps(self, crops: NDArray[np.float32]) -> NDArray[np.float32]:
        """Heatmaps (N, K, 64, 48) of crops (N, 3, 256, 192), normalised RGB."""
        torch = import_torch()
        with torch.inference_mode():
            tokens = self._backbone.forward_features(torch.from_numpy(crops).to(self._device))
            grid = tokens.transpose(1, 2).reshape(len(crops), self.embed_dim, *GRID)
            maps: NDArray[np.float32] = self._head(grid).cpu().numpy()
        return maps


def head_shapes(embed_dim: int, keypoints: int) -> dict[str, Shape]:
    """Key -> shape of the decoder's tensors in a checkpoint."""
    shapes: dict[str, Shape] = {}
    for index, width in ((0, embed_dim), (3, _FILTERS)):
        shapes[f"deconv_layers.{index}.weight"] = (width, _FILTERS, _KERNEL, _KERNEL)
        norm = f"deconv_layers.{index + 1}"
        shapes |= {f"{norm}.{name}": (_FILTERS,) for name in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"{norm}.num_batches_tracked"] = ()
    shapes |= {"final_layer.weight": (keypoints, _FILTERS, 1, 1), "final_layer.bias": (keypoints,)}
    return {_HEAD + key: shape for key, shape in shapes.items()}


def read_state(path: Path) -> dict[str, Any]:
    """The tensors of a checkpoint by key, those of other experts left out.

    Raises:
        InputError: not there, no checkpoint, damaged, or with anything but tensors and plain values in it.
    """
    torch = import_torch()
    try:
        packed = zipfile.is_zipfile(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=packed or None)
    except OSError as error:
        raise InputError("cannot be read", where=str(path), why=error.strerror or str(error)) from error
    except Exception as error:  # torch's readers raise nearly every kind on bytes that are not theirs
        what, next_step = "is not a checkpoint that can be read safely", "download it again"
        raise InputError(what, where=str(path), why=_reason(error), next_step=next_step) from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError("holds no table of tensors", where=str(path), next_step="give a ViTPose checkpoint (.pth)")
    if any(str(key).startswith("associate_keypoint_heads.") for key in state):
        raise InputError(
            "is ViTPose+ with all its experts in one", where=str(path), next_step="split it with ViTPose's model_split"
        )
    return {str(key): value for key, value in state.items() if not _EXPERT.match(str(key))}


def _reason(error: Exception) -> str:
    """The gist of torch's explanation; the rest of it advises to load the file unsafely."""
    text = str(error).strip() or type(error).__name__
    refused = re.search(r"GLOBAL [\w.]+|Unsupported \w+ \S+", text)
    return refused[0] if refused else text.splitlines()[0][:120]


def _device(name: str) -> Any:
    torch = import_torch()
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("no GPU that torch can use", next_step="use device cpu")
    if name not in ("cpu", "cuda"):
        raise InputError(f"device={name!r}", next_step="use cpu or cuda")
    return torch.device(name)


def _float(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The tensors with the prefix, numbers as float32; counters stay what they are."""
    chosen = {key: value for key, value in state.items() if key.startswith(prefix)}
    return {key: value.float() if value.is_floating_point() else value for key, value in chosen.items()}


def _head(embed_dim: int, keypoints: int) -> Any:
    """Deconvolution, norm, ReLU, twice; then one heatmap a keypoint. Numbered as in the checkpoint, final layer 6."""
    from torch import nn

    layers: list[Any] = []
    for width in (embed_dim, _FILTERS):
        layers.append(nn.ConvTranspose2d(width, _FILTERS, _KERNEL, stride=2, padding=1, bias=False))
        layers += [nn.BatchNorm2d(_FILTERS), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(_FILTERS, keypoints, 1))


def _map_head(state: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    names = {f"{_HEAD}deconv_layers.": "", f"{_HEAD}final_layer.": "6."}
    mapped = {}
    for key, value in state.items():
        old = next(name for name in names if key.startswith(name))
        mapped[names[old] + key.removeprefix(old)] = value
    return {"1.num_batches_tracked": torch.tensor(0), "4.num_batches_tracked": torch.tensor(0)} | mapped
