"""Source "hint": the frames that the names in a HInt release point at.

What the numbers in the names count:

- Ego4D: frame n of the clip is the file n + 1 that ffmpeg writes (github.com/ddshan/hint, `prep_HInt/prep_ego4d.py`).
- EPIC-KITCHENS VISOR: the number of a file `frame_%010d.jpg`, from 1. Those files were extracted from videos brought to
  50 or 60 frames a second, and VISOR's numbers do not always equal EPIC-KITCHENS' (VISOR's `frame_mapping.json` leads
  from one to the other; epic-kitchens/VISOR-VIS issue 3). HInt does not say which of the two it uses. 377 names hold no
  video at all.
- New Days: no text says whether `frame008373` counts from 0 or from 1. The lowest name seen is `frame000001` and most
  are 1 more than a multiple of 50, so they are taken as from 1, and that is said.

Without videos the pictures of the release are the frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.io.hint_pairs import Pair, list_pairs
from hint_toolkit.issues import Issues
from hint_toolkit.licences import PIXELS
from hint_toolkit.sources.base import Clip, Found, Moment, Numbering, Request
from hint_toolkit.sources.folder import find_clips

_COUNTS: dict[str, tuple[int, Numbering]] = {"ego4d": (1, "image"), "visor": (0, "image"), "newdays": (-1, "decode")}
"""What is added to the number in a name, and what it then is, by source."""
_DOUBTS = {
    "visor": "VISOR's and EPIC-KITCHENS' frame numbers can differ; HInt does not say which its names hold",
    "newdays": "HInt does not say whether New Days frames count from 0 or from 1; 1 is taken",
}


@dataclass
class _Held:
    """Frames of one video, by their names without the side."""

    source: str
    frames: dict[str, Pair] = field(default_factory=dict)


def find(request: Request) -> Found:
    """The frames of a HInt release.

    Args:
        request: `annotations` is the release, `videos` the folder with the videos, named by their ids at any depth.
            Without `annotations`, `videos` is the release and its pictures are the frames. `kinds` holds for Ego4D.

    Raises:
        InputError: no such folder, no HInt names in it, or no video.
    """
    release = request.annotations or request.videos
    if not release.is_dir():
        raise InputError("no such folder", where=str(release), next_step="pass the folder of a HInt release")
    pairs = list_pairs(release)[1]
    if not pairs:
        raise InputError("holds no HInt folders", where=str(release), why="looked for TEST_ego4d_img and the like")
    issues = Issues()
    held = _by_video(pairs, set(request.kinds), issues)
    if request.annotations is None:
        return Found([clip for uid in sorted(held) if (clip := _of_pictures(release, uid, held[uid], issues))], issues)
    for source in sorted({one.source for one in held.values()} & _DOUBTS.keys()):
        issues.warn(_DOUBTS[source], file=f"*_{'epick' if source == 'visor' else source}_*")
    files = {clip.path.stem: clip for clip in reversed(find_clips(request.videos))}
    missing = sorted(held.keys() - files.keys())
    if missing:
        frames = sum(len(held[uid].frames) for uid in missing)
        issues.warn(f"{len(missing)} videos with {frames} frames are not there: {shorten(missing)}")
    return Found([_of_video(files[uid], uid, held[uid]) for uid in sorted(held.keys() & files.keys())], issues)


def kind_of(stem: str, source: str) -> str:
    """The type in an Ego4D name with or without its side ("pnr_frame"), "" for other sources."""
    return "_".join(stem.split("_")[3:5]) if source == "ego4d" else ""


def _by_video(pairs: Sequence[Pair], kinds: set[str], issues: Issues) -> dict[str, _Held]:
    held: dict[str, _Held] = {}
    nameless: list[str] = []
    for pair in pairs:
        source = (parse_folder(Path(pair.folder).name) or ("", "", ""))[1]
        stem = parse_stem(pair.stem)
        if not stem.video_id or stem.frame_index < 0:
            nameless.append(pair.id)
        elif not kinds or kind_of(pair.stem, source) in kinds:
            frames = held.setdefault(stem.video_id, _Held(source)).frames
            name = pair.stem[:-2]
            if name not in frames or not frames[name].picture:
                frames[name] = pair
    if nameless:
        issues.warn(f"{len(nameless)} names hold no video and are left out: {shorten(nameless)}")
    return held


def _of_video(file: Clip, uid: str, held: _Held) -> Clip:
    added, numbering = _COUNTS.get(held.source, (0, "decode"))
    moments = [
        Moment(parse_stem(pair.stem).frame_index + added, numbering, kind_of(pair.stem, held.source), name)
        for name, pair in held.frames.items()
    ]
    return _clip(uid, file.path, file.name, held, moments)


def _of_pictures(release: Path, uid: str, held: _Held, issues: Issues) -> Clip | None:
    there = [(name, pair) for name, pair in sorted(held.frames.items()) if pair.picture]
    if len(there) < len(held.frames):
        issues.warn(f"{len(held.frames) - len(there)} of {len(held.frames)} frames have no picture here", id=uid)
    if not there:
        return None
    pictures = tuple(Path(pair.folder) / f"{pair.stem}{pair.picture}" for _, pair in there)
    moments = [Moment(k, "decode", kind_of(name, held.source), name) for k, (name, _) in enumerate(there)]
    return _clip(uid, release, uid, held, moments, pictures)


def _clip(uid: str, path: Path, name: str, held: _Held, moments: list[Moment], pictures: tuple[Path, ...] = ()) -> Clip:
    licence = PIXELS.get(held.source)
    return Clip(
        video_id=uid,
        path=path,
        name=name,
        pictures=pictures,
        group=uid.partition("_")[0] if held.source == "visor" else "",
        moments=tuple(sorted(moments, key=lambda m: (m.number, m.frame_id))),
        licence=licence.name if licence else "",
        redistributable=licence.redistributable if licence else True,
        source=held.source,
    )
