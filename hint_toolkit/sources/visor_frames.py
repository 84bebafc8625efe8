"""What VISOR says about frames: their names, their numbers in EPIC-KITCHENS, and which of them are annotated.

Three things are called "frame n" of a video, and they are not the same picture:

- **VISOR**: the file `P03_10_frame_0000000249.jpg`. VISOR extracted its frames anew, 60 a second from the videos of
  2018 (`P03_10`, two digits) and 50 a second from those of 2020 (`P01_101`, three), whatever rate the video has. Its
  `frames_to_timestamps.json` gives frame n the time (n - 1) / 60 or (n - 1) / 50 seconds
  (github.com/epic-kitchens/VISOR-FrameExtraction).
- **EPIC-KITCHENS**: the file `frame_0000000249.jpg` of the folder `rgb_frames/P03_10`. Same rates, another version of
  ffmpeg: over a video the numbers drift some frames away from VISOR's (epic-kitchens/VISOR-VIS issue 3).
  `frame_mapping.json` leads from VISOR's names to these. There can be more files than the video has pictures
  (epic-kitchens/epic-fields-code issue 9: 54,177 of 54,173).
- **The video**: its own pictures, at 59.94, 50, 29.97 or 90 a second (epic-kitchens/C2-Action-Detection issue 8).

HInt's names are VISOR's with `EK_<number>_` before them: `EK_0064_P03_10_frame_0000000249`. What that number counts is
not published.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from hint_toolkit.errors import InputError
from hint_toolkit.io.json_stream import JsonStream

VIDEO = re.compile(r"P\d{2}_\d{2,3}")
VISOR_NAME = re.compile(rf"({VIDEO.pattern})_frame_(\d{{10}})\.(?:jpg|png)")
EPIC_NAME = re.compile(r"frame_(\d{10})\.(?:jpg|png)")
KINDS = ("sparse", "interpolated")
"""Annotated by people, and masks interpolated between two such frames."""

_HINT_NAME = re.compile(rf"(EK_\d+_({VIDEO.pattern}_frame_\d{{10}}))(?:_[lr])?")


def rate_of(video_id: str) -> int:
    """Frames a second at which VISOR and EPIC-KITCHENS extracted this video: 60 (of 2018) or 50 (of 2020)."""
    return 60 if len(video_id.partition("_")[2]) == 2 else 50


def visor_name(video_id: str, number: int) -> str:
    """VISOR's file name without its ending."""
    return f"{video_id}_frame_{number:010d}"


@dataclass(frozen=True)
class FrameMapping:
    """VISOR's frame numbers and EPIC-KITCHENS', both ways.

    Attributes:
        to_epic: video -> VISOR number -> EPIC number.
        to_visor: video -> EPIC number -> VISOR numbers, ascending; two VISOR frames can be one of EPIC-KITCHENS.
    """

    to_epic: Mapping[str, Mapping[int, int]]
    to_visor: Mapping[str, Mapping[int, tuple[int, ...]]] = field(init=False)

    def __post_init__(self) -> None:
        """Turn the mapping round once."""
        turned: dict[str, dict[int, tuple[int, ...]]] = {}
        for video_id, numbers in self.to_epic.items():
            back: dict[int, tuple[int, ...]] = {}
            for visor in sorted(numbers):
                back[numbers[visor]] = (*back.get(numbers[visor], ()), visor)
            turned[video_id] = back
        object.__setattr__(self, "to_visor", turned)

    def epic(self, video_id: str, visor: int) -> int | None:
        """EPIC-KITCHENS' number of a VISOR frame; None if the file does not name it."""
        return self.to_epic.get(video_id, {}).get(visor)

    def visor(self, video_id: str, epic: int) -> tuple[int, ...]:
        """The VISOR frames that are this frame of EPIC-KITCHENS: none, one or several."""
        return self.to_visor.get(video_id, {}).get(epic, ())


class Keyframe(NamedTuple):
    """One annotated frame.

    Attributes:
        video: e.g. "P03_10".
        number: VISOR's.
        kind: one of `KINDS`.
        subsequence: VISOR's stretch of a video with the same entities; "" for interpolated frames.
    """

    video: str
    number: int
    kind: str
    subsequence: str


def read_mapping(path: Path) -> FrameMapping:
    """Read `frame_mapping.json`: video -> VISOR's file name -> EPIC-KITCHENS' file name.

    Raises:
        InputError: no such file, broken, another layout, or one VISOR frame with two numbers.
    """
    found: dict[str, dict[int, int]] = {}
    for video_id, names in _members(path, "frame_mapping.json"):
        if not VIDEO.fullmatch(video_id) or not isinstance(names, dict):
            raise _damaged(path, f"{video_id[:40]!r} is no video with its frames")
        numbers = found.setdefault(video_id, {})
        for visor, epic in names.items():
            left, right = _visor_number(video_id, visor), _epic_number(epic)
            if left is None or right is None:
                raise _damaged(path, f"{str(visor)[:60]!r} -> {str(epic)[:60]!r} are not names of two frames", video_id)
            if numbers.setdefault(left, right) != right:
                raise _damaged(path, f"VISOR frame {left} stands for EPIC frames {numbers[left]} and {right}", video_id)
    return FrameMapping(found)


def read_keyframes(path: Path) -> list[Keyframe]:
    """The frames of one VISOR annotation file (`P01_01.json`, `P01_01_interpolations.json`), each once, in order.

    Raises:
        InputError: no such file, broken, another layout, or a frame whose name is not VISOR's.
    """
    found: dict[Keyframe, None] = {}
    try:
        with path.open("rb") as handle:
            for record in _annotations(JsonStream(handle)):
                found[_keyframe(record["image"])] = None
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise _damaged(path, why, what="is not a readable annotation file of VISOR") from error
    return sorted(found)


def read_hint_names(path: Path) -> dict[str, str]:
    """HInt's names by VISOR's, from a text file with a HInt name a line (with or without its side and ending).

    Lines that are no EPIC name of HInt's are passed over: the file may be a listing of a whole release.

    Raises:
        InputError: not readable, or two HInt names of one VISOR frame.
    """
    names: dict[str, str] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("is not a readable list of names", where=str(path), why=str(error)) from error
    for number, line in enumerate(lines, 1):
        stem = line.strip().rpartition("/")[2].removesuffix(".jpg").removesuffix(".json")
        if (match := _HINT_NAME.fullmatch(stem)) and names.setdefault(match[2], match[1]) != match[1]:
            raise InputError(f"names {match[2]} both {names[match[2]]} and {match[1]}", where=f"{path} > line {number}")
    return names


def collapse_repeats(hashes: Sequence[str]) -> list[int]:
    """Which pictures of a video the camera only repeated.

    The camera of 2018 repeats pictures in low light (epic-kitchens/epic-kitchens-download-scripts issue 26). Only runs
    are joined: a picture that comes back later is another moment.

    Args:
        hashes: of the decoded pixels in the order of the video. A lossy coder can tell repeats apart; those keep their
            own place, and are near-duplicates at most.

    Returns:
        for each picture the position of the first one of its run.
    """
    first: list[int] = []
    for k, now in enumerate(hashes):
        first.append(first[-1] if k and hashes[k - 1] == now else k)
    return first


def _members(path: Path, what: str) -> Iterator[tuple[str, Any]]:
    """Key and value of the file's outermost object, one at a time."""
    try:
        with path.open("rb") as handle:
            stream = JsonStream(handle)
            for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
                yield key, stream.value()
            stream.end()
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except ValueError as error:
        raise _damaged(path, str(error), what=f"is not a readable {what} of VISOR") from error


def _annotations(stream: JsonStream) -> Iterator[Any]:
    found = False
    for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
        if key == "video_annotations":
            found = True
            yield from stream.items()
        else:
            stream.value()
    stream.end()
    if not found:
        raise ValueError("has no video_annotations")


def _keyframe(image: Mapping[str, Any]) -> Keyframe:
    name = str(image["name"])
    match = VISOR_NAME.fullmatch(name)
    if not match:
        raise ValueError(f"{name[:60]!r} is not the name of a VISOR frame")
    if "interpolation" in image:
        return Keyframe(match[1], int(match[2]), "interpolated", "")
    return Keyframe(match[1], int(match[2]), "sparse", str(image.get("subsequence", "")))


def _visor_number(video_id: str, name: Any) -> int | None:
    match = VISOR_NAME.fullmatch(name)
    return int(match[2]) if match and match[1] == video_id else None


def _epic_number(name: Any) -> int | None:
    match = EPIC_NAME.fullmatch(name) if isinstance(name, str) else None
    return int(match[1]) if match else None


def _damaged(
    path: Path, why: str, id: str = "", what: str = "is not a readable frame_mapping.json of VISOR"
) -> InputError:
    where = f"{path} > {id}" if id else str(path)
    return InputError(what, where=where, why=why, next_step="fetch it again from data.bris.ac.uk (VISOR)")
