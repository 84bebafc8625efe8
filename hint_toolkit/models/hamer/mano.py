"""MANO, the hand model behind HaMeR: rotations and shape -> joints and vertices. On smplx, from arrays.

smplx knows 16 joints; five fingertips are vertices of the mesh. Order of the result is HInt's: wrist, thumb,
forefinger, middle, ring, little finger, from the palm outwards. (MANO itself has the little finger before the ring
finger and the thumb last.)
"""

from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, Final

from hint_toolkit.errors import MissingExtra
from hint_toolkit.joints import MANO_TIPS

TIPS: Final = MANO_TIPS
ORDER: Final = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)
"""HInt's joint -> place among MANO's 16 joints and the five tips."""
BUFFERS: Final = {
    "shapedirs": (778, 3, 10), "faces_tensor": (1538, 3), "v_template": (778, 3), "J_regressor": (16, 778),
    "posedirs": (135, 2334), "parents": (16,), "lbs_weights": (778, 16), "hand_components": (6, 45),
    "hand_mean": (45,), "pose_mean": (48,), "extra_joints_idxs": (5,), "joint_map": (21,),
    "vertex_joint_selector.extra_joints_idxs": (5,),
}  # fmt: skip
"""What HaMeR's checkpoint keeps of the model, under `mano.`."""


def arrays_of(buffers: Mapping[str, Any]) -> dict[str, Any]:
    """The model's arrays out of a checkpoint's `mano.` buffers (without the prefix), as `io.mano_file` gives them."""
    import numpy as np

    held = {name: np.asarray(buffers[name].cpu().numpy()) for name in BUFFERS if name in buffers}
    parents = held["parents"].astype(np.int64)
    return {
        "v_template": held["v_template"].astype(np.float64),
        "shapedirs": held["shapedirs"].astype(np.float64),
        "posedirs": held["posedirs"].T.reshape(778, 3, 135).astype(np.float64),
        "J_regressor": held["J_regressor"].astype(np.float64),
        "weights": held["lbs_weights"].astype(np.float64),
        "kintree_table": np.stack([parents, np.arange(16)]),
        "f": held["faces_tensor"].astype(np.int64),
    }


def build_mano(arrays: Mapping[str, Any]) -> Any:
    """A torch module: (B, 16, 3, 3) rotations, wrist first in MANO's order, and (B, 10) shape -> joints, vertices.

    Its forward gives (B, 21, 3) joints in HInt's order and (B, 778, 3) vertices, metres; `faces` are (1538, 3).

    Args:
        arrays: from `io.mano_file.read_mano` or `arrays_of`.

    Raises:
        MissingExtra: smplx or torch is not installed.
    """
    try:
        import smplx
        import torch
        from smplx.utils import Struct
    except ImportError as error:
        raise MissingExtra("smplx", "models") from error
    import numpy as np

    pose_space = {"hands_components": np.eye(45), "hands_mean": np.zeros(45)}  # asked for, never used
    said = StringIO()
    with redirect_stdout(said):  # it warns about ten shape coefficients, which is what HaMeR has
        layer = smplx.MANOLayer(
            model_path="",
            data_struct=Struct(**{name: np.array(value) for name, value in arrays.items()}, **pose_space),
            is_rhand=True,
            use_pca=False,
            flat_hand_mean=True,
            create_body_pose=False,
        )

    class Mano(torch.nn.Module):  # type: ignore[misc]
        """See `build_mano`."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = layer
            self.faces = np.asarray(arrays["f"], dtype=np.int64)
            # With the module on its device: a list would be taken there in every call.
            self.register_buffer("tips", torch.tensor(TIPS), persistent=False)
            self.register_buffer("order", torch.tensor(ORDER), persistent=False)

        def forward(self, rotations: Any, shape: Any) -> tuple[Any, Any]:
            out = self.layer(global_orient=rotations[:, :1], hand_pose=rotations[:, 1:], betas=shape, pose2rot=False)
            joints = torch.cat([out.joints, out.vertices[:, self.tips]], dim=1)
            return joints[:, self.order], out.vertices

    return Mano().eval()
