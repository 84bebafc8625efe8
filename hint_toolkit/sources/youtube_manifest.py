"""What was fetched from YouTube and what was not: `youtube.json` beside the files.

It holds what is needed to prove that a file is the one that labels were made on, and nothing about the uploader.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.json_stream import JsonStream

ID = re.compile(r"[A-Za-z0-9_-]{11}")
NAME = "youtube.json"
VERSION = 1
STATES = ("held", "changed", "unavailable", "failed")
"""There; YouTube gives another file now; gone or not for us; a trouble that may pass."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Entry:
    """One video.

    Attributes:
        state: one of `STATES`.
        file: name in the folder of the manifest, forward slashes; "" if never fetched.
        size: bytes.
        sha256: of the file.
        format: YouTube's format id, "" for a file that was there before.
        width, height: pixels as YouTube states them, 0 where it does not.
        fps: pictures a second, likewise.
        seconds: likewise.
        licence: as YouTube states it, "" for its standard licence and where it was not asked.
        reason: why the video is not there.
        changed_size, changed_sha256: of the other file that YouTube gives now.
    """

    state: str
    file: str = ""
    size: int = 0
    sha256: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    seconds: float = 0.0
    licence: str = ""
    reason: str = ""
    changed_size: int = 0
    changed_sha256: str = ""


_FIELDS = {field.name: field.type for field in fields(Entry)}


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The entries by video id; empty if there is no manifest.

    Raises:
        InputError: broken, of another layout, or with a file outside of the folder.
    """
    path = folder / NAME
    try:
        with path.open("rb") as handle:
            return _entries(JsonStream(handle))
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        next_step = "move it away; the files that are there are then taken over"
        raise InputError("is not readable", where=str(path), why=str(error), next_step=next_step) from error


def write_manifest(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Write it whole or not at all; same entries, same bytes. Fields that are empty are left out."""
    videos = {
        video_id: {key: value for key, value in asdict(entries[video_id]).items() if value or key == "state"}
        for video_id in sorted(entries)
    }
    write_json(folder / NAME, {"youtube": VERSION, "videos": videos})


def inside(name: str) -> bool:
    """Whether a relative name stays in its folder and can be printed on one line."""
    return not _CONTROL.search(name) and not any(part in ("", ".", "..") for part in name.split("/"))


def _entries(stream: JsonStream) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    version = None
    for key in stream.keys():  # noqa: SIM118  # not a dict: a cursor
        if key == "videos":
            for video_id in stream.keys():  # noqa: SIM118
                entries[video_id] = _entry(video_id, stream.value())
        else:
            version = stream.value()
    stream.end()
    if version != VERSION:
        raise ValueError(f"has another layout than version {VERSION}")
    return entries


def _entry(video_id: str, value: dict[str, Any]) -> Entry:
    if not ID.fullmatch(video_id):
        raise ValueError(f"{video_id[:40]!r} is no video id")
    for key, its in value.items():
        wanted = _FIELDS.get(key)
        number = isinstance(its, int | float) and not isinstance(its, bool)
        if wanted is None or (wanted is str) != isinstance(its, str) or (wanted is not str and not number):
            raise ValueError(f"{video_id} > {key[:40]}: is no such field, or of another type")
    entry = Entry(**value)
    if entry.state not in STATES:
        raise ValueError(f"{video_id} > state: {entry.state[:40]!r} is none of {', '.join(STATES)}")
    if entry.file and not inside(entry.file):
        raise ValueError(f"{video_id} > file: {entry.file[:60]!r} does not lie in the folder")
    return entry
