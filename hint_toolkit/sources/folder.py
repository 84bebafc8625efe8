"""Source "folder": any video files that lie in a folder, at any depth."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from hint_toolkit.errors import InputError

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".ogv", ".wmv"})
_SAMPLE = 1 << 20


@dataclass(frozen=True)
class Clip:
    """One video file of a source.

    Attributes:
        video_id: unique in the source and safe in file names.
        path: of the file.
        name: path relative to the folder of the source, with forward slashes.
    """

    video_id: str
    path: Path
    name: str


def find_clips(folder: Path) -> list[Clip]:
    """Every video file under `folder` (or the one file that it names), in the order of their relative names.

    Hidden files and folders are passed over.

    Raises:
        InputError: no such folder, or no video in it.
    """
    if folder.is_file():
        return [Clip(_safe(folder.stem), folder, folder.name)]
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), next_step="pass --videos DIR with video files in it")
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not _hidden(path.relative_to(folder))
    )
    if not names:
        raise InputError(
            "holds no video",
            where=str(folder),
            why=f"looked for {' '.join(sorted(SUFFIXES))}",
            next_step="pass --videos DIR with video files in it",
        )
    stems = [_safe(name.rsplit(".", 1)[0].replace("/", "-")) for name in names]
    return [
        Clip(stem if stems.count(stem) == 1 else f"{stem}-{_digest(name.encode())[:6]}", folder / name, name)
        for stem, name in zip(stems, names, strict=True)
    ]


def _hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


def _safe(text: str) -> str:
    """Letters, digits, `-` and `_` only, so that ids are file names everywhere and never paths."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") or "video"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def quick_hash(path: Path) -> str:
    """Name of a file's content from its size, its first and its last MiB: enough to notice an exchanged video."""
    size = path.stat().st_size
    with path.open("rb") as handle:
        head = handle.read(_SAMPLE)
        handle.seek(max(size - _SAMPLE, 0))
        tail = handle.read(_SAMPLE)
    return _digest(str(size).encode() + head + tail)[:16]
