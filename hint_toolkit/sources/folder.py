"""Source "folder": any video files that lie in a folder, at any depth; without one, any pictures."""

import hashlib
import re
from pathlib import Path

from hint_toolkit.errors import InputError
from hint_toolkit.sources.base import Clip, Found, Request

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".ogv", ".wmv"})
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
_SAMPLE = 1 << 20


def find(request: Request) -> Found:
    """Videos of a folder; one that holds no video but pictures is one clip a folder of pictures.

    Raises:
        InputError: no such folder, or neither video nor picture in it.
    """
    folder = request.videos
    if not folder.is_dir() or _named(folder, SUFFIXES):
        return Found(find_clips(folder))
    pictures = _named(folder, PICTURES)
    if not pictures:
        return Found(find_clips(folder))  # which says what it looked for
    parts = dict.fromkeys(name.rpartition("/")[0] for name in pictures)
    return Found([_of_pictures(folder, part, pictures) for part in parts])


def _of_pictures(folder: Path, part: str, names: list[str]) -> Clip:
    files = tuple(folder / name for name in names if name.rpartition("/")[0] == part)
    return Clip(_safe((part or folder.resolve().name).replace("/", "-")), folder / part, part or ".", pictures=files)


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
    names = _named(folder, SUFFIXES)
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


def _named(folder: Path, suffixes: frozenset[str]) -> list[str]:
    """Relative names of the files with one of the suffixes, sorted; hidden ones are passed over."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and path.is_file() and not _hidden(path.relative_to(folder))
    )


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
