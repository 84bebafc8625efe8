"""Boxes of an evaluation set's hands: the dataset's own, HaMeR's npz, any file of boxes, or the whole picture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.io.benchmarks3d.base import Benchmark3D, Floats
from hint_toolkit.io.boxes import read_boxes
from hint_toolkit.io.npz import file_sha256, read_npz, texts
from hint_toolkit.io.picture_size import picture_facts


@dataclass(frozen=True)
class HandBoxes:
    """A box a picture.

    Attributes:
        of: place -> (4,) x1, y1, x2, y2 pixels.
        source: "gt", "whole", "npz" or "file".
        facts: where they come from, for the record.
    """

    of: Callable[[int], Floats]
    source: str
    facts: Mapping[str, Any]


def hand_boxes(benchmark: Benchmark3D, word: str) -> HandBoxes:
    """Boxes by a word or a file.

    Args:
        benchmark: the evaluation set.
        word: "gt": the dataset's own; "whole": the picture; a `.npz` with imgname, center and scale (pixels; HaMeR's
            freihand_val.npz); any file of `io.boxes.read_boxes`, in which a picture of HO-3D is SEQUENCE_ID.

    Raises:
        InputError: the file cannot be read, or boxes of pictures are missing or there twice.
    """
    if word == "gt":
        return HandBoxes(benchmark.box, "gt", {"boxes": benchmark.box_origin})
    if word == "whole":
        return HandBoxes(lambda k: _whole(benchmark.pictures[k]), "whole", {"boxes": "the whole picture"})
    path = Path(word)
    if not path.exists():
        raise InputError(f"no boxes {word!r}", next_step="use gt, whole, or a file")
    if path.suffix.lower() == ".npz":
        found, source, digest = _npz(path), "npz", file_sha256(path)
    else:
        known = read_boxes(path)
        found, source, digest = {name: [one.box for one in boxes] for name, boxes in known.hands.items()}, "file", ""
        digest = known.sha256
    wanted = [name.replace("/", "_") for name in benchmark.names]
    for count, words in ((0, "have no box"), (2, "have several boxes, and there is one hand")):
        if bad := [name for name in wanted if min(len(found.get(name, [])), 2) == count]:
            next_step = "name pictures as the dataset does (a picture of HO-3D: SEQUENCE_ID)"
            raise InputError(f"{len(bad)} of {len(wanted)} pictures {words}: {shorten(bad)}", where=str(path),
                             next_step=next_step)  # fmt: skip
    return HandBoxes(lambda k: found[wanted[k]][0], source, {"boxes": path.name, "boxes_sha256": digest})


def _whole(path: Path) -> Floats:
    facts = picture_facts(path)
    if not facts.width:
        raise InputError("is no JPEG or PNG whose size can be read", where=str(path))
    return np.array([0.0, 0.0, facts.width - 1.0, facts.height - 1.0])


def _npz(path: Path) -> dict[str, list[Floats]]:
    """Boxes as HaMeR's evaluation stores them: center and scale, both in pixels; a square where scale is one number."""
    arrays = read_npz(path, ("imgname", "center", "scale"))
    if missing := [name for name in ("imgname", "center", "scale") if name not in arrays]:
        raise InputError(f"has no {shorten(missing)}", where=str(path), next_step="pass HaMeR's evaluation npz")
    try:
        names = texts(arrays["imgname"])
        center = arrays["center"].astype(np.float64).reshape(len(names), 2)
        scale = arrays["scale"].astype(np.float64).reshape(len(names), -1)
        half = np.broadcast_to(scale, (len(names), 2)) / 2
    except (ValueError, TypeError) as error:
        raise InputError("is not laid out like HaMeR's evaluation npz", where=str(path), why=str(error)) from error
    boxes = np.concatenate([center - half, center + half], axis=1)
    found: dict[str, list[Floats]] = {}
    for name, box in zip(names, boxes, strict=True):
        if not (np.isfinite(box).all() and (box[2:] > box[:2]).all()):
            raise InputError("has a box without area", where=f"{path.name} > {name}")
        found.setdefault(_key(name), []).append(box)
    return found


def _key(imgname: str) -> str:
    """`evaluation/rgb/00000000.jpg` -> 00000000; `evaluation/SM1/rgb/0000.png` -> SM1_0000."""
    path = PurePosixPath(imgname.replace("\\", "/"))
    folders = [part for part in path.parts[:-1] if part not in ("/", ".", "rgb", "evaluation")]
    return "_".join([*folders[-1:], path.stem])
