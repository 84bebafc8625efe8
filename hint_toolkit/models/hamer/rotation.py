"""Rotations as HaMeR's head speaks them.

Six numbers are the first two columns of a rotation matrix before they are made orthonormal (Y. Zhou et al., On the
Continuity of Rotation Representations in Neural Networks, arXiv 1812.07035): first triple first, not interleaved.
"""

from typing import Any

EPS = 1e-12
"""Below this length a column counts as this long."""


def six_to_matrix(six: Any) -> Any:
    """(..., 6) numbers -> (..., 3, 3) rotation matrices; b1, b2, b3 are their columns."""
    import torch

    a1, a2 = six[..., :3], six[..., 3:]
    b1 = torch.nn.functional.normalize(a1, dim=-1, eps=EPS)
    b2 = torch.nn.functional.normalize(a2 - (b1 * a2).sum(dim=-1, keepdim=True) * b1, dim=-1, eps=EPS)
    return torch.stack([b1, b2, torch.linalg.cross(b1, b2, dim=-1)], dim=-1)


def axis_angle_to_matrix(axis_angle: Any) -> Any:
    """(..., 3) radians about an axis -> (..., 3, 3); zero is no rotation.

    Over a quaternion whose angle is |v + 1e-8|, as the reference has it: training targets must be its numbers.
    """
    import torch

    angle = torch.linalg.vector_norm(axis_angle + 1e-8, dim=-1, keepdim=True)
    half = angle / 2
    quaternion = torch.cat([torch.cos(half), torch.sin(half) * (axis_angle / angle)], dim=-1)
    quaternion = quaternion / torch.linalg.vector_norm(quaternion, dim=-1, keepdim=True)
    w, x, y, z = quaternion.unbind(dim=-1)
    rows = [
        [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (w * y + x * z)],
        [2 * (w * z + x * y), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (w * x + y * z), w * w - x * x - y * y + z * z],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
