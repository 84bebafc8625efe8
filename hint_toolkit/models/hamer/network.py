"""The whole of HaMeR: features, one token, MANO, camera."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from hint_toolkit.models.hamer.backbones import load_backbone, tokens
from hint_toolkit.models.hamer.camera import FOCAL, crop_translation, project
from hint_toolkit.models.hamer.config import HamerConfig
from hint_toolkit.models.hamer.decoder import PREFIX, build_head
from hint_toolkit.models.hamer.mano import build_mano
from hint_toolkit.models.hamer.rotation import six_to_matrix


def build_hamer(
    state: Mapping[str, Any],
    mano: Mapping[str, Any],
    *,
    config: HamerConfig | None = None,
    focal: float = FOCAL,
    drop_path: float = 0,
) -> Any:
    """HaMeR with these weights, as a torch module in evaluation mode.

    Its forward takes (B, 3, 256, 256) normalised crops (`crop.cut`) and gives a dict: `features` (B, 192, C),
    `rotations` (B, 16, 3, 3), `betas` (B, 10), `camera` (B, 3), `translation` (B, 3) m, `joints` (B, 21, 3) m,
    `vertices` (B, 778, 3) m, `points` (B, 21, 2) fractions of the crop. Everything is of a right hand.

    Args:
        state: of `checkpoint.read_checkpoint`; its tensors are taken over, not copied.
        mano: arrays of `io.mano_file.read_mano` or `mano.arrays_of`.
        config: of the checkpoint, which names its backbone; None is HaMeR's own.
        focal: of the crop's camera.
        drop_path: of the backbone's last block; for training.

    Raises:
        MissingExtra: torch, timm or smplx is not installed.
    """
    import torch

    config = config or HamerConfig()
    backbone, width = load_backbone(config.backbone, state, drop_path)
    head = build_head(width, config.head_depth)
    own = {key.removeprefix(PREFIX): value for key, value in state.items() if key.startswith(PREFIX)}
    head.load_state_dict(own, strict=True, assign=True)

    class Hamer(torch.nn.Module):  # type: ignore[misc]
        """See `build_hamer`."""

        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head, self.mano, self.focal = backbone, head, build_mano(mano), focal
            self.half = None  # the backbone's precision where it is not float32, see `fast.hasten`

        def forward(self, crops: Any) -> dict[str, Any]:
            """Crops to hands."""
            # Entered only on request: the caller (training) may have a precision of its own around all this.
            with nullcontext() if self.half is None else torch.autocast(crops.device.type, self.half):
                features = tokens(self.backbone, crops[:, :, :, 32:-32])
            # The head is small and its rotations are not to be rounded: always in float32.
            with torch.autocast(crops.device.type, enabled=False):
                pose, betas, camera = self.head(features.float())
                rotations = six_to_matrix(pose.view(len(pose), 16, 6))
                joints, vertices = self.mano(rotations, betas)
                translation = crop_translation(camera, self.focal)
                points = project(joints, translation, self.focal)
            return {
                "features": features,
                "rotations": rotations,
                "betas": betas,
                "camera": camera,
                "translation": translation,
                "joints": joints,
                "vertices": vertices,
                "points": points,
            }

    return Hamer().eval()
