"""Is a file still the one that was indexed? Size and time first, the content where they differ."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hint_toolkit.errors import InputError

_SAMPLE = 1 << 16


@dataclass(frozen=True)
class FileMark:
    """What a file looked like when it was indexed.

    Attributes:
        size: bytes.
        modified: time of the last change, nanoseconds.
        digest: of the size and of 64 KiB at the start, in the middle and at the end.
    """

    size: int
    modified: int
    digest: str


def mark_file(path: Path) -> FileMark:
    """The mark of a file as it is now.

    Raises:
        InputError: it cannot be read.
    """
    try:
        stat = path.stat()
        return FileMark(stat.st_size, stat.st_mtime_ns, _digest(path, stat.st_size))
    except OSError as error:
        raise InputError("cannot be opened", where=str(path), why=error.strerror or str(error)) from error


def check_unchanged(path: Path, mark: FileMark | None) -> None:
    """Refuse a file that is not the one that was indexed; a new time alone (a copy, `touch`) is no change.

    Raises:
        InputError: the content differs, or the file is gone.
    """
    if mark is None:
        return
    try:
        stat = path.stat()
        same = stat.st_size == mark.size and (
            stat.st_mtime_ns == mark.modified or _digest(path, stat.st_size) == mark.digest
        )
        why = f"{mark.size} bytes then, {stat.st_size} now" if stat.st_size != mark.size else "other bytes now"
    except OSError as error:
        same, why = False, error.strerror or str(error)
    if not same:
        raise InputError(
            "has changed since its frames were counted",
            where=str(path),
            why=why,
            next_step="let the copy or download finish, then run the command again",
        )


def _digest(path: Path, size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as handle:
        for place in (0, max(size // 2 - _SAMPLE // 2, 0), max(size - _SAMPLE, 0)):
            handle.seek(place)
            digest.update(handle.read(_SAMPLE))
    return digest.hexdigest()[:16]
