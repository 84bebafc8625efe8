"""Size of a JPEG or PNG from its first bytes, without decoding and without OpenCV."""

import struct

_NO_SIZE = {0xC4, 0xC8, 0xCC}
"""Markers between 0xC0 and 0xCF that begin no frame: Huffman tables, reserved, arithmetic conditioning (ITU T.81)."""


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
