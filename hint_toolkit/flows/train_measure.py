"""PCK of held-out crops while a network is trained, and of an answer that has learned nothing but the mean hand."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.metrics.pck import distances, pck_tally
from hint_toolkit.models._torchvision import import_torch
from hint_toolkit.models.training.batches import Sample, sample_of, stacked
from hint_toolkit.models.training.examples import Examples

THRESHOLDS: Final = (0.05, 0.10, 0.15)
_KEPT_HANDS: Final = 256
"""Of a set no larger than this the crops stay in memory: 0.8 MB each."""
_SIDES: Final = 2.0
"""The crop's side over the box's longer side, which PCK is measured by."""


@dataclass
class Held:
    """Hands that are measured and not learned from.

    Attributes:
        examples: the hands.
        batch: crops that go through a network at once.
    """

    examples: Examples
    batch: int
    _crops: list[Sample] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return len(self.examples)

    def measure(self, network: Any, device: str) -> dict[str, float]:
        """PCK of a network, which is left in `eval`.

        Args:
            network: takes crops (B, 3, 256, 256), gives `points` (B, 21, 2), fractions of the crop.
            device: that it is on.

        Returns:
            As of `pck_of`.
        """
        torch = import_torch()
        network.eval()
        points, targets = [], []
        with torch.inference_mode():
            for group in self._groups():
                found = network(stacked(group)["crops"].to(device))["points"]
                points.append(found.float().cpu().numpy())
                targets += [sample["points"] for sample in group]
        return pck_of(np.concatenate(points), np.array(targets))

    def measure_mean(self, learned: Examples) -> dict[str, float]:
        """PCK of the same answer for every hand, the mean of the hands that were learned from: what chance gives."""
        mean = mean_hand(sample_of(learned, i, None) for i in range(len(learned)))
        targets = np.array([sample["points"] for group in self._groups() for sample in group])
        return pck_of(np.broadcast_to(mean, (len(targets), *mean.shape)), targets)

    def _groups(self) -> Iterator[list[Sample]]:
        """Crops as a prediction would have them, a batch at a time; of a small set they are kept."""
        if not self._crops and len(self) <= _KEPT_HANDS:
            self._crops = [sample_of(self.examples, i, None) for i in range(len(self))]
        for begin in range(0, len(self), self.batch):
            rows = range(begin, min(begin + self.batch, len(self)))
            yield [self._crops[i] if self._crops else sample_of(self.examples, i, None) for i in rows]


def pck_of(points: NDArray[Any], targets: NDArray[Any]) -> dict[str, float]:
    """PCK by the box's longer side (half of the crop), mean of the joints' shares.

    Args:
        points: (N, 21, 2) fractions of the crop.
        targets: (N, 21, 3) the same, and confidence; joints of confidence 0 are not counted.

    Returns:
        Threshold ("0.05") -> share in 0..1; without a joint that counts, empty.
    """
    wanted = targets.astype(np.float64)
    there = wanted[..., 2] > 0
    truth = np.where(there[..., None], wanted[..., :2], np.nan)
    sizes: NDArray[np.float64] = np.full(len(wanted), 1 / _SIDES)  # of the box, in fractions of the crop
    apart = distances(points.astype(np.float64), truth, sizes)
    shares = {f"{limit:.2f}": pck_tally(apart, there, limit).macro for limit in THRESHOLDS}
    return {limit: share for limit, share in shares.items() if share is not None}


def mean_hand(samples: Iterable[Sample]) -> NDArray[np.float64]:
    """(21, 2) mean points, fractions of the crop; a joint that nobody has lies in the middle."""
    points = np.array([sample["points"] for sample in samples], np.float64)
    there = points[..., 2:] > 0
    count = there.sum(axis=0)
    total = np.where(there, points[..., :2], 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), 0.5)
