"""One step of HaMeR's training: the network, then the discriminator that judges its poses.

As in the reference (github.com/geopavlakos/hamer): two AdamW over all parameters, norms and offsets included; the
network pays the weighted losses of `hamer.losses` plus the adversarial one, then the discriminator pays for what it
took the made and the real poses for, with the same weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.models.hamer.discriminator import build_discriminator, discriminator_loss, generator_loss
from hint_toolkit.models.hamer.losses import WEIGHTS, losses, total
from hint_toolkit.models.hamer.rotation import axis_angle_to_matrix

Precision = Literal["float32", "bf16", "fp16"]
PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bf16", "fp16")
_TYPES: Final = {"bf16": "bfloat16", "fp16": "float16"}
MOCAP_RATIO: Final = 2
"""Poses of motion capture for every pose that the network made."""


@dataclass(frozen=True)
class Optimiser:
    """How weights change; the defaults are HaMeR's.

    Attributes:
        rate: of learning.
        weight_decay: of AdamW.
        warmup: steps in which the rate rises from 0; HaMeR has none.
        decay: "none", or "cosine": the rate falls to 0 at the last step.
        clip: largest norm of the gradient, 0 for no limit.
    """

    rate: float = 1e-5
    weight_decay: float = 1e-4
    warmup: int = 0
    decay: str = "none"
    clip: float = 0.0

    def rate_at(self, step: int, steps: int) -> float:
        """The rate of learning in a step, counted from 0."""
        risen = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        fallen = 0.5 + 0.5 * float(np.cos(np.pi * step / max(steps, 1))) if self.decay == "cosine" else 1.0
        return self.rate * risen * fallen


class Trainer:
    """A network while it learns.

    Attributes:
        network: of `network.build_hamer`.
        discriminator: None without an adversarial prior.
    """

    def __init__(
        self,
        network: Any,
        how: Optimiser,
        *,
        steps: int,
        device: str = "cpu",
        precision: Precision = "float32",
        discriminator: Any = None,
    ) -> None:
        """Take the networks to a device.

        Raises:
            InputError: half precision with scaled losses where there is no GPU.
        """
        import torch

        if precision == "fp16" and not device.startswith("cuda"):
            raise InputError("precision fp16 needs a GPU", next_step="use bf16 or float32")
        self._torch, self.how, self.steps, self.device = torch, how, steps, device
        self.network: Any = network.to(device)
        self.discriminator: Any = None
        self.network.half = getattr(torch, _TYPES[precision]) if precision != "float32" else None
        self._optimisers = [self._adamw(self.network)]
        if discriminator is not None:
            self.discriminator = discriminator.to(device)
            self._optimisers.append(self._adamw(self.discriminator))
        self._scaler = torch.amp.GradScaler(device.split(":")[0], enabled=precision == "fp16")

    def _adamw(self, module: Any) -> Any:
        own = [parameter for parameter in module.parameters() if parameter.requires_grad]
        return self._torch.optim.AdamW(own, lr=self.how.rate, weight_decay=self.how.weight_decay, fused=True)

    def step(self, number: int, batch: Mapping[str, Any], mocap: Mapping[str, Any] | None = None) -> dict[str, float]:
        """Learn from one batch.

        Args:
            number: of the step, from 0.
            batch: of `batches.batches`.
            mocap: hand_pose (M, 45) radians about axes and betas (M, 10); needed with a discriminator.

        Returns:
            every loss by name, unweighted, `total`, which the network paid, and `rate`.

        Raises:
            InputError: the loss is no number any more.
        """
        rate = self.how.rate_at(number, self.steps)
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        self.network.train()
        wanted = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        found = self.network(wanted.pop("crops"))
        parts = losses(found, wanted)
        if self.discriminator is not None:
            judged = self.discriminator(found["rotations"][:, 1:], found["betas"])
            parts["adversarial"] = generator_loss(judged)
        paid = total(parts)
        if not bool(self._torch.isfinite(paid)):
            raise InputError(
                f"the loss of step {number + 1} is no number", next_step="use a lower rate, or a clip of 1"
            )
        self._learn(0, paid, self.network)
        result = {name: float(value.detach()) for name, value in parts.items()} | {"total": float(paid.detach())}
        if self.discriminator is not None and mocap is not None:
            result["discriminator"] = self._judge(found, mocap)
        return result | {"rate": rate}

    def _judge(self, found: Mapping[str, Any], mocap: Mapping[str, Any]) -> float:
        """The discriminator's own step."""
        pose = mocap["hand_pose"].to(self.device)
        real = axis_angle_to_matrix(pose.reshape(len(pose), 15, 3))
        made = self.discriminator(found["rotations"][:, 1:].detach(), found["betas"].detach())
        loss = discriminator_loss(made, self.discriminator(real, mocap["betas"].to(self.device)))
        self._learn(1, WEIGHTS["adversarial"] * loss, self.discriminator)
        return float(loss.detach())

    def _learn(self, which: int, loss: Any, module: Any) -> None:
        optimiser = self._optimisers[which]
        optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        if self.how.clip:
            self._scaler.unscale_(optimiser)
            self._torch.nn.utils.clip_grad_norm_(module.parameters(), self.how.clip)
        self._scaler.step(optimiser)
        self._scaler.update()

    def state(self) -> dict[str, Any]:
        """Everything that a run needs to go on: tensors and plain values only."""
        torch = self._torch
        state: dict[str, Any] = {
            "network": _own(self.network),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "scaler": self._scaler.state_dict(),
            "random": torch.get_rng_state(),
        }
        if self.discriminator is not None:
            state["discriminator"] = self.discriminator.state_dict()
        if self.device.startswith("cuda"):
            state["random_gpu"] = torch.cuda.get_rng_state(self.device)
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`.

        Raises:
            KeyError, RuntimeError, ValueError: it is of another network or device.
        """
        torch = self._torch
        parts = dict(state["network"])
        for name in ("backbone", "head"):
            own = {k.removeprefix(f"{name}."): v for k, v in parts.items() if k.startswith(f"{name}.")}
            getattr(self.network, name).load_state_dict(own)
        if self.discriminator is not None:
            self.discriminator.load_state_dict(state["discriminator"])
        for optimiser, held in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(held)
        self._scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"].cpu())
        if "random_gpu" in state:
            torch.cuda.set_rng_state(state["random_gpu"].cpu(), self.device)


def _own(network: Any) -> dict[str, Any]:
    """Backbone and head; the hand model does not learn, and its numbers are not ours to copy."""
    return {key: value for key, value in network.state_dict().items() if not key.startswith("mano.")}


def seeded_discriminator(seed: int, held: Mapping[str, Any]) -> Any:
    """A discriminator by chance, or with the weights that a checkpoint had.

    Raises:
        InputError: those are of another one.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        module = build_discriminator()
    if held:
        try:
            module.load_state_dict(dict(held), strict=True)
        except RuntimeError as error:
            why = " ".join(str(error).split())[:160]
            raise InputError("the checkpoint's discriminator.* is of another network", why=why) from error
    return module
