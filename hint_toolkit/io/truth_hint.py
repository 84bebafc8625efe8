"""HInt's own folders: a jpg and a json a hand, the side in the file's name.

Forty thousand small files: json is parsed and checked a batch at a time, and a file is looked at alone only where
its batch is not plain. What no column can hold goes to `Hand.original` (`hint_spelling`), so that the json that is
written from the hands has the values of the json that was read.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import is_
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from hint_toolkit.errors import InputError
from hint_toolkit.io.collector import without_collector
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.io.hint_pairs import Pair, list_pairs
from hint_toolkit.io.hint_spelling import FIELDS, N_BOX, N_NUMBERS, pair_record, spelling, spellings
from hint_toolkit.io.truth import FARTHEST, blank_columns
from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.records import Hands

__all__ = ["Pair", "list_pairs", "pair_record", "read_hint_folders", "read_pairs"]

BATCH = 2048
"""Files that are parsed together: their json is about 3 MB."""
_REMEDY = "fetch these files again, or leave them out"
_SHAPES = {"bbox": (1, 4), "keypoints": (N_JOINTS, 2), "existence": (N_JOINTS,), "occlusion": (N_JOINTS,)}
_flat = chain.from_iterable
_Fields = tuple[Any, Any, Any, Any]


def read_hint_folders(root: Path) -> Hands:
    """Every hand of a HInt release (partial or complete), or of one of its folders; pictures are optional.

    Args:
        root: as in `list_pairs`.

    Raises:
        InputError: no hand there, or json files that are not HInt's; the first five are named.
    """
    base, pairs = list_pairs(root)
    if not pairs:
        raise InputError(
            "holds no hands",
            where=str(root),
            why="looked for hands.parquet, TEST_*_img_all.npz, and folders like TEST_newdays_img with json files",
            next_step="name a release, HInt's folders, or a dataset of another format",
        )
    return read_pairs(base, pairs)


def read_pairs(base: Path, pairs: Sequence[Pair]) -> Hands:
    """The hands of some pairs, in their order.

    Args:
        base: folder that the `image` column will be relative to.
        pairs: from `list_pairs`.

    Raises:
        InputError: some are not HInt's; the first five are named.
    """
    issues = Issues()
    starts = range(0, len(pairs), BATCH)
    parts = []
    for start in starts:
        with without_collector():
            parts.append(_read_batch(base, pairs[start : start + BATCH], issues))
    issues.raise_errors(_REMEDY)
    return parts[0] if len(parts) == 1 else Hands.concat(parts)


def _read_batch(base: Path, pairs: Sequence[Pair], issues: Issues) -> Hands:
    """Hands of the pairs that are HInt's; the others become errors."""
    kept, texts, fields = [], [], []
    for pair in pairs:
        if pair.stem[-2:] not in ("_l", "_r"):
            issues.error(f"the name must end in _l or _r, got {pair.stem[-12:]!r}", file=f"{pair.id}.json")
            continue
        try:
            text = _content(f"{pair.folder}/{pair.stem}.json")
        except OSError as error:
            issues.error(str(error), file=f"{pair.id}.json")
            continue
        kept.append(pair)
        texts.append(text)
        fields.append(_plain_fields(text))
    batch = _Batch.blank(len(kept))
    for i in _fill(batch, fields, 0, len(fields)):
        place = f"{kept[i].id}.json"
        try:
            _read_one(batch, i, texts[i])
        except RecursionError:
            issues.error("is nested too deeply", file=place)
        except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            issues.error(str(error), file=place)
    return batch.hands(kept, base)


def _content(path: str) -> bytes:
    """The bytes of a small file, with as few calls as it takes: three quarters of the time of `open`."""
    handle = os.open(path, os.O_RDONLY)
    try:
        text = os.read(handle, 1 << 14)
        if len(text) < 1 << 14:
            return text
        parts = [text]
        while part := os.read(handle, 1 << 20):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(handle)


def _plain_fields(text: bytes) -> _Fields | None:
    """The four fields of a record that has these and no more, None for any other content."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if type(value) is list and len(value) == 1 and type(value[0]) is dict and len(value[0]) == len(FIELDS):
        record = value[0]
        try:
            return record["bbox"], record["keypoints"], record["existence"], record["occlusion"]
        except KeyError:
            return None
    return None


@dataclass
class _Batch:
    """Columns in the making.

    Attributes:
        numbers: (N, 46) box and keypoints.
        exists: (N, 21).
        occluded: (N, 21) as the file says it, also of joints that are absent.
        original: N texts.
    """

    numbers: NDArray[np.float64]
    exists: NDArray[np.bool_]
    occluded: NDArray[np.bool_]
    original: list[str]

    @classmethod
    def blank(cls, n: int) -> "_Batch":
        return cls(np.zeros((n, N_NUMBERS)), np.zeros((n, N_JOINTS), bool), np.zeros((n, N_JOINTS), bool), [""] * n)

    def put(self, start: int, stop: int, part: "_Batch") -> None:
        self.numbers[start:stop], self.exists[start:stop] = part.numbers, part.exists
        self.occluded[start:stop], self.original[start:stop] = part.occluded, part.original

    def hands(self, pairs: Sequence[Pair], base: Path) -> Hands:
        """With what the names say."""
        folders = {folder: os.path.basename(folder) for folder in {pair.folder for pair in pairs}}
        parsed = {folder: parse_folder(name) or ("", "", "") for folder, name in folders.items()}
        below = {folder: Path(os.path.relpath(folder, base)).as_posix() for folder in folders}
        stems = [parse_stem(pair.stem) for pair in pairs]
        n = len(pairs)
        return Hands(
            blank_columns(n)
            | {
                "id": [f"{folders[folder]}/{stem}" for folder, stem, _ in pairs],
                "frame_id": [pair.stem[:-2] for pair in pairs],
                "points": self.numbers[:, N_BOX:].reshape(n, N_JOINTS, 2),
                "exists": self.exists,
                "occluded": self.occluded & self.exists,  # an absent joint is scored nowhere
                "box": self.numbers[:, :N_BOX],
                "side": [stem.side for stem in stems],
                "split": [parsed[pair.folder][0] for pair in pairs],
                "source": [parsed[pair.folder][1] for pair in pairs],
                "subset": [parsed[pair.folder][2] for pair in pairs],
                "video_id": [stem.video_id for stem in stems],
                "frame_index": [stem.frame_index for stem in stems],
                "image": [f"{below[f]}/{stem}{picture}" if picture else "" for f, stem, picture in pairs],
                "original": self.original,
            }
        )


def _fill(batch: _Batch, fields: list[_Fields | None], start: int, stop: int) -> Iterator[int]:
    """Fill in the records that are plain, as many at once as can be; gives the positions of the others."""
    if start == stop:
        return
    part = fields[start:stop]
    plain = None if None in part else _plain(part)  # type: ignore[arg-type]
    if plain is not None:
        batch.put(start, stop, plain)
    elif stop - start == 1:
        yield start
    else:
        middle = (start + stop) // 2
        yield from _fill(batch, fields, start, middle)
        yield from _fill(batch, fields, middle, stop)


def _plain(fields: Sequence[_Fields]) -> _Batch | None:
    """Records whose coordinates are numbers and whose flags are the integers 0 and 1; None if one has anything else."""
    n = len(fields)
    try:
        boxes, points, exists, occluded = zip(*fields, strict=True)
        box = _numbers_of(boxes, 1, 4)
        keypoints = _numbers_of(points, N_JOINTS, 2)
        flags = _numbers_of((exists, occluded), n, N_JOINTS)
    except TypeError:
        return None
    if box is None or keypoints is None or flags is None or set(map(type, flags)) != {int} or not set(flags) <= {0, 1}:
        return None
    kinds = set(map(type, box)) | set(map(type, keypoints))
    if not kinds <= {int, float}:
        return None
    numbers = np.concatenate([np.array(box, float).reshape(n, -1), np.array(keypoints, float).reshape(n, -1)], axis=1)
    if (np.abs(numbers) > FARTHEST).any():
        return None
    both = np.array(flags, bool).reshape(2, n, N_JOINTS)
    integers = np.zeros(numbers.shape, bool)
    if int in kinds:
        integers = np.concatenate([_integers(box, n), _integers(keypoints, n)], axis=1)
    original = spellings(integers, numbers == np.floor(numbers), both[1] & ~both[0])
    return _Batch(numbers, both[0], both[1], original)


def _numbers_of(values: Sequence[Any], rows: int, columns: int) -> list[Any] | None:
    """What lies in lists of `rows` lists of `columns`, as one list; None if one has another length."""
    if not set(map(len, values)) <= {rows}:
        return None
    inner = list(_flat(values))
    return list(_flat(inner)) if set(map(len, inner)) <= {columns} else None


def _integers(values: list[Any], n: int) -> NDArray[np.bool_]:
    return np.fromiter(map(partial(is_, int), map(type, values)), bool, len(values)).reshape(n, -1)


def _read_one(batch: _Batch, i: int, text: bytes) -> None:
    """One record, whatever it holds besides: Python's own parser keeps integers of any size.

    Raises:
        ValueError: not HInt's layout; names the field, what was wanted and what came.
    """
    value = json.loads(text)
    if not (isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict)):
        raise ValueError("must be a list with one object")
    record: dict[str, Any] = value[0]
    box, exists, occluded, points = (_numbers(record, name) for name in ("bbox", "existence", "occlusion", "keypoints"))
    numbers = np.concatenate([box.reshape(-1), points.reshape(-1)])
    original = spelling(record, numbers, exists > 0, occluded > 0)
    batch.put(i, i + 1, _Batch(numbers[None], exists[None] > 0, occluded[None] > 0, [original]))


def _numbers(record: dict[str, Any], field: str) -> NDArray[np.float64]:
    shape = _SHAPES[field]
    if field not in record:
        raise ValueError(f"has no field {field!r}")
    value: NDArray[np.float64] = np.array(record[field], dtype=np.float64)
    if value.shape != shape:
        raise ValueError(f"{field} must have shape {shape}, got {value.shape}")
    if not np.isfinite(value).all():
        raise ValueError(f"{field} must be numbers, got NaN or infinity")
    if (np.abs(value) > FARTHEST).any():
        raise ValueError(f"{field} must be pixels, got {np.abs(value).max():g}")
    return value
