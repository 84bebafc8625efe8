"""Truth from disk, in every format that it comes in; which one it is, is seen from the content."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.io.archives import is_tar
from hint_toolkit.io.hint_names import source_of_stem
from hint_toolkit.io.parquet import read_hands_and_facts
from hint_toolkit.io.shards import check_facts, check_names
from hint_toolkit.io.truth import Parsed, Truth, content_hash, hand_digests, version_of
from hint_toolkit.io.truth_coco import coco_file, read_coco_truth
from hint_toolkit.io.truth_hint import pair_record, read_hint_folders
from hint_toolkit.io.truth_npz import npz_files, read_npz_truth
from hint_toolkit.io.truth_tar import read_tar_truth, tar_files
from hint_toolkit.io.truth_yolo import read_yolo_truth, yolo_file
from hint_toolkit.issues import Issues
from hint_toolkit.licences import PIXELS
from hint_toolkit.records import Hands

__all__ = [
    "HANDS_FILE",
    "LATEST",
    "MANIFEST_FILE",
    "Truth",
    "content_hash",
    "hand_digests",
    "latest_release",
    "pair_record",
    "read_hint_folders",
    "read_truth",
    "version_of",
]

HANDS_FILE = "hands.parquet"
MANIFEST_FILE = "release.json"
LATEST = "latest"
"""A text file in a folder of releases that holds the name of the newest."""


def read_truth(path: Path) -> Truth:
    """Read a truth, whatever its format.

    Folders: a release of this toolkit in any of its formats, HInt's folders (partial or complete, one or all), HaMeR's
    evaluation npz, tar shards. Files: Parquet of hands, one evaluation npz, COCO keypoints json, one tar.

    Raises:
        InputError: nothing there that is truth, or it is damaged or contradicts itself; names file and field.
    """
    if path.is_file():
        parsed = _read_file(path)
    elif path.is_dir():
        parsed = _read_folder(path)
    else:
        raise InputError(
            "no such file or folder",
            where=str(path),
            next_step="name a release, HInt's folders, or a dataset of another format",
        )
    hands = with_licences(parsed.hands)
    _check(hands, str(path))
    root = path.parent if path.is_file() else path
    issues = tuple(parsed.issues)
    return Truth(hands, path, root, content_hash(hands), parsed.scale, parsed.aliases, issues, parsed.format)


def _read_file(path: Path) -> Parsed:
    try:
        with path.open("rb") as handle:
            head = handle.read(512)
    except OSError as error:
        raise InputError("cannot be read", where=str(path), why=str(error.strerror)) from error
    if head.startswith(b"PK"):
        return read_npz_truth(path)
    if is_tar(head):
        return read_tar_truth(path)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return read_coco_truth(path)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
        wanted = "is a list, no truth; a HInt json file is read with the folder that it lies in"
        raise InputError(wanted, where=str(path), next_step=f"pass --gt {path.resolve().parent}")
    return _parquet(path)


def _read_folder(path: Path) -> Parsed:
    for has, read in _FOLDERS:
        if has(path):
            return read(path)
    return Parsed(read_hint_folders(path), "HInt folders")


def is_hint_folders(path: Path) -> bool:
    """Whether a folder would be read as HInt's folders: it holds none of the other formats."""
    return not any(has(path) for has, _ in _FOLDERS)


def hand_files(folder: Path) -> list[Path]:
    """The Parquet files of hands in a release: `hands.parquet`, or the shards `hands-*.parquet` in their order."""
    whole = folder / HANDS_FILE
    return [whole] if whole.is_file() else sorted(folder.glob("hands-*.parquet"))


def _read_hand_files(folder: Path) -> Parsed:
    files = hand_files(folder)
    check_names(folder, files)
    parts = [_hands_and_facts(file) for file in files]
    parsed = Parsed(Hands.concat(hands for hands, _ in parts), "Parquet")
    check_facts(folder, [facts for _, facts in parts], len(parsed.hands), parsed.issues)
    return parsed


def with_licences(hands: Hands) -> Hands:
    """The same hands; rows of HInt's sources that state no licence get what is known of it."""
    unsaid = np.flatnonzero(hands.licence == "")
    if not len(unsaid):
        return hands
    licence, free = hands.licence.copy(), hands.redistributable.copy()
    for i in unsaid:
        source = hands.source[i]
        if source not in PIXELS:
            # Files of HInt in somebody else's format keep their names.
            source = source_of_stem(hands.id[i]) or source_of_stem(hands.image[i])
        if source in PIXELS:
            licence[i], free[i] = PIXELS[source].name, PIXELS[source].redistributable
    return hands.replace(licence=licence, redistributable=free)


def _parquet(path: Path) -> Parsed:
    hands, facts = _hands_and_facts(path)
    parsed = Parsed(hands, "Parquet")
    check_facts(path, [facts], len(hands), parsed.issues)
    return parsed


def _hands_and_facts(path: Path) -> tuple[Hands, dict[str, Any]]:
    try:
        return read_hands_and_facts(path)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        # A file that is Parquet, but with damaged text or metadata in it.
        raise InputError("is damaged", where=str(path), why=str(error), next_step="export it again") from error


def _check(hands: Hands, where: str) -> None:
    """Ids are text that can be printed, each stands there once, and no coordinate lies beyond any picture."""
    issues = Issues()
    for i in np.flatnonzero([not isinstance(name, str) or not name for name in hands.id]):
        issues.error("must be a text", file=where, id=f"hand {i}", field="id")
    issues.raise_errors("export it again")
    try:
        "".join(hands.id).encode()
    except UnicodeEncodeError as error:
        raise InputError("an id holds half a character", where=where, next_step="export it again") from error
    ids, counts = np.unique(hands.id.astype(str), return_counts=True)
    for hand_id in ids[counts > 1]:
        issues.error("stands there more than once", file=where, id=hand_id)
    issues.raise_errors("keep one of each")


_FOLDERS: tuple[tuple[Callable[[Path], object], Callable[[Path], Parsed]], ...] = (
    (hand_files, _read_hand_files),
    (npz_files, read_npz_truth),
    (coco_file, read_coco_truth),
    (tar_files, read_tar_truth),
    (yolo_file, read_yolo_truth),
)
"""How a folder of each format is known, and what reads it; what is none of these is looked at as HInt's folders."""


def latest_release(folder: Path) -> Path | None:
    """The newest release in a folder of releases, or None."""
    pointer = folder / LATEST
    if not pointer.is_file():
        return None
    release = folder / Path(pointer.read_text("utf-8").strip()).name
    return release if release.is_dir() else None
