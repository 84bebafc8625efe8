"""Ego4D's annotated frames out of fho_main.json or fho_hands_*.json, an interval at a time.

fho_main.json is a gigabyte: neither the file nor one of its videos stands in memory as a whole.

    fho_main   videos > annotated_intervals > narrated_actions, each with `critical_frames` (canonical video) and
               `clip_critical_frames` (clip) by kind, and `frames` with a `frame_type` and a `frame_number`
    fho_hands  clips > frames, each an action with `frame` (canonical video) and `clip_frame` (clip) by kind
"""

import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.json_stream import JsonStream
from hint_toolkit.issues import Issues

KINDS = ("pre_45", "pre_30", "pre_15", "pre_frame", "contact_frame", "pnr_frame", "post_frame")
_NOT_KNOWN = -1


class Point(NamedTuple):
    """One annotated frame.

    Attributes:
        clip: uid, "" where Ego4D made no clip of the interval.
        video: uid of the canonical video.
        action: uid; fho_hands names none, and one made from the clip and the action's first frame stands for it.
        kind: one of `KINDS`.
        clip_frame: number in the clip, from 0; -1 where unknown.
        video_frame: number in the canonical video, from 0; -1 where unknown.
    """

    clip: str
    video: str
    action: str
    kind: str
    clip_frame: int
    video_frame: int

    @property
    def frame_id(self) -> str:
        """`<clip>_<action>_<frame>_<kind>` as in HInt; of the canonical video where no clip is known."""
        if self.clip and self.clip_frame >= 0:
            return f"{self.clip}_{self.action}_{self.clip_frame}_{self.kind}"
        return f"{self.video}_{self.action}_{self.video_frame}_{self.kind}"


class _Counts:
    """What was left out, to be said once."""

    def __init__(self) -> None:
        self.rejected = 0
        self.outside = 0
        self.apart: list[str] = []

    def tell(self, issues: Issues, file: str) -> None:
        if self.rejected:
            issues.warn(f"{self.rejected} actions that Ego4D itself rejected are left out", file=file)
        if self.outside:
            issues.warn(f"{self.outside} frames lie before the beginning of their clip and are left out", file=file)
        if self.apart:
            text = f"{len(self.apart)} actions whose frame numbers in clip and video are not one distance apart"
            issues.warn(f"{text}; only frames with a clip number are taken: {shorten(self.apart)}", file=file)


def read_points(path: Path, kinds: Collection[str], issues: Issues) -> list[Point]:
    """The annotated frames of a file, in its order.

    Args:
        path: of the annotation file.
        kinds: which to keep.
        issues: gets what was left out.

    Raises:
        InputError: no such file, damaged, or another file than these two; one line with the place.
    """
    if not path.is_file():
        raise InputError("no such file", where=str(path), next_step="pass --annotations fho_main.json")
    counts, points = _Counts(), []
    try:
        with path.open("rb") as handle:
            for point in _points(JsonStream(handle), counts):
                if point.kind not in kinds:
                    continue
                if max(point.clip_frame, point.video_frame) < 0:
                    counts.outside += 1
                else:
                    points.append(point)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"has no {error}" if isinstance(error, KeyError) else str(error)
        if isinstance(error, TypeError | AttributeError):
            why = "a value is of another kind than Ego4D's"
        raise InputError(
            "is not a readable fho_main.json or fho_hands_*.json of Ego4D",
            where=str(path),
            why=why,
            next_step="fetch it again: ego4d --datasets annotations --benchmarks FHO --output_directory DIR",
        ) from error
    counts.tell(issues, path.name)
    return points


def _points(stream: JsonStream, counts: _Counts) -> Iterator[Point]:
    found = False
    for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
        if key == "videos":
            found = True
            for _ in stream.elements():
                yield from _of_video(stream, counts)
        elif key == "clips":
            found = True
            for clip in stream.items():
                yield from _of_hands(clip)
        else:
            stream.value()
    stream.end()
    if not found:
        raise ValueError("has neither videos nor clips")


def _of_video(stream: JsonStream, counts: _Counts) -> list[Point]:
    """The points of one video of fho_main; its uid stands behind its intervals."""
    points: list[Point] = []
    uid = ""
    for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
        if key == "annotated_intervals":
            for interval in stream.items():
                points += _of_interval(interval, counts)
        elif key == "video_uid":
            uid = str(stream.value())
        else:
            stream.value()
    if not uid:
        raise ValueError("a video has no video_uid")
    return [point._replace(video=uid) for point in points]


def _of_interval(interval: dict[str, Any], counts: _Counts) -> Iterator[Point]:
    clip = interval["clip_uid"] or ""
    start = interval.get("clip_parent_start_frame")
    for action in interval["narrated_actions"] or ():
        if action.get("is_rejected") or action.get("is_invalid_annotation") or action.get("is_valid_action") is False:
            counts.rejected += 1
            continue
        in_clip, in_video = _numbers(action, start, counts)
        name = str(action["uid"] or action.get("narration_annotation_uid") or "")
        for kind in KINDS:
            if kind in in_clip or kind in in_video:
                numbers = in_clip.get(kind, _NOT_KNOWN), in_video.get(kind, _NOT_KNOWN)
                yield Point(clip, "", name, kind, *numbers)


def _numbers(action: dict[str, Any], start: Any, counts: _Counts) -> tuple[dict[str, int], dict[str, int]]:
    """Frame numbers by kind, in the clip and in the canonical video."""
    in_clip = _by_kind(action.get("clip_critical_frames"))
    in_video = _by_kind(action.get("critical_frames"))
    boxed = {str(frame["frame_type"]): frame["frame_number"] for frame in action.get("frames") or ()}
    boxed = {kind: number for kind, number in boxed.items() if isinstance(number, int)}
    # Nothing says in which count `frames` are: the kinds that they share with the other two lists do.
    if boxed and _agree(boxed, in_video):
        in_video = {**boxed, **in_video}
    elif boxed and _agree(boxed, in_clip):
        in_clip = {**boxed, **in_clip}
    distances = {in_video[kind] - in_clip[kind] for kind in in_clip.keys() & in_video.keys()}
    if not distances and isinstance(start, int):
        distances = {start}
    if len(distances) > 1:
        counts.apart.append(str(action["uid"]))
        return in_clip, {}
    for distance in distances:
        in_clip = {**{kind: number - distance for kind, number in in_video.items()}, **in_clip}
        in_video = {**{kind: number + distance for kind, number in in_clip.items()}, **in_video}
    return in_clip, in_video


def _by_kind(frames: Any) -> dict[str, int]:
    return {kind: number for kind, number in (frames or {}).items() if isinstance(number, int)}


def _agree(one: dict[str, int], other: dict[str, int]) -> bool:
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[kind] == other[kind] for kind in shared)


def _of_hands(clip: dict[str, Any]) -> Iterator[Point]:
    uid, video = str(clip["clip_uid"]), str(clip["video_uid"])
    for action in clip["frames"]:
        begin = action.get("action_clip_start_frame", action.get("pre_45", {}).get("clip_frame", ""))
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"ego4d:{uid}:{begin}"))
        for kind in KINDS:
            if kind in action:
                yield Point(uid, video, name, kind, int(action[kind]["clip_frame"]), int(action[kind]["frame"]))
