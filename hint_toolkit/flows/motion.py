"""Motion quality of predictions for every frame of a video: jitter, dropouts, side flips, lag against truth."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.match import found_hands
from hint_toolkit.io.errata import lineage_of
from hint_toolkit.io.hint_names import parse_stem
from hint_toolkit.io.predictions import Predictions, read_predictions
from hint_toolkit.io.release import Truth, read_truth
from hint_toolkit.joints import JOINTS
from hint_toolkit.metrics.motion import (
    NO_SQUARES,
    WINDOW,
    Lag,
    Squares,
    acceleration,
    dropouts,
    high_pass,
    lag,
    runs,
    side_flips,
    sizes,
)

Floats = NDArray[np.float64]
JITTER: Final = f"jitter[high-pass {WINDOW}]"
ACCELERATION: Final = "jitter[acceleration]"
_SIZE_TEXT: Final = "longer side of the tight box around the predicted points, median over the track"
_NEXT: Final = "write video_id and frame_index (and track) into each record, see docs/tracks.md"


@dataclass(frozen=True)
class _Place:
    """Where a record belongs: clip, frame number, and what the file calls the track ("" when it says nothing)."""

    video: str
    frame: int
    track: str


@dataclass(frozen=True)
class _Track:
    """One hand through one video; records without any point are left out.

    Attributes:
        video: clip.
        name: the file's own name of the track, or the side, or "hand" for the only one.
        frames: (n,) ascending.
        points: (n, 21, 2) pixels.
        sides: one a frame, "" where unknown.
        by_side: whether records were told apart by side, so that a flip cannot be seen.
    """

    video: str
    name: str
    frames: NDArray[np.int64]
    points: Floats
    sides: list[str]
    by_side: bool

    @property
    def step(self) -> int:
        """The usual distance of two frames; 0 for a single one."""
        return int(np.median(np.diff(self.frames))) if len(self.frames) > 1 else 0

    @property
    def dense(self) -> bool:
        """Whether most frames follow the one before, and the hand has a size to divide by."""
        return self.step == 1 and self.size > 0

    @property
    def size(self) -> float:
        """See `_SIZE_TEXT`; pixels."""
        return float(np.median(sizes(self.points)))


def score_motion(pred: Path, fps: float, gt: Path | None = None, *, max_lag: int | None = None) -> dict[str, Any]:
    """Measure every track of a predictions file.

    Args:
        pred: predictions; places come from the records' `video_id`, `frame_index`, `track`, else from their ids.
        fps: frames a second that the frame numbers count.
        gt: truth to measure the lag against, dense or sparse; optional.
        max_lag: largest shift that is tried, in frames; half a second when None.

    Returns:
        plain JSON, see docs/tracks.md; "incomplete" is null, or one line why the command exits with 3.

    Raises:
        InputError: unreadable files, records that name no frame, or two records for one hand and frame.
    """
    predictions = read_predictions(pred)
    truth = read_truth(gt) if gt is not None else None
    tracks = _tracks(predictions, _places(predictions, pred), pred.name)
    reach = max(2, round(fps / 2)) if max_lag is None else max_lag
    answers = _truths(tracks, truth) if truth else {}
    measured = [_measure(track, fps, answers.get(i), reach) for i, track in enumerate(tracks)]
    total = {name: sum((m[name] for _, m in measured), NO_SQUARES) for name in (JITTER, ACCELERATION)}
    rows = [row for row, _ in measured]
    values = {name: total[name].rms for name in total}
    per_second = None if values[ACCELERATION] is None else values[ACCELERATION] * fps**2
    lags = [row["lag_frames"] for row in rows if row["lag_frames"] is not None]
    middle = float(np.median(lags)) if lags else None
    return {
        "schema": "hint-motion/1",
        "method": predictions.method,
        "header": predictions.header,
        "toolkit": __version__,
        "predictions": {"sha256": predictions.sha256},
        "truth": _truth_facts(truth) if truth else None,
        "fps": fps,
        "size_text": _SIZE_TEXT,
        "rows": [
            {"measure": JITTER, "value": values[JITTER], "unit": "hand sizes"},
            {"measure": ACCELERATION, "value": values[ACCELERATION], "unit": "hand sizes / frame^2"},
            {"measure": "acceleration a second", "value": per_second, "unit": "hand sizes / s^2"},
            {"measure": "lag", "value": middle, "unit": "frames, median over tracks"},
            {"measure": "lag in time", "value": None if middle is None else 1000 * middle / fps, "unit": "ms"},
        ],
        "per_joint": _per_joint(total),
        "tracks": rows,
        "counts": _counts(rows, sum(track.dense for track in tracks), answers, truth),
        "incomplete": _incomplete(tracks, values, fps),
    }


def _truth_facts(truth: Truth) -> dict[str, Any]:
    return {"path": truth.path.name, "version": truth.version} | lineage_of(truth.path, truth.version)


def _places(predictions: Predictions, path: Path) -> list[_Place]:
    """Clip, frame and track of every record.

    Raises:
        InputError: records that name no frame.
    """
    extra = _extra(path)
    places, lost = [], []
    for hand_id in predictions.ids:
        said, stem = extra.get(hand_id, {}), parse_stem(hand_id.rsplit("/", 1)[-1])
        video, frame, track = said.get("video_id"), said.get("frame_index"), said.get("track")
        frame = stem.frame_index if frame is None else frame
        if isinstance(frame, bool) or not isinstance(frame, int) or not 0 <= frame < 2**53:
            lost.append(hand_id)
            frame = -1
        places.append(
            _Place(str(stem.video_id if video is None else video), frame, "" if track is None else str(track))
        )
    if lost:
        raise InputError(f"{len(lost)} records name no frame: {shorten(lost)}", where=path.name, next_step=_NEXT)
    return places


def _extra(path: Path) -> dict[str, dict[str, Any]]:
    """The records' own keys by id, for a file that has them; the reader of predictions does not carry them."""
    with path.open("rb") as handle:
        table = handle.read(4) == b"PAR1"
    if table:
        return _columns(path)
    data = path.read_bytes()
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    if not text or not any(key in data for key in (b'"frame_index"', b'"video_id"', b'"track"')):
        return {}
    value = json.loads(data)
    records = value.get("predictions") if isinstance(value, dict) else value
    if not isinstance(records, list):  # an object keyed by stem
        return {key: record for key, record in value.items() if isinstance(record, dict)}
    return {str(record["id"]): record for record in records if isinstance(record, dict) and "id" in record}


def _columns(path: Path) -> dict[str, dict[str, Any]]:
    """Likewise of a Parquet file."""
    import pyarrow.parquet as pq

    there = pq.read_schema(path).names
    wanted = [name for name in ("id", "video_id", "frame_index", "track") if name in there]
    if "id" not in wanted:
        return {}
    return {str(row["id"]): row for row in pq.read_table(path, columns=wanted).to_pylist()}


def _tracks(predictions: Predictions, places: list[_Place], file: str) -> list[_Track]:
    """Records grouped to hands: by `track`, else one hand a video where no frame has two, else by side.

    Raises:
        InputError: two records for one hand and frame.
    """
    per_frame = Counter((p.video, p.frame) for p in places if not p.track)
    crowded = {video for (video, _), n in per_frame.items() if n > 1}
    groups: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    sides = [
        side or parse_stem(hand_id.rsplit("/", 1)[-1]).side
        for hand_id, side in zip(predictions.ids, predictions.side, strict=True)
    ]
    for i, place in enumerate(places):
        by_side = not place.track and place.video in crowded
        groups[place.video, place.track or (sides[i] if by_side else "hand"), by_side].append(i)
    found = found_hands(predictions.points)
    tracks, twice = [], []
    for (video, name, by_side), members in sorted(groups.items()):
        repeats = Counter(places[i].frame for i in members)
        twice += [predictions.ids[i] for i in members if repeats[places[i].frame] > 1]
        kept = sorted((i for i in members if found[i]), key=lambda i: places[i].frame)
        frames = np.array([places[i].frame for i in kept], dtype=np.int64)
        points = predictions.points[np.array(kept, dtype=np.int64)]
        tracks.append(_Track(video, name, frames, points, [sides[i] for i in kept], by_side))
    if twice:
        what = f"{len(twice)} records share a hand and a frame with another: {shorten(twice)}"
        raise InputError(what, where=file, next_step='name the hands of a frame apart with a key "track"')
    return tracks


def _truths(tracks: list[_Track], truth: Truth) -> dict[int, tuple[NDArray[np.int64], Floats]]:
    """Frames and points of the truth a track: of its video, and of its side where the video has several tracks."""
    hands = truth.hands
    usable = hands.take(hands.frame_index >= 0)
    points = np.where(usable.exists[:, :, None], usable.points, np.nan)
    found: dict[int, list[int]] = defaultdict(list)
    by_video: dict[str, list[int]] = defaultdict(list)
    for i, track in enumerate(tracks):
        by_video[track.video].append(i)
    usual = [Counter(side for side in track.sides if side).most_common(1) for track in tracks]
    true_sides: dict[str, set[str]] = defaultdict(set)
    for video, side in zip(usable.video_id, usable.side, strict=True):
        true_sides[video].add(side)
    for k, (video, side) in enumerate(zip(usable.video_id, usable.side, strict=True)):
        near = by_video.get(video, [])
        if len(near) > 1 or len(true_sides[video]) > 1:
            near = [i for i in near if usual[i] and usual[i][0][0] == side]
        # Two tracks that could be this hand: comparing with the wrong one would be worse than not at all.
        if len(near) == 1:
            found[near[0]].append(k)
    answers = {}
    for i, members in found.items():
        frames, first = np.unique(usable.frame_index[members], return_index=True)
        if len(frames) == len(members):
            answers[i] = (frames, points[np.array(members)[first]])
    return answers


def _measure(
    track: _Track, fps: float, answer: tuple[NDArray[np.int64], Floats] | None, reach: int
) -> tuple[dict[str, Any], dict[str, Squares]]:
    """The row of one track, and its sums of squares in hand sizes."""
    sums = {JITTER: NO_SQUARES, ACCELERATION: NO_SQUARES}
    n = len(track.frames)
    row: dict[str, Any] = {"video": track.video, "track": track.name, "frames": n, "step": track.step or None}
    missing: tuple[int, int, int] | None = None
    late = Lag(None, 0, 0, "no truth for this track" if track.dense else "the track is not dense")
    if track.dense:
        missing = dropouts(track.frames)
        scaled = track.points / track.size
        for part in runs(track.frames):
            sums[JITTER] += high_pass(scaled[part])
            sums[ACCELERATION] += acceleration(scaled[part])
        if answer:
            late = lag(track.frames, scaled, answer[0], answer[1] / track.size, reach)
    span = int(track.frames[-1] - track.frames[0]) + 1 if n else 0
    row |= {
        JITTER: sums[JITTER].rms,
        ACCELERATION: sums[ACCELERATION].rms,
        "dropout_frames": missing[0] if missing else None,
        "dropouts": missing[1] if missing else None,
        "longest_dropout": missing[2] if missing else None,
        "share_of_frames": n / span if missing else None,
        "side_flips": None if track.by_side or not any(track.sides) else side_flips(track.sides),
        "lag_frames": late.frames,
        "lag_ms": None if late.frames is None else 1000 * late.frames / fps,
        "lag_samples": late.samples,
        "lag_why_not": late.why,
        "size": track.size if n else None,
    }
    return row, sums


def _per_joint(total: Mapping[str, Squares]) -> list[dict[str, Any]]:
    columns = {name: squares.per_joint for name, squares in total.items()}
    return [{"joint": joint} | {name: columns[name][j] for name in columns} for j, joint in enumerate(JOINTS)]


def _counts(
    rows: list[dict[str, Any]], dense: int, answers: Mapping[int, Any], truth: Truth | None
) -> dict[str, int | None]:
    flips = [row["side_flips"] for row in rows if row["side_flips"] is not None]
    used = sum(len(frames) for frames, _ in answers.values())
    return {
        "tracks": len(rows),
        "dense_tracks": dense,
        "frames": sum(row["frames"] for row in rows),
        "dropout_frames": sum(row["dropout_frames"] or 0 for row in rows) if dense else None,
        "dropouts": sum(row["dropouts"] or 0 for row in rows) if dense else None,
        "longest_dropout": max((row["longest_dropout"] or 0 for row in rows), default=0) if dense else None,
        "side_flips": sum(flips) if flips else None,
        "truth_hands": len(truth.hands) if truth else None,
        "truth_hands_used": used if truth else None,
    }


def _incomplete(tracks: list[_Track], values: Mapping[str, float | None], fps: float) -> str | None:
    """Why no jitter can be given; None when it can."""
    if values[JITTER] is not None:
        return None
    steps = Counter(step for track in tracks for step in np.diff(track.frames).tolist())
    usual = steps.most_common(1)[0][0] if steps else 0
    if usual > 1:
        return (
            f"needs dense predictions: the frames are usually {usual} apart ({fps / usual:.3g} Hz at {fps:g} frames a "
            "second), and what moves between them is motion, not jitter; predict every frame of the clip"
        )
    return f"needs dense predictions: no track has {WINDOW} frames in a row with a hand"
