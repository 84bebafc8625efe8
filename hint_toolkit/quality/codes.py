"""What a check of a dataset can find: a stable code name each, how bad it is, what it means, what to do."""

from dataclasses import dataclass
from typing import Final

from hint_toolkit.issues import Level


@dataclass(frozen=True)
class Kind:
    """One kind of finding.

    Attributes:
        code: its name, which never changes.
        level: "error" for what cannot be true or cannot be read, "warning" for what a person should look at.
        meaning: what is wrong.
        remedy: what to do.
    """

    code: str
    level: Level
    meaning: str
    remedy: str


def _kinds(level: Level, *rows: tuple[str, str, str]) -> list[Kind]:
    return [Kind(code, level, meaning, remedy) for code, meaning, remedy in rows]


_ERRORS = _kinds(
    "error",
    ("no-hands", "nothing there holds hands", "pass the folder that holds the release"),
    ("unreadable", "a file of hands is damaged or refused by its reader", "fetch or export it again"),
    ("bad-json", "a json file is not HInt's layout", "fetch it again, or leave the hand out"),
    ("bad-name", "a name holds a line break, a control character or half a character", "rename the files"),
    ("no-side", "a json file's name does not end in _l or _r", "rename the pair; the side stands nowhere else"),
    ("flag-value", "a flag in the json is neither 0 nor 1", "ask the annotators what was meant"),
    ("jpg-without-json", "a picture of a HInt folder has no label", "fetch the json, or remove the picture"),
    ("picture-missing", "a row names a picture that is not there", "fetch the pictures, or export without them"),
    ("picture-empty", "a picture has no bytes", "fetch it again"),
    ("picture-unknown", "a picture is neither JPEG nor PNG, or its size cannot be read", "fetch it again"),
    ("picture-truncated", "a picture ends before its end marker", "fetch it again"),
    ("picture-undecodable", "a picture cannot be decoded (with --decode)", "fetch it again"),
    ("size-mismatch", "width and height of the row are not those of the picture", "restore the original picture"),
    ("leads-outside", "a link or path leads out of the dataset", "copy the file into the dataset"),
    ("link-broken", "a link leads nowhere", "fetch the file"),
    ("file-missing", "a file of the release is not there", "fetch it again"),
    ("file-changed", "a file is not the one that was released", "fetch it again"),
    ("content-changed", "the hands are not those that were released", "fetch the release again"),
    ("id-twice", "an id stands there more than once", "keep one of each"),
    ("points-twice", "two hands have the same points", "keep one, or label the other again"),
    ("side-name", "the side in the name is not the side of the row", "look at the picture; rename or correct the row"),
    ("folder-columns", "folder in the id and columns split, source, subset differ", "correct the columns"),
    ("missing-point", "a joint exists but has no point", "label it, or say that it is absent"),
    ("outside-image", "a joint exists but lies outside the image", "say that it is absent, or move it"),
    ("box-missing", "the box has a coordinate that is no number", "draw the box"),
    ("box-inverted", "the box ends before it begins", "swap its corners"),
    ("box-empty", "the box has no area", "draw the box"),
    ("box-outside-image", "the box lies wholly outside the image", "draw it in the image's pixels"),
    ("all-points-same", "all points of a hand are one point", "label it again"),
)
_WARNINGS = _kinds(
    "warning",
    ("json-without-jpg", "a hand of a HInt folder has no picture", "restore it; wanted in the partial release"),
    ("foreign-file", "a file or folder does not belong in a HInt folder", "remove it"),
    ("folder-count", "a folder of HInt has not as many hands as the release", "fetch the rest, or name the subset"),
    ("reader-note", "the reader had to assume something", "see the text"),
    ("looks-like", "the whole dataset looks as if it had another joint order or unit", "see the text"),
    ("occluded-absent", "a joint is occluded and does not exist", "none: it is read as absent"),
    ("absent-with-point", "an absent joint carries a point", "none: the point is not scored"),
    ("hand-twice", "two hands of one frame and side have boxes that overlap", "keep one of them"),
    ("far-outside-box", "a joint lies far outside the hand's box", "look at the picture"),
    ("box-cuts-points", "the box does not hold all visible joints", "draw the box larger"),
    ("joints-same", "two joints of a hand lie on exactly one point", "look at the picture"),
    ("all-absent", "no joint of the hand exists", "leave the hand out"),
    ("bone-too-long", "a joint lies further from its neighbours than bones allow", "look at the picture"),
    ("swapped-fingers", "two fingers seem to be exchanged", "look at the picture"),
)
KINDS: Final[dict[str, Kind]] = {kind.code: kind for kind in [*_ERRORS, *_WARNINGS]}
"""By code; errors first."""
