"""A trained network as HaMeR's files: `_DATA/hamer_ckpts/checkpoints/hamer.ckpt` and the `model_config.yaml` above it.

The tensors have the official names: `backbone.*`, `mano_head.*`, `discriminator.*` and `initialized`. The hand model is
left out: MANO's licence does not let it be passed on, and whoever loads the checkpoint has their own copy.
"""

from pathlib import Path
from typing import Any, Final

from hint_toolkit.io.atomic import replacing, write_text
from hint_toolkit.models.hamer.backbones import VIT, official_backbone
from hint_toolkit.models.hamer.config import HamerConfig
from hint_toolkit.models.hamer.decoder import DIM, HEAD_DIM, HEADS, MLP_DIM
from hint_toolkit.models.hamer.decoder import PREFIX as HEAD
from hint_toolkit.models.hamer.discriminator import PREFIX as DISCRIMINATOR
from hint_toolkit.models.hamer.losses import WEIGHTS

CHECKPOINT: Final = Path("_DATA/hamer_ckpts/checkpoints/hamer.ckpt")
CONFIG: Final = Path("_DATA/hamer_ckpts/model_config.yaml")


def official_state(network: Any, config: HamerConfig, discriminator: Any = None) -> dict[str, Any]:
    """All tensors of `network.build_hamer`'s module but the hand model's, by the official names, on the CPU."""
    import torch

    state = official_backbone(network.backbone, config.backbone)
    state |= {HEAD + key: value for key, value in network.head.state_dict().items()}
    if discriminator is not None:
        state |= {DISCRIMINATOR + key: value for key, value in discriminator.state_dict().items()}
    plain = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in state.items()}
    return {"initialized": torch.tensor(True), **plain}


def write_official(folder: Path, network: Any, config: HamerConfig, step: int, discriminator: Any = None) -> Path:
    """Write both files below a folder, whole or not at all; gives the checkpoint's path.

    Args:
        folder: that `_DATA` lies in.
        network: of `network.build_hamer`.
        config: of it.
        step: that it has come to.
        discriminator: of `discriminator.build_discriminator`, if there is one.
    """
    import torch

    content = {"state_dict": official_state(network, config, discriminator), "global_step": step, "epoch": 0}
    path = folder / CHECKPOINT
    # The description first: without it a checkpoint may be taken for another network.
    write_text(folder / CONFIG, config_text(config))
    with replacing(path) as temporary:
        torch.save(content, temporary)
    return path


def config_text(config: HamerConfig) -> str:
    """model_config.yaml: what HaMeR's loader and this toolkit read of it."""
    own = config.backbone == VIT
    backbone = "    TYPE: vit" if own else f"    TYPE: timm\n    NAME: {config.backbone}"
    weights = "\n".join(f"  {name.upper()}: {weight}" for name, weight in WEIGHTS.items())
    return f"""\
# Written by hint-train. Without the hand model: MANO_RIGHT.pkl comes from mano.is.tue.mpg.de, under its own licence.
MANO:
  DATA_DIR: _DATA/data/
  MODEL_PATH: data/mano
  GENDER: neutral
  NUM_HAND_JOINTS: 15
  MEAN_PARAMS: data/mano_mean_params.npz
  CREATE_BODY_POSE: false
EXTRA:
  FOCAL_LENGTH: {config.focal:g}
  PELVIS_IND: 0
MODEL:
  IMAGE_SIZE: {config.image_size}
  IMAGE_MEAN: [0.485, 0.456, 0.406]
  IMAGE_STD: [0.229, 0.224, 0.225]
  BACKBONE:
{backbone}
  MANO_HEAD:
    TYPE: transformer_decoder
    TRANSFORMER_DECODER:
      depth: {config.head_depth}
      heads: {HEADS}
      mlp_dim: {MLP_DIM}
      dim_head: {HEAD_DIM}
      dim: {DIM}
      dropout: 0.0
      emb_dropout: 0.0
      norm: layer
LOSS_WEIGHTS:
{weights}
"""
