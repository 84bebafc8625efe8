"""Hands from disk batch by batch, in the order of their ids, however many there are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.release import is_hint_folders, read_truth, with_licences
from hint_toolkit.io.truth_hint import list_pairs, read_pairs
from hint_toolkit.issues import Issue
from hint_toolkit.records import Hands

BATCH = 2048
"""Hands in memory at a time: about 5 MB of arrays and text."""


@dataclass(frozen=True)
class HandSource:
    """Hands on disk, to be read as often as wanted.

    Attributes:
        path: where they lie.
        root: folder that their `image` column is relative to.
        format: which format they were read from.
        batches: gives the hands from the start, each time it is called; ids ascend over all batches.
        issues: warnings of the reader.
        annotators: names in the `annotator` column; HInt's folders name nobody.
    """

    path: Path
    root: Path
    format: str
    batches: Callable[[], Iterator[Hands]]
    issues: tuple[Issue, ...] = ()
    annotators: frozenset[str] = frozenset()


def open_hands(path: Path, size: int = BATCH) -> HandSource:
    """Hands of any format that `read_truth` knows; HInt's folders are streamed, what fits one file is read whole.

    Args:
        path: file or folder.
        size: hands in a batch.

    Raises:
        InputError: nothing there that holds hands, or it is damaged; later, from `batches`, too.
    """
    if path.is_dir() and is_hint_folders(path):
        base, files = list_pairs(path)
        if not files:
            read_truth(path)  # which says what it looked for

        def read() -> Iterator[Hands]:
            for start in range(0, len(files), size):
                yield with_licences(read_pairs(base, files[start : start + size]))

        return HandSource(path, base, "HInt folders", read)
    truth = read_truth(path)
    hands, people = of_hands(truth.hands, size), frozenset(truth.hands.annotator.tolist())
    return HandSource(path, truth.image_root, truth.format, hands, truth.issues, people)


def of_hands(hands: Hands, size: int = BATCH) -> Callable[[], Iterator[Hands]]:
    """Batches of hands that are in memory already, in the order of their ids.

    Raises:
        InputError: an id stands there twice.
    """
    ordered = hands.sorted()
    ids = ordered.id.astype(str)
    twice = np.flatnonzero(ids[1:] == ids[:-1]) if len(ids) else np.zeros(0, int)
    if len(twice):
        raise InputError("stands there more than once", where=str(ids[twice[0]]), next_step="keep one of each")

    def read() -> Iterator[Hands]:
        for start in range(0, len(ordered), size):
            yield ordered[start : start + size]

    return read
