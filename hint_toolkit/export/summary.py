"""What a set of hands holds, counted batch by batch."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.release import hand_digests, version_of
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hands

_COUNTED = ("source", "split", "subset", "side", "annotator", "detector", "licence")


@dataclass(frozen=True)
class Summary:
    """Counts over all hands of a dataset.

    Attributes:
        content: version, see `io.release.content_hash`.
        hands: how many.
        counts: for source, split, subset, side, annotator, detector and licence: value -> hands.
        folders: (split, source, subset) -> hands.
        pictures: hands whose picture goes along.
        existing: (21,) hands in which the joint exists.
        occluded: (21,) hands in which it is occluded.
    """

    content: str
    hands: int
    counts: dict[str, dict[str, int]]
    folders: dict[tuple[str, str, str], int]
    pictures: int
    existing: NDArray[np.int64]
    occluded: NDArray[np.int64]

    def manifest(self) -> dict[str, Any]:
        """Plain JSON, the same for the same hands."""
        return {
            "content": self.content,
            "hands": self.hands,
            "hands_with_picture": self.pictures,
            "sources": self.counts["source"],
            "splits": self.counts["split"],
            "sides": self.counts["side"],
            "annotators": self.counts["annotator"],
            "detectors": sorted(name for name in self.counts["detector"] if name),
            "licences": sorted(self.counts["licence"]),
            "occluded_joints": int(self.occluded.sum()),
            "existing_joints": int(self.existing.sum()),
        }


@dataclass
class Tally:
    """A summary in the making; holds 32 bytes a hand and a number a value."""

    _digests: list[bytes] = field(default_factory=list)
    _counts: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _COUNTED})
    _folders: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _pictures: int = 0
    _existing: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_JOINTS, np.int64))
    _occluded: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_JOINTS, np.int64))

    def add(self, hands: Hands) -> None:
        """Count some more hands."""
        self._digests += hand_digests(hands)
        for name, counter in self._counts.items():
            counter.update(getattr(hands, name).tolist())
        self._folders.update(zip(hands.split, hands.source, hands.subset, strict=True))
        self._pictures += sum(map(bool, hands.image))
        self._existing += hands.exists.sum(axis=0)
        self._occluded += hands.occluded.sum(axis=0)

    def summary(self) -> Summary:
        """What was counted so far."""
        return Summary(
            content=version_of(self._digests),
            hands=len(self._digests),
            counts={name: dict(sorted(counter.items())) for name, counter in self._counts.items()},
            folders=dict(sorted(self._folders.items())),
            pictures=self._pictures,
            existing=self._existing.copy(),
            occluded=self._occluded.copy(),
        )
