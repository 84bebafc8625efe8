"""Source "youtube": videos by their YouTube ids, as `hint-build fetch` or others downloaded them.

Files are told by their names: `<id>.mp4`, or `<title> [<id>].mkv` as yt-dlp names them, at any depth. `youtube.json`
(`sources.youtube_manifest`) says what they should be.

What is known of the frame numbers of HInt's New Days part: a name is `ND_<id>_frame008373`; no text says what counts.
Of the seven New Days names in github.com/ddshan/hint (`finalize_HInt.py`) and in the examples of
github.com/EvaCheng-cty/hands23_detector, six are one more than a multiple of 50, and one is 1. So they seem to be files
of an extraction that counts from 1. New frames are named alike: `ND_<id>_frame000001` is the first picture of a decode.
Whether a file of today has the pictures of then is another question: YouTube encodes anew, at other rates and sizes.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.issues import Issues
from hint_toolkit.licences import PIXELS
from hint_toolkit.sources.base import Clip, Found, Request
from hint_toolkit.sources.folder import SUFFIXES, quick_hash
from hint_toolkit.sources.youtube_manifest import ID, Entry, inside, read_manifest

NAMING = "ND_{video_id}_frame{n:06d}"

_IN_TITLE = re.compile(rf".*\[({ID.pattern})\]", re.DOTALL)
_URL = re.compile(
    r"(?:https?://)?(?:(?:www|m|music)\.)?(?:youtube\.com|youtube-nocookie\.com|youtu\.be)/"
    r"(?:watch\?(?:[^#]*&)?v=|shorts/|embed/|live/|v/)?"
    rf"({ID.pattern})(?:[?&#/].*)?"
)
_FREE = re.compile(r"creative commons", re.IGNORECASE)


def read_ids(path: Path) -> list[str]:
    """The ids of a list: one id or address a line, empty lines and `# comments` allowed, each id once.

    Raises:
        InputError: no such file, no id in it, or lines that are neither; the first ones are named.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError("is not a readable list of videos", where=str(path), why=why) from error
    issues, found = Issues(), dict[str, None]()
    for number, line in enumerate(lines, 1):
        text = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if not text:
            continue
        match = _URL.fullmatch(text) or re.fullmatch(f"({ID.pattern})", text)
        if match:
            found[match[1]] = None
        else:
            issues.error(_why_no_id(text), file=str(path), id=f"line {number}")
    issues.raise_errors("write one video id (11 characters) or address a line")
    if not found:
        raise InputError("names no video", where=str(path), next_step="write one video id or address a line")
    return list(found)


def _why_no_id(text: str) -> str:
    if re.fullmatch(f"(?:{ID.pattern}){{2,}}", text):
        return f"{text[:60]!r} has {len(text)} characters: {len(text) // 11} ids without a line break?"
    return f"{text[:60]!r} is no YouTube id or address"


def locate(folder: Path, issues: Issues) -> dict[str, list[Path]]:
    """The video files below a folder by YouTube id, the shallowest and then the first by name first.

    Hidden files are passed over. Names that would not stand on one line are refused, with a warning.
    """
    found: dict[str, list[Path]] = {}
    nameless: list[str] = []
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES]
    for path in sorted(paths, key=lambda p: (len(p.parts), p.as_posix())):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in name.split("/")) or not path.is_file():
            continue
        match = ID.fullmatch(path.stem) or _IN_TITLE.fullmatch(path.stem)
        if not inside(name):
            issues.warn(f"{ascii(name)[:80]} has a line break or control character in its name and is left out")
        elif match:
            found.setdefault(match[match.lastindex or 0], []).append(path)
        else:
            nameless.append(name)
    if nameless:
        issues.warn(f"{len(nameless)} files have no YouTube id in their name and are left out: {shorten(nameless)}")
    return found


def find(request: Request) -> Found:
    """The videos that are there, one clip an id.

    Args:
        request: `annotations` is a list of ids as `read_ids` takes it; without one, every id that is there.

    Returns:
        clips in the order of their ids. Two ids with the same file share a group, so that no split parts them.

    Raises:
        InputError: no such folder, no video with an id in it, or a broken list or manifest.
    """
    folder = request.videos
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), next_step="fetch videos with: hint-build fetch --out DIR")
    if request.kinds:
        raise InputError(f"no such kind: {', '.join(request.kinds)}", why="YouTube videos have no annotated frames")
    wanted = None if request.annotations is None else read_ids(request.annotations)
    issues, entries = Issues(), read_manifest(folder)
    held = locate(folder, issues)
    if not held:
        raise InputError(
            "holds no video with a YouTube id",
            where=str(folder),
            why="looked for <id>.mp4 and <title> [<id>].mkv at any depth",
            next_step="fetch them with: hint-build fetch --list ids.txt --out DIR",
        )
    missing = sorted((entries if wanted is None else dict.fromkeys(wanted)).keys() - held.keys())
    for video_id in missing:
        reason = entries[video_id].reason if video_id in entries else "never fetched"
        issues.warn(f"is not there ({reason or 'was there before'})", id=video_id)
    ids = sorted(held if wanted is None else held.keys() & set(wanted))
    files = {video_id: _choose(folder, video_id, held[video_id], entries.get(video_id), issues) for video_id in ids}
    groups = _groups(files, issues)
    return Found([_clip(folder, uid, files[uid], groups[uid], entries.get(uid)) for uid in ids], issues)


def _choose(folder: Path, video_id: str, paths: Sequence[Path], entry: Entry | None, issues: Issues) -> Path:
    named = [path for path in paths if entry and path.relative_to(folder).as_posix() == entry.file]
    path = (named or list(paths))[0]
    if len(paths) > 1:
        issues.warn(f"lies here {len(paths)} times, {path.relative_to(folder)} is taken", id=video_id)
    if entry and entry.size and path.stat().st_size != entry.size:
        text = f"has {path.stat().st_size} bytes and had {entry.size} when it was fetched: frame numbers may differ"
        issues.warn(text, file=path.relative_to(folder).as_posix(), id=video_id)
    return path


def _groups(files: dict[str, Path], issues: Issues) -> dict[str, str]:
    """The first id with the same content, for each id."""
    same: dict[int, list[str]] = {}
    for video_id, path in files.items():
        same.setdefault(path.stat().st_size, []).append(video_id)
    groups = {video_id: video_id for video_id in files}
    for ids in (ids for ids in same.values() if len(ids) > 1):
        contents: dict[str, list[str]] = {}
        for video_id in ids:
            contents.setdefault(quick_hash(files[video_id]), []).append(video_id)
        for first, *others in contents.values():
            if others:
                issues.warn(f"is the same file as {shorten(others)}", id=first)
            groups.update(dict.fromkeys(others, first))
    return groups


def _clip(folder: Path, video_id: str, path: Path, group: str, entry: Entry | None) -> Clip:
    licence = entry.licence if entry else ""
    return Clip(
        video_id=video_id,
        path=path,
        name=path.relative_to(folder).as_posix(),
        group=group,
        naming=NAMING,
        licence=licence or PIXELS["newdays"].name,
        redistributable=bool(_FREE.search(licence)),
    )
