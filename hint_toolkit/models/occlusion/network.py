"""Learning the occlusion network: the arithmetic of `forward.py` in torch, and AdamW over it.

Everything that a run needs to go on after a kill is plain arrays (`Learner.state`), so a checkpoint holds no pickle.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import MissingExtra
from hint_toolkit.models.occlusion.features import Inputs
from hint_toolkit.models.occlusion.forward import STRIDES, shapes

Arrays = dict[str, NDArray[Any]]
DECAY = 0.02
_BETAS, _EPS = (0.9, 0.99), 1e-8
_THREADS = 1  # the last bits depend on the number; and two threads would wait for each other on a busy machine


def import_torch() -> Any:
    """The module `torch`; MissingExtra where it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "models") from error
    return torch


def start_values(seed: int) -> Arrays:
    """Weights before training, float32: normal with variance 2 / inputs, offsets zero."""
    rng = np.random.default_rng(seed)
    result: Arrays = {}
    for name, shape in shapes().items():
        if name.endswith(".weight"):
            fan = int(np.prod(shape[1:]))
            result[name] = rng.normal(0, np.sqrt((0.1 if name == "out.weight" else 2.0) / fan), shape).astype(
                np.float32
            )
        else:
            result[name] = np.zeros(shape, np.float32)
    return result


def torch_logits(parameters: Mapping[str, Any], picture: Any, geometry: Any, places: Any, shares: Any) -> Any:
    """`forward.logits` on tensors that can be differentiated: (N, 21)."""
    torch = import_torch()
    maps, kept = picture, []
    for k, stride in enumerate(STRIDES):
        maps = torch.relu(
            torch.nn.functional.conv2d(
                maps, parameters[f"conv{k}.weight"], parameters[f"conv{k}.bias"], stride=stride, padding=1
            )
        )
        kept.append(maps)
    n, joints = len(picture), places.shape[2]
    read = []
    for m in range(2):
        flat = kept[2 + m].flatten(2)
        index = places[:, m].reshape(n, 1, -1).expand(-1, flat.shape[1], -1)
        cells = flat.gather(2, index).reshape(n, -1, joints, 4)
        read.append((cells * shares[:, m, None]).sum(3).transpose(1, 2))
    shape = torch.relu(geometry @ parameters["shape.weight"].T + parameters["shape.bias"])
    hand = torch.cat([kept[3].mean((2, 3)), shape], 1)
    joined = torch.cat([*read, hand[:, None].expand(-1, joints, -1)], 2)
    hidden = torch.relu(joined @ parameters["hidden.weight"].T + parameters["hidden.joint"])
    last = torch.relu(hidden @ parameters["last.weight"].T + parameters["last.bias"])
    return (last * parameters["out.weight"]).sum(2) + parameters["out.bias"]


class Learner:
    """The network while it learns."""

    def __init__(self, seed: int, decay: float = DECAY) -> None:
        """Start from `start_values(seed)`; MissingExtra without torch."""
        torch = import_torch()
        self._torch = torch
        self._parameters = {name: torch.tensor(v, requires_grad=True) for name, v in start_values(seed).items()}
        self._optimizer = torch.optim.AdamW(
            list(self._parameters.values()), lr=1e-3, betas=_BETAS, eps=_EPS, weight_decay=decay
        )

    def step(
        self, inputs: Inputs, occluded: NDArray[np.bool_], counted: NDArray[np.bool_], rate: float, positive: float
    ) -> float:
        """One step on a batch.

        Args:
            inputs: of N hands.
            occluded: (N, 21) truth.
            counted: (N, 21) which joints take part.
            rate: of learning.
            positive: weight of an occluded joint against a visible one.

        Returns:
            the mean loss of the counted joints before the step.
        """
        torch = self._torch
        before = torch.get_num_threads()
        torch.set_num_threads(_THREADS)
        try:
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            tensors = [torch.from_numpy(np.ascontiguousarray(a)) for a in _fields(inputs)]
            result = torch_logits(self._parameters, *tensors)
            wanted = torch.from_numpy(occluded.astype(np.float32))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                result, wanted, reduction="none", pos_weight=torch.tensor(float(positive))
            )
            mask = torch.from_numpy(counted.astype(np.float32))
            mean = (loss * mask).sum() / mask.sum().clamp(min=1)
            self._optimizer.zero_grad()
            mean.backward()
            torch.nn.utils.clip_grad_norm_(list(self._parameters.values()), 1.0)
            self._optimizer.step()
            return float(mean.detach())
        finally:
            torch.set_num_threads(before)

    def parameters(self) -> Arrays:
        """A copy of the weights as arrays."""
        return {name: value.detach().numpy().copy() for name, value in self._parameters.items()}

    def state(self) -> Arrays:
        """Weights and the optimiser's memory: all that `restore` needs."""
        arrays = {f"weights/{name}": value for name, value in self.parameters().items()}
        for name, value in self._parameters.items():
            memory = self._optimizer.state.get(value)
            if memory:
                arrays[f"first/{name}"] = memory["exp_avg"].numpy().copy()
                arrays[f"second/{name}"] = memory["exp_avg_sq"].numpy().copy()
                arrays["steps"] = np.array(float(memory["step"]), np.float32)
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `state`."""
        torch = self._torch
        with torch.no_grad():
            for name, value in self._parameters.items():
                value.copy_(torch.from_numpy(arrays[f"weights/{name}"]))
        if "steps" not in arrays:
            return
        for name, value in self._parameters.items():
            self._optimizer.state[value] = {
                "step": torch.tensor(float(arrays["steps"])),
                "exp_avg": torch.from_numpy(arrays[f"first/{name}"].copy()),
                "exp_avg_sq": torch.from_numpy(arrays[f"second/{name}"].copy()),
            }


def _fields(inputs: Inputs) -> tuple[NDArray[Any], ...]:
    return inputs.picture, inputs.geometry, inputs.places, inputs.shares
