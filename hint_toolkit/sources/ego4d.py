"""Source "ego4d": clips or full-scale videos as the official CLI lays them out, and the frames around their actions.

Ego4D counts its frames twice: in the **clip** (a file of about five minutes, `v1/clips/<clip uid>.mp4`) and in the
**canonical video** that it was cut from (`v1/full_scale/<video uid>.mp4`). Both counts begin at 0. HInt's names hold
clip numbers: its frame n is the file n + 1 that ffmpeg writes (github.com/ddshan/hint, `prep_HInt/prep_ego4d.py`), so a
moment in a clip is image number n + 1. Frame n of a canonical video is picture n of a decode.

What moves users' frames by some: numbers of one file taken for the other's (EGO4D/hands-and-objects issue 7), and
videos that do not begin at time 0 (facebookresearch/Ego4d issue 166). Here a number is only converted where an action
names the same frame in both counts, or by the interval's `clip_parent_start_frame`; image numbers follow ffmpeg.

Fields: the schema of fho_main.json at ego4d-data.org, and public loaders of fho_hands_{train,val}.json.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.issues import Issues
from hint_toolkit.licences import PIXELS
from hint_toolkit.sources.base import Clip, Found, Moment, Request
from hint_toolkit.sources.ego4d_actions import KINDS, Point, read_points

UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SMALL = "540"
"""Stands in the name of every folder of down-scaled copies (video_540ss, clips_540ss)."""


def find_videos(folder: Path) -> tuple[dict[str, Path], Issues]:
    """Every `<uid>.mp4` below `folder`, at any depth.

    Where one uid lies there several times, a folder `v1` comes before others (HInt is made of version 1), then the
    order of the paths decides. Down-scaled copies (540 pixels) are left alone: keypoints are those of the full size.

    Returns:
        uid -> file, in the order of the uids, and what was passed over.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), next_step="pass the folder that the Ego4D CLI wrote to")
    held: dict[str, list[Path]] = {}
    small: set[str] = set()
    for path in folder.rglob("*.mp4"):
        if not UID.fullmatch(path.stem) or path.name.startswith(".") or not path.is_file():
            continue  # a link that leads nowhere is no clip
        if any(_SMALL in part and not UID.fullmatch(part) for part in path.relative_to(folder).parts[:-1]):
            small.add(path.stem)
        else:
            held.setdefault(path.stem, []).append(path)
    issues = Issues()
    for uid, paths in held.items():
        paths.sort(key=lambda path: ("v1" not in path.parts, path.as_posix()))
        if len(paths) > 1:
            issues.warn(f"lies here {len(paths)} times, {paths[0].relative_to(folder)} is taken", id=uid)
    if left := sorted(small - held.keys()):
        issues.warn(f"{len(left)} only as down-scaled copies, which are not used: {shorten(left)}", file=str(folder))
    return {uid: held[uid][0] for uid in sorted(held)}, issues


def find(request: Request) -> Found:
    """Clips and full-scale videos, with the annotated frames as moments where annotations are given.

    Args:
        request: `annotations` is fho_main.json or an fho_hands_*.json; `kinds` some of `KINDS`.

    Returns:
        the clips that have a file; without annotations every file, with them those that an action points at. A
        canonical video is taken only for actions whose clip is not there.

    Raises:
        InputError: no such folder, no video in it, an unknown kind, or a damaged or foreign annotation file.
    """
    unknown = sorted(set(request.kinds) - set(KINDS))
    if unknown:
        raise InputError(f"no such kind: {', '.join(unknown)}", next_step=f"choose from: {', '.join(KINDS)}")
    videos, issues = find_videos(request.videos)
    if not videos:
        raise InputError(
            "holds no Ego4D video",
            where=str(request.videos),
            why="looked for <uid>.mp4 at any depth",
            next_step="fetch clips with: ego4d --datasets clips --output_directory DIR",
        )
    if request.annotations is None:
        return Found([_clip(request.videos, uid, path) for uid, path in videos.items()], issues)
    points = read_points(request.annotations, request.kinds or KINDS, issues)
    return Found(_clips(request.videos, videos, points, issues), issues)


def _clips(folder: Path, videos: dict[str, Path], points: list[Point], issues: Issues) -> list[Clip]:
    moments: dict[str, dict[Moment, None]] = {}
    group: dict[str, str] = {}
    missing: dict[str, int] = {}
    for point in points:
        if point.clip in videos and point.clip_frame >= 0:
            uid, moment = point.clip, Moment(point.clip_frame + 1, "image", point.kind, point.frame_id)
        elif point.video in videos and point.video_frame >= 0:
            uid, moment = point.video, Moment(point.video_frame, "decode", point.kind, point.frame_id)
        else:
            name = point.clip or point.video
            missing[name] = missing.get(name, 0) + 1
            continue
        group[uid] = point.video
        moments.setdefault(uid, {})[moment] = None
    if missing:
        text = f"{len(missing)} clips with {sum(missing.values())} annotated frames are not there, or begin later: "
        issues.warn(text + shorten(sorted(missing)), file=str(folder))
    return [_clip(folder, uid, videos[uid], group[uid], tuple(moments[uid])) for uid in sorted(moments)]


def _clip(folder: Path, uid: str, path: Path, group: str = "", moments: Iterable[Moment] = ()) -> Clip:
    return Clip(
        video_id=uid,
        path=path,
        name=path.relative_to(folder).as_posix(),
        group=group,
        moments=tuple(sorted(moments, key=lambda m: (m.number, m.kind, m.frame_id))),
        licence=PIXELS["ego4d"].name,
        redistributable=PIXELS["ego4d"].redistributable,
    )
