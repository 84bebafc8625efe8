"""What is to be predicted: pictures, the hands in each that get a row, and the box in which each is looked for."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.geometry import box_iou
from hint_toolkit.io.boxes import KnownBoxes
from hint_toolkit.io.images import read_image
from hint_toolkit.io.picture_size import PictureFacts, picture_facts
from hint_toolkit.io.release import Truth
from hint_toolkit.io.truth import PICTURES
from hint_toolkit.joints import SIDES
from hint_toolkit.prelabel.base import Prompt

MIN_IOU: Final = 0.3
"""A box is a known hand's if they overlap by so much."""
SAME_SIDE: Final = 0.05
"""What the right side is worth in overlap: it decides between boxes that fit about equally well."""
_UNREADABLE: Final = {
    "missing": "is not there",
    "empty": "is empty",
    "truncated": "is cut off",
    "unknown": "is no picture",
}


@dataclass(frozen=True)
class Wanted:
    """One hand that gets a row.

    Attributes:
        id: of the row.
        prompt: where the model looks; None: no box was found for this hand, so nobody is asked.
    """

    id: str
    prompt: Prompt | None


@dataclass(frozen=True)
class Sheet:
    """One picture and its hands.

    Attributes:
        picture: the file.
        name: how rows call it: the file's name.
        hands: in the order of their rows.
    """

    picture: Path
    name: str
    hands: tuple[Wanted, ...] = ()


def find_pictures(named: Sequence[str]) -> list[Path]:
    """The pictures that folders, files and patterns name, each once; a folder's by name, and not those below it.

    Args:
        named: e.g. "photos", "a.jpg", "photos/*.png".

    Raises:
        InputError: one names nothing, or two pictures have one name without suffix, which their hands' ids are made of.
    """
    found: dict[Path, None] = {}
    for text in named:
        path = Path(text)
        if path.is_dir():
            matches = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES and not p.name.startswith("."))
        elif path.is_file():
            matches = [path]
        else:
            matches = _matching(path)
        if not matches:
            what = "holds no picture" if path.is_dir() else "is no picture, folder or pattern that fits one"
            raise InputError(what, where=text, next_step=f"pictures end in {', '.join(PICTURES)}")
        found |= dict.fromkeys(matches)
    stems: dict[str, Path] = {}
    for path in found:
        if (first := stems.setdefault(path.stem, path)) != path:
            raise InputError(
                f"two pictures are called {path.stem}: {first} and {path}",
                why="hands are named by their picture",
                next_step="rename one, or predict them one after the other",
            )
    return list(found)


def _matching(path: Path) -> list[Path]:
    """Files of a pattern; the folder may be one, too."""
    import glob

    return sorted(p for p in map(Path, glob.glob(str(path))) if p.is_file() and p.suffix.lower() in PICTURES)


def image_sheets(
    pictures: Sequence[Path], boxes: Mapping[str, Sequence[Prompt]], *, enlarge: float = 1.0
) -> list[Sheet]:
    """Pictures whose hands are whatever has a box, called `<stem>_h<k>` from left to right.

    Args:
        pictures: of different stems.
        boxes: stem -> boxes; none where it is not named.
        enlarge: how much larger than the box the model's is, about its middle.
    """
    sheets = []
    for path in pictures:
        prompts = sorted(boxes.get(path.stem, ()), key=lambda p: (float(p.box[0] + p.box[2]), tuple(p.box)))
        grown = [enlarged(prompt, enlarge) for prompt in prompts]
        names = [f"{path.stem}_h{k}" for k in range(len(grown))]
        hands = tuple(Wanted(name, replace(p, id=p.id or name)) for name, p in zip(names, grown, strict=True))
        sheets.append(Sheet(path, path.name, hands))
    return sheets


def dataset_sheets(truth: Truth, boxes: Mapping[Path, Sequence[Prompt]] | None, *, enlarge: float = 1.0) -> list[Sheet]:
    """The pictures of a dataset in the order of their first hand. Only picture, box, side and id are used.

    Args:
        truth: with pictures.
        boxes: picture -> boxes that were found there, to be matched with the hands; None: the hands' own.
        enlarge: as in `image_sheets`.

    Raises:
        InputError: there are no hands, or a hand that needs a box has none.
    """
    hands = truth.hands
    if not len(hands):
        raise InputError("holds no hands", where=str(truth.path))
    if boxless := [str(i) for i, box in zip(hands.id, hands.box, strict=True) if not np.isfinite(box).all()]:
        what = "look in" if boxes is None else "match those of the detector with"
        raise InputError(f"{len(boxless)} hands have no box to {what}: {shorten(boxless)}", where=str(truth.path),
                         next_step="add their boxes to the dataset, or leave these hands out")  # fmt: skip
    by_picture: dict[Path, list[int]] = {}
    for k, image in enumerate(hands.image):
        by_picture.setdefault(truth.image_root / image, []).append(k)
    sheets = []
    for path, rows in by_picture.items():
        own = [Prompt(hands.box[k], str(hands.side[k]), origin="gt", id=str(hands.id[k])) for k in rows]
        chosen: list[Prompt | None] = [*own] if boxes is None else matched(own, boxes.get(path, ()))
        wanted = [Wanted(one.id, p and enlarged(p, enlarge)) for one, p in zip(own, chosen, strict=True)]
        sheets.append(Sheet(path, str(hands.image[rows[0]]), tuple(wanted)))
    return sheets


def matched(own: Sequence[Prompt], found: Sequence[Prompt]) -> list[Prompt | None]:
    """For each known hand the box that was found for it, under the hand's id; each box at most once.

    A box that carries a known hand's id is that hand's. Of the others those that overlap best go together; among boxes
    that fit about equally well (`SAME_SIDE`) the one of the right side is taken.
    """
    chosen: list[Prompt | None] = [None] * len(own)
    if not own or not found:
        return chosen
    overlap = box_iou(np.stack([p.box for p in own]), np.stack([p.box for p in found]))
    same = np.array([[a.side == b.side for b in found] for a in own])
    worth = np.where(overlap >= MIN_IOU, overlap + SAME_SIDE * same, -1.0)
    worth[np.array([[bool(b.id) and a.id == b.id for b in found] for a in own])] = 2.0
    while worth.max() > 0:
        i, j = np.unravel_index(int(worth.argmax()), worth.shape)
        chosen[int(i)] = replace(found[int(j)], id=own[int(i)].id)
        worth[i, :], worth[:, j] = -1.0, -1.0
    return chosen


def enlarged(prompt: Prompt, factor: float) -> Prompt:
    """The box grown about its middle."""
    if factor == 1:
        return prompt
    middle, half = (prompt.box[:2] + prompt.box[2:]) / 2, (prompt.box[2:] - prompt.box[:2]) / 2 * factor
    return replace(prompt, box=np.concatenate([middle - half, middle + half]))


def file_boxes(
    boxes: KnownBoxes, pictures: Mapping[Path, tuple[str, ...]], sizes: Mapping[Path, PictureFacts]
) -> tuple[dict[Path, list[Prompt]], list[str]]:
    """Boxes of a file for pictures.

    Args:
        boxes: as read.
        pictures: picture -> names that the file may call it by: its stem, or a frame's id.
        sizes: of the pictures; a file may have been made on smaller ones.

    Returns:
        boxes a picture, and the names in the file that are no picture here.

    Raises:
        InputError: the file names none of the pictures.
    """
    known = {name: path for path, names in pictures.items() for name in names}
    unknown = [name for name in boxes.hands if name not in known]
    if len(unknown) == len(boxes.hands):
        raise InputError("names none of these pictures", where=str(boxes.path),
                         why=f"it has {shorten(unknown, 2)}, they are {shorten(known, 2)}",
                         next_step="pass the boxes of these pictures")  # fmt: skip
    found: dict[Path, list[Prompt]] = {}
    for name, hands in boxes.hands.items():
        if (path := known.get(name)) is not None:
            scale = _scale(boxes, sizes[path])
            found.setdefault(path, []).extend(
                Prompt((one.box + 0.5) * scale - 0.5, one.side, one.score, boxes.kind, one.id) for one in hands
            )
    return found, unknown


def _scale(boxes: KnownBoxes, facts: PictureFacts) -> NDArray[np.float64]:
    """(4,) factors from the file's pictures to this one."""
    if boxes.size is None or not facts.width:
        return np.ones(4)
    return np.array([facts.width / boxes.size[0], facts.height / boxes.size[1]] * 2)


def check_pictures(pictures: Mapping[Path, tuple[int, int]]) -> dict[Path, PictureFacts]:
    """State and size of every picture, from its first and last bytes.

    Args:
        pictures: picture -> width and height that it must have; (0, 0): any.

    Raises:
        InputError: pictures are missing, torn or no pictures, or have another size.
    """
    facts = {path: _facts(path) for path in pictures}
    for state, what in _UNREADABLE.items():
        if bad := [str(path) for path, one in facts.items() if one.state == state]:
            raise InputError(f"{len(bad)} of {len(facts)} pictures cannot be read: {shorten(bad, 3)} {what}",
                             next_step="put the whole files there, or leave these pictures out")  # fmt: skip
    for path, size in pictures.items():
        got = facts[path]
        if got.width and all(size) and (got.width, got.height) != size:
            raise InputError(f"is {got.width} x {got.height} pixels, the dataset says {size[0]} x {size[1]}",
                             where=str(path), why="its boxes are pixels of another picture",
                             next_step="put the original picture there, not a resized one")  # fmt: skip
    return facts


def _facts(path: Path) -> PictureFacts:
    """Of a format whose first bytes say nothing to us (TIFF), what decoding says."""
    facts = picture_facts(path)
    if facts.state != "unknown":
        return facts
    try:
        height, width = read_image(path).shape[:2]
    except InputError:
        return facts
    return PictureFacts("whole", width, height)


def check_sides(sheets: Sequence[Sheet], model: str) -> None:
    """For a model that must be told.

    Raises:
        InputError: a box does not say whether its hand is left or right.
    """
    prompts = [hand for sheet in sheets for hand in sheet.hands if hand.prompt is not None]
    unsaid = [hand.id for hand in prompts if hand.prompt is not None and hand.prompt.side not in SIDES]
    if unsaid:
        raise InputError(f"{len(unsaid)} of {len(prompts)} boxes do not say left or right: {shorten(unsaid)}",
                         why=f"{model} must be told the side", next_step="add it to the boxes")  # fmt: skip


def digest(sheets: Sequence[Sheet], header: Mapping[str, Any]) -> str:
    """Key of a run: names of pictures, boxes, ids, sides, and what the header says; what pictures show: `stamps`."""
    known = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for sheet in sheets:
        known.update(f"\n{sheet.name}".encode())
        for hand in sheet.hands:
            known.update(f"\0{hand.id}".encode())
            if hand.prompt is not None:
                known.update(f"\0{hand.prompt.side}\0{hand.prompt.origin}\0{hand.prompt.id}".encode())
                known.update(np.asarray(hand.prompt.box, np.float64).tobytes())
    return known.hexdigest()


def stamps(sheets: Sequence[Sheet]) -> dict[str, str]:
    """Size and time of every hand's picture, by the hand's id."""
    found: dict[str, str] = {}
    for sheet in sheets:
        facts = sheet.picture.stat()
        stamp = f"{facts.st_size} {facts.st_mtime_ns}"
        found |= {hand.id: stamp for hand in sheet.hands}
    return found
