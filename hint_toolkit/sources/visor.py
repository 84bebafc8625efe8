"""Source "visor": EPIC-KITCHENS videos or extracted frames, and the frames that VISOR annotated.

What lies where, by epic-kitchens-download-scripts and VISOR-FrameExtraction (github.com/epic-kitchens):

    P03/videos/P03_10.MP4                                     a video
    P03/rgb_frames/P03_10/frame_0000000249.jpg                EPIC-KITCHENS' frames, 456 x 256
    rgb_frames/train/P01/P01_01/P01_01_frame_0000000140.jpg   VISOR's annotated frames, full size

Any depth will do; archives are to be unpacked first. What is exact, and what is not:

- a VISOR frame out of VISOR's own files: exact;
- out of EPIC-KITCHENS' files: as exact as `frame_mapping.json`;
- out of a video that runs at the rate of extraction (60 or 50): the image number, as ffmpeg writes images;
- out of a video of another rate (most of 2018 run at 59.94): the picture whose time is nearest to (n - 1) / rate. What
  ffmpeg writes for `-r 60` is the same picture at 59.94, at most one beside it in slower videos, and up to three before
  it in the few that run at 90. Which command made VISOR's files is not published. That is said.

Pictures that VISOR does not name get no `EK_` name, but `P03_10_frame00000248` with the decode index, from 0.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from hint_toolkit.errors import InputError, MissingExtra, shorten
from hint_toolkit.issues import Issues
from hint_toolkit.licences import PIXELS
from hint_toolkit.sources.base import Clip, Found, Moment, Request
from hint_toolkit.sources.visor_asked import Asked, read_asked
from hint_toolkit.sources.visor_files import Held, scan
from hint_toolkit.sources.visor_frames import KINDS, Keyframe, rate_of

_ALMOST = Fraction(1, 10_000)
"""By so much the length of the last picture moves a mean rate."""


@dataclass
class _Notes:
    """What is said once, whatever the number of videos: text, and then the ids."""

    said: dict[str, list[str]] = field(default_factory=dict)
    no_picture: dict[str, int] = field(default_factory=dict)

    def say(self, text: str, uid: str) -> None:
        self.said.setdefault(text, []).append(uid)

    def count_missing(self, uid: str, wanted: int, found: int) -> None:
        if found < wanted:
            self.no_picture[uid] = wanted - found

    def tell(self, issues: Issues) -> None:
        for text, ids in self.said.items():
            issues.warn(f"{len(ids)} videos {text}: {shorten(sorted(ids))}")
        if self.no_picture:
            text = f"{sum(self.no_picture.values())} annotated frames of {len(self.no_picture)} videos have no picture"
            issues.warn(f"{text} here: {shorten(sorted(self.no_picture))}")


_OTHER_RATE = (
    "do not run at the rate of VISOR's frames, the picture nearest in time is taken, which can be one beside VISOR's "
    "(at 90 a second three)"
)
_UNEVEN = "have no even rate, their frames are taken by the mean rate and can be some pictures off"
_UNMAPPED = "are in no frame_mapping.json, VISOR's numbers are taken for EPIC-KITCHENS', which can be some off"
_UNREADABLE = "cannot be opened, their annotated frames are left out"


def find(request: Request) -> Found:
    """Clips of the videos and frame folders, with VISOR's annotated frames as moments.

    Args:
        request: `annotations` is a `frame_mapping.json`, an annotation file, or a folder with such files at any depth
            and perhaps `hint_names.txt`; with a mapping alone, its frames are the annotated ones. `kinds` some of
            `visor_frames.KINDS`.

    Returns:
        one clip a video: of its video file, VISOR's frames and EPIC-KITCHENS' frames, the first that is there. With
        annotations only annotated videos, and VISOR's frames come first, because they are the annotated pictures.

    Raises:
        InputError: no such folder, nothing of EPIC-KITCHENS in it, an unknown kind, or a damaged annotation file.
        MissingExtra: PyAV is not installed and annotated frames of videos are wanted.
    """
    unknown = sorted(set(request.kinds) - set(KINDS))
    if unknown:
        raise InputError(f"no such kind: {', '.join(unknown)}", next_step=f"choose from: {', '.join(KINDS)}")
    issues, notes = Issues(), _Notes()
    held = scan(request.videos, issues)
    if request.annotations is None:
        return Found([_plain(request.videos, uid, held[uid]) for uid in sorted(held)], issues)
    asked = read_asked(request.annotations, request.kinds or KINDS)
    missing = sorted(asked.frames.keys() - held.keys())
    if missing:
        frames = sum(len(asked.frames[uid]) for uid in missing)
        issues.warn(f"{len(missing)} videos with {frames} annotated frames are not there: {shorten(missing)}")
    there = sorted(asked.frames.keys() & held.keys())
    clips = [_annotated(request.videos, uid, held[uid], asked, notes) for uid in there]
    notes.tell(issues)
    return Found(clips, issues)


def moment_in_video(number: int, rate: int, own: Fraction, kind: str = "", frame_id: str = "") -> Moment:
    """VISOR's frame `number`, extracted at `rate` a second, in a video that runs at `own`.

    At the same rate the number is ffmpeg's image number. Otherwise the decode index of the picture whose time is
    nearest to (number - 1) / rate, the later of two as near.
    """
    if own == rate:
        return Moment(number, "image", kind, frame_id)
    return Moment(int((number - 1) * own / rate + Fraction(1, 2)), "decode", kind, frame_id)


def own_rate(path: Path) -> tuple[Fraction | None, bool]:
    """Pictures a second by a video's header, and whether it says that all are equally far apart.

    A rate near a whole number, or near 1000 / 1001 of one, is taken for it. None: no video that can be opened.

    Raises:
        MissingExtra: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtra("av", "video") from error
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            mean, smallest = stream.average_rate, stream.base_rate
    except (av.FFmpegError, OSError, IndexError):
        return None, False
    if not mean:
        return None, False
    for nominal in (Fraction(round(mean)), Fraction(round(mean) * 1000, 1001)):
        if nominal and abs(mean / nominal - 1) < _ALMOST:
            return nominal, bool(smallest) and abs(smallest / nominal - 1) < _ALMOST
    return Fraction(mean), False


def _plain(folder: Path, uid: str, held: Held) -> Clip:
    """A clip as it lies there; VISOR's files are annotated frames in any case."""
    if held.videos:
        return _clip(folder, uid, held.videos[0])
    if held.visor:
        frames = [(n, Keyframe(uid, n, "sparse", "")) for n in sorted(held.visor)]
        return _of_pictures(folder, uid, held.visor, frames, Asked({}, None, {}))
    return _of_pictures(folder, uid, held.epic, [], Asked({}, None, {}))


def _annotated(folder: Path, uid: str, held: Held, asked: Asked, notes: _Notes) -> Clip:
    frames = asked.frames[uid]
    if held.videos and not held.visor:
        return _of_video(folder, uid, held.videos[0], asked, notes)
    numbers: list[int | None] = [frame.number for frame in frames]
    if not held.visor and (asked.mapping is None or uid not in asked.mapping.to_epic):
        notes.say(_UNMAPPED, uid)
    elif not held.visor and asked.mapping is not None:
        numbers = [asked.mapping.epic(uid, frame.number) for frame in frames]
    pictures = held.visor or held.epic
    pairs = [(n, frame) for n, frame in zip(numbers, frames, strict=True) if n is not None and n in pictures]
    notes.count_missing(uid, len(frames), len(pairs))
    return _of_pictures(folder, uid, pictures, pairs, asked)


def _of_video(folder: Path, uid: str, path: Path, asked: Asked, notes: _Notes) -> Clip:
    own, even = own_rate(path)
    if own is None:
        notes.say(_UNREADABLE, uid)
        return _clip(folder, uid, path)
    rate = rate_of(uid)
    if not even:
        notes.say(_UNEVEN, uid)
    elif own != rate:
        notes.say(_OTHER_RATE, f"{uid} ({float(own):.2f}, not {rate})")
    moments = [moment_in_video(f.number, rate, own, f.kind, asked.frame_id(f)) for f in asked.frames[uid]]
    return _clip(folder, uid, path, (), moments)


def _of_pictures(
    folder: Path, uid: str, pictures: dict[int, Path], frames: Sequence[tuple[int, Keyframe]], asked: Asked
) -> Clip:
    """A clip of files by number; `frames` says which number an annotated frame has among them."""
    order = sorted(pictures)
    moments = [Moment(bisect_left(order, n), "decode", frame.kind, asked.frame_id(frame)) for n, frame in frames]
    return _clip(folder, uid, pictures[order[0]].parent, tuple(pictures[n] for n in order), moments)


def _clip(folder: Path, uid: str, path: Path, pictures: tuple[Path, ...] = (), moments: Sequence[Moment] = ()) -> Clip:
    return Clip(
        video_id=uid,
        path=path,
        name=path.relative_to(folder).as_posix(),
        pictures=pictures,
        group=uid.partition("_")[0],
        moments=tuple(sorted(moments, key=lambda m: (m.number, m.kind, m.frame_id))),
        licence=PIXELS["visor"].name,
        redistributable=PIXELS["visor"].redistributable,
    )
