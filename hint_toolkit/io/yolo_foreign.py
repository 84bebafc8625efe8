"""Other people's YOLO-pose data as truth: a data.yaml, pictures, and labels where ultralytics looks for them.

ultralytics takes `train`, `val` and `test` (a folder, a list of folders, or a text file of pictures) relative to
`path`, and finds the labels of `../images/../x.jpg` at `../labels/../x.txt` (`img2label_paths`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError, one_line
from hint_toolkit.io.hint_names import parse_folder, parse_stem
from hint_toolkit.io.picture_size import picture_size
from hint_toolkit.io.truth import PICTURES, Parsed, blank_columns, id_of_picture
from hint_toolkit.io.yolo_labels import SPLITS, LabelLine, parse_line
from hint_toolkit.issues import Issues
from hint_toolkit.joints import N_JOINTS, SIDES
from hint_toolkit.records import Hands

_NEXT = "see docs/formats.md for what is read"


@dataclass(frozen=True)
class _Hand:
    """One line: its split, picture, size, place in the picture's label file, and content."""

    split: str
    picture: Path
    width: int
    height: int
    line: int
    label: LabelLine


def read_foreign(folder: Path, data: Path, settings: dict[str, Any]) -> Parsed:
    """Hands of all splits.

    Args:
        folder: that the `image` column will be relative to.
        data: the data.yaml.
        settings: its keys.

    Raises:
        InputError: no pose data of 21 joints, no pictures, or lines that are not as described.
    """
    shape = settings.get("kpt_shape")
    if shape not in ([N_JOINTS, 2], [N_JOINTS, 3]):
        wanted = f"kpt_shape must be [{N_JOINTS}, 2] or [{N_JOINTS}, 3], got {shape}"
        raise InputError(wanted, where=str(data), next_step=_NEXT)
    issues, notes, hands = Issues(), Issues(), list[_Hand]()
    for split, key in SPLITS.items():
        for picture in _pictures(data, settings, key):
            hands += _hands(split, picture, int(shape[1]), issues)
    issues.raise_errors(_NEXT)
    if not hands:
        raise InputError("leads to no labelled hand", where=str(data), next_step=_NEXT)
    sides = _sides(settings.get("names"), {hand.label.kind for hand in hands}, data.name, notes)
    return Parsed(_table(folder, data, hands, sides, notes), "YOLO-pose", issues=notes)


def _pictures(data: Path, settings: dict[str, Any], key: str) -> Iterator[Path]:
    """The pictures of a split, by their paths.

    Raises:
        InputError: a stated place is not there.
    """
    places = settings.get(key) or (settings.get("validation") if key == "val" else None) or []
    for place in places if isinstance(places, list) else [places]:
        path = _resolve(data, settings.get("path"), str(place))
        if path.is_file():
            listed = path.read_text("utf-8", errors="replace").splitlines()
            yield from sorted(path.parent / line.strip() for line in listed if line.strip())
        elif path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
        else:
            raise InputError(f"{key}: no such file or folder {one_line(str(place))}", where=str(data), next_step=_NEXT)


def _resolve(data: Path, stated: Any, place: str) -> Path:
    """Where a split lies: below `path`, else below data.yaml itself, as sets move; `../` is also tried without."""
    bases = [data.parent / stated, data.parent] if isinstance(stated, str) else [data.parent]
    for base in bases:
        for name in (place, place.removeprefix("../")):
            if (base / name).exists():
                return base / name
    return data.parent / place


def _label_file(picture: Path) -> Path:
    parts = list(picture.parts)
    if "images" in parts[:-1]:
        parts[len(parts) - 2 - parts[-2::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _hands(split: str, picture: Path, dimensions: int, issues: Issues) -> Iterator[_Hand]:
    """The hands of one picture; a picture without labels is background."""
    file = _label_file(picture)
    if not file.is_file():
        return
    try:
        lines = file.read_text("utf-8").splitlines()
        width, height = picture_size(picture.read_bytes())
    except (OSError, ValueError) as error:
        issues.error(one_line(str(error)), file=picture.name)
        return
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _Hand(split, picture, width, height, number, parse_line(line, dimensions, width, height))
        except ValueError as error:
            issues.error(str(error), file=f"{file.parent.name}/{file.name}", id=f"line {number}")


def _sides(names: Any, used: set[int], file: str, notes: Issues) -> dict[int, str]:
    """Class -> side, by the word in its name; "right" where there is none."""
    named = dict(enumerate(names)) if isinstance(names, list) else names if isinstance(names, dict) else {}
    sides = {}
    for kind in sorted(used):
        name = str(named.get(kind, kind))
        said = [side for side in SIDES if side in name.lower()]
        if len(said) != 1:
            notes.warn(f"class {name!r} names no side: its hands are called right", file=file, id="names")
        sides[kind] = said[0] if len(said) == 1 else "right"
    return sides


def _table(folder: Path, data: Path, hands: list[_Hand], sides: dict[int, str], notes: Issues) -> Hands:
    flags = np.stack([hand.label.flags for hand in hands])
    occluded = flags == 1
    if not (flags == 2).any():
        notes.warn("v is never 2: occlusion is unknown, every joint counts as visible", file=data.name)
        occluded = np.zeros_like(occluded)
    elif not occluded.any():
        notes.warn("no joint is occluded; sets without the flag look like that", file=data.name)
    ids = _ids(hands)
    stems = [parse_stem(name.rsplit("/", 1)[-1].split("#")[0]) for name in ids]
    said = [parse_folder(hand.picture.parent.name) for hand in hands]
    source = data.resolve().parent.name
    columns = blank_columns(len(hands)) | {
        "id": ids,
        "frame_id": [hand.picture.stem for hand in hands],
        "points": [hand.label.points for hand in hands],
        "exists": flags > 0,
        "occluded": occluded,
        "box": [hand.label.box for hand in hands],
        "side": [sides[hand.label.kind] for hand in hands],
        "split": [hand.split for hand in hands],
        "source": [parts[1] if parts else source for parts in said],
        "subset": [parts[2] if parts else "img" for parts in said],
        "width": [hand.width for hand in hands],
        "height": [hand.height for hand in hands],
        "image": [_relative(hand.picture, folder) for hand in hands],
        "video_id": [stem.video_id for stem in stems],
        "frame_index": [stem.frame_index for stem in stems],
    }
    return Hands(columns)


def _relative(picture: Path, folder: Path) -> str:
    picture, folder = picture.resolve(), folder.resolve()
    return picture.relative_to(folder).as_posix() if picture.is_relative_to(folder) else ""


def _ids(hands: list[_Hand]) -> list[str]:
    """`<HInt folder>/<stem>` or `<stem>` of the picture, `#<k>` for several hands, the split before names met twice."""
    plain = {hand.picture: id_of_picture(str(hand.picture)) for hand in hands}
    met = Counter(plain.values())
    crowd = Counter(hand.picture for hand in hands)
    seen: Counter[Path] = Counter()
    ids = []
    for hand in hands:
        name = plain[hand.picture]
        if met[name] > 1:
            name = f"{hand.split}/{'-'.join((*hand.picture.parts[-3:-1], name.rsplit('/', 1)[-1]))}"
        ids.append(name if crowd[hand.picture] == 1 else f"{name}#{seen[hand.picture]}")
        seen[hand.picture] += 1
    return ids
