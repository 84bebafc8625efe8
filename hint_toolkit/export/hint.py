"""HInt's own layout: `HInt_annotation/<SPLIT>_<source>_<subset>/<stem>.jpg` + `.json`, one pair a hand.

The json holds the values of the json that a hand was read from, see `io.hint_spelling`; what has changed since is new.
"""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import orjson

from hint_toolkit.errors import InputError
from hint_toolkit.export.base import Dataset, ExportOptions, safe_name
from hint_toolkit.io.hint_names import folder_name, parse_folder, parse_stem, stem_name
from hint_toolkit.io.hint_spelling import FIELDS, records
from hint_toolkit.io.truth import PICTURES
from hint_toolkit.records import Hands

ROOT = "HInt_annotation"


def write(dataset: Dataset, target: Path, options: ExportOptions) -> None:
    """Write one json a hand, and its jpg where the pixels may go along; the id of a hand is its path below the root.

    A hand whose id names no HInt folder gets the folder of its split, source and subset, and its side at the end.

    Raises:
        InputError: a picture is missing; a hand that HInt's json cannot hold (no box, a joint that exists without
            coordinates), or whose name contradicts its side, split, source or subset; two hands of one name.
    """
    made: set[Path] = set()
    for batch in dataset.batches():
        _check(batch)
        for place, image, record in zip(_places(batch), batch.image.tolist(), records(batch), strict=True):
            pair = target / ROOT / place
            if pair.parent not in made:
                pair.parent.mkdir(parents=True, exist_ok=True)
                made.add(pair.parent)
            if image:
                suffix = PurePosixPath(image).suffix if dataset.pictures.change is None else ""
                suffix = suffix if suffix.lower() in PICTURES else ".jpg"
                dataset.pictures.place(image, pair.with_name(pair.name + suffix))
            try:
                with open(f"{pair}.json", "xb") as file:
                    file.write(_encode(record))
            except FileExistsError as error:
                raise InputError("two hands would have this name", where=place, next_step="rename one") from error


def _encode(record: dict[str, Any]) -> bytes:
    """A list with one object; fields that are not HInt's may hold what only Python's own writer knows."""
    if len(record) == len(FIELDS):
        try:
            return orjson.dumps([record])
        except TypeError:  # an integer of more than 64 bits
            pass
    return json.dumps([record], separators=(",", ":")).encode()


def _check(batch: Hands) -> None:
    """No hand becomes a label that is not there.

    Raises:
        InputError: names the first hand.
    """
    unboxed = ~np.isfinite(batch.box).all(axis=1)
    unknown = (batch.exists & ~np.isfinite(batch.points).all(axis=2)).any(axis=1)
    for bad, what in ((unboxed, "has no box"), (unknown, "has a joint that exists without coordinates")):
        for i in np.flatnonzero(bad)[:1]:
            raise InputError(f"{what}, HInt's json needs it", where=batch.id[i], next_step="leave the hand out")


def _places(batch: Hands) -> Iterator[str]:
    """`<folder>/<stem>` of every hand."""
    for hand_id, side, *facts in zip(batch.id, batch.side, batch.split, batch.source, batch.subset, strict=True):
        folder, _, stem = hand_id.rpartition("/")
        said, wanted = parse_folder(folder), folder_name(*facts)
        if said is not None and folder != wanted:
            raise InputError(f"lies in {folder}, but is of {wanted}", where=hand_id, next_step="rename it")
        said_side = parse_stem(stem).side
        if said_side and said_side != side:
            raise InputError(
                f"is a {side} hand, but its name ends in {stem[-2:]}", where=hand_id, next_step="rename it"
            )
        place = f"{wanted}/{stem if said_side else stem_name(stem, side)}"
        if parse_folder(wanted) is None or not safe_name(place):
            raise InputError(f"cannot lie in a folder of HInt, {wanted!r}", where=hand_id, next_step="name its source")
        yield place
