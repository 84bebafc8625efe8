"""From hands on disk to batches on their way to the network, made in as many processes as wanted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.models.hamer.crop import Square, cut
from hint_toolkit.models.training.augment import (
    Augmentation,
    View,
    crop_matrix,
    cut_view,
    draw,
    moved_points,
    turn_matrix,
    turned_orientation,
)
from hint_toolkit.models.training.examples import Examples
from hint_toolkit.models.training.mix import Mix

Sample = dict[str, NDArray[Any]]
"""One hand as the network and its losses take it; see `sample_of`."""
_MIRROR = np.array([1.0, -1.0, -1.0])  # of a turn about an axis, when x becomes -x


def sample_of(examples: Examples, i: int, view: View | None) -> Sample:
    """One hand: mirrored if it is a left one, cut out, and its targets in the frame of the crop.

    Args:
        examples: hands.
        i: which.
        view: what is done to the crop; None: nothing, and the crop is that of `crop.cut`, as in a prediction.

    Returns:
        crops (3, 256, 256), points (21, 3) fractions of the crop and confidence, joints (21, 4) metres and confidence,
        global_orient (3,), hand_pose (45,), betas (10,), has_global_orient, has_hand_pose, has_betas (); float32.
    """
    image = examples.pictures[i].read()
    right = bool(examples.right[i])
    center, size = examples.center[i], float(examples.size[i])
    plain = View() if view is None else view
    if view is None:
        crop = cut(image, Square(center, size, right))
    points, joints = examples.points[i].copy(), examples.joints[i].astype(np.float64)
    pose = examples.pose[i].astype(np.float64).reshape(16, 3)
    if not right:
        last = image.shape[1] - 1
        image = np.ascontiguousarray(image[:, ::-1])
        center = np.array([last - center[0], center[1]])
        points[:, 0] = last - points[:, 0]
        joints[:, 0] *= -1
        pose = pose * _MIRROR
    matrix = crop_matrix(center, size, plain)
    if view is not None:
        crop = cut_view(image, matrix, view)
    joints[:, :3] = joints[:, :3] @ turn_matrix(plain).T
    orientation = turned_orientation(pose[0], plain) if plain.turn else pose[0]
    values = {
        "points": np.concatenate([moved_points(points[:, :2], matrix), points[:, 2:]], axis=1),
        "joints": joints,
        "global_orient": orientation,
        "hand_pose": pose[1:].reshape(45),
        "betas": examples.betas[i],
        "has_global_orient": examples.has_pose[i],
        "has_hand_pose": examples.has_pose[i],
        "has_betas": examples.has_betas[i],
    }
    return {"crops": crop, **{name: np.asarray(value, np.float32) for name, value in values.items()}}


def stacked(samples: Sequence[Sample]) -> dict[str, Any]:
    """Samples -> tensors with a batch axis."""
    import torch

    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}


@dataclass
class Source:
    """Samples by their number, for a loader with or without processes of its own.

    Attributes:
        datasets: hands of each.
        mix: which of them is the k-th.
        augmentation: what is done to them.
        keep: keep crops in memory, which is possible where nothing is done to them.
    """

    datasets: Sequence[Examples]
    mix: Mix
    augmentation: Augmentation
    keep: bool = False
    _kept: dict[tuple[int, int], Sample] = field(default_factory=dict, repr=False)

    def __getitem__(self, wanted: tuple[int, int, int]) -> Sample:
        """Sample k, which is hand i of a dataset: (k, dataset, i)."""
        k, dataset, i = wanted
        if not self.augmentation.idle:
            return sample_of(self.datasets[dataset], i, draw(self.mix.view_rng(k), self.augmentation))
        if (dataset, i) in self._kept:
            return self._kept[dataset, i]
        sample = sample_of(self.datasets[dataset], i, None)
        if self.keep:
            self._kept[dataset, i] = sample
        return sample


class _Numbers:
    """The samples of every batch from a step on."""

    def __init__(self, mix: Mix, batch: int, first_step: int, steps: int) -> None:
        self.mix, self.batch, self.first, self.steps = mix, batch, first_step, steps

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        for step in range(self.first, self.steps):
            begin = step * self.batch
            places = self.mix.places(begin, self.batch)
            yield [(begin + k, *place) for k, place in enumerate(places)]

    def __len__(self) -> int:
        return max(self.steps - self.first, 0)


def batches(
    source: Source, *, batch: int, first_step: int = 0, steps: int, workers: int = 0, pin: bool = False
) -> Iterator[dict[str, Any]]:
    """The batches of the steps `first_step` .. `steps - 1`, the same whatever the number of workers.

    Args:
        source: of samples.
        batch: samples a step.
        first_step: where to go on.
        steps: of the whole run.
        workers: processes that decode and cut; 0 does it in this one.
        pin: into memory that a GPU copies from while it computes.
    """
    import torch
    from torch.utils.data import DataLoader

    numbers = _Numbers(source.mix, batch, first_step, steps)
    # A generator of its own: otherwise making the loader takes a number from the one that drop path draws from, and a
    # run that goes on would draw others.
    # Spawned, not forked: torch's own threads do not survive a fork.
    how: dict[str, Any] = {"multiprocessing_context": "spawn", "prefetch_factor": 4} if workers else {}
    loader = DataLoader(
        source, batch_sampler=numbers, num_workers=workers, collate_fn=stacked, pin_memory=pin, worker_init_fn=_alone,
        generator=torch.Generator(), **how,
    )  # fmt: skip
    yield from loader


def _alone(_: int) -> None:
    """A worker has one processor: OpenCV and torch must not start threads in every one of them."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
