"""The adversarial prior: tells poses of motion capture from poses that a network made (A. Kanazawa et al., HMR, 2018).

It sees the fifteen joints' rotation matrices and the shape, never the picture or the global orientation, and gives 17
numbers: one a joint, one for the shape, one for all joints together.
"""

from typing import Any, Final

N_JOINTS: Final = 15
PREFIX: Final = "discriminator."


def build_discriminator() -> Any:
    """A torch module with the official names; (B, 15, 3, 3) and (B, 10) -> (B, 17), 1 for real, 0 for made."""
    import torch
    from torch import nn

    class Discriminator(nn.Module):  # type: ignore[misc]
        """See `build_discriminator`."""

        def __init__(self) -> None:
            super().__init__()
            self.D_conv1, self.D_conv2 = nn.Conv2d(9, 32, 1), nn.Conv2d(32, 32, 1)
            self.pose_out = nn.ModuleList([nn.Linear(32, 1) for _ in range(N_JOINTS)])
            self.betas_fc1, self.betas_fc2, self.betas_out = nn.Linear(10, 10), nn.Linear(10, 5), nn.Linear(5, 1)
            self.D_alljoints_fc1 = nn.Linear(32 * N_JOINTS, 1024)
            self.D_alljoints_fc2, self.D_alljoints_out = nn.Linear(1024, 1024), nn.Linear(1024, 1)
            for module in self.modules():
                if isinstance(module, nn.Linear | nn.Conv2d):
                    nn.init.xavier_uniform_(module.weight)
                    nn.init.zeros_(module.bias)

        def forward(self, rotations: Any, betas: Any) -> Any:
            relu = torch.nn.functional.relu
            x = rotations.reshape(-1, N_JOINTS, 9).transpose(1, 2)[:, :, None]
            x = relu(self.D_conv2(relu(self.D_conv1(x))))[:, :, 0]  # (B, 32, 15)
            each = [out(x[:, :, k]) for k, out in enumerate(self.pose_out)]
            shape = self.betas_out(relu(self.betas_fc2(relu(self.betas_fc1(betas)))))
            # Channel by channel, all joints of one before the next: that is the order of the official weights.
            together = relu(self.D_alljoints_fc2(relu(self.D_alljoints_fc1(x.flatten(1)))))
            return torch.cat([*each, shape, self.D_alljoints_out(together)], dim=1)

    return Discriminator()


def generator_loss(made: Any) -> Any:
    """What the network pays for poses that are told apart: (B, 17) -> a number."""
    return ((made - 1.0) ** 2).sum() / len(made)


def discriminator_loss(made: Any, real: Any) -> Any:
    """What the discriminator pays. Both sums are divided by the number of made poses, as in the reference."""
    return (made**2).sum() / len(made) + ((real - 1.0) ** 2).sum() / len(made)
