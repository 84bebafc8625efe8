"""Parquet: one row a hand in the schema of `records.py`, in one file or in shards; docs/parquet.md describes it.

Pictures lie in `images/`, one a source picture: called as the hand where the source has a picture a hand (HInt),
else as the frame. With `--embed` they are in the column `picture` of the row instead.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, Pictures, safe_name
from hint_toolkit.export.summary import Summary
from hint_toolkit.io.parquet_writer import HandsWriter
from hint_toolkit.io.release import HANDS_FILE
from hint_toolkit.io.shards import shard_name, split_words
from hint_toolkit.io.truth import PICTURES
from hint_toolkit.licences import ANNOTATIONS, CITATION, PIXELS
from hint_toolkit.records import Hands

FOLDER = "images"
EMBEDDED_HANDS = 1000
"""Hands in a shard with pictures where the user names no number: some 50 MB of HInt's jpgs."""
_AT_ONCE = 64  # hands whose pictures are in memory as Python objects


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write `hands.parquet`, or shards of it, and `images/`.

    Shards need to know how many hands each split has: that costs a pass over the annotations if no other format
    made one before.

    Raises:
        InputError: a picture is missing, or a split that cannot name a shard.
    """
    target.mkdir(parents=True, exist_ok=True)
    size = options.shard_hands or (EMBEDDED_HANDS if options.embed else None)
    names = _PictureNames(dataset.pictures)
    if size is None:
        tables = {"": _Table(dataset, iter([target / HANDS_FILE]), None, options.embed)}
    else:
        counts = dataset.summary.counts["split"]
        words = split_words(list(counts))
        files = {split: _shards(target, words[split], n, size) for split, n in counts.items()}
        tables = {split: _Table(dataset, files[split], size, options.embed) for split in counts}
    for batch in dataset.batches():
        if not options.embed:
            batch = batch.replace(image=_placed(batch, names, dataset.pictures, target))
        for split, table in tables.items():
            table.write(batch.take(batch.split == split) if size else batch)
    for table in tables.values():
        table.close()


def _shards(target: Path, word: str, hands: int, size: int) -> Iterator[Path]:
    n = -(-hands // size)
    return (target / shard_name(word, k, n) for k in range(n))


def _placed(batch: Hands, names: "_PictureNames", pictures: Pictures, target: Path) -> list[str]:
    """Put the pictures of a batch in their folder; gives the new `image` column."""
    images = []
    for hand_id, frame_id, image in zip(batch.id, batch.frame_id, batch.image, strict=True):
        name = names.of(hand_id, frame_id, image) if image else ""
        if name:
            pictures.place(image, target / name)
        images.append(name)
    return images


class _Table:
    """Hands of one split, or all hands, in files of at most `size`."""

    def __init__(self, dataset: Dataset, files: Iterator[Path], size: int | None, embed: bool) -> None:
        """`files` are begun when the one before is full."""
        self._dataset, self._files, self._size, self._embed = dataset, files, size, embed
        self._writer: HandsWriter | None = None if size else HandsWriter(next(files))
        self._room = 0

    def write(self, hands: Hands) -> None:
        """Add some hands."""
        start = 0
        while start < len(hands):
            if self._size and not self._room:
                self._next()
            stop = min(start + (_AT_ONCE if self._embed else len(hands)), len(hands))
            stop = min(stop, start + self._room) if self._size else stop
            self._add(hands[start:stop])
            self._room -= stop - start
            start = stop

    def _next(self) -> None:
        self.close()
        path = next(self._files, None)
        if path is None:
            raise InputError("the hands changed while they were exported", next_step="export them again")
        self._writer, self._room = HandsWriter(path, pictures=self._embed), self._size or 0

    def _add(self, hands: Hands) -> None:
        assert self._writer is not None
        if not self._embed:
            self._writer.write(hands)
            return
        source = self._dataset.pictures
        pictures = [(source.data(i), PurePosixPath(i).name) if i else None for i in hands.image]
        # No file lies beside the table, so that there is no path to it either.
        self._writer.write(hands.replace(image=[""] * len(hands)), pictures)

    def close(self) -> None:
        """Finish the file that is open."""
        if self._writer is not None:
            self._writer.close(_facts(self._dataset.summary))
            self._writer = None


def _facts(summary: Summary) -> dict[str, Any]:
    """What every file says about the whole dataset."""
    facts = {"content": summary.content, "hands": summary.hands, "splits": summary.counts["split"]}
    licence: dict[str, Any] = {"pixels": sorted(filter(None, summary.counts["licence"]))}
    if PIXELS.keys() & summary.counts["source"].keys():
        return facts | {"licence": licence | {"annotations": ANNOTATIONS}, "citation": CITATION}
    return facts | {"licence": licence}


class _PictureNames:
    """Names of pictures in the release: one a source picture, the same in every run."""

    def __init__(self, pictures: Pictures) -> None:
        """For pictures that keep their suffix, unless they are encoded anew."""
        self._encoded = pictures.change is not None
        self._taken: dict[str, str] = {}

    def of(self, hand_id: str, frame_id: str, image: str) -> str:
        """Path of a hand's picture, relative to the release."""
        source = PurePosixPath(image)
        suffix = source.suffix if source.suffix.lower() in PICTURES and not self._encoded else ".jpg"
        stem = image.removesuffix(source.suffix)
        if "/" in hand_id and f"/{stem}".endswith(f"/{hand_id}"):
            return f"{FOLDER}/{hand_id}{suffix}"  # nobody else's: ids differ, and no other name here has a folder
        plain = frame_id if "/" not in frame_id and safe_name(frame_id) else hand_id.replace("/", "_")
        name, k = f"{plain}{suffix}", 1
        while self._taken.setdefault(name, image) != image:
            k += 1
            name = f"{plain}~{k}{suffix}"
        return f"{FOLDER}/{name}"
