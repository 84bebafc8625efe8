"""The plan of sampling: which frames of which clips, and the file that holds it.

A plan names clips by their path below the source's folder and by a hash of their content, never by their place on a
disk. Given back, it is executed as it stands, on any machine that has the same clips.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.flows.sample_options import SampleOptions
from hint_toolkit.io.images import read_image
from hint_toolkit.issues import Issues
from hint_toolkit.sources.base import Clip
from hint_toolkit.sources.folder import quick_hash
from hint_toolkit.video.content import mark_file
from hint_toolkit.video.index import VideoIndex, index_video
from hint_toolkit.video.picture import Image
from hint_toolkit.video.reader import read_frames

PLAN_VERSION: Final = 2
_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Picked:
    """One frame that the plan wants.

    Attributes:
        frame_index: decode index.
        reason: why.
        id: of the frame, safe as a file name.
        image_number: see `records.Frame`.
        hand_presence: see `records.Frame`.
    """

    frame_index: int
    reason: str
    id: str
    image_number: int = -1
    hand_presence: float = float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; what is not known is left out."""
        held = {k: v for k, v in asdict(self).items() if v == v}
        return held if self.image_number >= 0 else {k: v for k, v in held.items() if k != "image_number"}


@dataclass(frozen=True)
class Removed:
    """A near-duplicate that the plan leaves out.

    Attributes:
        frame_index: its decode index.
        twin: id of the frame that stays.
    """

    frame_index: int
    twin: str


@dataclass(frozen=True)
class PlannedClip:
    """One clip of a plan.

    Attributes:
        clip: from the source.
        content: hash of the file, or of all pictures and their order.
        count: pictures in it.
        seconds: from the first picture to the last; 0 for a folder of pictures.
        index: of the video; None for a folder of pictures.
        picks: ascending.
        removed: near-duplicates.
        source: in its rows.
        split: of its frames.
    """

    clip: Clip
    content: str
    count: int
    seconds: float
    index: VideoIndex | None
    picks: tuple[Picked, ...] = ()
    removed: tuple[Removed, ...] = ()
    source: str = "folder"
    split: str = "TEST"

    def time(self, k: int) -> float:
        """Seconds from the first picture to picture k; NaN for pictures that nobody timed or that are not there."""
        return self.index.time(k) if self.index and 0 <= k < self.count else float("nan")

    def to_dict(self, root: Path) -> dict[str, Any]:
        """Plain JSON; `root` is the folder that the names are relative to."""
        held: dict[str, Any] = {
            "video_id": self.clip.video_id,
            "video": self.clip.name,
            "content": self.content,
            "count": self.count,
            "seconds": round(self.seconds, 3),
            "source": self.source,
            "group": self.clip.group,
            "licence": self.clip.licence,
            "redistributable": self.clip.redistributable,
            "split": self.split,
            "frames": [pick.to_dict() for pick in self.picks],
            "removed": [asdict(one) for one in self.removed],
        }
        if self.clip.pictures:
            held["pictures"] = [_below(path, root) for path in self.clip.pictures]
        return held


@dataclass(frozen=True)
class Plan:
    """What will be decoded, and which clips cannot be."""

    options: SampleOptions
    clips: tuple[PlannedClip, ...]
    issues: Issues = field(default_factory=Issues)

    @property
    def frames(self) -> int:
        """How many pictures the plan wants."""
        return sum(len(planned.picks) for planned in self.clips)

    @property
    def removed(self) -> int:
        """How many near-duplicates it leaves out."""
        return sum(len(planned.removed) for planned in self.clips)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: the plan as a file. It holds names relative to the folder, never its place on a disk."""
        root = self.options.videos
        return {
            "plan": PLAN_VERSION,
            "options": self.options.to_dict(),
            "clips": [planned.to_dict(root) for planned in self.clips],
            "unreadable": [str(issue) for issue in self.issues],
        }


def open_clip(clip: Clip) -> PlannedClip:
    """Index and content hash of a clip; nothing is decoded.

    Raises:
        InputError: it cannot be opened, or holds no picture.
        MissingExtra: PyAV is not installed.
    """
    if clip.pictures:
        return PlannedClip(clip, pictures_hash(clip), len(clip.pictures), 0.0, None)
    index = index_video(clip.path)
    return PlannedClip(clip, quick_hash(clip.path), index.count, index.duration, index)


def pictures_hash(clip: Clip) -> str:
    """Name of the content of a folder of pictures: size, beginning, middle and end of every file, in their order.

    Raises:
        InputError: a picture cannot be read.
    """
    return sha256("".join(mark_file(path).digest for path in clip.pictures).encode()).hexdigest()[:16]


def check_names(clips: tuple[PlannedClip, ...]) -> None:
    """Frames become files: their ids must be distinct and stay in their folder.

    Raises:
        InputError: names the first ids.
    """
    ids = [pick.id for planned in clips for pick in planned.picks]
    if bad := [name for name in ids if not _SAFE.fullmatch(name)]:
        raise InputError(f"no file can be named by the frame id {shorten(map(repr, bad))}")
    for what, names in (("frame id", ids), ("video id", [planned.clip.video_id for planned in clips])):
        if len(set(names)) < len(names):
            twice = sorted(name for name, times in Counter(names).items() if times > 1)
            raise InputError(f"several clips give the {what} {shorten(twice)}", next_step="sample them one by one")


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def read_pictures(planned: PlannedClip, wanted: Sequence[int]) -> Iterator[tuple[int, Image | str]]:
    """The wanted pictures of a clip, or why one does not come out, in ascending order.

    Raises:
        InputError: as `video.reader.read_frames`.
    """
    if planned.index is not None:
        yield from read_frames(planned.index, wanted)
        return
    for k in sorted(set(wanted)):
        try:
            yield k, read_image(planned.clip.pictures[k])
        except IndexError:
            yield k, "there are fewer pictures"
        except InputError as error:
            yield k, error.what
