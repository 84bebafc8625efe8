"""Which files of EPIC-KITCHENS and VISOR lie in a folder, told by their names; nothing is opened."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.issues import Issues
from hint_toolkit.sources.folder import SUFFIXES
from hint_toolkit.sources.visor_frames import EPIC_NAME, VIDEO, VISOR_NAME

_LOOKED_FOR = "looked for P03_10.MP4, P03_10/frame_0000000001.jpg and P03_10_frame_0000000001.jpg at any depth"

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass
class Held:
    """What is there of one video.

    Attributes:
        videos: files, in the order of their paths.
        visor: VISOR's frames by VISOR's number.
        epic: EPIC-KITCHENS' frames by its number.
    """

    videos: list[Path] = field(default_factory=list)
    visor: dict[int, Path] = field(default_factory=dict)
    epic: dict[int, Path] = field(default_factory=dict)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file at any depth, the folders in the order of their names; hidden ones are passed over."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def scan(folder: Path, issues: Issues) -> dict[str, Held]:
    """What lies in a folder, by video.

    Raises:
        InputError: no such folder, or nothing of EPIC-KITCHENS in it that is unpacked.
    """
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), next_step="pass the folder EPIC-KITCHENS or a part of it")
    held: dict[str, Held] = {}
    archives: list[Path] = []
    strange = 0
    for path in files_below(folder):
        if _CONTROL.search(path.relative_to(folder).as_posix()):
            strange += 1
        elif not _put(held, path) and _is_archive(path):
            archives.append(path)
    packed = [path.relative_to(folder).as_posix() for path in archives if path.stem not in held]
    if not held:
        raise InputError(
            f"holds only archives of frames, {len(packed)}" if packed else "holds nothing of EPIC-KITCHENS",
            where=str(folder),
            why=_LOOKED_FOR,
            next_step="unpack each into a folder of its name" if packed else "pass the folder that its downloader made",
        )
    if packed:
        issues.warn(f"{len(packed)} archives of frames are not unpacked and not read: {shorten(packed)}")
    if strange:
        issues.warn(f"{strange} files have line breaks or control characters in their path and are left out")
    for uid, one in sorted(held.items()):
        if len(one.videos) > 1:
            issues.warn(f"lies here {len(one.videos)} times, {one.videos[0].relative_to(folder)} is taken", id=uid)
    return held


def _put(held: dict[str, Held], path: Path) -> bool:
    """Note the file with its video; False if it is none of EPIC-KITCHENS'."""
    if match := VISOR_NAME.fullmatch(path.name):
        held.setdefault(match[1], Held()).visor.setdefault(int(match[2]), path)
    elif (match := EPIC_NAME.fullmatch(path.name)) and VIDEO.fullmatch(path.parent.name):
        held.setdefault(path.parent.name, Held()).epic.setdefault(int(match[1]), path)
    elif path.suffix.lower() in SUFFIXES and VIDEO.fullmatch(path.stem):
        held.setdefault(path.stem, Held()).videos.append(path)
    else:
        return False
    return True


def _is_archive(path: Path) -> bool:
    """`rgb_frames/P03_10.tar` and `rgb_frames/train/P01/P01_01.zip`, but not those of optical flow or masks."""
    rgb = any(part.startswith("rgb") for part in path.parts[:-1])
    return rgb and path.suffix in (".tar", ".zip") and VIDEO.fullmatch(path.stem) is not None
