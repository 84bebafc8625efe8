"""HInt's folder and file names: what they say about source, clip, frame and side, and how ours are written.

Folders are `<SPLIT>_<source>_<subset>`, files `<stem>.jpg` + `<stem>.json`, one hand each; the side is only in
the stem's last letter. Facts: the release itself and the dataset's own scripts (github.com/ddshan/hint).
"""

import re
from dataclasses import dataclass

FOLDER = re.compile(r"(TRAIN|VAL|TEST)_(.+)_(img|seq)")
_FOLDER_SOURCE = {"epick": "visor"}
_SOURCE_FOLDER = {source: folder for folder, source in _FOLDER_SOURCE.items()}
_EGO4D = re.compile(r"(?P<video>[0-9a-f-]{36})_[0-9a-f-]{36}_(?P<frame>\d{1,10})_[a-z]+_[a-z0-9]+(?:_h\d+)?_[lr]")
_EPIC = re.compile(r"EK_(?:\d+_)?(?P<video>P\d+_\d+)_frame_(?P<frame>\d{1,10})(?:_h\d+)?_[lr]")
_NEWDAYS = re.compile(r"ND_(?P<video>.+)_frame(?P<frame>\d{1,10})(?:_h\d+)?_[lr]")
_OURS = re.compile(r"(?P<video>.+)_frame(?P<frame>\d{1,10})_h\d+_[lr]")
_BY_START = {"EK_": (_EPIC, _OURS), "ND_": (_NEWDAYS, _OURS)}
"""Which patterns can fit, by the first three letters: forty thousand names are read at a time."""
SIDE_LETTER = {"left": "l", "right": "r"}
_LETTER_SIDE = {letter: side for side, letter in SIDE_LETTER.items()}


@dataclass(frozen=True)
class Stem:
    """What a file name tells.

    Attributes:
        side: "left" or "right", or "" when the name does not end in `_l` or `_r`.
        video_id: clip, or "" when the name carries none (377 EPIC files).
        frame_index: number in the name, or -1.
    """

    side: str
    video_id: str
    frame_index: int


def parse_stem(stem: str) -> Stem:
    """Read a file's stem."""
    side = _LETTER_SIDE.get(stem[-1:], "") if stem[-2:-1] == "_" else ""
    for pattern in _BY_START.get(stem[:3], (_EGO4D, _OURS)):
        if found := pattern.fullmatch(stem):
            return Stem(side, found["video"], int(found["frame"]))
    return Stem(side, "", -1)


_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SOURCES = {
    "ego4d": re.compile(rf"{_UUID}_{_UUID}_\d+_[a-z]+_"),
    "visor": re.compile(r"EK_(?:\d+_)?(?:P\d+_\d+_)?frame_\d+"),
    "newdays": re.compile(r"ND_.+_frame\d+"),
}


def source_of_stem(name: str) -> str:
    """The source of HInt that a file's name belongs to, whatever stands before and behind it; "" when it is none."""
    stem = name.replace("\\", "/").rsplit("/", 1)[-1]
    return next((source for source, pattern in _SOURCES.items() if pattern.match(stem)), "")


def parse_folder(name: str) -> tuple[str, str, str] | None:
    """(split, source, subset) of a folder's name, or None when it is no such folder."""
    found = FOLDER.fullmatch(name)
    return (found[1], _FOLDER_SOURCE.get(found[2], found[2]), found[3]) if found else None


def folder_name(split: str, source: str, subset: str) -> str:
    """The folder that holds a hand of this split, source and subset."""
    return f"{split}_{_SOURCE_FOLDER.get(source, source)}_{subset}"


def stem_name(hand_id: str, side: str) -> str:
    """The stem of a hand's files: its key with the side at the end, as HInt's readers expect."""
    return f"{hand_id}_{SIDE_LETTER[side]}"
