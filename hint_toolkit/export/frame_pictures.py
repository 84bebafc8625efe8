"""One picture a frame, for formats that list pictures and the hands in each.

HInt stores a hand and its own copy of the frame; a detector that is trained on such copies learns that all the
other hands in them are background. Here the hands of one frame share one picture.
"""

from dataclasses import dataclass, field
from pathlib import Path

from hint_toolkit.errors import InputError, one_line
from hint_toolkit.export.base import Pictures, safe_name
from hint_toolkit.io.hint_names import folder_name
from hint_toolkit.io.picture_size import picture_size
from hint_toolkit.records import Hand

_HEAD = 1 << 16
"""Bytes of a file that nearly always hold its size; a JPEG with longer metadata is read whole."""


@dataclass
class FramePicture:
    """The picture of a frame.

    Attributes:
        number: from 1, in the order of first appearance.
        name: `<SPLIT>_<source>_<subset>/<frame id>`, without a suffix.
        width: pixels, 0 when nobody says.
        height: likewise.
        licence: of the pixels, as the first hand states it.
        hands: how many there are in it so far.
    """

    number: int
    name: str
    width: int
    height: int
    licence: str
    hands: int = 0


@dataclass
class FramePictures:
    """The frames of a dataset, collected hand by hand; about 400 bytes a frame.

    Attributes:
        pictures: of the dataset.
        folder: that gets the pictures, as `<name>.jpg`.
        frames: by name.
    """

    pictures: Pictures
    folder: Path
    frames: dict[str, FramePicture] = field(default_factory=dict)

    def add(self, hand: Hand, below: str = "") -> FramePicture:
        """The frame of a hand; its picture is put in place.

        Args:
            hand: the next hand.
            below: folder inside of `folder` for the picture.

        Raises:
            InputError: the picture is missing or has no size, the size is not the one that the row or another hand of
                the frame states, or the frame's name is no file name.
        """
        name = frame_name(hand)
        width, height = self._size(hand)
        frame = self.frames.get(name)
        if frame is None:
            frame = FramePicture(len(self.frames) + 1, name, width, height, hand.licence)
            self.frames[name] = frame
        if not frame.width:
            frame.width, frame.height = width, height
        if width and (width, height) != (frame.width, frame.height):
            raise InputError(
                f"the frame is {width} x {height}, another hand of it says {frame.width} x {frame.height}",
                where=hand.id,
                next_step="give hands of different pictures different frame ids",
            )
        if hand.image:
            self.pictures.place(hand.image, self.folder / below / f"{name}.jpg")
        frame.hands += 1
        return frame

    def _size(self, hand: Hand) -> tuple[int, int]:
        stated = (hand.width, hand.height) if hand.width > 0 and hand.height > 0 else (0, 0)
        if not hand.image:
            return stated
        try:
            found = _read_size(self.pictures.path(hand.image))
        except OSError as error:
            where, why = str(self.pictures.root / hand.image), str(error.strerror)
            raise InputError("the picture is missing", where=where, why=why, next_step="fetch it again") from error
        except ValueError as error:
            raise InputError(str(error), where=str(self.pictures.root / hand.image)) from error
        if stated[0] and stated != found:
            raise InputError(
                f"the picture is {found[0]} x {found[1]}, the row says {stated[0]} x {stated[1]}",
                where=hand.id,
                next_step="fetch the picture again in its original size",
            )
        return found


def _read_size(path: Path) -> tuple[int, int]:
    with path.open("rb") as handle:
        head = handle.read(_HEAD)
        try:
            return picture_size(head)
        except ValueError:
            return picture_size(head + handle.read())


def frame_name(hand: Hand) -> str:
    """`<SPLIT>_<source>_<subset>/<frame id>`; the same frame in two folders (19 of HInt's img and seq) is two.

    Raises:
        InputError: a part of it is no file name.
    """
    parts = (folder_name(hand.split, hand.source, hand.subset), hand.frame_id or hand.id.rsplit("/", 1)[-1])
    for part in parts:
        if "/" in part or not safe_name(part):
            raise InputError("cannot be a file name", where=f"{hand.id} > {one_line(repr(part))}")
    return "/".join(parts)
