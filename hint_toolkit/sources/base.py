"""What every source of frames gives: clips, and the moments in them that the source itself points at."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hint_toolkit.issues import Issues

Numbering = Literal["decode", "image"]
"""`decode`: k-th picture of a full decode, from 0. `image`: number of the file that ffmpeg writes, from 1."""


@dataclass(frozen=True)
class Moment:
    """One picture that a source points at: an annotated keyframe, a frame around an action, a file of a release.

    Attributes:
        number: of the picture, in `numbering`.
        numbering: how it is counted; the clip's index converts.
        kind: what it is in the source's words, e.g. "pnr_frame"; the sampler can ask for kinds.
        frame_id: the frame's name in the source's own scheme; "" leaves the name to `Clip.frame_id`.
    """

    number: int
    numbering: Numbering
    kind: str = ""
    frame_id: str = ""


@dataclass(frozen=True)
class Clip:
    """One video file, or one folder of extracted pictures.

    Attributes:
        video_id: unique in the source and safe in file names.
        path: of the video, or of the folder that `pictures` lie in.
        name: path relative to the folder of the source, with forward slashes.
        pictures: files in their order when the clip is no video: decode index k is `pictures[k]`; else empty.
        group: what a split must not part (participant, canonical video, YouTube id); "" stands for `video_id`.
        moments: in any order.
        naming: format of a frame's id with the fields `video_id`, `k` (decode index), `n` (the same from 1) and `image`
            (image number).
        licence: of the pixels, where the source knows it; "" leaves it to the user.
        redistributable: whether they may be passed on.
        source: name of the data source in every row; "" leaves it to the kind of source that was asked for.
    """

    video_id: str
    path: Path
    name: str
    pictures: tuple[Path, ...] = ()
    group: str = ""
    moments: tuple[Moment, ...] = ()
    naming: str = "{video_id}_frame{k:08d}"
    licence: str = ""
    redistributable: bool = True
    source: str = ""

    def frame_id(self, k: int, image: int) -> str:
        """Id of the frame with decode index `k` and image number `image` (-1 if unknown)."""
        return self.naming.format(video_id=self.video_id, k=k, n=k + 1, image=image)


@dataclass(frozen=True)
class Request:
    """What a user asks a source for.

    Attributes:
        videos: folder (or one file) with the videos or pictures.
        annotations: the source's own annotation file or folder, where it has one (Ego4D's `fho_main.json`, VISOR's
            frame mapping, a list of YouTube ids, a HInt release).
        kinds: kinds of moments to keep; empty keeps all.
    """

    videos: Path
    annotations: Path | None = None
    kinds: tuple[str, ...] = ()


@dataclass
class Found:
    """What a source has of what was asked for.

    Attributes:
        clips: in the order of their video ids.
        issues: what is missing or contradicts itself, each with its place.
    """

    clips: list[Clip]
    issues: Issues = field(default_factory=Issues)
