"""Size of a JPEG or PNG from its first bytes, and whether its end is there: nothing is decoded, without OpenCV."""

import os
import struct
from pathlib import Path
from typing import Literal, NamedTuple

_NO_SIZE = {0xC4, 0xC8, 0xCC}
"""Markers between 0xC0 and 0xCF that begin no frame: Huffman tables, reserved, arithmetic conditioning (ITU T.81)."""

_HEAD, _LONG_HEAD, _TAIL = 4096, 1 << 20, 64
_PNG_END = b"IEND\xaeB`\x82"

PictureState = Literal["whole", "missing", "empty", "unknown", "truncated"]


class PictureFacts(NamedTuple):
    """What a picture file tells without being decoded.

    Attributes:
        state: "whole" when begin and end are there; "missing": no readable file; "empty": no bytes; "unknown":
            neither JPEG nor PNG, or its size cannot be read; "truncated": no end marker among the last 64 bytes.
        width: pixels as stored, 0 where unknown.
        height: likewise.
    """

    state: PictureState
    width: int = 0
    height: int = 0


def picture_facts(path: Path | str) -> PictureFacts:
    """State and size of a picture file, from its first and last bytes; bytes between them are not looked at."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return PictureFacts("missing")
    try:
        head = os.read(handle, _HEAD)
        if not head:
            return PictureFacts("empty")
        if head[:2] == b"BM" or (head[:4], head[8:12]) == (b"RIFF", b"WEBP"):
            return PictureFacts("whole")  # not looked at any further
        try:
            width, height = picture_size(head)
        except ValueError:
            head += os.read(handle, _LONG_HEAD)
            width, height = picture_size(head)
        tail = os.pread(handle, _TAIL, max(os.fstat(handle).st_size - _TAIL, 0))
    except (OSError, ValueError):
        return PictureFacts("unknown")
    finally:
        os.close(handle)
    end = b"\xff\xd9" if head[:2] == b"\xff\xd8" else _PNG_END
    return PictureFacts("whole" if end in tail else "truncated", width, height)


def picture_size(data: bytes) -> tuple[int, int]:
    """(width, height) in pixels as stored; an EXIF orientation is not applied.

    Args:
        data: the file, or its beginning; a JPEG's size may stand behind long metadata.

    Raises:
        ValueError: neither JPEG nor PNG, or the size does not stand in `data`.
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    if data[:2] != b"\xff\xd8":
        raise ValueError("is neither JPEG nor PNG")
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            raise ValueError("is a damaged JPEG: no marker where one must be")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a length
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(width), int(height)
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    raise ValueError("is a JPEG whose size does not stand in its beginning")
