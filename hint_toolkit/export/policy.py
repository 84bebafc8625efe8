"""What may leave the house: hands that were taken down, and pixels that may not be passed on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.hint_names import parse_stem
from hint_toolkit.records import Hands


@dataclass
class Policy:
    """The rules of one export, and what they did in its last pass.

    Attributes:
        take_down: ids of hands, frames or videos that no format may hold; see `read_take_down`.
        licensed: the user states a licence for pixels that may not be passed on.
        pictures: whether pictures go along at all.
        taken_down: hands left out.
        withheld: hands whose picture stays behind for its licence.
        used: entries of `take_down` that named something.
    """

    take_down: frozenset[str] = frozenset()
    licensed: bool = False
    pictures: bool = True
    taken_down: int = field(default=0, init=False)
    withheld: int = field(default=0, init=False)
    used: set[str] = field(default_factory=set, init=False)

    def over(self, source: Callable[[], Iterator[Hands]]) -> Callable[[], Iterator[Hands]]:
        """The same batches under these rules."""

        def read() -> Iterator[Hands]:
            self.taken_down = self.withheld = 0
            for batch in source():
                kept = self._without_taken_down(batch)
                if len(kept):
                    yield self._without_pixels(kept)

        return read

    def _without_taken_down(self, batch: Hands) -> Hands:
        if not self.take_down:
            return batch
        kept = np.ones(len(batch), bool)
        for i, (hand_id, frame_id, video_id) in enumerate(zip(batch.id, batch.frame_id, batch.video_id, strict=True)):
            named = self.take_down & names_of(hand_id, frame_id, video_id)
            self.used |= named
            kept[i] = not named
        self.taken_down += int((~kept).sum())
        return batch if kept.all() else batch.take(kept)

    def _without_pixels(self, batch: Hands) -> Hands:
        has = np.array([bool(image) for image in batch.image])
        barred = has & ~batch.redistributable & (not self.licensed)
        if self.pictures:
            self.withheld += int(barred.sum())
        hidden = barred if self.pictures else has
        if not hidden.any():
            return batch
        return batch.replace(image=np.where(hidden, "", batch.image))


def names_of(hand_id: str, frame_id: str, video_id: str) -> frozenset[str]:
    """All names that a take-down list may call a hand by: its id, the stem with and without side, frame and video."""
    stem = hand_id.rsplit("/", 1)[-1]
    plain = stem[:-2] if parse_stem(stem).side else stem
    return frozenset(name for name in (hand_id, stem, plain, frame_id, video_id) if name)


def read_take_down(path: Path) -> frozenset[str]:
    """A take-down list: one id of a hand, a frame or a video (clip uid, YouTube id, ..) a line; `#` begins a comment.

    A `#` inside an id stands without a blank before it, and is part of the id.

    Raises:
        InputError: no such file, no text, or nothing in it.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read as a take-down list", where=str(path), why=str(error)) from error
    entries = (line.split(" #", 1)[0].strip() for line in lines if not line.lstrip().startswith("#"))
    listed = frozenset(entry for entry in entries if entry)
    if not listed:
        raise InputError("names nothing to take down", where=str(path), next_step="write one id a line")
    return listed
