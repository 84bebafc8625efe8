"""The files of a HInt release, listed: one look at each folder, none at each file."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from hint_toolkit.errors import InputError
from hint_toolkit.io.hint_names import parse_folder
from hint_toolkit.io.truth import PICTURES


class Pair(NamedTuple):
    """The files of one hand: `<folder>/<stem>.json`, and `<folder>/<stem><picture>` where there is a picture."""

    folder: str
    stem: str
    picture: str

    @property
    def id(self) -> str:
        """`<name of the folder>/<stem>`."""
        return f"{os.path.basename(self.folder)}/{self.stem}"


def list_pairs(root: Path) -> tuple[Path, list[Pair]]:
    """The pairs of a HInt release (partial or complete), or of one of its folders, in the order of their ids.

    Args:
        root: `HInt_annotation`, `HInt_annotation_partial`, a folder above or one of the folders in it.

    Returns:
        the folder that holds the HInt folders, and the pairs.

    Raises:
        InputError: a folder that may not be read.
    """
    folders = [str(root)] if parse_folder(root.name) else list(_hint_folders(str(root)))
    by_name: dict[str, list[Pair]] = {}
    for folder in folders:
        by_name.setdefault(os.path.basename(folder), []).extend(_pairs_in(folder))
    # The order of the ids: "/" stands after the names, which sorts "a-b" and "a" as "a-b/.." and "a/..".
    ordered = (sorted(by_name[name], key=lambda pair: pair[1::-1]) for name in sorted(by_name, key=lambda n: f"{n}/"))
    return (root.parent if parse_folder(root.name) else root), list(chain.from_iterable(ordered))


def _hint_folders(root: str) -> Iterator[str]:
    """All HInt folders below `root`; links to them count, further links are not followed (they may be circles)."""
    for entry in sorted((entry for entry in _entries(root) if entry.is_dir()), key=lambda e: e.name):
        if parse_folder(entry.name):
            yield entry.path
        elif not entry.is_symlink():
            yield from _hint_folders(entry.path)


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise InputError("cannot be read", where=folder, why=str(error.strerror)) from error


def _pairs_in(folder: str) -> list[Pair]:
    stems: list[str] = []
    pictures: dict[str, str] = {}
    for entry in _entries(folder):
        stem, dot, suffix = entry.name.rpartition(".")
        if suffix == "json":
            stems.append(stem)
        elif dot + suffix.lower() in PICTURES and entry.is_file():
            held = pictures.get(stem)
            pictures[stem] = dot + suffix if held is None else min(held, dot + suffix, key=_before)
    return [Pair(folder, stem, pictures.get(stem, "")) for stem in stems]


def _before(suffix: str) -> tuple[int, str]:
    """Which picture is a hand's where it has several: jpg, as in HInt, before the others."""
    return PICTURES.index(suffix.lower()), suffix
