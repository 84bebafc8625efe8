"""What a set of hands holds, counted batch by batch."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.release import hand_digests, version_of
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hands

Folder = tuple[str, str, str]
"""(split, source, subset)"""
_COUNTED = ("source", "split", "subset", "side", "annotator", "detector", "licence")


@dataclass(frozen=True)
class Spread:
    """Where numbers lie; of no number at all there is no `Spread` but None.

    Attributes:
        n: how many there are.
        low: the least.
        p05: below it lie 5 in 100 (linear between neighbours, as numpy's percentile).
        median: the middle.
        p95: above it lie 5 in 100.
        high: the greatest.
    """

    n: int
    low: float
    p05: float
    median: float
    p95: float
    high: float

    @classmethod
    def of(cls, values: NDArray[Any]) -> "Spread | None":
        """Of the finite values, of any shape; None when there is none."""
        known = np.asarray(values, float)
        known = known[np.isfinite(known)]
        if not len(known):
            return None
        return cls(len(known), *(float(v) for v in np.percentile(known, (0, 5, 50, 95, 100))))


@dataclass(frozen=True)
class Group:
    """Hands of one split, source and subset.

    Attributes:
        hands: how many.
        left: of them left hands.
        frames: different frames, by source and frame id.
        clips: different clips; a frame of an unknown clip is one of its own.
        existing: joints that exist, over all hands.
        occluded: of them occluded.
        pictures: hands whose picture goes along.
    """

    hands: int
    left: int
    frames: int
    clips: int
    existing: int
    occluded: int
    pictures: int


@dataclass(frozen=True)
class Rights:
    """Whose the pixels of a source are, and how many hands it concerns.

    Attributes:
        source: name of the source.
        licence: as the rows state it, "" where they do not.
        redistributable: whether the pixels may be passed on.
        hands: how many.
        pictures: of them with a picture that goes along.
    """

    source: str
    licence: str
    redistributable: bool
    hands: int
    pictures: int


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
        groups: (split, source, subset) -> its counts.
        frames: different frames.
        clips: different clips; a frame of an unknown clip is one of its own.
        hands_a_frame: over frames.
        hands_a_clip: over clips.
        size: longer side of the box in pixels, over hands with a box that has an area.
        share: the same in units of the longer side of the image, over hands whose image size is known.
        occluded_a_hand: (22,) hands with 0, 1, .. 21 occluded joints.
        seconds: that a person spent on a hand, where it is known.
        rights: of the pixels, by source and licence.
    """

    content: str
    hands: int
    counts: dict[str, dict[str, int]]
    folders: dict[Folder, int]
    pictures: int
    existing: NDArray[np.int64]
    occluded: NDArray[np.int64]
    groups: dict[Folder, Group]
    frames: int
    clips: int
    hands_a_frame: Spread | None
    hands_a_clip: Spread | None
    size: Spread | None
    share: Spread | None
    occluded_a_hand: NDArray[np.int64]
    seconds: Spread | None
    rights: tuple[Rights, ...]

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
    """A summary in the making; holds about 120 bytes a hand (a digest and nine numbers) and a number a value."""

    _digests: list[bytes] = field(default_factory=list)
    _counts: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _COUNTED})
    _numbers: dict[Folder, int] = field(default_factory=dict)
    _rights: Counter[tuple[str, str, bool, bool]] = field(default_factory=Counter)
    _existing: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_JOINTS, np.int64))
    _occluded: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_JOINTS, np.int64))
    _parts: list[dict[str, NDArray[Any]]] = field(default_factory=list)

    def add(self, hands: Hands) -> None:
        """Count some more hands."""
        self._digests += hand_digests(hands)
        for name, counter in self._counts.items():
            counter.update(getattr(hands, name).tolist())
        pictured = np.fromiter(map(bool, hands.image), bool, len(hands))
        free = hands.redistributable.tolist()
        self._rights.update(zip(hands.source, hands.licence, free, pictured.tolist(), strict=True))
        self._existing += hands.exists.sum(axis=0)
        self._occluded += hands.occluded.sum(axis=0)
        folders = zip(hands.split, hands.source, hands.subset, strict=True)
        number = [self._numbers.setdefault(folder, len(self._numbers)) for folder in folders]
        size, longer = box_sizes(hands.box), np.maximum(hands.width, hands.height)
        frame, clip = (_hashes(zip(hands.source, names, strict=True)) for names in (hands.frame_id, hands.video_id))
        self._parts.append(
            {
                "folder": np.array(number, np.int32),
                "frame": frame,
                "clip": np.where(hands.video_id == "", frame, clip),
                "left": hands.side == "left",
                "pictured": pictured,
                "existing": hands.exists.sum(axis=1, dtype=np.uint8),
                "occluded": hands.occluded.sum(axis=1, dtype=np.uint8),
                "size": size,
                "share": np.where(longer > 0, size / np.maximum(longer, 1), np.nan),
                "seconds": hands.seconds,
            }
        )

    def summary(self) -> Summary:
        """What was counted so far."""
        column = self._columns()
        groups = {}
        for folder, number in sorted(self._numbers.items()):
            groups[folder] = _group(column, column["folder"] == number)
        frames, clips = (np.unique(column[name], return_counts=True)[1] for name in ("frame", "clip"))
        return Summary(
            content=version_of(self._digests),
            hands=len(self._digests),
            counts={name: dict(sorted(counter.items())) for name, counter in self._counts.items()},
            folders={folder: group.hands for folder, group in groups.items()},
            pictures=int(column["pictured"].sum()),
            existing=self._existing.copy(),
            occluded=self._occluded.copy(),
            groups=groups,
            frames=len(frames),
            clips=len(clips),
            hands_a_frame=Spread.of(frames),
            hands_a_clip=Spread.of(clips),
            size=Spread.of(column["size"]),
            share=Spread.of(column["share"]),
            occluded_a_hand=np.bincount(column["occluded"], minlength=N_JOINTS + 1),
            seconds=Spread.of(column["seconds"]),
            rights=self._pixel_rights(),
        )

    def _columns(self) -> dict[str, NDArray[Any]]:
        if not self._parts:
            self.add(Hands.of([]))
        joined = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        self._parts = [joined]
        return joined

    def _pixel_rights(self) -> tuple[Rights, ...]:
        kinds = sorted({key[:3] for key in self._rights})
        hands = {kind: self._rights[(*kind, True)] + self._rights[(*kind, False)] for kind in kinds}
        return tuple(Rights(*kind, hands[kind], self._rights[(*kind, True)]) for kind in kinds)


def box_sizes(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longer side of every box, (N, 4) pixels to (N,); NaN where a box is not finite or has no area."""
    sides = boxes[:, 2:] - boxes[:, :2]
    good = np.isfinite(sides).all(axis=1) & (sides > 0).all(axis=1)
    return np.where(good, sides.max(axis=1), np.nan)


def _hashes(names: Iterable[tuple[str, str]]) -> NDArray[np.int64]:
    """8 bytes instead of texts. They differ from run to run, but only whether two are equal is ever asked."""
    return np.fromiter(map(hash, names), np.int64)


def _group(column: dict[str, NDArray[Any]], of: NDArray[np.bool_]) -> Group:
    return Group(
        hands=int(of.sum()),
        left=int(column["left"][of].sum()),
        frames=len(np.unique(column["frame"][of])),
        clips=len(np.unique(column["clip"][of])),
        existing=int(column["existing"][of].sum(dtype=np.int64)),
        occluded=int(column["occluded"][of].sum(dtype=np.int64)),
        pictures=int(column["pictured"][of].sum()),
    )
