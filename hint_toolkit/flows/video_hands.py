"""What was seen in the frames of a video -> hands: which track each is of, on which side, smoothed if wanted."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.flows.video_looks import FOLLOWED, Looks, Seen, frame_time
from hint_toolkit.geometry import finite
from hint_toolkit.joints import SIDES
from hint_toolkit.prelabel.base import Detection, Prompt
from hint_toolkit.tracking.one_euro import OneEuro, OneEuroRules
from hint_toolkit.tracking.tracks import Track, Tracker, TrackRules

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class VideoHand:
    """A hand of one frame.

    Attributes:
        found: what the model said, smoothed if wanted.
        track: number, from 1.
        side: of the track, by most of its frames; the frame's own where none says.
        given: (4,) the box that the model was given, NaN where it found the hand by itself.
    """

    found: Detection
    track: int
    side: str
    given: Floats


@dataclass
class Linked:
    """Tracks of a whole video.

    Attributes:
        numbers: frame -> a number for each of its hands, 0 for a hand that is of no track.
        tracks: number from 1 -> the track.
        sizes: number -> pixels and metres of the hand, medians over its frames; NaN where unknown.
        frames_with: how many hands -> in how many frames.
        damaged: frame -> reason.
        duplicates: hands that were another one seen again.
        short: tracks that had too few frames, with their hands left out.
        short_hands: these hands.
    """

    numbers: dict[int, tuple[int, ...]] = field(default_factory=dict)
    tracks: dict[int, Track] = field(default_factory=dict)
    sizes: dict[int, tuple[float, float]] = field(default_factory=dict)
    frames_with: dict[int, int] = field(default_factory=dict)
    damaged: dict[int, str] = field(default_factory=dict)
    duplicates: int = 0
    short: int = 0
    short_hands: int = 0

    @property
    def hands(self) -> int:
        """All hands of all frames."""
        return sum(count * frames for count, frames in self.frames_with.items())


def link(looks: Looks, rules: TrackRules) -> Linked:
    """Join the hands of all frames to tracks."""
    tracker, linked = Tracker(rules), Linked()
    raw: dict[int, tuple[int, ...]] = {}
    sizes: dict[int, list[tuple[float, float]]] = {}
    for k in range(looks.index.count):
        seen = looks.seen(k)
        linked.duplicates += seen.duplicates
        if seen.why:
            linked.damaged[k] = seen.why
        if not seen.hands:
            continue
        raw[k] = tuple(_step(tracker, k, frame_time(looks.index, k), seen).tolist())
        for number, hand in zip(raw[k], seen.hands, strict=True):
            if number >= 0:
                sizes.setdefault(number, []).append(_size(hand))
    kept = tracker.kept()
    linked.duplicates += tracker.duplicates
    linked.tracks = {place: tracker.tracks[number] for number, place in kept.items()}
    linked.numbers = {k: tuple(kept.get(number, 0) for number in numbers) for k, numbers in raw.items()}
    linked.sizes = {place: _median(sizes[number]) for number, place in kept.items()}
    gone = [track for track in tracker.tracks if track.number not in kept]
    linked.short, linked.short_hands = len(gone), sum(track.frames for track in gone)
    for k in range(looks.index.count):
        if k not in linked.damaged:
            count = sum(number > 0 for number in linked.numbers.get(k, ()))
            linked.frames_with[count] = linked.frames_with.get(count, 0) + 1
    return linked


def overruled(looks: Looks, linked: Linked) -> dict[int, dict[int, str]]:
    """Frame -> place of the hand -> side of its track, where the model was given the hand's box with another side."""
    wrong: dict[int, dict[int, str]] = {}
    for k, numbers in linked.numbers.items():
        for place, (number, prompt) in enumerate(zip(numbers, looks.seen(k).given, strict=True)):
            side = linked.tracks[number].side if number else ""
            if prompt is not None and side in SIDES and prompt.side != side:
                wrong.setdefault(k, {})[place] = side
    return wrong


def hands_of(looks: Looks, linked: Linked, smooth: OneEuroRules | None = None) -> Iterator[tuple[int, list[VideoHand]]]:
    """Every frame of the video with its hands, from left to right; damaged ones have none."""
    paths: dict[int, _Path] = {}
    for k in range(looks.index.count):
        hands = []
        if k in linked.numbers:
            seen = looks.seen(k)
            for number, found, prompt in zip(linked.numbers[k], seen.hands, seen.given, strict=True):
                if not number:
                    continue
                if smooth is not None:
                    path = paths.setdefault(number, _Path(smooth, linked.sizes[number]))
                    found = path.next(found, frame_time(looks.index, k))
                side = linked.tracks[number].side or found.side
                given = np.full(4, np.nan) if prompt is None else prompt.box
                hands.append(VideoHand(found, number, side, given))
        yield k, sorted(hands, key=lambda hand: (float(hand.found.box[0] + hand.found.box[2]), hand.track))


class _Path:
    """The smoothed path of one hand: its points, and the hand in space where there is one."""

    def __init__(self, rules: OneEuroRules, size: tuple[float, float]) -> None:
        self._points = OneEuro(rules, size[0])
        self._solid = {name: OneEuro(rules, size[1]) for name in ("joints", "vertices", "translation")}

    def next(self, found: Detection, time: float) -> Detection:
        pose = found.pose3d
        if pose is not None:
            joints, vertices, translation = (self._filtered(n, getattr(pose, n), time) for n in self._solid)
            pose = replace(pose, joints=joints, vertices=vertices, translation=translation)
        return replace(found, points=self._points(found.points, time), pose3d=pose)

    def _filtered(self, name: str, values: Floats, time: float) -> Floats:
        return self._solid[name](values, time) if values.size else values


def _step(tracker: Tracker, k: int, time: float, seen: Seen) -> NDArray[np.int64]:
    return tracker.step(
        k,
        time,
        np.array([_box(hand, prompt) for hand, prompt in zip(seen.hands, seen.given, strict=True)]),
        [hand.side or (prompt.side if prompt else "") for hand, prompt in zip(seen.hands, seen.given, strict=True)],
        np.array([hand.presence for hand in seen.hands]),
        np.array([hand.side_score for hand in seen.hands]),
    )


def _box(hand: Detection, prompt: Prompt | None) -> Floats:
    """A box that somebody found in this frame; where the hand was only followed, the one around its points."""
    return hand.box if prompt is None or prompt.origin == FOLLOWED else prompt.box


def _size(hand: Detection) -> tuple[float, float]:
    """The longer side of the tight box around the points, pixels; the longest extent of the joints in space, metres."""
    return _extent(hand.points), np.nan if hand.pose3d is None else _extent(hand.pose3d.joints)


def _extent(points: Floats) -> float:
    seen = points[finite(points)] if points.shape[1] == 2 else points[np.isfinite(points).all(axis=1)]
    return float((seen.max(axis=0) - seen.min(axis=0)).max()) if len(seen) else np.nan


def _median(sizes: list[tuple[float, float]]) -> tuple[float, float]:
    values = np.array(sizes)
    both = [float(np.median(one[np.isfinite(one)])) if np.isfinite(one).any() else np.nan for one in values.T]
    return both[0], both[1]
