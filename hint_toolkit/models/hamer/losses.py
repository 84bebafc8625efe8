"""HaMeR's training losses (arXiv 2312.05251, section 3; weights of its configuration).

All are sums over the batch, not means: the reference never reads its own `LOSS_REDUCTION`, so a larger batch weighs
more. Targets are those of right hands in the mirrored crop: 2D in fractions of the crop, 3D in metres.
"""

from collections.abc import Mapping
from typing import Any, Final

from hint_toolkit.models.hamer.rotation import axis_angle_to_matrix

WEIGHTS: Final = {
    "keypoints_3d": 0.05,
    "keypoints_2d": 0.01,
    "global_orient": 0.001,
    "hand_pose": 0.001,
    "betas": 0.0005,
    "adversarial": 0.0005,
}


def losses(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Every loss by name, unweighted.

    Args:
        found: of `network.build_hamer`: points (B, 21, 2), joints (B, 21, 3), rotations (B, 16, 3, 3), betas (B, 10).
        wanted: points (B, 21, 3) with confidence, joints (B, 21, 4) with confidence, global_orient (B, 3) and
            hand_pose (B, 45) as axis-angle, betas (B, 10); has_global_orient, has_hand_pose, has_betas (B,) 0 or 1.
            What is not there costs nothing.
    """
    result: dict[str, Any] = {}
    if "points" in wanted:
        target = wanted["points"]
        result["keypoints_2d"] = (target[..., 2:] * (found["points"] - target[..., :2]).abs()).sum()
    if "joints" in wanted:
        # About the wrist: where a hand is in the world no picture of a crop tells.
        target = wanted["joints"]
        own, right = found["joints"] - found["joints"][:, :1], target[..., :3] - target[:, :1, :3]
        result["keypoints_3d"] = (target[..., 3:] * (own - right).abs()).sum()
    for name, part in (("global_orient", slice(0, 1)), ("hand_pose", slice(1, 16))):
        if name in wanted:
            target = axis_angle_to_matrix(wanted[name].reshape(len(wanted[name]), -1, 3))
            apart = ((found["rotations"][:, part] - target) ** 2).flatten(1).sum(dim=1)
            result[name] = (wanted[f"has_{name}"] * apart).sum()
    if "betas" in wanted:
        apart = ((found["betas"] - wanted["betas"]) ** 2).sum(dim=1)
        result["betas"] = (wanted["has_betas"] * apart).sum()
    return result


def total(parts: Mapping[str, Any]) -> Any:
    """The weighted sum that is minimised."""
    return sum(WEIGHTS[name] * value for name, value in parts.items())
