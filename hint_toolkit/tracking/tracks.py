"""Boxes of hands, frame after frame -> tracks: each box goes to the hand that it is most likely of.

A track is moved on with its last speed; a box is of it when the two overlap, or when it lies within a hand's reach and
does not have the other side. Of all ways to give the boxes of a frame to the tracks the one of the least cost is taken.
Short gaps are bridged. A hand's side is what most of its frames say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.geometry import box_iou
from hint_toolkit.joints import SIDES

Floats = NDArray[np.float64]

NO_TRACK: Final = -1
_NEVER: Final = 1e6
_MAX_AHEAD: Final = 0.2
"""Seconds: a speed says nothing about where a hand is later."""
_SIZE_RATIO: Final = 2.0
"""A box that does not overlap is of a hand only if it is at most so much larger or smaller."""


@dataclass(frozen=True)
class TrackRules:
    """When a box is of a track.

    Attributes:
        min_iou: overlap of the box with where the track is expected, at least.
        other_iou: likewise, of a box of the other side.
        reach: without overlap: distance of the centres in hand sizes (the longer side of a box), at most ..
        speed: .. plus so many hand sizes for every second that the hand was not seen.
        side_cost: what another side costs, in units of (1 - IoU).
        max_gap: seconds that a track lives without a box.
        min_frames: a track that has fewer boxes at its end is none.
        birth: confidence that a box needs to begin a track; a box without confidence may always.
        same: a box that overlaps one of its side so much is no new hand; of two new ones the surer is.
    """

    min_iou: float = 0.2
    other_iou: float = 0.5
    reach: float = 0.5
    speed: float = 4.0
    side_cost: float = 0.3
    max_gap: float = 0.5
    min_frames: int = 1
    birth: float = 0.0
    same: float = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.min_iou <= 1 or not 0 < self.same <= 1 or self.max_gap < 0 or self.min_frames < 1:
            raise InputError(
                f"cannot track with min_iou {self.min_iou:g}, same {self.same:g}, max_gap {self.max_gap:g}, "
                f"min_frames {self.min_frames}",
                next_step="overlaps lie in 0..1, a gap is 0 or more, frames are 1 or more",
            )


@dataclass
class Track:
    """One hand so far.

    Attributes:
        number: from 0, in the order of birth.
        first: frame of its first box.
        last: frame of its last box.
        frames: how many boxes it has.
        gaps: frames without a box between its first and last one.
        longest_gap: of these, the most in a row.
        votes: confidence in each side, summed over its frames.
        said: how often each side was said.
    """

    number: int
    first: int
    last: int
    frames: int = 0
    gaps: int = 0
    longest_gap: int = 0
    votes: dict[str, float] = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)
    _box: Floats = field(default_factory=lambda: np.full(4, np.nan), repr=False)
    _time: float = field(default=-np.inf, repr=False)
    _speed: Floats = field(default_factory=lambda: np.zeros(2), repr=False)

    @property
    def side(self) -> str:
        """The side with most votes, of equal ones the earlier; "" where no frame says one."""
        return max(self.votes, key=self.votes.__getitem__) if self.votes else ""

    @property
    def overruled(self) -> int:
        """Frames that say another side than most."""
        return sum(count for side, count in self.said.items() if side != self.side)

    def expected(self, time: float) -> Floats:
        """(4,) where its box should be."""
        return self._box + np.tile(self._speed * min(time - self._time, _MAX_AHEAD), 2)

    def unseen(self, time: float) -> float:
        """Seconds since its last box."""
        return time - self._time

    def take(self, frame: int, time: float, box: Floats, side: str, vote: float) -> None:
        """Add a box."""
        if self.frames:
            shift = (box - self._box).reshape(2, 2).mean(axis=0)
            self._speed = shift / (time - self._time)
            missed = frame - self.last - 1
            self.gaps += missed
            self.longest_gap = max(self.longest_gap, missed)
        self._box, self._time, self.last = box, time, frame
        self.frames += 1
        if side in SIDES:
            self.votes[side] = self.votes.get(side, 0.0) + vote
            self.said[side] = self.said.get(side, 0) + 1


class Tracker:
    """Gives numbers to boxes, frame by frame.

    Attributes:
        tracks: all so far, by number.
        duplicates: boxes that were no hand of their own.
        refused: boxes that were not confident enough to begin a track.
    """

    def __init__(self, rules: TrackRules | None = None) -> None:
        """Begin without tracks."""
        self._rules = rules or TrackRules()
        self._alive: list[Track] = []
        self._moment: tuple[int, float] = (-1, -np.inf)
        self.tracks: list[Track] = []
        self.duplicates = 0
        self.refused = 0

    def step(
        self,
        frame: int,
        time: float,
        boxes: Floats,
        sides: Sequence[str] = (),
        scores: Floats | None = None,
        votes: Floats | None = None,
    ) -> NDArray[np.int64]:
        """Tracks of one frame's boxes.

        Args:
            frame: number, higher than the one before; frames without a box may be left out.
            time: seconds, later than the one before.
            boxes: (N, 4) x1, y1, x2, y2 pixels.
            sides: N times "left", "right" or "" for unknown; none: all unknown.
            scores: (N,) confidence in the box, NaN where unknown.
            votes: (N,) confidence in the side, likewise; an unknown one counts 1.

        Returns:
            (N,) numbers; `NO_TRACK` for a box without area or with NaN, a duplicate, or one that may not begin a track.

        Raises:
            ValueError: frame or time does not ascend.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        if frame <= self._moment[0] or time <= self._moment[1]:
            raise ValueError(f"frame {frame} at {time} s does not follow frame {self._moment[0]}")
        self._moment = (frame, time)
        said = list(sides) or [""] * len(boxes)
        sure = np.full(len(boxes), np.nan) if scores is None else np.asarray(scores, np.float64)
        weight = np.nan_to_num(np.ones(len(boxes)) if votes is None else np.asarray(votes, np.float64), nan=1.0)
        self._alive = [track for track in self._alive if track.unseen(time) <= self._rules.max_gap + 1e-9]
        usable = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        out = np.full(len(boxes), NO_TRACK, np.int64)
        for k, track in self._pairs(np.flatnonzero(usable).tolist(), boxes, said, time):
            out[k] = track.number
        left = np.flatnonzero(usable & (out == NO_TRACK)).tolist()
        for k in sorted(left, key=lambda k: (-np.nan_to_num(sure[k], nan=np.inf), k)):
            if self._twin(k, boxes, said, out):
                self.duplicates += 1
            elif sure[k] < self._rules.birth:
                self.refused += 1
            else:
                out[k] = self._born(frame)
        for k in np.flatnonzero(out != NO_TRACK):
            self.tracks[out[k]].take(frame, time, boxes[k], said[k], float(weight[k]))
        return out

    def kept(self) -> dict[int, int]:
        """Number -> number from 1 without gaps, of the tracks that are long enough."""
        long = [track.number for track in self.tracks if track.frames >= self._rules.min_frames]
        return {number: place for place, number in enumerate(long, 1)}

    def _born(self, frame: int) -> int:
        track = Track(len(self.tracks), frame, frame)
        self.tracks.append(track)
        self._alive.append(track)
        return track.number

    def _twin(self, k: int, boxes: Floats, said: Sequence[str], out: NDArray[np.int64]) -> bool:
        """Whether a box that no track wants is a hand again that has a track in this frame."""
        others = [j for j in np.flatnonzero(out != NO_TRACK) if not said[j] or not said[k] or said[j] == said[k]]
        return bool(others) and bool(box_iou(boxes[k], boxes[others]).max() > self._rules.same)

    def _pairs(self, usable: list[int], boxes: Floats, said: Sequence[str], time: float) -> list[tuple[int, Track]]:
        """Boxes and the tracks that they are of, at the least cost in all."""
        if not usable or not self._alive:
            return []
        cost = np.array([[self._cost(track, boxes[k], said[k], time) for track in self._alive] for k in usable])
        rows, columns = _assignment()(cost)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return [(usable[i], self._alive[j]) for i, j in pairs if cost[i, j] < _NEVER]

    def _cost(self, track: Track, box: Floats, side: str, time: float) -> float:
        rules, expected = self._rules, track.expected(time)
        iou = float(box_iou(expected, box)[0, 0])
        sizes = [float((one[2:] - one[:2]).max()) for one in (expected, box)]
        shift = (box - expected).reshape(2, 2).mean(axis=0)
        distance = float(np.hypot(*shift)) / (sum(sizes) / 2)
        other = bool(side and track.side and side != track.side)
        near = distance <= rules.reach + rules.speed * track.unseen(time) and max(sizes) <= _SIZE_RATIO * min(sizes)
        if iou < (rules.other_iou if other else rules.min_iou) and (other or not near):
            return _NEVER
        return 1.0 - iou + distance + rules.side_cost * other


def _assignment() -> Any:
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingExtra("scipy", "video") from error
    return linear_sum_assignment
