"""What a release format is given: hands in batches, their pictures, and options.

A writer never asks where hands come from or whose pixels they are: `Dataset` gives them in the order of their
ids, with names that are safe to be file names, without what was taken down, and with an empty `image` where the
pixels must stay behind.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, one_line
from hint_toolkit.export.summary import Summary, Tally
from hint_toolkit.io.picture_size import picture_facts
from hint_toolkit.issues import Issues
from hint_toolkit.records import Hands

Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""(H, W, 3) RGB to the same size; blurred faces, say."""
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF")  # JPEG, PNG, BMP, WebP
_WORD = re.compile(r"[\w+-][\w .+-]*")
_LONGEST = 200  # characters of one part of an id: with a suffix it stays under the 255 bytes of every file system


@dataclass(frozen=True)
class ExportOptions:
    """What a user can choose; each format heeds what concerns it.

    Attributes:
        pictures: whether pictures go along at all.
        embed: Parquet: pictures in a column instead of in a folder.
        shard_hands: Parquet and tar: hands in a file; None leaves it to the format.
        joint_names: COCO: "hint" or "wholebody".
        published: date of publication (ISO 8601) for the metadata, "" leaves it out; never the clock's.
    """

    pictures: bool = True
    embed: bool = False
    shard_hands: int | None = None
    joint_names: str = "hint"
    published: str = ""


class Pictures:
    """The encoded pictures of hands, by the `image` column."""

    def __init__(self, root: Path, change: Change | None = None) -> None:
        """Pictures lie below `root`; `change` is applied to the pixels of each on its way out."""
        self.root, self.change = root, change
        self._inside = root.resolve()
        self._placed: dict[str, Path] = {}

    def data(self, image: str) -> bytes:
        """The file's bytes; encoded anew (JPEG 95) only where pixels are changed.

        Raises:
            InputError: no such picture, one outside the root, or an unreadable one.
        """
        path = self.path(image)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _missing(path) from error
        if not data.startswith(_MAGIC):
            raise InputError("is no picture", where=str(path), next_step="fetch it again, or export with --no-pictures")
        if self.change is None:
            return data
        from hint_toolkit.io.images import encode_jpg, read_image

        pixels = read_image(path)
        changed = self.change(pixels)
        return data if changed is pixels else encode_jpg(changed)

    def place(self, image: str, target: Path) -> None:
        """Make `target` the picture; kept when it is there already.

        Two formats of one release hold the same pictures: the second is a hard link to the first where the disk allows
        it. The first is a copy, so that nobody changes the original through a release.

        Raises:
            InputError: as `data`.
        """
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        first = self._placed.setdefault(image, target)
        if first is not target and first.exists():
            try:
                os.link(first, target)
                return
            except OSError:
                pass  # another disk, or one without links
        target.write_bytes(self.data(image))

    def path(self, image: str) -> Path:
        """Where a picture lies.

        Raises:
            InputError: outside of the root, also by a link.
        """
        parts = PurePosixPath(image).parts
        if not parts or image.startswith("/") or ".." in parts or "\\" in image or not image.isprintable():
            raise InputError(f"leads out of its folder: {one_line(repr(image))}", where=str(self.root))
        path = self.root / image
        if not path.resolve().is_relative_to(self._inside):
            raise InputError("is a link that leads out of its folder", where=str(path), next_step="copy the file there")
        return path


def _missing(path: Path) -> InputError:
    return InputError(
        "the picture is missing", where=str(path), next_step="fetch it again, or export with --no-pictures"
    )


@dataclass
class Dataset:
    """Hands to be written, as often as a writer wants to go through them.

    Attributes:
        source: gives batches in the order of their ids from the start, each time it is called.
        pictures: of the hands whose `image` is not empty.
        notes: what a writer could not put into its format, for the user to hear.
    """

    source: Callable[[], Iterator[Hands]]
    pictures: Pictures
    notes: Issues = field(default_factory=Issues)
    _summary: Summary | None = field(default=None, init=False)

    def batches(self) -> Iterator[Hands]:
        """All hands, some thousand at a time, ids ascending.

        Raises:
            InputError: an id that is no safe name, stands there twice or out of order; or as the reader raises.
        """
        tally, last = Tally(), ""
        for batch in self.source():
            last = _check_ids(batch, last)
            tally.add(batch)
            yield batch
        self._summary = tally.summary()

    @property
    def summary(self) -> Summary:
        """Counts and content hash; free after a pass over `batches`, else it makes one."""
        if self._summary is None:
            for _ in self.batches():
                pass
        assert self._summary is not None
        return self._summary


def sized(source: Callable[[], Iterator[Hands]], pictures: Pictures) -> Callable[[], Iterator[Hands]]:
    """The same batches; a hand without a size gets that of its picture, before any rule takes the picture away."""

    def read() -> Iterator[Hands]:
        for batch in source():
            unknown = np.flatnonzero((batch.width <= 0) & (batch.image != ""))
            if not len(unknown):
                yield batch
                continue
            width, height = batch.width.copy(), batch.height.copy()
            for i in unknown:
                facts = picture_facts(pictures.path(batch.image[i]))
                width[i], height[i] = facts.width, facts.height
            yield batch.replace(width=width, height=height)

    return read


def _check_ids(batch: Hands, last: str) -> str:
    for hand_id in batch.id.tolist():
        if not safe_name(hand_id):
            raise InputError(
                "cannot be a file name", where=one_line(repr(hand_id)), next_step="use letters, digits, -, _ and ."
            )
        if hand_id <= last:
            what = "stands there more than once" if hand_id == last else "is out of order"
            raise InputError(what, where=hand_id, next_step="keep one of each, sorted by id")
        last = hand_id
    for column in ("frame_id", "source", "split", "subset"):
        for text in sorted(set(getattr(batch, column).tolist())):
            # Frames may be named in any way (a format that makes files of the names asks for more), folders may not.
            if not (text.isprintable() if column == "frame_id" else _WORD.fullmatch(text)):
                raise InputError("cannot be part of a file name", where=f"{column} {one_line(repr(text))}")
    return last


def safe_name(hand_id: str) -> bool:
    """Whether an id stays inside a folder when it is used as a relative path: no tricks, nothing unprintable."""
    parts = hand_id.split("/")
    plain = hand_id.isprintable() and "\\" not in hand_id and len(parts) <= 2
    return plain and all(part.strip(". ") and len(part.encode()) <= _LONGEST and part[0] != "~" for part in parts)
