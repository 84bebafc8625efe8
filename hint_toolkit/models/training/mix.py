"""Which hand is the k-th of a training: several datasets, each with a weight.

The dataset of every sample is drawn with a probability that is its weight; each dataset goes through its hands in an
order by chance, again and again. (HaMeR's loader draws shards by chance and shuffles through buffers, because it reads
streams. Here every hand can be reached, so no buffer is needed, and none is lost or seen twice within a pass.)

Sample k depends on the seed and on k alone: not on the batch's size, on the number of workers, or on whether the run
was killed and went on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError

_BLOCK: Final = 4096
_DATASETS, _ORDER, _VIEW, _MOCAP = range(4)  # streams of random numbers that must not depend on each other


@dataclass
class Mix:
    """Datasets of these sizes, mixed by these weights.

    Attributes:
        sizes: hands of each dataset.
        weights: of each dataset, above 0; only their ratios count.
        seed: of every choice.
    """

    sizes: Sequence[int]
    weights: Sequence[float]
    seed: int = 0
    _counts: list[NDArray[np.int64]] = field(default_factory=list, repr=False)
    _block: tuple[int, NDArray[np.int64]] = field(default=(-1, np.zeros(0, np.int64)), repr=False)
    _orders: dict[int, tuple[int, NDArray[np.int64]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Check.

        Raises:
            InputError: no dataset, an empty one, or a weight that is none.
        """
        if not self.sizes or len(self.sizes) != len(self.weights):
            raise InputError("there is no dataset to learn from")
        if min(self.sizes) < 1:
            raise InputError(f"dataset {list(self.sizes).index(min(self.sizes)) + 1} holds no hand to learn from")
        if not all(np.isfinite(w) and w > 0 for w in self.weights):
            raise InputError(f"weights {list(self.weights)}", next_step="give every dataset a weight above 0")

    def places(self, first: int, count: int) -> list[tuple[int, int]]:
        """(dataset, hand in it) of the samples `first` .. `first + count - 1`."""
        found = []
        for k in range(first, first + count):
            block, within = divmod(k, _BLOCK)
            datasets = self._datasets(block)
            dataset = int(datasets[within])
            turn = int(self._before(block)[dataset]) + int((datasets[:within] == dataset).sum())
            found.append((dataset, self._hand(dataset, turn)))
        return found

    def view_rng(self, k: int) -> np.random.Generator:
        """For what is done to sample k."""
        return np.random.default_rng([self.seed, _VIEW, k])

    def mocap_rows(self, step: int, count: int, total: int) -> NDArray[np.int64]:
        """Rows of a motion-capture table of `total` rows for a step, (count,)."""
        return np.random.default_rng([self.seed, _MOCAP, step]).integers(0, total, count)

    def _datasets(self, block: int) -> NDArray[np.int64]:
        """The dataset of every sample of a block."""
        if self._block[0] != block:
            shares = np.array(self.weights, np.float64) / np.sum(self.weights)
            rng = np.random.default_rng([self.seed, _DATASETS, block])
            self._block = block, rng.choice(len(shares), _BLOCK, p=shares)
        return self._block[1]

    def _before(self, block: int) -> NDArray[np.int64]:
        """How many samples of each dataset come before a block."""
        if not self._counts:
            self._counts.append(np.zeros(len(self.sizes), np.int64))
        while len(self._counts) <= block:
            last = self._datasets(len(self._counts) - 1)
            self._counts.append(self._counts[-1] + np.bincount(last, minlength=len(self.sizes)))
        return self._counts[block]

    def _hand(self, dataset: int, turn: int) -> int:
        """The hand that a dataset gives when it is asked for the `turn`-th time."""
        size = self.sizes[dataset]
        number, within = divmod(turn, size)
        if self._orders.get(dataset, (-1,))[0] != number:
            order = np.random.default_rng([self.seed, _ORDER, dataset, number]).permutation(size)
            self._orders[dataset] = number, order
        return int(self._orders[dataset][1][within])
